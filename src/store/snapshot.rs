//! The latest Snapshot of each incident, cut to a bounded size.

use sqlx::AnyConnection;

use super::sql::{json, micros, plain};
use super::{Store, StoreError, answered};
use crate::incident::{Gap, IncidentId};
use crate::observe::{Objects, Recorded, Snapshot};

/// Removes a part of a Snapshot.
type Cut = fn(&mut Snapshot);

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
    let cuts: [(&str, Cut); 4] = [
        ("logs", |cut| cut.logs.clear()),
        ("logs and log patterns", |cut| cut.log_patterns.clear()),
        ("logs and events", |cut| {
            cut.objects.events.clear();
            cut.recorded.asked.remove("events");
        }),
        ("logs and objects", |cut| {
            cut.objects = Objects::default();
            cut.recorded = Recorded::default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Scope;
    use crate::observe::LogExcerpt;

    fn snapshot(log_bytes: usize) -> Snapshot {
        let text = "x".repeat(log_bytes);
        let (namespace, pod, container) = ("shop".to_owned(), "checkout-0".to_owned(), "app".to_owned());
        Snapshot {
            cluster: "prod".to_owned(),
            taken_at: "2026-11-21T03:00:00Z".parse().unwrap(),
            scope: Scope { cluster: "prod".to_owned(), ..Scope::default() },
            focus: None,
            signals: Vec::new(),
            objects: Objects::default(),
            changes: Vec::new(),
            logs: vec![LogExcerpt { namespace, pod, container, previous: false, text, truncated: false }],
            log_patterns: Vec::new(),
            readings: Vec::new(),
            gaps: Vec::new(),
            recorded: Recorded::default(),
        }
    }

    #[test]
    fn a_snapshot_that_fits_is_stored_whole() {
        let small = snapshot(10);
        assert_eq!(bounded(&small, MAX_BYTES).unwrap(), serde_json::to_string(&small).unwrap());
    }

    #[test]
    fn a_snapshot_that_is_too_large_loses_its_logs_and_says_so() {
        let body = bounded(&snapshot(10_000), 2_000).unwrap();
        assert!(body.len() <= 2_000);
        let kept: Snapshot = serde_json::from_str(&body).unwrap();
        assert_eq!(kept.logs, []);
        assert_eq!(kept.gaps[0].collector, "store");
        assert!(kept.gaps[0].reason.starts_with("logs were not kept"), "{}", kept.gaps[0].reason);
    }
}
