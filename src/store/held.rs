//! Incidents inside a transaction that may change them: loaded under lock, moved by events, saved whole.

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::engine::Engine;
use super::sql::{json, key, micros, plain, strides, tuples};
use super::{StoreError, list};
use crate::incident::{Event, Incident, IncidentId, Recorded, Signal, TransitionError};
use crate::telemetry::metrics;

/// An incident that the current transaction has to itself.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) incident: Incident,
    pub(super) last_signal_at: i64,
    pub(super) wake_at: Option<i64>,
    pub(super) lease_owner: Option<String>,
    pub(super) lease_until: Option<i64>,
    seq: i64,
    fresh: Vec<Recorded>,
    /// `wake_at` as the row has it.
    saved_wake_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    seq: i64,
    last_signal_at: i64,
    wake_at: Option<i64>,
    lease_owner: Option<String>,
    lease_until: Option<i64>,
    state: String,
}

impl Held {
    /// A new incident about `signal`, to be looked at once it is saved.
    pub(super) fn open(signal: Signal, now: Timestamp) -> Self {
        let event = Event::Opened { signal: Box::new(signal.clone()) };
        let incident = Incident::open(IncidentId::random(), signal, now);
        let mut held = Self {
            incident,
            last_signal_at: micros(now),
            wake_at: Some(micros(now)),
            lease_owner: None,
            lease_until: None,
            seq: 0,
            fresh: Vec::new(),
            saved_wake_at: None,
        };
        held.record(event, now);
        held
    }

    /// Applies one event and writes it down.
    pub(super) fn apply(&mut self, event: Event, now: Timestamp) -> Result<(), TransitionError> {
        self.incident.apply(&event, now)?;
        // Here, because not only the workflow closes: people do, and alerts that resolve.
        if let Event::Closed { outcome, .. } = &event {
            metrics::incident_closed(outcome.as_str());
        }
        self.record(event, now);
        Ok(())
    }

    /// Applies what follows from the state by itself.
    pub(super) fn settle(&mut self, now: Timestamp) -> Result<(), TransitionError> {
        if let Some(event) = self.incident.consequence() {
            self.apply(event, now)?;
        }
        if !self.incident.is_open() {
            self.wake_at = None;
        }
        Ok(())
    }

    /// Whether the row has to be written.
    pub(super) fn moved(&self) -> bool {
        !self.fresh.is_empty() || self.wake_at != self.saved_wake_at
    }

    fn record(&mut self, event: Event, at: Timestamp) {
        self.seq += 1;
        self.fresh.push(Recorded { seq: self.seq, at, phase: self.incident.phase, event });
    }

    fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            incident: json(&row.state, || format!("incident {}", row.id))?,
            last_signal_at: row.last_signal_at,
            wake_at: row.wake_at,
            lease_owner: row.lease_owner,
            lease_until: row.lease_until,
            seq: row.seq,
            fresh: Vec::new(),
            saved_wake_at: row.wake_at,
        })
    }
}

/// Loads incidents and locks their rows until the transaction ends. In the order of their names, so that transactions
/// that lock several never wait for each other in a circle. Those that do not exist are left out.
pub(super) async fn load(
    connection: &mut AnyConnection,
    engine: &Engine,
    ids: &[&IncidentId],
) -> Result<Vec<Held>, StoreError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut all = Vec::with_capacity(ids.len());
    for piece in strides(&ids) {
        let sql = format!(
            "SELECT id, seq, last_signal_at, wake_at, lease_owner, lease_until, state FROM incidents \
             WHERE id IN {} ORDER BY id{}",
            tuples(piece.len(), 1),
            engine.for_update()
        );
        let mut query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql));
        for id in piece {
            query = query.bind(plain(id.as_str()));
        }
        for row in query.fetch_all(&mut *connection).await? {
            all.push(Held::from_row(row)?);
        }
    }
    Ok(all)
}

/// Saves the incidents that have moved: their state and their new events.
pub(super) async fn save(connection: &mut AnyConnection, all: &[&Held]) -> Result<(), StoreError> {
    let moved: Vec<&Held> = all.iter().copied().filter(|held| held.moved()).collect();
    for piece in strides(&moved) {
        save_states(connection, piece).await?;
    }
    let events: Vec<(&IncidentId, &Recorded)> =
        moved.iter().flat_map(|held| held.fresh.iter().map(|event| (&held.incident.id, event))).collect();
    for piece in strides(&events) {
        save_events(connection, piece).await?;
    }
    Ok(())
}

async fn save_states(connection: &mut AnyConnection, piece: &[&Held]) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO incidents (id, seq, phase, outcome, severity, cluster, namespace, subject, correlation_key, \
         title, cause, opened_at, updated_at, closed_at, last_signal_at, wake_at, state) VALUES {} \
         ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, phase = excluded.phase, outcome = excluded.outcome, \
         severity = excluded.severity, cause = excluded.cause, updated_at = excluded.updated_at, \
         closed_at = excluded.closed_at, last_signal_at = excluded.last_signal_at, wake_at = excluded.wake_at, \
         state = excluded.state",
        tuples(17, piece.len())
    );
    let mut query = sqlx::query::<sqlx::Any>(AssertSqlSafe(sql));
    for held in piece {
        let incident = &held.incident;
        query = query
            .bind(incident.id.as_str())
            .bind(held.seq)
            .bind(incident.phase.as_str())
            .bind(incident.outcome.map(|outcome| outcome.as_str()))
            .bind(list::rank(incident.severity))
            .bind(key(&incident.cluster))
            .bind(incident.namespace.as_deref().map(key))
            .bind(incident.subject.as_ref().map(serde_json::to_string).transpose()?)
            .bind(key(&incident.correlation_key))
            .bind(plain(&incident.title))
            .bind(incident.cause().map(|cause| plain(&cause.code)))
            .bind(micros(incident.opened_at))
            .bind(micros(incident.updated_at))
            .bind(incident.closed_at.map(micros))
            .bind(held.last_signal_at)
            .bind(held.wake_at)
            .bind(serde_json::to_string(incident)?);
    }
    query.execute(connection).await?;
    Ok(())
}

async fn save_events(
    connection: &mut AnyConnection,
    piece: &[(&IncidentId, &Recorded)],
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO events (incident_id, seq, at, kind, phase, body) VALUES {}",
        tuples(6, piece.len())
    );
    let mut query = sqlx::query::<sqlx::Any>(AssertSqlSafe(sql));
    for (id, recorded) in piece {
        query = query
            .bind(id.as_str())
            .bind(recorded.seq)
            .bind(micros(recorded.at))
            .bind(recorded.event.kind())
            .bind(recorded.phase.as_str())
            .bind(serde_json::to_string(&recorded.event)?);
    }
    query.execute(connection).await?;
    Ok(())
}
