//! Answers of tools that a model's conversation had no room for: kept for some days, read again by their name.
//!
//! Owns their table, its size and its age. What may be in them is the caller's business: text comes here without secrets.

use std::time::Duration;

use jiff::Timestamp;

use super::sql::{key, micros, plain};
use super::{Store, StoreError, answered, within_deadline};
use crate::incident::IncidentId;

/// How long they are kept. An incident that takes longer reads the world anew.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longest text, bytes; tools answer less.
const LONGEST: usize = 256 << 10;

/// An answer of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResult {
    /// Its name, for instance `res-7h2kq0m4x9ta`.
    pub id: String,
    /// What it belongs to: an incident's identifier, or that of a conversation. Nobody else reads it.
    pub about: String,
    /// The tool.
    pub tool: String,
    /// Its arguments as JSON.
    pub arguments: String,
    /// What it answered, without secrets.
    pub text: String,
}

impl KeptResult {
    /// A new random name, as random as an incident's.
    #[must_use]
    pub fn random_id() -> String {
        IncidentId::random().as_str().replacen("inc-", "res-", 1)
    }
}

impl Store {
    /// Keeps answers, all or none, and forgets those that are too old. What is longer than 256 KiB is cut, and says so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_results(&self, results: &[KeptResult], now: Timestamp) -> Result<(), StoreError> {
        within_deadline(self.try_keep(results, now)).await
    }

    async fn try_keep(&self, results: &[KeptResult], now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.turn().await?;
        let mut transaction = self.inner.writers.begin_with(self.inner.engine.begin()).await?;
        let oldest = micros(now).saturating_sub(i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX));
        sqlx::query::<sqlx::Any>("DELETE FROM tool_results WHERE kept_at < $1")
            .bind(oldest)
            .execute(&mut *transaction)
            .await?;
        for result in results {
            sqlx::query::<sqlx::Any>(
                "INSERT INTO tool_results (id, about, kept_at, tool, arguments, text) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(key(&result.id))
            .bind(key(&result.about))
            .bind(micros(now))
            .bind(plain(&result.tool))
            .bind(plain(&result.arguments))
            .bind(plain(&bounded(&result.text)))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// An answer that belongs to `about`; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_result(&self, about: &str, id: &str) -> Result<Option<KeptResult>, StoreError> {
        let query = sqlx::query_as::<sqlx::Any, (String, String, String)>(
            "SELECT tool, arguments, text FROM tool_results WHERE id = $1 AND about = $2",
        )
        .bind(key(id))
        .bind(key(about));
        let row = answered(query.fetch_optional(&self.inner.readers)).await?;
        Ok(row.map(|(tool, arguments, text)| KeptResult {
            id: id.to_owned(),
            about: about.to_owned(),
            tool,
            arguments,
            text,
        }))
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default();
    format!("{kept}\n[cut: {} of {} bytes were kept]", kept.len(), text.len())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, bounded};

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let kept = bounded(&"ä".repeat(LONGEST));
        assert!(kept.len() < LONGEST + 100 && kept.ends_with("bytes were kept]"), "{}", kept.len());
        assert_eq!(bounded("short"), "short");
    }
}
