//! A diagnosis for a terminal, and as Markdown for a ticket. Everything of the cluster is cleaned on its way. Pure.

use anstyle::{AnsiColor, Style};

use super::super::output::heading;
use super::super::text::line;
use super::report::{Cause, Report};
use crate::incident::Evidence;

const BOLD: Style = Style::new().bold();
const SURE: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Most causes shown; the rest are counted.
const MOST: usize = 5;

/// Most fields shown of one piece of Evidence.
const FIELDS: usize = 6;

pub(super) fn text(report: &Report) -> String {
    let mut shown = format!("{BOLD}{}{BOLD:#}\n", line(&report.subject));
    shown += &format!(
        "{DIM}read {:.0}, {} objects, {} ms{DIM:#}\n",
        report.taken_at, report.objects, report.took_ms
    );
    // Else the first cause says it.
    if report.causes.is_empty() {
        shown += &format!("\n{}\n", line(&report.headline));
    }
    for (number, cause) in report.causes.iter().take(MOST).enumerate() {
        shown += &cause_text(number + 1, cause);
    }
    if let Some(more @ 1..) = report.causes.len().checked_sub(MOST) {
        shown += &format!("\n{more} less likely ones are left out; -o json has them all.\n");
    }
    if !report.ruled_out.is_empty() {
        shown += &format!("\n{}", heading("Ruled out"));
        for excluded in &report.ruled_out {
            shown += &format!("  {}: {}\n", line(&excluded.what), line(&excluded.why));
        }
    }
    if !report.not_seen.is_empty() {
        shown += &format!("\n{}", heading("Could not be seen"));
        for blind in &report.not_seen {
            shown += &format!("  {}\n", line(blind));
        }
    }
    if !report.rules_left_out.is_empty() {
        shown += &format!("\n{}", heading("Rules left out"));
        for problem in &report.rules_left_out {
            shown += &format!("  {}\n", line(problem));
        }
    }
    shown
}

fn cause_text(number: usize, cause: &Cause) -> String {
    let sure = (cause.confidence * 100.0).round();
    let mut shown = format!(
        "\n{SURE}{number}. {}{SURE:#}  {} %  {}\n   {}\n",
        line(&cause.object.to_string()),
        sure,
        line(&cause.code),
        line(&cause.statement)
    );
    for piece in &cause.evidence {
        shown += &format!("   + {}\n", line(&piece.statement));
        shown +=
            &fields(piece, |name, value| format!("       {DIM}{}: {}{DIM:#}\n", line(name), line(value)));
    }
    if cause.more > 0 {
        shown += &format!("   + {} more\n", cause.more);
    }
    for piece in &cause.against {
        shown += &format!("   - but: {}\n", line(&piece.statement));
    }
    for (what, text) in further(cause) {
        shown += &format!("   {DIM}{what}: {}{DIM:#}\n", line(text));
    }
    shown
}

/// Where to read on, and what kubewright would do.
fn further(cause: &Cause) -> impl Iterator<Item = (&'static str, &str)> {
    let runbook = cause.runbook.as_deref().map(|runbook| ("runbook", runbook));
    runbook.into_iter().chain(cause.playbook.map(|playbook| ("repair", playbook)))
}

fn fields(piece: &Evidence, show: impl Fn(&str, &str) -> String) -> String {
    piece.fields.iter().take(FIELDS).map(|(name, value)| show(name, value)).collect()
}

pub(super) fn markdown(report: &Report) -> String {
    let mut shown = format!(
        "# {}\n\n{}, read {:.0}.\n",
        plain(&report.headline),
        plain(&report.subject),
        report.taken_at
    );
    if !report.causes.is_empty() {
        shown += "\n## Root causes\n";
    }
    for (number, cause) in report.causes.iter().take(MOST).enumerate() {
        shown += &cause_markdown(number + 1, cause);
    }
    if !report.ruled_out.is_empty() {
        shown += "\n## Ruled out\n\n";
        for excluded in &report.ruled_out {
            shown += &format!("- {}: {}\n", plain(&excluded.what), plain(&excluded.why));
        }
    }
    if !report.not_seen.is_empty() {
        shown += "\n## Could not be seen\n\n";
        for blind in &report.not_seen {
            shown += &format!("- {}\n", plain(blind));
        }
    }
    if !report.rules_left_out.is_empty() {
        shown += "\n## Rules left out\n\n";
        for problem in &report.rules_left_out {
            shown += &format!("- {}\n", plain(problem));
        }
    }
    shown
}

fn cause_markdown(number: usize, cause: &Cause) -> String {
    let sure = (cause.confidence * 100.0).round();
    let mut shown = format!(
        "\n### {number}. {}: {} ({sure} %)\n\n{}\n\n",
        plain(&cause.object.to_string()),
        code(&cause.code),
        plain(&cause.statement)
    );
    for piece in &cause.evidence {
        shown += &format!("- {} {}\n", piece.id, plain(&piece.statement));
        shown += &fields(piece, |name, value| format!("  - {}: {}\n", code(name), code(value)));
    }
    for piece in &cause.against {
        shown += &format!("- against it: {} {}\n", piece.id, plain(&piece.statement));
    }
    for (what, text) in further(cause) {
        shown += &format!("- {what}: {}\n", plain(text));
    }
    shown
}

/// Prose in which nothing of the cluster's text is markup: no links, images, headings or HTML.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for character in line(text).chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' | '&') {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown
}

/// Text as code; backquotes in it would end that.
fn code(text: &str) -> String {
    format!("`{}`", line(text).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::report::{Cause, Excluded, Report};
    use super::{markdown, text};
    use crate::incident::{Evidence, EvidenceId, EvidenceSource, ObjectRef, Score};

    fn report() -> Report {
        let hostile = "log says \u{1b}[2J<script>[click](http://evil.example)\nnew line `tick`";
        let piece = Evidence {
            id: EvidenceId(1),
            source: EvidenceSource::Log,
            code: "log.fatal_error".to_owned(),
            object: ObjectRef::new("Pod", "shop", "cart-1"),
            statement: hostile.to_owned(),
            strength: Score::new(0.9),
            at: "2026-03-01T12:00:00Z".parse().unwrap(),
            fields: BTreeMap::from([("line".to_owned(), hostile.to_owned())]),
        };
        let cause = Cause {
            code: "workload.crash_loop".to_owned(),
            object: ObjectRef::new("Deployment", "shop", "cart"),
            confidence: 0.876,
            statement: "Deployment shop/cart keeps ending.".to_owned(),
            evidence: vec![piece.clone()],
            more: 2,
            against: vec![Evidence { id: EvidenceId(2), statement: "It ran before.".to_owned(), ..piece }],
            runbook: Some("knowledge/crash-loop.md".to_owned()),
            playbook: Some("restart the workload"),
        };
        Report {
            subject: "namespace shop in dump".to_owned(),
            taken_at: "2026-03-01T12:00:00Z".parse().unwrap(),
            headline: "Deployment shop/cart keeps ending.".to_owned(),
            healthy: false,
            causes: vec![cause],
            ruled_out: vec![Excluded {
                what: "nodes".to_owned(),
                why: "3 were looked at, and are in order".to_owned(),
            }],
            not_seen: vec!["pods/log: forbidden".to_owned()],
            gaps: Vec::new(),
            rules_left_out: vec!["own.toml: rule 1\u{1b}[2J: code: is no code".to_owned()],
            objects: 12,
            took_ms: 1.5,
        }
    }

    #[test]
    fn a_tired_person_sees_the_cause_first_and_no_terminal_obeys_a_log() {
        let shown = anstream::adapter::strip_str(&text(&report())).to_string();
        insta::assert_snapshot!(shown, @r"
        namespace shop in dump
        read 2026-03-01T12:00:00Z, 12 objects, 1.5 ms

        1. Deployment shop/cart  88 %  workload.crash_loop
           Deployment shop/cart keeps ending.
           + log says [2J<script>[click](http://evil.example) new line `tick`
               line: log says [2J<script>[click](http://evil.example) new line `tick`
           + 2 more
           - but: It ran before.
           runbook: knowledge/crash-loop.md
           repair: restart the workload

        Ruled out
          nodes: 3 were looked at, and are in order

        Could not be seen
          pods/log: forbidden

        Rules left out
          own.toml: rule 1[2J: code: is no code
        ");
    }

    #[test]
    fn markdown_holds_no_markup_of_the_cluster() {
        insta::assert_snapshot!(markdown(&report()), @r"
        # Deployment shop/cart keeps ending.

        namespace shop in dump, read 2026-03-01T12:00:00Z.

        ## Root causes

        ### 1. Deployment shop/cart: `workload.crash_loop` (88 %)

        Deployment shop/cart keeps ending.

        - E1 log says \[2J\<script\>\[click\](http://evil.example) new line \`tick\`
          - `line`: `log says [2J<script>[click](http://evil.example) new line 'tick'`
        - against it: E2 It ran before.
        - runbook: knowledge/crash-loop.md
        - repair: restart the workload

        ## Ruled out

        - nodes: 3 were looked at, and are in order

        ## Could not be seen

        - pods/log: forbidden

        ## Rules left out

        - own.toml: rule 1\[2J: code: is no code
        ");
    }
}
