//! A LanceDB table of passages with their text, their attributes and their vectors.
//!
//! Owns the table's shape and every read and write of it. Each write is one commit of LanceDB, so a reader sees a version
//! whole or not at all. It knows nothing about how passages are found by words.

mod rows;
mod versions;
mod write;

use std::sync::Arc;

use arrow_array::{Float32Array, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::{FutureExt, TryStreamExt};
use lancedb::index::Index;
use lancedb::index::vector::IvfHnswSqIndexBuilder;
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::table::OptimizeAction;
use lancedb::{Connection, DistanceType, Table};

use super::Neighbour;
use crate::Passage;
use crate::recipe::Recipe;

const TABLE: &str = "passages";
const VECTOR_INDEX: &str = "vector_idx";

/// The column in which LanceDB gives the number of a row.
const ROW: &str = "_rowid";

/// From this many rows on, an index beats reading every vector.
const INDEX_FROM: usize = 8_192;

/// The table at one version.
#[derive(Clone)]
pub(crate) struct Truth {
    connection: Connection,
    table: Table,
    recipe: Recipe,
}

impl Truth {
    /// Opens the table at `location` (a folder or an object store's URL), or makes an empty one by `recipe`.
    ///
    /// # Errors
    /// When the location cannot be read, or what is there is no table of ours.
    pub(crate) async fn open(location: &str, recipe: &Recipe) -> anyhow::Result<Self> {
        let connection = lancedb::connect(location).execute().boxed().await?;
        let names = connection.table_names().execute().boxed().await?;
        if names.iter().any(|name| name == TABLE) {
            return Self::opened(connection).await;
        }
        match connection.create_empty_table(TABLE, schema(recipe)).execute().boxed().await {
            Ok(table) => Ok(Self { connection, table, recipe: recipe.clone() }),
            // Another replica may have been faster.
            Err(error) => Self::opened(connection).await.map_err(|_| error.into()),
        }
    }

    async fn opened(connection: Connection) -> anyhow::Result<Self> {
        let table = connection.open_table(TABLE).execute().boxed().await?;
        let recipe = Recipe::of_metadata(table.schema().boxed().await?.metadata())?;
        Ok(Self { connection, table, recipe })
    }

    /// The same table as it is now, also after somebody else has written.
    pub(crate) async fn reopened(&self) -> anyhow::Result<Self> {
        Self::opened(self.connection.clone()).await
    }

    /// The same table in its own handle at a given version, for readers.
    ///
    /// # Errors
    /// When that version is gone.
    pub(crate) async fn at(&self, version: u64) -> anyhow::Result<Self> {
        let reader = Self::opened(self.connection.clone()).await?;
        reader.table.checkout(version).boxed().await?;
        let recipe = Recipe::of_metadata(reader.table.schema().boxed().await?.metadata())?;
        Ok(Self { recipe, ..reader })
    }

    /// How its passages were made.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The version that this handle sees.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn version(&self) -> anyhow::Result<u64> {
        Ok(self.table.version().boxed().await?)
    }

    /// The passages nearest to a vector among those that pass `filter` (SQL over the table's columns), by their rows. With
    /// an index their similarity is that of vectors rounded to 8 bits a number.
    ///
    /// # Errors
    /// When the table cannot be read, or has no vectors.
    pub(crate) async fn nearest(
        &self,
        vector: &[f32],
        most: usize,
        filter: Option<String>,
    ) -> anyhow::Result<Vec<Neighbour>> {
        // Rows are numbers of the index itself: nothing of the table is read.
        let mut query = self
            .table
            .query()
            .nearest_to(vector)?
            .column("vector")
            .distance_type(DistanceType::Cosine)
            .nprobes(NPROBES)?
            .limit(most)
            .with_row_id()
            .select(Select::columns(&["_distance"]));
        if let Some(filter) = filter {
            query = query.only_if(filter);
        }
        let batches: Vec<_> = query.execute().boxed().await?.try_collect().await?;
        let mut found = Vec::new();
        for batch in &batches {
            let rows = rows::column::<UInt64Array>(batch, ROW)?;
            let distances = rows::column::<Float32Array>(batch, "_distance")?;
            let near = rows.iter().zip(distances.iter());
            found.extend(
                near.filter_map(|(row, distance)| Some(Neighbour { row: row?, similarity: 1.0 - distance? })),
            );
        }
        Ok(found)
    }

    /// The identities of all passages with their rows, which hold for this version.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn rows(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let query = self.table.query().select(Select::columns(&["id"])).with_row_id();
        let mut batches = query.execute().boxed().await?;
        let mut found = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let ids = rows::column::<StringArray>(&batch, "id")?;
            let rows = rows::column::<UInt64Array>(&batch, ROW)?;
            found.extend(ids.iter().zip(rows).filter_map(|(id, row)| Some((id?.to_owned(), row?))));
        }
        Ok(found)
    }

    /// All passages in no particular order, in batches, through `visit`; without vectors.
    ///
    /// # Errors
    /// When the table cannot be read, or `visit` fails.
    pub(crate) async fn scan(
        &self,
        filter: Option<String>,
        mut visit: impl FnMut(Vec<Passage>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut query = self.table.query().select(Select::columns(rows::COLUMNS));
        if let Some(filter) = filter {
            query = query.only_if(filter);
        }
        let mut batches = query.execute().boxed().await?;
        while let Some(batch) = batches.try_next().await? {
            visit(rows::passages(&batch)?)?;
        }
        Ok(())
    }

    /// How many passages there are.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn count(&self) -> anyhow::Result<usize> {
        Ok(self.table.count_rows(None).boxed().await?)
    }

    /// Sets what people said about a passage.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn rate(&self, id: &str, helpful: u32, unhelpful: u32) -> anyhow::Result<u64> {
        let update = self.table.update().only_if(format!("id = {}", quoted(id)));
        let update = update.column("helpful", helpful.to_string()).column("unhelpful", unhelpful.to_string());
        update.execute().boxed().await?;
        self.version().await
    }

    /// Folds small files together, brings the vector index up to date, and forgets versions older than `keep`.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(crate) async fn tidy(&self, keep: std::time::Duration) -> anyhow::Result<()> {
        self.table
            .optimize(OptimizeAction::Compact { options: Default::default(), remap_options: None })
            .await?;
        self.index_vectors().await?;
        let keep = lancedb::table::Duration::from_std(keep)?;
        let prune = OptimizeAction::Prune {
            older_than: Some(keep),
            delete_unverified: Some(false),
            error_if_tagged_old_versions: Some(false),
        };
        self.table.optimize(prune).boxed().await?;
        Ok(())
    }

    async fn index_vectors(&self) -> anyhow::Result<()> {
        if self.recipe.model.is_none() || self.count().await? < INDEX_FROM {
            return Ok(());
        }
        let indices = self.table.list_indices().boxed().await?;
        if !indices.iter().any(|index| index.name == VECTOR_INDEX) {
            let index = IvfHnswSqIndexBuilder::default().distance_type(DistanceType::Cosine);
            self.table.create_index(&["vector"], Index::IvfHnswSq(index)).execute().boxed().await?;
            return Ok(());
        }
        self.table.optimize(OptimizeAction::Index(Default::default())).boxed().await?;
        Ok(())
    }
}

/// How many partitions of the vector index are searched.
const NPROBES: usize = 20;

/// The table's columns. `vector` is there only where there is a model.
fn schema(recipe: &Recipe) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::UInt32, false);
    let mut fields = vec![
        text("id"),
        text("source"),
        text("path"),
        text("uri"),
        text("title"),
        number("ordinal"),
        Field::new("headings", list(), false),
        text("text"),
        number("first_line"),
        number("last_line"),
        text("content_hash"),
        text("document_hash"),
        Field::new("facets", list(), false),
        number("helpful"),
        number("unhelpful"),
        text("about"),
    ];
    if let Some(model) = &recipe.model {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let size = i32::try_from(model.dimension).unwrap_or(i32::MAX);
        fields.push(Field::new("vector", DataType::FixedSizeList(item, size), true));
    }
    Arc::new(Schema::new_with_metadata(fields, recipe.metadata()))
}

fn list() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
}

/// A text as an SQL literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
