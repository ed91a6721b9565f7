//! One change of the table, one commit.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use futures::FutureExt;
use lancedb::database::CreateTableMode;

use super::{TABLE, Truth, quoted, rows, schema};
use crate::Passage;
use crate::embed::{Context, EmbeddingCache};
use crate::recipe::Recipe;
use crate::truth::Change;

/// Passages of one row group that are in memory with their vectors at a time.
const ROWS: usize = 1_024;

impl Truth {
    /// Makes a change in one commit. Vectors come from the cache, where every passage must have one if the table has any.
    ///
    /// # Errors
    /// When a vector is missing or the table cannot be written; then nothing has changed.
    pub(crate) async fn commit(
        &self,
        change: &Change,
        cache: Option<Arc<EmbeddingCache>>,
    ) -> anyhow::Result<u64> {
        let reader = self.reader(&change.passages, cache)?;
        if change.replaced.is_empty() {
            if !change.passages.is_empty() {
                self.table.add(reader).execute().boxed().await?;
            }
            return self.version().await;
        }
        let paths: Vec<String> = change.replaced.iter().map(|path| quoted(path)).collect();
        let gone = format!("source = {} AND path IN ({})", quoted(&change.source), paths.join(", "));
        if change.passages.is_empty() {
            self.table.delete(gone.as_str()).boxed().await?;
            return self.version().await;
        }
        let mut merge = self.table.merge_insert(&["id"]);
        merge.when_matched_update_all(None).when_not_matched_insert_all();
        merge.when_not_matched_by_source_delete(Some(gone));
        merge.execute(reader).boxed().await?;
        self.version().await
    }

    /// Replaces everything by passages of another recipe, in one commit.
    ///
    /// # Errors
    /// When a vector is missing or the table cannot be written; then nothing has changed.
    pub(crate) async fn rebuild(
        &self,
        recipe: &Recipe,
        passages: &Arc<Vec<Passage>>,
        cache: Option<Arc<EmbeddingCache>>,
    ) -> anyhow::Result<Self> {
        let target = Self { recipe: recipe.clone(), ..self.clone() };
        let reader = target.reader(passages, cache)?;
        let table = self
            .connection
            .create_table(TABLE, reader)
            .mode(CreateTableMode::Overwrite)
            .execute()
            .boxed()
            .await?;
        Ok(Self { table, ..target })
    }

    fn reader(
        &self,
        passages: &Arc<Vec<Passage>>,
        cache: Option<Arc<EmbeddingCache>>,
    ) -> anyhow::Result<Box<dyn RecordBatchReader + Send>> {
        let schema = schema(&self.recipe);
        let recipe = self.recipe.clone();
        let batches = passages.len().div_ceil(ROWS);
        let context = Context::of(passages);
        let (rows_schema, passages) = (schema.clone(), passages.clone());
        let made = (0..batches).map(move |batch| {
            let from = batch * ROWS;
            let rows = passages.get(from..(from + ROWS).min(passages.len())).unwrap_or_default();
            read(&rows_schema, rows, &recipe, &context, cache.as_deref())
                .map_err(|error| ArrowError::ExternalError(error.into()))
        });
        Ok(Box::new(RecordBatchIterator::new(made, schema)))
    }
}

fn read(
    schema: &SchemaRef,
    passages: &[Passage],
    recipe: &Recipe,
    context: &Context,
    cache: Option<&EmbeddingCache>,
) -> anyhow::Result<RecordBatch> {
    let Some(model) = &recipe.model else { return rows::batch(schema, passages, None) };
    let cache =
        cache.ok_or_else(|| anyhow::anyhow!("the table has vectors and there is no embedding cache"))?;
    let vectors = passages
        .iter()
        .map(|passage| context.vector(cache, &model.name, passage))
        .collect::<anyhow::Result<Vec<_>>>()?;
    rows::batch(schema, passages, Some((&vectors, model.dimension)))
}
