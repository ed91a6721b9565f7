//! Keeping runs within bounds, and saying of those whose process is gone that they are interrupted.

use jiff::Timestamp;

use super::super::sql::micros;
use super::super::{Store, StoreError, answered, within_deadline};

/// What of the runs stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRetention {
    /// Runs that were last written before this are removed.
    pub since: Timestamp,
    /// Most runs; the oldest beyond them are removed.
    pub most: u64,
    /// Runs that are called running and were not written since then have lost their process.
    pub alive_since: Timestamp,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Runs that were removed, with their messages.
    pub removed: u64,
    /// Runs that are interrupted now.
    pub interrupted: u64,
}

impl Store {
    /// Removes what is too old or too much, and marks what has lost its process. A run at work is never removed.
    ///
    /// # Errors
    /// [`StoreError`]; part of it may have been done.
    pub async fn tidy_runs(&self, keep: RunRetention) -> Result<Tidied, StoreError> {
        let interrupted = self.interrupt_runs(keep.alive_since).await?;
        let mut removed = self.remove_runs("updated_at <", micros(keep.since)).await?;
        let query = sqlx::query_scalar::<sqlx::Any, i64>(
            "SELECT started_at FROM runs ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET $1",
        )
        .bind(i64::try_from(keep.most).unwrap_or(i64::MAX));
        if let Some(oldest) = answered(query.fetch_optional(&self.inner.readers)).await? {
            removed += self.remove_runs("started_at <=", oldest).await?;
        }
        Ok(Tidied { removed, interrupted })
    }

    async fn interrupt_runs(&self, alive_since: Timestamp) -> Result<u64, StoreError> {
        within_deadline(async {
            let _turn = self.turn().await?;
            let done = sqlx::query::<sqlx::Any>(
                "UPDATE runs SET state = 'interrupted' WHERE state = 'running' AND updated_at < $1",
            )
            .bind(micros(alive_since))
            .execute(&self.inner.writers)
            .await?;
            Ok(done.rows_affected())
        })
        .await
    }

    async fn remove_runs(&self, condition: &'static str, at: i64) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE {condition} $1 AND state <> 'running' LIMIT $2)"
        );
        self.remove_in_batches(&sql, at).await
    }
}
