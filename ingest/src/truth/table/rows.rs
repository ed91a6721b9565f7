//! Passages as rows of the table, and back.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::passage::{Feedback, Original};
use crate::{Attributes, Lines, Passage, Validators};

/// Everything but the vector.
pub(super) const COLUMNS: &[&str] = &[
    "id",
    "source",
    "path",
    "uri",
    "title",
    "ordinal",
    "headings",
    "text",
    "first_line",
    "last_line",
    "content_hash",
    "document_hash",
    "helpful",
    "unhelpful",
    "about",
];

/// What needs no column of its own, as JSON.
#[derive(Serialize, Deserialize)]
struct About {
    attributes: Attributes,
    #[serde(default)]
    validators: Validators,
    #[serde(default)]
    original: Option<Original>,
}

/// Rows of the table's schema. `vectors` has one entry a passage where the table has vectors.
pub(super) fn batch(
    schema: &SchemaRef,
    passages: &[Passage],
    vectors: Option<(&[Vec<f32>], usize)>,
) -> anyhow::Result<RecordBatch> {
    let text = |field: fn(&Passage) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(passages.iter().map(field)))
    };
    let number = |field: fn(&Passage) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(passages.iter().map(field)))
    };
    let about: Vec<String> = passages.iter().map(about).collect::<Result<_, _>>()?;
    let mut columns: Vec<ArrayRef> = vec![
        text(|p| &p.id),
        text(|p| &p.source),
        text(|p| &p.path),
        text(|p| &p.uri),
        text(|p| &p.title),
        number(|p| p.ordinal),
        lists(passages.iter().map(|p| p.headings.clone())),
        text(|p| &p.text),
        number(|p| p.lines.first),
        number(|p| p.lines.last),
        text(|p| &p.content_hash),
        text(|p| &p.document_hash),
        lists(passages.iter().map(Passage::facets)),
        number(|p| p.feedback.helpful),
        number(|p| p.feedback.unhelpful),
        Arc::new(StringArray::from_iter_values(about)),
    ];
    if let Some((vectors, dimension)) = vectors {
        columns.push(vector_column(vectors, dimension)?);
    }
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

fn about(passage: &Passage) -> Result<String, serde_json::Error> {
    serde_json::to_string(&About {
        attributes: passage.attributes.clone(),
        validators: passage.validators.clone(),
        original: passage.original.clone(),
    })
}

fn lists(values: impl Iterator<Item = Vec<String>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in values {
        for value in list {
            builder.values().append_value(value);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn vector_column(vectors: &[Vec<f32>], dimension: usize) -> anyhow::Result<ArrayRef> {
    let mut builder = FixedSizeListBuilder::new(Float32Builder::new(), i32::try_from(dimension)?);
    for vector in vectors {
        if vector.len() != dimension {
            return Err(anyhow!("a vector has {} numbers where {dimension} were expected", vector.len()));
        }
        builder.values().append_slice(vector);
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

/// A column by name and type.
pub(super) fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> anyhow::Result<&'a T> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref::<T>())
        .with_context(|| format!("the table of passages has no column {name} of the expected type"))
}

/// The passages of rows.
pub(super) fn passages(batch: &RecordBatch) -> anyhow::Result<Vec<Passage>> {
    let text = |name: &str| column::<StringArray>(batch, name);
    let number = |name: &str| column::<UInt32Array>(batch, name);
    let (id, source, path, uri) = (text("id")?, text("source")?, text("path")?, text("uri")?);
    let (title, body, about) = (text("title")?, text("text")?, text("about")?);
    let (content_hash, document_hash) = (text("content_hash")?, text("document_hash")?);
    let (ordinal, first, last) = (number("ordinal")?, number("first_line")?, number("last_line")?);
    let (helpful, unhelpful) = (number("helpful")?, number("unhelpful")?);
    let headings = column::<ListArray>(batch, "headings")?;
    (0..batch.num_rows())
        .map(|row| {
            let about: About = serde_json::from_str(about.value(row))?;
            Ok(Passage {
                id: id.value(row).to_owned(),
                source: source.value(row).to_owned(),
                path: path.value(row).to_owned(),
                uri: uri.value(row).to_owned(),
                title: title.value(row).to_owned(),
                ordinal: ordinal.value(row),
                headings: words(&headings.value(row)),
                text: body.value(row).to_owned(),
                lines: Lines::new(first.value(row), last.value(row)),
                attributes: about.attributes,
                content_hash: content_hash.value(row).to_owned(),
                document_hash: document_hash.value(row).to_owned(),
                validators: about.validators,
                feedback: Feedback { helpful: helpful.value(row), unhelpful: unhelpful.value(row) },
                original: about.original,
            })
        })
        .collect()
}

fn words(list: &ArrayRef) -> Vec<String> {
    let strings = list.as_any().downcast_ref::<StringArray>();
    strings.map(|strings| strings.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
}
