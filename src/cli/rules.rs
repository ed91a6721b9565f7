//! `kubewright rules`: the rules that a diagnosis works with, and what is wrong with those of a folder.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::output::{Format, print, render, table};
use super::text::{counted, line};
use crate::diagnose::{Rule, RuleBook, RuleProblem, confidence};
use crate::recall::Recall;
use crate::remediate::playbook_for;

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List every cause that a diagnosis can name, with its runbook and what kubewright does about it
    List(RulesArgs),
    /// Check the rules of a folder: every problem at once; exit code 1 when there is one
    Check(RulesArgs),
}

/// Which rules.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright rules check --rules ./rules
  kubewright rules list --rules ./rules -o json
  kubewright eval diagnosis --cases ./cases --rules ./rules     try rules on kept incidents

A rule file is TOML; docs/RULES.md describes it, examples/rules holds one with a case that shows it.")]
pub struct RulesArgs {
    /// A folder of rule files beside the built-in rules
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// One cause that can be named.
#[derive(Debug, Serialize)]
struct Row {
    code: String,
    /// Starting confidence, 0 to 1.
    confidence: f64,
    /// `code`, `built-in`, or the file of the rule.
    from: String,
    runbook: Option<String>,
    /// What kubewright does about it; `None`: it tells people what they can do.
    repair: Option<&'static str>,
    meaning: String,
}

pub(super) async fn run(command: RulesCommand, format: Format) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::List(args) => {
            let (book, problems) = read(args.rules).await?;
            warn(&problems);
            let runbooks = Recall::new(None).await;
            let rows = rows(&book, |code| Some(runbooks.runbook_for(code)?.path.clone()));
            print(&render(format, &rows, |rows| show(rows))?)?;
            Ok(ExitCode::SUCCESS)
        }
        RulesCommand::Check(args) => {
            if args.rules.is_none() {
                bail!("name the folder of your rules: kubewright rules check --rules DIR");
            }
            let (book, problems) = read(args.rules).await?;
            let own = book.rules().filter(|rule| !rule.is_built_in()).count();
            print(&render(format, &problems, |problems| told(problems, own))?)?;
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The built-in rules and those of the folder, with what is wrong with them.
pub(super) async fn read(folder: Option<PathBuf>) -> anyhow::Result<(RuleBook, Vec<RuleProblem>)> {
    let Some(folder) = folder else { return Ok((RuleBook::built_in(), Vec::new())) };
    Ok(spawn_blocking(move || RuleBook::with_folder(&folder)).await?)
}

/// Says on standard error which rules are left out.
pub(super) fn warn(problems: &[RuleProblem]) {
    for problem in problems {
        anstream::eprintln!("A rule is left out: {}", line(&problem.to_string()));
    }
}

/// The causes of the table, then those that only rules of files name.
fn rows(book: &RuleBook, runbook: impl Fn(&str) -> Option<String>) -> Vec<Row> {
    let of_rule = |rule: &Rule| Row {
        code: rule.code.clone(),
        confidence: rule.confidence,
        from: rule.file.clone(),
        runbook: rule.runbook.clone().or_else(|| runbook(rule.repaired_like())),
        repair: playbook_for(rule.repaired_like()),
        meaning: rule.meaning.clone(),
    };
    let written = |code: &str| book.rules().any(|rule| rule.is_built_in() && rule.code == code);
    let of_table = confidence::ALL.iter().filter(|cause| !written(cause.code)).map(|cause| Row {
        code: cause.code.to_owned(),
        confidence: cause.confidence,
        from: "code".to_owned(),
        runbook: runbook(cause.code),
        repair: playbook_for(cause.code),
        meaning: cause.meaning.to_owned(),
    });
    let mut rows: Vec<Row> = of_table.collect();
    rows.extend(book.rules().map(of_rule));
    rows
}

fn show(rows: &[Row]) -> String {
    let headings = ["CAUSE", "CONFIDENCE", "FROM", "RUNBOOK", "REPAIR"];
    let cells = rows.iter().map(|row| {
        [
            row.code.clone(),
            format!("{:.2}", row.confidence),
            row.from.clone(),
            row.runbook.clone().unwrap_or_default(),
            row.repair.unwrap_or("people are told what to do").to_owned(),
        ]
    });
    table(headings, cells)
}

fn told(problems: &[RuleProblem], own: usize) -> String {
    let mut shown: String =
        problems.iter().map(|problem| format!("{}\n", line(&problem.to_string()))).collect();
    let own = counted(own, "rule");
    shown += &match problems.len() {
        0 => format!("{own} can be used; nothing is wrong.\n"),
        problems => format!("{}; {own} can be used.\n", counted(problems, "problem")),
    };
    shown
}

#[cfg(test)]
mod tests {
    use super::{rows, told};
    use crate::diagnose::{RuleBook, confidence};

    #[test]
    fn every_cause_is_listed_once_with_its_links() {
        let mut book = RuleBook::built_in();
        let text = "[[rule]]\ncode = \"cache.cold\"\nmeaning = \"A cache is empty.\"\nconfidence = 0.5\n\
                    playbook = \"workload.crash_loop\"\n[rule.when]\nfindings = \"pod.container.exited\"\n";
        assert_eq!(book.add("own.toml", text), []);
        let rows = rows(&book, |code| Some(format!("{code}.md")));
        assert_eq!(rows.len(), confidence::ALL.len() + 1);
        let own = rows.last().unwrap();
        assert_eq!((own.code.as_str(), own.from.as_str()), ("cache.cold", "own.toml"));
        assert_eq!(own.runbook.as_deref(), Some("workload.crash_loop.md"));
        assert_eq!(own.repair, Some("restart the workload"));
    }

    #[test]
    fn problems_are_told_without_what_a_terminal_obeys() {
        let problems = RuleBook::built_in().add("a\u{1b}[2J.toml", "x = 1");
        let shown = told(&problems, 0);
        assert!(!shown.contains('\u{1b}') && shown.contains("2 problems; 0 rules can be used."), "{shown}");
    }
}
