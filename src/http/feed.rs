//! What happens to any incident, as one live stream.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

use super::error::ApiError;
use super::events::{last_event_id, sent};
use super::limits::{Seats, overloaded};
use super::{ErrorBody, HttpState};
use crate::incident::{IncidentId, Recorded};
use crate::store::{IncidentFilter, MAX_PAGE, Store, StoreError};

/// Most events of one incident that are read at a time.
const BATCH: usize = 500;

/// Pages of open incidents that are looked through for missed news; older ones are found when they move.
const PAGES: usize = 10;

/// How long a stream waits for news of this process before it looks through the incidents itself, because another
/// replica may have moved some. Longer than for one incident: it reads many.
const OTHER_REPLICAS: Duration = Duration::from_secs(10);

/// Incidents whose place a stream remembers.
const MAX_KNOWN: usize = 10_000;

/// An event with the incident that it happened to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedEvent {
    /// The incident.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// What happened.
    #[serde(flatten)]
    pub recorded: Recorded,
}

impl FeedEvent {
    /// The place in the stream: time, incident and `seq`.
    fn cursor(&self) -> String {
        format!("{}/{}/{}", self.recorded.at, self.incident, self.recorded.seq)
    }
}

/// What happens to any incident from now on, as server-sent events: `event` is the kind, `data` the event as JSON with
/// its incident. `Last-Event-ID` resumes; then some events may come twice, never out of their incident's order.
#[utoipa::path(
    get,
    path = "/api/v1/events/stream",
    operation_id = "stream_all_events",
    tag = "incidents",
    params(("last-event-id" = Option<String>, Header, description = "the last `id` that was received")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 400, body = ErrorBody),
        (status = 503, body = ErrorBody)
    )
)]
pub(super) async fn stream(
    State(state): State<HttpState>,
    State(seats): State<Seats>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, ApiError> {
    let bad = || ApiError::bad_request("bad_last_event_id", "Last-Event-ID must be an id from this stream");
    let place = last_event_id(&headers)?.map(|text| Place::parse(text).ok_or_else(bad)).transpose()?;
    let seat = seats.streams.try_acquire_owned().map_err(|_| overloaded())?;
    let mut feed = Feed::new(state.store.clone(), place);
    let shutdown = state.shutdown.clone();
    let events = async_stream::stream! {
        let _seat = seat;
        while let Some(next) = shutdown.run_until_cancelled(feed.next()).await {
            match next {
                Ok(event) => yield Ok(sent(&event.cursor(), event.recorded.event.kind(), &event)),
                Err(error) => {
                    tracing::warn!(%error, "an event stream breaks off; its client will resume");
                    break;
                }
            }
        }
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Where a stream broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    at: Timestamp,
    incident: IncidentId,
    seq: i64,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (at, incident, seq) = (parts.next()?, parts.next()?, parts.next()?);
        let place =
            Self { at: at.parse().ok()?, incident: IncidentId::from_text(incident), seq: seq.parse().ok()? };
        parts.next().is_none().then_some(place)
    }
}

struct Feed {
    store: Store,
    news: broadcast::Receiver<IncidentId>,
    /// Events from before are not told.
    since: Timestamp,
    /// When the list of incidents was last looked through.
    looked_at: Timestamp,
    /// The last `seq` told of each incident.
    known: HashMap<IncidentId, i64>,
    ready: VecDeque<FeedEvent>,
    /// Whether news may have been missed.
    behind: bool,
}

impl Feed {
    fn new(store: Store, place: Option<Place>) -> Self {
        let news = store.subscribe();
        let since = place.as_ref().map_or_else(Timestamp::now, |place| place.at);
        let behind = place.is_some();
        let known = place.into_iter().map(|place| (place.incident, place.seq)).collect();
        Self { store, news, since, looked_at: since, known, ready: VecDeque::new(), behind }
    }

    async fn next(&mut self) -> Result<FeedEvent, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if self.behind {
                self.catch_up().await?;
                self.behind = false;
                continue;
            }
            match tokio::time::timeout(OTHER_REPLICAS, self.news.recv()).await {
                Ok(Ok(id)) => self.read(id).await?,
                // Some were missed, or nothing came for a while: time to look.
                Ok(Err(_)) | Err(_) => self.behind = true,
            }
        }
    }

    /// Looks for incidents that moved without this stream being told: before it began, in another replica, or faster
    /// than it could follow.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let mut ids = self.moved_since(Some(true), PAGES).await?;
        ids.extend(self.moved_since(Some(false), 1).await?);
        for id in ids {
            self.read(id).await?;
        }
        self.ready.make_contiguous().sort_by_key(|event| event.recorded.at);
        self.looked_at = now;
        Ok(())
    }

    async fn moved_since(&self, open: Option<bool>, pages: usize) -> Result<Vec<IncidentId>, StoreError> {
        let filter = IncidentFilter { open, ..IncidentFilter::default() };
        let mut ids = Vec::new();
        let mut cursor = None;
        for _ in 0..pages {
            let page = self.store.incidents(&filter, cursor.as_deref(), MAX_PAGE).await?;
            let moved = page.incidents.into_iter().filter(|incident| incident.updated_at >= self.looked_at);
            ids.extend(moved.map(|incident| incident.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(ids)
    }

    /// Queues what is new about one incident.
    async fn read(&mut self, id: IncidentId) -> Result<(), StoreError> {
        if self.known.len() >= MAX_KNOWN {
            // Forgotten incidents are told again from `since` on when they move; moving it up avoids that.
            self.known.clear();
            self.since = Timestamp::now();
        }
        loop {
            let after = self.known.get(&id).copied().unwrap_or(0);
            let events = self.store.events(&id, after, BATCH).await?;
            let whole = events.len() < BATCH;
            if let Some(last) = events.last() {
                self.known.insert(id.clone(), last.seq);
            }
            let since = self.since;
            let new = events.into_iter().filter(|recorded| recorded.at >= since);
            self.ready.extend(
                new.map(|recorded| FeedEvent { incident: id.clone(), recorded: recorded.for_clients() }),
            );
            if whole {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IncidentId, Place};

    #[test]
    fn a_place_is_read_back_and_garbage_is_none() {
        let place = Place::parse("2026-11-21T05:00:00.123456Z/inc-7h2kq0m4x9ta/7");
        let expected = Place {
            at: "2026-11-21T05:00:00.123456Z".parse().unwrap(),
            incident: IncidentId::from_text("inc-7h2kq0m4x9ta"),
            seq: 7,
        };
        assert_eq!(place, Some(expected));
        for garbage in ["", "7", "a/b/c", "2026-11-21T05:00:00Z/inc-a", "2026-11-21T05:00:00Z/inc-a/1/2"] {
            assert_eq!(Place::parse(garbage), None, "{garbage}");
        }
    }
}
