//! What an ingestion did, for people.

use anstyle::{AnsiColor, Style};
use kubewright_ingest::{IngestReport, Refusal, SourceReport};

use crate::cli::output::{indented, table};
use crate::cli::text::{line, shorten};

const BAD: Style = AnsiColor::Red.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();

/// Documents that are named below a heading.
const NAMED: usize = 20;
/// Widest version: a git commit is told by its beginning.
const VERSION_WIDTH: usize = 13;
/// Widest name of a source.
const NAME_WIDTH: usize = 50;

pub(super) fn show(report: &IngestReport, degraded: Option<&str>) -> String {
    let headings = ["SOURCE", "VERSION", "ADDED", "CHANGED", "UNCHANGED", "REMOVED", "REFUSED", "CHUNKS"];
    let mut shown = table(headings, report.sources.iter().map(row));
    let refused = named("Refused", report, |source| &source.refused);
    let ignored = named("Not understood, and left out", report, |source| &source.ignored);
    if !refused.is_empty() || !ignored.is_empty() {
        shown += &format!("{refused}{ignored}\n");
    }
    for source in &report.sources {
        if let Some(error) = &source.error {
            let text =
                line(&format!("{} could not be read and keeps its last version: {error}", source.source));
            shown += &format!("{BAD}{text}{BAD:#}\n");
        }
    }
    let empty: usize = report.sources.iter().map(|source| source.empty).sum();
    if empty > 0 {
        shown += &format!("Documents without any text: {empty}\n");
    }
    if let Some(why) = degraded {
        shown += &format!("{NOTE}Search is by words only: {}{NOTE:#}\n", line(why));
    }
    shown + &end(report)
}

fn row(source: &SourceReport) -> [String; 8] {
    [
        shorten(&source.source, NAME_WIDTH),
        source.version.as_deref().map_or_else(|| "-".to_owned(), |version| shorten(version, VERSION_WIDTH)),
        source.added.to_string(),
        source.changed.to_string(),
        source.unchanged.to_string(),
        source.removed.to_string(),
        source.refused.len().to_string(),
        source.passages.to_string(),
    ]
}

/// Documents with a reason below a heading; empty where there are none.
fn named(heading: &str, report: &IngestReport, of: impl Fn(&SourceReport) -> &Vec<Refusal>) -> String {
    let all: Vec<&Refusal> = report.sources.iter().flat_map(of).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut shown = format!("\n{heading}:\n");
    for refusal in all.iter().take(NAMED) {
        shown += &indented(&format!("{}: {}", refusal.uri, refusal.reason));
    }
    if let more @ 1.. = all.len().saturating_sub(NAMED) {
        shown += &format!("  and {more} more; all of them with `kubewright ingest … --dry-run -o json`\n");
    }
    shown
}

fn end(report: &IngestReport) -> String {
    let seconds = report.seconds;
    if report.dry_run {
        return format!("A dry run: nothing was written. It took {seconds:.1} s.\n");
    }
    let chunks: usize = report.sources.iter().map(|source| source.passages).sum();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = chunks as f64 / seconds.max(0.001);
    match chunks {
        0 => format!("Done in {seconds:.1} s.\n"),
        _ => format!("Done in {seconds:.1} s, {rate:.0} chunks/s.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(number: usize) -> Refusal {
        Refusal { uri: format!("docs/{number}.bin"), reason: "is not text\u{1b}[2J".to_owned() }
    }

    #[test]
    fn a_summary_counts_each_source_and_names_what_was_refused() {
        let docs = SourceReport {
            source: "docs".to_owned(),
            version: Some("3f2a9c0d1e2f3a4b5c6d".to_owned()),
            added: 3,
            changed: 1,
            unchanged: 40,
            removed: 2,
            empty: 1,
            passages: 20,
            refused: (0..22).map(refusal).collect(),
            ignored: vec![Refusal {
                uri: "docs/a.md".to_owned(),
                reason: "severity: \"purple\" does not count".to_owned(),
            }],
            error: None,
        };
        let wiki = SourceReport {
            source: "wiki".to_owned(),
            error: Some("https://wiki.example: no answer".to_owned()),
            ..SourceReport::default()
        };
        let report = IngestReport { sources: vec![docs, wiki], dry_run: false, seconds: 2.0 };
        let shown = show(&report, Some("the model is missing"));
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string());
    }
}
