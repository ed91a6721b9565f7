//! The tables behind routing: firing episodes, and which open incident has which correlation key.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::StoreError;
use super::sql::{micros, strides, tuples};
use crate::incident::{IncidentId, SignalState};

const FIRING: &str = "firing";
const RESOLVED: &str = "resolved";

/// Names an episode in the tables: bounded fingerprint, start in microseconds.
pub(super) type EpisodeKey = (String, i64);

/// An episode as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) incident: Option<IncidentId>,
    pub(super) state: SignalState,
    pub(super) deliveries: i64,
    pub(super) received_at: i64,
}

/// Those of `asked` that were delivered before.
pub(super) async fn read(
    connection: &mut AnyConnection,
    asked: &[EpisodeKey],
) -> Result<HashMap<EpisodeKey, Kept>, StoreError> {
    let mut episodes = HashMap::new();
    for piece in strides(asked) {
        let sql = format!(
            "WITH asked (fingerprint, starts_at) AS (VALUES {}) \
             SELECT s.fingerprint, s.starts_at, s.incident_id, s.last_state, s.deliveries, s.received_at \
             FROM asked JOIN signals s ON s.fingerprint = asked.fingerprint AND s.starts_at = asked.starts_at",
            tuples(2, piece.len())
        );
        let mut query =
            sqlx::query_as::<sqlx::Any, (String, i64, Option<String>, String, i64, i64)>(AssertSqlSafe(sql));
        for (fingerprint, starts_at) in piece {
            query = query.bind(fingerprint.as_str()).bind(*starts_at);
        }
        for (fingerprint, starts_at, incident, state, deliveries, received_at) in
            query.fetch_all(&mut *connection).await?
        {
            let incident = incident.map(IncidentId::from_text);
            let state = if state == FIRING { SignalState::Firing } else { SignalState::Resolved };
            let kept = Kept { incident, state, deliveries, received_at };
            episodes.insert((fingerprint, starts_at), kept);
        }
    }
    Ok(episodes)
}

/// Of each alert, the newest episode that belongs to an incident. The steps are kept apart (`MATERIALIZED`) so that each
/// alert costs two index look-ups, however many episodes it has had.
pub(super) async fn newest(
    connection: &mut AnyConnection,
    fingerprints: &[String],
) -> Result<HashMap<String, (i64, IncidentId)>, StoreError> {
    let mut newest = HashMap::new();
    for piece in strides(fingerprints) {
        let sql = format!(
            "WITH asked (fingerprint) AS (VALUES {}), newest AS MATERIALIZED (SELECT fingerprint, (SELECT \
             MAX(starts_at) FROM signals x WHERE x.fingerprint = asked.fingerprint AND x.incident_id IS NOT \
             NULL) AS starts_at FROM asked) SELECT s.fingerprint, s.starts_at, s.incident_id FROM newest \
             JOIN signals s ON s.fingerprint = newest.fingerprint AND s.starts_at = newest.starts_at",
            tuples(1, piece.len())
        );
        let mut query = sqlx::query_as::<sqlx::Any, (String, i64, String)>(AssertSqlSafe(sql));
        for fingerprint in piece {
            query = query.bind(fingerprint.as_str());
        }
        for (fingerprint, starts_at, incident) in query.fetch_all(&mut *connection).await? {
            newest.insert(fingerprint, (starts_at, IncidentId::from_text(incident)));
        }
    }
    Ok(newest)
}

/// Of each correlation key, the newest open incident.
pub(super) async fn open_incidents(
    connection: &mut AnyConnection,
    keys: &[String],
) -> Result<HashMap<String, IncidentId>, StoreError> {
    let mut open = HashMap::new();
    for piece in strides(keys) {
        let sql = format!(
            "SELECT correlation_key, id FROM incidents WHERE closed_at IS NULL AND correlation_key IN {} \
             ORDER BY opened_at, id",
            tuples(piece.len(), 1)
        );
        let mut query = sqlx::query_as::<sqlx::Any, (String, String)>(AssertSqlSafe(sql));
        for key in piece {
            query = query.bind(key.as_str());
        }
        let rows = query.fetch_all(&mut *connection).await?;
        // The last of several wins: the newest.
        open.extend(rows.into_iter().map(|(key, id)| (key, IncidentId::from_text(id))));
    }
    Ok(open)
}

/// Writes episodes as they are now.
pub(super) async fn write(
    connection: &mut AnyConnection,
    rows: &[(&EpisodeKey, &Kept)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for piece in strides(rows) {
        let sql = format!(
            "INSERT INTO signals (fingerprint, starts_at, incident_id, last_state, deliveries, received_at, \
             delivered_at) VALUES {} ON CONFLICT (fingerprint, starts_at) DO UPDATE SET \
             last_state = excluded.last_state, deliveries = excluded.deliveries, \
             delivered_at = excluded.delivered_at",
            tuples(7, piece.len())
        );
        let mut query = sqlx::query::<sqlx::Any>(AssertSqlSafe(sql));
        for ((fingerprint, starts_at), kept) in piece {
            let state = if kept.state == SignalState::Firing { FIRING } else { RESOLVED };
            query = query
                .bind(fingerprint.as_str())
                .bind(*starts_at)
                .bind(kept.incident.as_ref().map(IncidentId::as_str))
                .bind(state)
                .bind(kept.deliveries)
                .bind(kept.received_at)
                .bind(micros(now));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
