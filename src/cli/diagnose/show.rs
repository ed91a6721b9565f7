//! A diagnosis for a terminal, and as Markdown for a ticket. Everything of the cluster is cleaned on its way. Pure.

use anstyle::{AnsiColor, Style};

use super::super::output::heading;
use super::super::text::line;
use super::super::wrap::wrapped;
use super::report::{Cause, Excluded, Report};
use crate::incident::Evidence;

const BOLD: Style = Style::new().bold();
const SURE: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Most causes shown; the rest are counted.
const MOST: usize = 5;

/// Most fields shown of one piece of Evidence.
const FIELDS: usize = 6;

/// Pieces of Evidence shown for the first cause; its reader is tired.
const FEW: usize = 3;

/// Longest value of a field that is shown unless details are asked for.
const SHORT: usize = 60;

/// How a diagnosis is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Columns.
    pub(super) width: usize,
    /// Everything that was found, for whoever wants to see it.
    pub(super) details: bool,
}

/// First the causes with what proves them, then what they are not, then what could not be seen.
pub(super) fn text(report: &Report, look: Look) -> String {
    let mut shown = format!("{BOLD}{}{BOLD:#}\n", line(&report.subject));
    shown += &format!(
        "{DIM}as of {:.0}, {} objects, {} ms{DIM:#}\n",
        report.taken_at, report.objects, report.took_ms
    );
    // Else the first cause says it.
    if report.causes.is_empty() {
        shown += &format!("\n{}", block(&line(&report.headline), "", 0, look));
    }
    for (number, cause) in report.causes.iter().take(MOST).enumerate() {
        shown += &cause_text(number + 1, cause, look);
    }
    if let Some(more @ 1..) = report.causes.len().checked_sub(MOST) {
        shown += &format!("\n{more} less likely ones are left out.\n");
    }
    shown += &ruled_out_text(report, look);
    if !report.not_seen.is_empty() {
        shown += &format!("\n{}", heading("Could not be seen"));
        for blind in &report.not_seen {
            shown += &block(&line(blind), "  ", 4, look);
        }
    }
    if !report.rules_left_out.is_empty() {
        shown += &format!("\n{}", heading("Rules left out"));
        for problem in &report.rules_left_out {
            shown += &format!("  {}\n", line(problem));
        }
    }
    if !look.details && !report.causes.is_empty() {
        shown += &format!("\n{DIM}--details shows all of it, -o json is for programs.{DIM:#}\n");
    }
    shown
}

fn ruled_out_text(report: &Report, look: Look) -> String {
    if report.ruled_out.is_empty() {
        return String::new();
    }
    let mut shown = format!("\n{}", heading("Ruled out"));
    let named = |wanted: &dyn Fn(usize) -> bool, name: &dyn Fn(&Excluded, usize) -> String| {
        let quiet = report.ruled_out.iter().filter_map(|excluded| Some((excluded, excluded.looked_at?)));
        let quiet = quiet.filter(|(_, count)| wanted(*count));
        quiet.map(|(excluded, count)| name(excluded, count)).collect::<Vec<_>>().join(", ")
    };
    for excluded in report.ruled_out.iter().filter(|excluded| excluded.looked_at.is_none()) {
        shown += &block(&format!("{}: {}", line(&excluded.what), line(&excluded.why)), "  ", 4, look);
    }
    let quiet = named(&|count| count > 0, &|excluded, count| format!("{count} {}", excluded.what));
    if !quiet.is_empty() {
        shown += &block(&format!("nothing is abnormal about {quiet}"), "  ", 4, look);
    }
    let none = named(&|count| count == 0, &|excluded, _| excluded.what.clone());
    if !none.is_empty() {
        shown += &block(&format!("there are no {none}"), "  ", 4, look);
    }
    shown
}

/// The first cause with what proves it; of the others what they are.
fn cause_text(number: usize, cause: &Cause, look: Look) -> String {
    let sure = (cause.confidence * 100.0).round();
    let mut shown = format!(
        "\n{SURE}{number}. {}{SURE:#}  {sure} %  {DIM}{}{DIM:#}\n",
        line(&cause.object.to_string()),
        line(&cause.code)
    );
    shown += &block(&line(&cause.statement), "   ", 3, look);
    if number > 1 && !look.details {
        return shown;
    }
    let few = if look.details { usize::MAX } else { FEW };
    for piece in cause.evidence.iter().take(few) {
        // What the cause says already needs no second time.
        if piece.statement != cause.statement {
            shown += &block(&line(&piece.statement), "   + ", 5, look);
        }
        shown += &proof(piece, look);
    }
    let more = cause.more + cause.evidence.len().saturating_sub(few);
    if more > 0 {
        shown += &format!("   + {more} more\n");
    }
    for piece in &cause.against {
        shown += &block(&format!("but: {}", line(&piece.statement)), "   - ", 5, look);
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

/// The fields that prove a piece of Evidence, those left out that its sentence says.
fn proof(piece: &Evidence, look: Look) -> String {
    let told = line(&piece.statement);
    let fields = piece.fields.iter().map(|(name, value)| (line(name), line(value)));
    let fields = fields.filter(|(name, value)| {
        look.details || (name != "alike" && value.chars().count() <= SHORT && !told.contains(value.as_str()))
    });
    let fields: Vec<String> = fields.take(FIELDS).map(|(name, value)| format!("{name}: {value}")).collect();
    if fields.is_empty() {
        return String::new();
    }
    format!("{DIM}{}{DIM:#}", block(&fields.join(" · "), "       ", 7, look))
}

/// Text in lines of the wanted width, with what stands before the first one and how far the others are indented.
fn block(text: &str, first: &str, hanging: usize, look: Look) -> String {
    wrapped(&format!("{first}{text}"), hanging, Some(look.width)) + "\n"
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
    use super::{Look, markdown, text};
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
            fields: BTreeMap::from([
                ("exit_code".to_owned(), "1".to_owned()),
                ("line".to_owned(), hostile.to_owned()),
                ("reason".to_owned(), "Error".to_owned()),
            ]),
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
            ruled_out: vec![
                Excluded {
                    what: "nodes".to_owned(),
                    why: "3 were looked at, and are in order".to_owned(),
                    looked_at: Some(3),
                },
                Excluded { what: "quotas".to_owned(), why: "there are none".to_owned(), looked_at: Some(0) },
            ],
            not_seen: vec!["pods/log: forbidden".to_owned()],
            gaps: Vec::new(),
            rules_left_out: vec!["own.toml: rule 1\u{1b}[2J: code: is no code".to_owned()],
            objects: 12,
            took_ms: 1.5,
        }
    }

    const NARROW: Look = Look { width: 60, details: false };

    #[test]
    fn a_tired_person_sees_the_cause_first_and_no_terminal_obeys_a_log() {
        let shown = anstream::adapter::strip_str(&text(&report(), NARROW)).to_string();
        insta::assert_snapshot!(shown, @r"
        namespace shop in dump
        as of 2026-03-01T12:00:00Z, 12 objects, 1.5 ms

        1. Deployment shop/cart  88 %  workload.crash_loop
           Deployment shop/cart keeps ending.
           + log says [2J<script>[click](http://evil.example) new
             line `tick`
               exit_code: 1 · reason: Error
           + 2 more
           - but: It ran before.
           runbook: knowledge/crash-loop.md
           repair: restart the workload

        Ruled out
          nothing is abnormal about 3 nodes
          there are no quotas

        Could not be seen
          pods/log: forbidden

        Rules left out
          own.toml: rule 1[2J: code: is no code

        --details shows all of it, -o json is for programs.
        ");
    }

    #[test]
    fn details_show_every_field_and_every_cause_whole() {
        let look = Look { details: true, ..NARROW };
        let mut report = report();
        report.causes.push(report.causes[0].clone());
        let shown = anstream::adapter::strip_str(&text(&report, look)).to_string();
        assert_eq!(shown.matches("line: log says").count(), 2, "{shown}");
        let short = anstream::adapter::strip_str(&text(&report, NARROW)).to_string();
        assert_eq!(short.matches("log says").count(), 1, "{short}");
        assert!(short.contains("2. Deployment shop/cart"), "{short}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_one_word_is() {
        let report = Report { causes: Vec::new(), headline: "word ".repeat(40), ..report() };
        let shown = anstream::adapter::strip_str(&text(&report, NARROW)).to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= NARROW.width), "{shown}");
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
          - `exit_code`: `1`
          - `line`: `log says [2J<script>[click](http://evil.example) new line 'tick'`
          - `reason`: `Error`
        - against it: E2 It ran before.
        - runbook: knowledge/crash-loop.md
        - repair: restart the workload

        ## Ruled out

        - nodes: 3 were looked at, and are in order
        - quotas: there are none

        ## Could not be seen

        - pods/log: forbidden

        ## Rules left out

        - own.toml: rule 1\[2J: code: is no code
        ");
    }
}
