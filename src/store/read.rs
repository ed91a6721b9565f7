//! Reading one incident, its history, and counts.

use super::sql::{json, plain, timestamp};
use super::{Store, StoreError, answered, within_deadline};
use crate::incident::{Incident, IncidentId, Phase, Recorded};

/// Most events of one call of [`Store::events`].
const MAX_EVENTS: usize = 500;

impl Store {
    /// Whether the database answers and alerts can be taken in.
    ///
    /// # Errors
    /// [`StoreError`] says what is wrong.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if !self.takes_alerts() {
            return Err(StoreError::Closed);
        }
        within_deadline(async {
            sqlx::query_scalar::<sqlx::Any, i64>("SELECT COUNT(*) FROM incidents WHERE id = ''")
                .fetch_one(&self.inner.readers)
                .await?;
            Ok(())
        })
        .await
    }

    /// The incident as it is now; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn incident(&self, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
        let query = sqlx::query_scalar::<sqlx::Any, String>("SELECT state FROM incidents WHERE id = $1")
            .bind(plain(id.as_str()));
        let state = answered(query.fetch_optional(&self.inner.readers));
        state.await?.map(|state| json(&state, || format!("incident {id}"))).transpose()
    }

    /// Events of an incident after `after_seq` (0: from the beginning), oldest first, at most `limit` and at most 500.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(
        &self,
        id: &IncidentId,
        after_seq: i64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let query = sqlx::query_as::<sqlx::Any, (i64, i64, String, String)>(
            "SELECT seq, at, phase, body FROM events WHERE incident_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(plain(id.as_str()))
        .bind(after_seq)
        .bind(i64::try_from(limit.min(MAX_EVENTS)).unwrap_or(0));
        let rows = answered(query.fetch_all(&self.inner.readers));
        rows.await?.into_iter().map(|row| recorded(id, row)).collect()
    }

    /// How many incidents there are in each phase; every phase is there, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self) -> Result<Vec<(Phase, u64)>, StoreError> {
        let query = sqlx::query_as::<sqlx::Any, (String, i64)>(
            "SELECT phase, COUNT(*) FROM incidents GROUP BY phase",
        );
        let rows = answered(query.fetch_all(&self.inner.readers));
        let rows = rows.await?;
        let count = |phase: Phase| {
            let row = rows.iter().find(|(name, _)| name == phase.as_str());
            row.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0))
        };
        Ok(Phase::ALL.into_iter().map(|phase| (phase, count(phase))).collect())
    }
}

fn recorded(id: &IncidentId, row: (i64, i64, String, String)) -> Result<Recorded, StoreError> {
    let (seq, at, phase, body) = row;
    let what = || format!("event {seq} of incident {id}");
    Ok(Recorded {
        seq,
        at: timestamp(at, &what())?,
        phase: Phase::from_name(&phase).ok_or_else(|| StoreError::Corrupt { what: what() })?,
        event: json(&body, what)?,
    })
}
