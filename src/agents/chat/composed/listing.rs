//! What is asked for as it is: which objects are not ready, and what a workload has written.

use jiff::Timestamp;
use serde_json::json;

use super::Composer;
use super::draft::prose;
use super::subject::{NAMESPACE, is_workload};
use crate::agents::tools::{Proposals, ToolContext, Tools, kubernetes};
use crate::incident::ObjectRef;
use crate::observe::{Observer, ReadError, Row, Selection, Table};

/// Objects that are listed; further ones are counted.
const MOST: usize = 20;

/// Lines of each log that are shown.
const LINES: usize = 20;

/// States of what runs, or has ended as it should.
const WELL: [&str; 4] = ["Running", "Completed", "Succeeded", "Ready"];

/// States of what has ended as it should, and is ready no more.
const DONE: [&str; 2] = ["Completed", "Succeeded"];

impl Composer<'_> {
    /// Lists what of a kind is not ready, in the namespaces that are named, else in all that may be read.
    pub(super) async fn list_unready(&mut self, kind: &'static str) {
        let named = self.named().await;
        if self.unknown_names(&named) {
            return;
        }
        let Some(observer) = self.observer else { return };
        let namespaces: Vec<String> = named
            .subjects
            .iter()
            .map(|object| if object.kind == NAMESPACE { &object.name } else { &object.namespace })
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let permitted = || self.turn.access.namespaces().map(|names| names.iter().cloned().collect());
        let places = Some(namespaces).filter(|names| !names.is_empty() && kind != "nodes").or_else(permitted);
        let read = async {
            let tables = tables(observer, kind, places.filter(|_| kind != "nodes"));
            tables.await.map_err(|error| error.to_string())
        };
        let arguments = json!({ "kind": kind });
        let read = self.reading("kubernetes_list", arguments, read, |tables: &Vec<Table>| {
            format!("{} {kind}", tables.iter().map(|table| table.rows.len()).sum::<usize>())
        });
        let tables = match read.await {
            Ok(tables) => tables,
            Err(error) => return self.draft.blind([format!("{kind}: {error}")]),
        };
        let count: usize = tables.iter().map(|table| table.rows.len()).sum();
        self.draft.looked_at(format!("{count} {kind}"));
        self.draft.blind(tables.iter().filter_map(|table| table.missing.clone()));
        let unready: Vec<String> = tables.iter().flat_map(unready).collect();
        if unready.is_empty() {
            return self
                .draft
                .say(format!("Of the {count} {kind} that were read, all are ready or have ended."));
        }
        let heading = format!("Not ready are {} of {count} {kind}:", unready.len());
        let more = unready.len().saturating_sub(MOST);
        self.draft.list(&heading, unready.into_iter().take(MOST));
        if more > 0 {
            self.draft.say(format!("{more} more are not listed; name a namespace to see fewer."));
        }
    }

    /// Shows the last lines that what the question names has written; `previous`: in the run before the current one.
    pub(super) async fn show_logs(&mut self, previous: bool) {
        let named = self.named().await;
        if self.unknown_names(&named) {
            return;
        }
        let writes = |object: &&ObjectRef| {
            is_workload(&object.kind) || object.kind == "Pod" || object.kind == "Service"
        };
        let about = || self.about.as_ref().and_then(|incident| incident.subject.clone());
        let Some(subject) = named.subjects.iter().find(writes).cloned().or_else(about) else {
            return self.draft.say("Say of which workload or pod, for instance: show the logs of checkout.");
        };
        let Some(observer) = self.observer.filter(|_| self.permits_object(&subject)) else { return };
        let arguments = json!({
            "pod": format!("{}/{}", subject.kind.to_lowercase(), subject.name),
            "namespace": subject.namespace,
            "previous": previous,
            "tail": LINES,
        });
        let context = self.context(observer);
        let work = {
            let (arguments, tools) = (arguments.clone(), Tools::new(kubernetes()));
            async move {
                let read = tools.call("kubernetes_logs", arguments, &context).await;
                read.map(|output| output.text).map_err(|error| error.to_string())
            }
        };
        let summary = |text: &String| format!("{} lines", text.lines().count());
        let name = prose(&subject.to_string());
        match self.reading("kubernetes_logs", arguments, work, summary).await {
            Ok(text) => {
                let when = if previous { " before its last restart" } else { "" };
                self.draft.quote(&format!("The last lines of {name}{when}:"), &text);
            }
            Err(error) => self.draft.say(format!("The logs of {name} were not read: {}.", prose(&error))),
        }
    }

    /// What tools work with here.
    fn context(&self, observer: &Observer) -> ToolContext {
        ToolContext {
            observer: observer.clone(),
            access: self.turn.access.clone(),
            rules: self.sources.rules.clone(),
            recall: self.sources.recall.clone(),
            store: self.sources.store.clone(),
            incident: None,
            now: Timestamp::now(),
            cancel: self.turn.cancel.clone(),
            proposals: Proposals::default(),
            keeps: None,
        }
    }
}

/// The rows of a kind, in all namespaces where none are named.
async fn tables(
    observer: &Observer,
    kind: &str,
    places: Option<Vec<String>>,
) -> Result<Vec<Table>, ReadError> {
    let reader = observer.reader();
    let Some(kind) = reader.kind(kind).await? else { return Ok(Vec::new()) };
    let places = places.map_or_else(|| vec![None], |names| names.into_iter().map(Some).collect());
    let mut tables = Vec::new();
    for place in places {
        let all = Selection::default();
        tables.push(reader.table(&kind, place.as_deref(), &all, false, Timestamp::now()).await?);
    }
    Ok(tables)
}

/// The rows that tell of something that is not ready, each as one line.
fn unready(table: &Table) -> Vec<String> {
    let cell = |row: &Row, column: &str| {
        let at = table.columns.iter().position(|name| name == column);
        at.and_then(|at| row.cells.get(at)).map(|text| prose(text))
    };
    let line = |row: &Row| {
        let (ready, status) = (cell(row, "READY"), cell(row, "STATUS"));
        let waits = ready.as_deref().and_then(|ready| ready.split_once('/')).is_some_and(|(is, of)| is != of);
        let word = status.as_deref().unwrap_or("Running");
        let ails = !WELL.contains(&word) || waits && !DONE.contains(&word);
        let place = if row.namespace.is_empty() { String::new() } else { format!("{}/", row.namespace) };
        let ready = ready.map(|ready| format!("{ready} ready"));
        let restarts =
            cell(row, "RESTARTS").filter(|count| count != "0").map(|count| format!("{count} restarts"));
        let told: Vec<String> = [ready, status, restarts].into_iter().flatten().collect();
        ails.then(|| format!("{}{}: {}", prose(&place), prose(&row.name), told.join(", ")))
    };
    table.rows.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cells: &[&str]) -> Row {
        let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
        Row { namespace: "shop".to_owned(), name: name.to_owned(), cells, ..Row::default() }
    }

    #[test]
    fn what_is_not_ready_is_told_and_what_has_ended_well_is_not() {
        let columns = ["NAME", "READY", "STATUS", "RESTARTS", "AGE"].map(str::to_owned).to_vec();
        let rows = vec![
            row("a", &["a", "1/1", "Running", "0", "3m"]),
            row("b", &["b", "0/1", "CrashLoopBackOff", "7 (2m ago)", "3m"]),
            row("c", &["c", "0/1", "Completed", "0", "3m"]),
            row("d", &["d", "1/2", "Running", "0", "3m"]),
            row("e", &[]),
        ];
        let told = unready(&Table { columns, rows, missing: None });
        assert_eq!(
            told,
            ["shop/b: 0/1 ready, CrashLoopBackOff, 7 (2m ago) restarts", "shop/d: 1/2 ready, Running"]
        );
    }
}
