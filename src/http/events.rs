//! The history of one incident, as a list and as a live stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{PathOf, QueryOf};
use super::incidents::find_id;
use super::limits::{Seats, overloaded};
use super::{ErrorBody, HttpState};
use crate::incident::{IncidentId, Phase, Recorded};
use crate::store::{Store, StoreError};

/// Most events of one answer, and of one read for a stream.
const BATCH: usize = 500;

/// How long a stream waits for news of this process before it asks the database itself, because another replica may
/// have moved the incident.
const OTHER_REPLICAS: Duration = Duration::from_secs(2);

/// The header with which a client says where its stream broke.
const LAST_EVENT_ID: &str = "last-event-id";

/// Events of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events, oldest first. If there are 500, ask again after the last `seq`.
    pub events: Vec<Recorded>,
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterQuery {
    /// Only events with a higher `seq`.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// The history of an incident.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/events",
    operation_id = "list_events",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning"), AfterQuery),
    responses((status = 200, body = EventList), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<AfterQuery>,
) -> Result<Json<EventList>, ApiError> {
    let id = find_id(&state.store, &id).await?;
    let events = state.store.events(&id, query.after.unwrap_or(0), BATCH).await?;
    let events: Vec<Recorded> = events.into_iter().map(Recorded::for_clients).collect();
    Ok(Json(EventList { events }))
}

/// The history of an incident as server-sent events: `id` is the `seq`, `event` the kind, `data` the event as JSON. It
/// goes on until the incident is closed, then an event `end` follows and the stream ends. `Last-Event-ID` resumes.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/events/stream",
    operation_id = "stream_incident_events",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "identifier, or its beginning"),
        ("last-event-id" = Option<i64>, Header, description = "the last `id` that was received"),
        AfterQuery
    ),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody)
    )
)]
pub(super) async fn stream(
    State(state): State<HttpState>,
    State(seats): State<Seats>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<AfterQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, ApiError> {
    let id = find_id(&state.store, &id).await?;
    let resumed = last_event_id(&headers)?.map(|text| {
        let bad =
            || ApiError::bad_request("bad_last_event_id", "Last-Event-ID must be a number from this stream");
        text.parse::<i64>().map_err(|_| bad())
    });
    let after = resumed.transpose()?.or(query.after).unwrap_or(0);
    let seat = seats.streams.try_acquire_owned().map_err(|_| overloaded())?;
    let mut follower = Follower::new(state.store.clone(), id, after);
    let shutdown = state.shutdown.clone();
    let events = async_stream::stream! {
        let _seat = seat;
        while let Some(next) = shutdown.run_until_cancelled(follower.next()).await {
            match next {
                Ok(Some(recorded)) => yield Ok(sent(&recorded.seq.to_string(), recorded.event.kind(), &recorded)),
                Ok(None) => {
                    yield Ok(Sent::default().event("end").data("{}"));
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "an event stream breaks off; its client will resume");
                    break;
                }
            }
        }
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The header's text.
pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let text = headers.get(LAST_EVENT_ID).map(|value| value.to_str());
    text.transpose()
        .map_err(|_| ApiError::bad_request("bad_last_event_id", "Last-Event-ID must be plain text"))
}

/// One server-sent event.
pub(super) fn sent(id: &str, kind: &str, data: &impl Serialize) -> Sent {
    // serde_json writes no line breaks, so the data always fits one line.
    let data = serde_json::to_string(data).unwrap_or_default();
    Sent::default().id(id).event(kind).data(data)
}

/// Reads an incident's events one by one and waits for more until it is closed.
struct Follower {
    store: Store,
    id: IncidentId,
    after: i64,
    read: std::vec::IntoIter<Recorded>,
    news: broadcast::Receiver<IncidentId>,
}

impl Follower {
    fn new(store: Store, id: IncidentId, after: i64) -> Self {
        let news = store.subscribe();
        Self { store, id, after, read: Vec::new().into_iter(), news }
    }

    /// The next event; `None` once the last event of a closed incident was given.
    async fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        loop {
            if let Some(recorded) = self.read.next() {
                self.after = recorded.seq;
                return Ok(Some(recorded.for_clients()));
            }
            // The phase is read before the events: once it is Closed, no event can follow those read afterwards.
            let over = self.is_over().await?;
            self.read = self.store.events(&self.id, self.after, BATCH).await?.into_iter();
            if self.read.len() > 0 {
                continue;
            }
            if over {
                return Ok(None);
            }
            self.wait().await;
        }
    }

    async fn is_over(&self) -> Result<bool, StoreError> {
        let incident = self.store.incident(&self.id).await?;
        Ok(incident.is_none_or(|incident| incident.phase == Phase::Closed))
    }

    /// Until something may have happened.
    async fn wait(&mut self) {
        let own = async {
            while let Ok(id) = self.news.recv().await {
                if id == self.id {
                    break;
                }
            }
        };
        // Missed news end the inner loop as well: then it is time to look.
        let _ = tokio::time::timeout(OTHER_REPLICAS, own).await;
    }
}
