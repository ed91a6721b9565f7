//! Removing many rows without keeping others from writing.

use super::{Store, StoreError, within_deadline};

/// Rows that are removed by one statement; between two of them others may write.
const BATCH: i64 = 200;

impl Store {
    /// Removes rows batch by batch; how many that were. `sql` deletes at most `$2` rows by the moment `$1`, microseconds.
    ///
    /// # Errors
    /// [`StoreError`]; the batches before have been removed.
    pub(super) async fn remove_in_batches(&self, sql: &str, at: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let statement = sqlx::AssertSqlSafe(sql.to_owned());
            let gone = within_deadline(async {
                let _turn = self.turn().await?;
                let done = sqlx::query::<sqlx::Any>(statement)
                    .bind(at)
                    .bind(BATCH)
                    .execute(&self.inner.writers)
                    .await?;
                Ok::<_, StoreError>(done.rows_affected())
            })
            .await?;
            removed += gone;
            if gone < BATCH.unsigned_abs() {
                return Ok(removed);
            }
        }
    }
}
