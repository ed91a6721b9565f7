//! Naming an incident by the beginning of its identifier.

use super::sql::plain;
use super::{FindError, Store, StoreError, answered};
use crate::incident::IncidentId;

/// What every identifier begins with, and people leave out.
const PREFIX: &str = "inc-";

/// Candidates shown when a beginning fits several.
const CANDIDATES: usize = 5;

impl Store {
    /// The one incident whose identifier begins with `prefix`; `inc-` may be left out.
    ///
    /// # Errors
    /// [`FindError::Ambiguous`] lists some of those that fit.
    pub async fn find(&self, prefix: &str) -> Result<IncidentId, FindError> {
        let prefix = prefix.trim();
        if prefix.is_empty() {
            return Err(FindError::NotFound(String::new()));
        }
        let whole = if prefix.starts_with(PREFIX) { prefix.to_owned() } else { format!("{PREFIX}{prefix}") };
        let whole = plain(&whole.to_ascii_lowercase());
        let mut candidates = self.beginning_with(&whole).await?;
        match candidates.len() {
            0 => Err(FindError::NotFound(prefix.to_owned())),
            1 => candidates.pop().ok_or_else(|| FindError::NotFound(prefix.to_owned())),
            _ => match candidates.iter().find(|id| id.as_str() == whole) {
                Some(exact) => Ok(exact.clone()),
                None => Err(FindError::Ambiguous { prefix: prefix.to_owned(), candidates }),
            },
        }
    }

    async fn beginning_with(&self, prefix: &str) -> Result<Vec<IncidentId>, StoreError> {
        // Not LIKE and not a range: those depend on the collation of the database.
        let query = sqlx::query_scalar::<sqlx::Any, String>(
            "SELECT id FROM incidents WHERE substr(id, 1, $1) = $2 ORDER BY id LIMIT $3",
        )
        .bind(i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX))
        .bind(prefix)
        .bind(i64::try_from(CANDIDATES).unwrap_or(i64::MAX));
        let rows = answered(query.fetch_all(&self.inner.readers));
        Ok(rows.await?.into_iter().map(IncidentId::from_text).collect())
    }
}
