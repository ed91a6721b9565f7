//! Earlier versions of the table: listed, looked at, brought back.

use arrow_array::{RecordBatch, RecordBatchIterator};
use futures::{FutureExt, TryStreamExt};
use jiff::Timestamp;
use lancedb::query::{ExecutableQuery, QueryBase, Select};

use super::{Truth, quoted, rows, schema};
use crate::Passage;
use crate::truth::Version;

impl Truth {
    /// All versions that are still kept, the oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn versions(&self) -> anyhow::Result<Vec<Version>> {
        let listed = self.table.list_versions().boxed().await?;
        let versions = listed.into_iter().map(|version| Version {
            version: version.version,
            at: Timestamp::from_millisecond(version.timestamp.timestamp_millis()).unwrap_or_default(),
            passages: version.metadata.get("total_rows").and_then(|rows| rows.parse().ok()),
        });
        Ok(versions.collect())
    }

    /// Makes an earlier version the newest one.
    ///
    /// # Errors
    /// When that version is gone, or the table cannot be written.
    pub(crate) async fn restore(&self, version: u64) -> anyhow::Result<Self> {
        let old = self.at(version).await?;
        old.table.restore().boxed().await?;
        Self::opened(self.connection.clone()).await
    }

    /// Makes one source what it was in `old`, in one commit, vectors and all. Returns the new version's number and the
    /// source's passages; without passages nothing was done. Both must be of one recipe.
    ///
    /// # Errors
    /// When the old rows cannot be read, or the table cannot be written; then nothing has changed.
    pub(crate) async fn restore_source(
        &self,
        old: &Self,
        source: &str,
    ) -> anyhow::Result<(u64, Vec<Passage>)> {
        let source = format!("source = {}", quoted(source));
        let rows = old.whole_rows(source.clone()).await?;
        let passages = rows.iter().map(rows::passages).collect::<anyhow::Result<Vec<_>>>()?;
        let passages: Vec<Passage> = passages.into_iter().flatten().collect();
        if !passages.is_empty() {
            let rows = RecordBatchIterator::new(rows.into_iter().map(Ok), schema(&self.recipe));
            let mut merge = self.table.merge_insert(&["id"]);
            merge.when_matched_update_all(None).when_not_matched_insert_all();
            merge.when_not_matched_by_source_delete(Some(source));
            merge.execute(Box::new(rows)).boxed().await?;
        }
        Ok((self.version().await?, passages))
    }

    /// Rows with all their columns, in the order of the schema.
    async fn whole_rows(&self, filter: String) -> anyhow::Result<Vec<RecordBatch>> {
        let schema = schema(&self.recipe);
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let query = self.table.query().select(Select::columns(&columns)).only_if(filter);
        let read: Vec<RecordBatch> = query.execute().boxed().await?.try_collect().await?;
        // The table's own metadata is not among what a query returns.
        let whole = |batch: RecordBatch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec());
        Ok(read.into_iter().map(whole).collect::<Result<_, _>>()?)
    }
}
