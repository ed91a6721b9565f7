//! Jupyter notebooks: Markdown cells as Markdown, code cells as code, the text that they printed, no images.

use serde::Deserialize;
use serde_json::Value;

use crate::{Attributes, Document, Lines, document::BlockKind};

use super::{
    json_spans, markdown,
    outline::{LineIndex, Outline},
};

/// Longest output of a cell that is kept, characters: what it shows, not what it dumps.
const OUTPUT_CHARS: usize = 1000;

#[derive(Deserialize)]
struct Notebook {
    cells: Vec<Cell>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    #[serde(default)]
    source: Value,
    #[serde(default)]
    outputs: Vec<Value>,
}

pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    let notebook: Notebook = serde_json::from_str(text).map_err(|error| {
        format!("is not a Jupyter notebook of format 4 (line {}): convert it to Markdown", error.line())
    })?;
    let language = notebook
        .metadata
        .pointer("/language_info/name")
        .or_else(|| notebook.metadata.pointer("/kernelspec/language"))
        .and_then(Value::as_str)
        .unwrap_or("python")
        .to_lowercase();
    let index = LineIndex::of(text);
    let mut outline = Outline::default();
    for (cell, span) in notebook.cells.iter().zip(json_spans::elements(text, "cells")) {
        let lines = Lines::new(index.line(span.start), index.line(span.end.saturating_sub(1)));
        outline.pin(Some(lines));
        let source = joined(&cell.source);
        match cell.cell_type.as_str() {
            "markdown" => markdown::blocks(&mut outline, &source, 0),
            "code" => {
                outline.block(BlockKind::Code(language.clone()), source.trim_end().to_owned(), lines);
                for output in cell.outputs.iter().filter_map(printed) {
                    outline.block(BlockKind::Code("output".to_owned()), output, lines);
                }
            }
            _ => outline.prose(&source, lines),
        }
    }
    let title = notebook.metadata.get("title").and_then(Value::as_str).map(str::to_owned);
    outline.finish(title, Attributes::default(), path)
}

/// A string, or the strings of a list one after the other.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

fn printed(output: &Value) -> Option<String> {
    let text = match output.get("output_type")?.as_str()? {
        "stream" => joined(output.get("text")?),
        "error" => format!("{}: {}", output.get("ename")?.as_str()?, output.get("evalue")?.as_str()?),
        _ => joined(output.get("data")?.get("text/plain")?),
    };
    let text = text.trim();
    if text.chars().count() <= OUTPUT_CHARS {
        return Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    Some(text.chars().take(OUTPUT_CHARS).chain("…".chars()).collect())
}
