//! The latest Snapshot of each incident, cut to a bounded size.

use sqlx::AnyConnection;

use super::sql::{json, micros, plain};
use super::{Store, StoreError, answered};
use crate::incident::{Gap, IncidentId};
use crate::observe::{Objects, Snapshot};

/// Largest stored Snapshot, bytes of JSON.
const MAX_BYTES: usize = 4 * 1024 * 1024;

impl Store {
    /// The last look at the world for an incident; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self, id: &IncidentId) -> Result<Option<Snapshot>, StoreError> {
        let query =
            sqlx::query_scalar::<sqlx::Any, String>("SELECT body FROM snapshots WHERE incident_id = $1")
                .bind(plain(id.as_str()));
        let body = answered(query.fetch_optional(&self.inner.readers));
        body.await?.map(|body| json(&body, || format!("snapshot of incident {id}"))).transpose()
    }
}

/// Replaces the incident's Snapshot.
pub(super) async fn save(
    connection: &mut AnyConnection,
    id: &IncidentId,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let body = bounded(snapshot, MAX_BYTES)?;
    sqlx::query::<sqlx::Any>(
        "INSERT INTO snapshots (incident_id, taken_at, body) VALUES ($1, $2, $3) \
         ON CONFLICT (incident_id) DO UPDATE SET taken_at = excluded.taken_at, body = excluded.body",
    )
    .bind(id.as_str())
    .bind(micros(snapshot.taken_at))
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

/// The Snapshot as JSON of at most `limit` bytes. What is cut first is what diagnosis needs least afterwards: it has read
/// the whole already.
fn bounded(snapshot: &Snapshot, limit: usize) -> Result<String, StoreError> {
    let body = serde_json::to_string(snapshot)?;
    if body.len() <= limit {
        return Ok(body);
    }
    let cuts: [(&str, fn(&mut Snapshot)); 4] = [
        ("logs", |cut| cut.logs.clear()),
        ("logs and log patterns", |cut| cut.log_patterns.clear()),
        ("logs and events", |cut| cut.objects.events.clear()),
        ("logs and objects", |cut| {
            cut.objects = Objects::default();
            cut.changes.clear();
            cut.readings.clear();
        }),
    ];
    let mut cut = snapshot.clone();
    for (what, remove) in cuts {
        remove(&mut cut);
        let mut noted = cut.clone();
        noted.gaps.push(gap(what, body.len(), limit));
        let body = serde_json::to_string(&noted)?;
        if body.len() <= limit {
            return Ok(body);
        }
    }
    cut.signals.clear();
    cut.gaps = vec![gap("everything", body.len(), limit)];
    Ok(serde_json::to_string(&cut)?)
}

fn gap(what: &str, size: usize, limit: usize) -> Gap {
    Gap {
        collector: "store".to_owned(),
        reason: format!("{what} were not kept: the snapshot had {size} bytes, {limit} are stored"),
    }
}
