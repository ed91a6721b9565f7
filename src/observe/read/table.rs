//! Tables as the API server itself draws them for kubectl.

use jiff::Timestamp;
use kube::core::Request;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::super::ReadError;
use super::super::cluster::Limits;
use super::age::age;
use super::catalog::ResourceKind;
use super::names;
use super::objects::Selection;
use super::reader::ClusterReader;

/// Tables, and lists from servers that draw none.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// Rows asked for at once.
const PAGE: u32 = 500;

/// Largest page that is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Objects of one kind as rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns in capitals, without those that only `wide` shows unless it was asked for.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Why these are not all, in one sentence.
    pub missing: Option<String>,
}

/// One object in a [`Table`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its namespace, empty for cluster-wide kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels: `app=web,tier=front`.
    pub labels: String,
    /// One text a column.
    pub cells: Vec<String>,
}

/// Either a table or, from a server that draws none, a list.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    metadata: PageMeta,
    column_definitions: Vec<Column>,
    rows: Option<Vec<Drawn>>,
    items: Option<Vec<Object>>,
}

#[derive(Deserialize, Default)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(default)]
    priority: i64,
}

#[derive(Deserialize)]
struct Drawn {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    object: Option<Object>,
}

#[derive(Deserialize, Default)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: String,
    creation_timestamp: Option<Timestamp>,
    labels: Option<std::collections::BTreeMap<String, String>>,
}

impl ClusterReader {
    /// Rows of a kind in one namespace, or in all where none is named; at most `max_objects_per_kind`. `now` counts the
    /// ages of objects that the server does not draw.
    ///
    /// # Errors
    /// [`ReadError`] when nothing could be read.
    pub async fn table(
        &self,
        kind: &ResourceKind,
        namespace: Option<&str>,
        selection: &Selection,
        wide: bool,
        now: Timestamp,
    ) -> Result<Table, ReadError> {
        names::check(namespace, None)?;
        let Limits { objects: limit, deadline } = self.limits();
        // Pages may be empty and still have a next one.
        let until = Instant::now() + deadline;
        let mut table = Table::default();
        let mut next = None;
        loop {
            let page = timeout_at(until, self.page(kind, namespace, selection, next.take())).await;
            let page = match page.unwrap_or(Err(ReadError::TimedOut { after: deadline })) {
                Ok(page) => page,
                Err(error) if table.rows.is_empty() => return Err(error),
                Err(error) => {
                    table.missing = Some(error.to_string());
                    return Ok(table);
                }
            };
            next = page.metadata.next.clone().filter(|next| !next.is_empty());
            append(&mut table, page, wide, now);
            if table.rows.len() > limit || (table.rows.len() == limit && next.is_some()) {
                table.rows.truncate(limit);
                table.missing = Some(ReadError::Capped { limit }.to_string());
                return Ok(table);
            }
            if next.is_none() {
                return Ok(table);
            }
        }
    }

    async fn page(
        &self,
        kind: &ResourceKind,
        namespace: Option<&str>,
        selection: &Selection,
        next: Option<String>,
    ) -> Result<Page, ReadError> {
        let mut params = selection.params();
        (params.limit, params.continue_token) = (Some(PAGE), next);
        let request = Request::new(kind.path(namespace)).list(&params);
        let request = request.map_err(|error| ReadError::Request(error.to_string()))?;
        let target = request.uri().to_string();
        let asked = Self::asked("list", &kind.resource(), namespace);
        ReadError::read_json(&self.fetch(&target, Some(TABLE), &asked, MAX_BYTES).await?)
    }
}

fn append(table: &mut Table, page: Page, wide: bool, now: Timestamp) {
    let Some(rows) = page.rows else {
        table.columns = vec!["NAME".to_owned(), "AGE".to_owned()];
        table.rows.extend(page.items.into_iter().flatten().map(|object| {
            let created = object.metadata.creation_timestamp;
            let age = created.map_or_else(|| "<unknown>".to_owned(), |at| age(at, now));
            row(vec![object.metadata.name.clone(), age], object.metadata)
        }));
        return;
    };
    let shown: Vec<bool> =
        page.column_definitions.iter().map(|column| wide || column.priority == 0).collect();
    if !page.column_definitions.is_empty() {
        let named = page.column_definitions.iter().zip(&shown).filter(|(_, shown)| **shown);
        table.columns = named.map(|(column, _)| column.name.to_uppercase()).collect();
    }
    table.rows.extend(rows.into_iter().map(|drawn| {
        let cells = drawn.cells.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(cell, _)| text(cell));
        row(cells.collect(), drawn.object.unwrap_or_default().metadata)
    }));
}

fn row(cells: Vec<String>, metadata: Metadata) -> Row {
    let labels = metadata.labels.unwrap_or_default();
    let labels: Vec<String> = labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let name =
        if metadata.name.is_empty() { cells.first().cloned().unwrap_or_default() } else { metadata.name };
    Row { namespace: metadata.namespace, name, labels: labels.join(","), cells }
}

fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Null => "<none>".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Table, append};

    fn drawn(page: serde_json::Value, wide: bool) -> Table {
        let mut table = Table::default();
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        append(&mut table, serde_json::from_value(page).unwrap(), wide, now);
        table
    }

    #[test]
    fn a_servers_own_table_is_taken_as_it_is() {
        let page = json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Ready"},
                {"name": "Node", "priority": 1}],
            "rows": [{"cells": ["a", "1/1", null], "object": {"metadata": {"name": "a", "namespace": "shop",
                "labels": {"app": "web"}}}}]});
        let narrow = drawn(page.clone(), false);
        assert_eq!(narrow.columns, ["NAME", "READY"]);
        assert_eq!(narrow.rows[0].cells, ["a", "1/1"]);
        assert_eq!((narrow.rows[0].namespace.as_str(), narrow.rows[0].labels.as_str()), ("shop", "app=web"));
        assert_eq!(drawn(page, true).rows[0].cells, ["a", "1/1", "<none>"]);
    }

    #[test]
    fn a_server_that_draws_no_table_still_gives_names_and_ages() {
        let page = json!({"kind": "WidgetList", "items": [
            {"metadata": {"name": "a", "creationTimestamp": "2026-02-28T23:59:00Z"}}, {"metadata": {"name": "b"}}]});
        let table = drawn(page, false);
        assert_eq!(table.columns, ["NAME", "AGE"]);
        let cells: Vec<_> = table.rows.iter().map(|row| row.cells.join(" ")).collect();
        assert_eq!(cells, ["a 60s", "b <unknown>"]);
    }
}
