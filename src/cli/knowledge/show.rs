//! How the knowledge base looks in a terminal.

use anstyle::{AnsiColor, Style};
use kubewright_ingest::{Attributes, DocumentInfo, Lines, Passage, Stats};

use super::VersionLine;
use crate::cli::output::{heading, table};
use crate::cli::text::{line, lines, shorten};

const FAINT: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Yellow.on_default();

/// Widest title in a list.
const TITLE_WIDTH: usize = 60;

pub(super) fn documents(documents: &[DocumentInfo]) -> String {
    if documents.is_empty() {
        return "No documents of this source; `kubewright knowledge list` shows all.\n".to_owned();
    }
    let rows = documents.iter().map(|document| {
        [
            document.source.clone(),
            document.path.clone(),
            document.passages.to_string(),
            shorten(&document.title, TITLE_WIDTH),
        ]
    });
    table(["SOURCE", "PATH", "PASSAGES", "TITLE"], rows)
}

pub(super) fn document(passages: &[Passage]) -> String {
    let Some(first) = passages.first() else { return String::new() };
    let mut shown = heading(&line(&first.title));
    shown += &format!("  {}\n", line(&first.uri));
    let about = about(&first.attributes);
    if !about.is_empty() {
        shown += &format!("  {}\n", line(&about));
    }
    for passage in passages {
        let place = [line(&passage.headings.join(" > ")), at(passage.lines)];
        let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        shown += &format!("\n{}", heading(&place));
        let (id, trust) = (line(&passage.id), passage.trust());
        shown += &format!("  {FAINT}passage {id}, trust {trust:.2}{FAINT:#}\n");
        lines(&passage.text).lines().for_each(|text| shown += &format!("  {text}\n"));
    }
    shown
}

fn at(lines: Lines) -> String {
    match (lines.first, lines.last) {
        (0, _) => String::new(),
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first} to {last}"),
    }
}

/// What is known about a document, as the filters name it.
fn about(attributes: &Attributes) -> String {
    let one = |key: &str, value: Option<String>| value.map(|value| format!("{key}={value}"));
    let many =
        |key: &str, values: &[String]| (!values.is_empty()).then(|| format!("{key}={}", values.join(",")));
    let known = [
        one("category", attributes.category.map(|category| category.name().to_owned())),
        one("severity", attributes.severity.map(|severity| severity.name().to_owned())),
        one("k8s_version", attributes.k8s_version.clone()),
        many("tag", &attributes.tags),
        many("code", &attributes.codes),
        many("alert", &attributes.alerts),
        one("updated", attributes.last_updated.map(|time| time.strftime("%F").to_string())),
    ];
    let labels = attributes.labels.iter().map(|(key, value)| format!("{key}={value}"));
    known.into_iter().flatten().chain(labels).collect::<Vec<_>>().join("  ")
}

pub(super) fn versions(versions: &[VersionLine]) -> String {
    let rows = versions.iter().map(|VersionLine { version, happened }| {
        let count = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        [
            version.version.to_string(),
            version.at.strftime("%F %TZ").to_string(),
            version.passages.map_or_else(|| "-".to_owned(), |passages| passages.to_string()),
            happened.as_ref().and_then(|happened| happened.source.clone()).unwrap_or_else(|| "-".to_owned()),
            count(happened.as_ref().map(|happened| happened.added)),
            count(happened.as_ref().map(|happened| happened.changed)),
            count(happened.as_ref().map(|happened| happened.removed)),
            happened.as_ref().map_or_else(|| "-".to_owned(), |happened| shorten(&happened.what, TITLE_WIDTH)),
        ]
    });
    table(["VERSION", "AT", "PASSAGES", "SOURCE", "ADDED", "CHANGED", "REMOVED", "WHAT"], rows)
}

pub(super) fn stats(stats: &Stats) -> String {
    let model = match &stats.recipe.model {
        Some(model) => format!("{} ({} dimensions)", model.name, model.dimension),
        None => "none: search is by words".to_owned(),
    };
    let mut shown = String::new();
    for (name, value) in [
        ("Documents", stats.documents.to_string()),
        ("Passages", stats.passages.to_string()),
        ("Version", stats.version.to_string()),
        ("Model", model),
        ("Size", size(stats.bytes)),
    ] {
        shown += &format!("{name:<10} {}\n", line(&value));
    }
    if let Some(why) = &stats.outdated {
        let why = line(why);
        shown += &format!(
            "{NOTE}Nothing can be added: {why}. `kubewright ingest --rebuild` makes it anew.{NOTE:#}\n"
        );
    }
    if let Some(why) = &stats.degraded {
        shown += &format!("{NOTE}Search is by words only: {}{NOTE:#}\n", line(why));
    }
    if stats.sources.is_empty() {
        return shown;
    }
    let rows = stats.sources.iter().map(|(source, documents)| [source.clone(), documents.to_string()]);
    shown + "\n" + &table(["SOURCE", "DOCUMENTS"], rows)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kubewright_ingest::recipe::Recipe;
    use kubewright_ingest::{Happened, Version};

    use super::*;

    #[test]
    fn what_there_is_is_said_with_what_does_not_work() {
        let shown = stats(&Stats {
            documents: 61,
            passages: 240,
            sources: BTreeMap::from([("builtin".to_owned(), 60), ("uploads\u{1b}[2J".to_owned(), 1)]),
            version: 7,
            recipe: Recipe::new(None),
            bytes: 3 << 20,
            outdated: Recipe { pipeline: 1, model: None }.outdated(),
            degraded: Some("no embedding model is configured".to_owned()),
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string());
    }

    #[test]
    fn versions_say_what_each_did_where_that_is_known() {
        let at = "2026-11-21T05:00:00Z".parse().unwrap();
        let happened = Happened {
            version: 2,
            at,
            what: "ingested builtin".to_owned(),
            source: Some("builtin".to_owned()),
            added: 60,
            changed: 0,
            removed: 1,
        };
        let known = VersionLine {
            version: Version { version: 2, at, passages: Some(240) },
            happened: Some(happened),
        };
        let unknown = VersionLine { version: Version { version: 1, at, passages: None }, happened: None };
        insta::assert_snapshot!(versions(&[unknown, known]));
    }
}
