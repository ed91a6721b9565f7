//! Keeping conversations within bounds.

use jiff::Timestamp;

use super::super::sql::micros;
use super::super::{Store, StoreError, answered};

/// What of the conversations stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationRetention {
    /// Conversations in which nothing was said since then are removed.
    pub since: Timestamp,
    /// Most conversations; those that were silent for longest are removed beyond them.
    pub most: u64,
}

impl Store {
    /// Removes what is too old or too much, with its messages and runs; how many conversations that were.
    ///
    /// # Errors
    /// [`StoreError`]; part of it may have been done.
    pub async fn tidy_conversations(&self, keep: ConversationRetention) -> Result<u64, StoreError> {
        let mut removed = self.remove_silent("<", micros(keep.since)).await?;
        let query = sqlx::query_scalar::<sqlx::Any, i64>(
            "SELECT updated_at FROM conversations ORDER BY updated_at DESC, id DESC LIMIT 1 OFFSET $1",
        )
        .bind(i64::try_from(keep.most).unwrap_or(i64::MAX));
        if let Some(oldest) = answered(query.fetch_optional(&self.inner.readers)).await? {
            removed += self.remove_silent("<=", oldest).await?;
        }
        Ok(removed)
    }

    async fn remove_silent(&self, compared: &'static str, at: i64) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM conversations WHERE id IN (SELECT id FROM conversations WHERE updated_at {compared} $1 LIMIT $2)"
        );
        self.remove_in_batches(&sql, at).await
    }
}
