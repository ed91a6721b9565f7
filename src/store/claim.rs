//! Row leases: which worker has an incident to itself, and until when.
//!
//! A lease is two columns of the incident's own row, so that whoever commits proves it in the same transaction. A worker
//! that dies simply stops renewing.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::sql::{json, micros, plain};
use super::{Store, StoreError, list, within_deadline};
use crate::incident::{Incident, IncidentId};

/// A worker's wish to leave an incident alone for a while.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// Until when.
    pub until: Timestamp,
    /// The state that it is based on: [`Incident::updated_at`] as the worker knows it. An answer or an alert that came
    /// in since makes the incident due at once, whatever the worker wishes.
    pub seen: Timestamp,
}

impl Store {
    /// Takes up to `limit` incidents that are due and that nobody else holds, for `lease` from `now`; the worst and
    /// longest waiting first. They belong to `owner` until released or until the lease runs out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(
        &self,
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError> {
        let sql = format!(
            "WITH due AS MATERIALIZED (SELECT id FROM incidents WHERE wake_at IS NOT NULL AND wake_at <= $1 \
             AND (lease_until IS NULL OR lease_until <= $2) ORDER BY severity DESC, wake_at LIMIT $3{}) \
             UPDATE incidents SET lease_owner = $4, lease_until = $5 WHERE id IN (SELECT id FROM due) \
             RETURNING wake_at, state",
            self.inner.engine.for_update_skip_locked()
        );
        let query = sqlx::query_as::<sqlx::Any, (i64, String)>(AssertSqlSafe(sql))
            .bind(micros(now))
            .bind(micros(now))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(plain(owner))
            .bind(until(now, lease));
        let rows = self.in_turn(query.fetch_all(&self.inner.writers));
        // A row that cannot be read (it is logged) must not keep the others from being worked on; its lease runs out and
        // it is tried again, for instance by a newer version.
        let mut claimed: Vec<(i64, Incident)> = rows
            .await?
            .into_iter()
            .filter_map(|(wake_at, state)| Some((wake_at, json(&state, || "incident".to_owned()).ok()?)))
            .collect();
        claimed.sort_by_key(|(wake_at, incident)| (-list::rank(incident.severity), *wake_at));
        Ok(claimed.into_iter().map(|(_, incident)| incident).collect())
    }

    /// Prolongs a lease to `lease` from now. `false`: it is lost, stop working on the incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew(&self, id: &IncidentId, owner: &str, lease: Duration) -> Result<bool, StoreError> {
        let now = Timestamp::now();
        let query = sqlx::query::<sqlx::Any>(
            "UPDATE incidents SET lease_until = $1 WHERE id = $2 AND lease_owner = $3 AND lease_until > $4",
        )
        .bind(until(now, lease))
        .bind(plain(id.as_str()))
        .bind(plain(owner))
        .bind(micros(now));
        let done = self.in_turn(query.execute(&self.inner.writers));
        Ok(done.await?.rows_affected() == 1)
    }

    /// Gives an incident back. `rest` sets when it is due next (an open incident only), unless something happened to
    /// the incident that the worker has not seen; `None` leaves what the last commit set. Without effect when `owner`
    /// no longer holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(&self, id: &IncidentId, owner: &str, rest: Option<Rest>) -> Result<(), StoreError> {
        let query = sqlx::query::<sqlx::Any>(
            "UPDATE incidents SET lease_owner = NULL, lease_until = NULL, \
             wake_at = CASE WHEN closed_at IS NULL AND updated_at <= $1 THEN COALESCE($2, wake_at) \
             ELSE wake_at END WHERE id = $3 AND lease_owner = $4",
        )
        .bind(rest.map_or(i64::MAX, |rest| micros(rest.seen)))
        .bind(rest.map(|rest| micros(rest.until)))
        .bind(plain(id.as_str()))
        .bind(plain(owner));
        self.in_turn(query.execute(&self.inner.writers)).await?;
        Ok(())
    }

    /// Gives back everything that `owner` holds, due at once: for a worker that shuts down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_all(&self, owner: &str) -> Result<u64, StoreError> {
        let query = sqlx::query::<sqlx::Any>(
            "UPDATE incidents SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1",
        )
        .bind(plain(owner));
        let done = self.in_turn(query.execute(&self.inner.writers));
        Ok(done.await?.rows_affected())
    }

    async fn in_turn<T>(
        &self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        within_deadline(async {
            let _turn = self.turn().await?;
            Ok(statement.await?)
        })
        .await
    }
}

fn until(now: Timestamp, lease: Duration) -> i64 {
    let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
    micros(now).saturating_add(lease)
}
