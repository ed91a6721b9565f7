//! How the knowledge base looks in a terminal.

use anstyle::{AnsiColor, Style};
use kubewright_ingest::{Attributes, DocumentInfo, Happened, Lines, Passage, Stats};

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

/// The versions that did something; those that only put the files in order are counted.
pub(super) fn versions(versions: &[VersionLine]) -> String {
    let mut rows = Vec::new();
    let mut before = None;
    for line in versions {
        if did_something(line, before) {
            rows.push(version(line));
        }
        before = line.version.passages.or(before);
    }
    let hidden = versions.len() - rows.len();
    let shown = table(["VERSION", "AT", "PASSAGES", "DOCUMENTS", "WHAT"], rows);
    match hidden {
        0 => shown,
        1 => shown + "\n1 version that changed no document is not shown; -o json lists it.\n",
        _ => format!(
            "{shown}\n{hidden} versions that changed no document are not shown; -o json lists them.\n"
        ),
    }
}

/// Whether a version is more than housekeeping. Of one that nobody noted only the count of passages tells.
fn did_something(VersionLine { version, happened }: &VersionLine, before: Option<u64>) -> bool {
    match happened {
        Some(happened) => !happened.is_housekeeping(),
        None => version.passages.is_some_and(|passages| before.unwrap_or(0) != passages),
    }
}

fn version(VersionLine { version, happened }: &VersionLine) -> [String; 5] {
    let unknown = || "-".to_owned();
    let what = match happened {
        Some(happened) => shorten(&happened.what, TITLE_WIDTH),
        None => "not noted: an interrupted ingestion, or another server".to_owned(),
    };
    [
        version.version.to_string(),
        version.at.strftime("%F %RZ").to_string(),
        version.passages.map_or_else(unknown, |passages| passages.to_string()),
        happened.as_ref().map(changes).filter(|changes| !changes.is_empty()).unwrap_or_else(unknown),
        what,
    ]
}

/// Documents added, changed and removed: `+60 ~2 -1`.
fn changes(happened: &Happened) -> String {
    let counts = [('+', happened.added), ('~', happened.changed), ('-', happened.removed)];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(sign, count)| format!("{sign}{count}")).collect::<Vec<_>>().join(" ")
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

    use kubewright_ingest::Version;
    use kubewright_ingest::recipe::Recipe;

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
    fn versions_say_what_each_did_and_housekeeping_is_only_counted() {
        let at = "2026-11-21T05:00:00Z".parse().unwrap();
        let line = |number, passages, what: Option<(&str, [usize; 3])>| VersionLine {
            version: Version { version: number, at, passages },
            happened: what.map(|(what, [added, changed, removed])| Happened {
                version: number,
                at,
                what: what.to_owned(),
                source: None,
                added,
                changed,
                removed,
            }),
        };
        insta::assert_snapshot!(versions(&[
            line(1, None, None),
            line(2, Some(0), None),
            line(3, Some(240), Some(("ingested builtin", [60, 0, 1]))),
            line(4, Some(240), Some((Happened::TIDIED, [0; 3]))),
            line(5, Some(200), None),
            line(6, Some(240), Some(("restored version 3", [1, 2, 0]))),
            line(7, Some(240), Some(("feedback on a.md", [0; 3]))),
        ]));
        let one = versions(&[line(1, None, None)]);
        assert!(
            one.ends_with("1 version that changed no document is not shown; -o json lists it.\n"),
            "{one}"
        );
    }
}
