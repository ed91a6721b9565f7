//! `kubewright runs`: what agents were asked, which tools they called, what came of it and what it cost.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::{Format, age, bold, heading, indented, print, render, table_without};
use super::{Client, text};
use crate::agents::runs::{RunResult, RunSaid, RunSpeaker};
use crate::http::RunDetail;
use crate::store::{RunKind, RunPage, RunState, RunSummary};

/// Widest question and outcome in a list.
const WIDTH: usize = 50;

/// Columns of a list that a narrow terminal can do without.
const SPARE: [&str; 4] = ["TURNS", "TOKENS", "COST", "ABOUT"];

/// Longest arguments of a call that are shown.
const ARGUMENTS: usize = 160;

/// Longest question that is shown.
const QUESTION: usize = 2_000;

/// What to do with runs.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  kubewright runs list --incident inc-7h2k        what agents did about one incident
  kubewright runs list --state failed             those that brought nothing
  kubewright runs show run-7h2k                   what was asked, which tools were called, what came of it
  kubewright runs show run-7h2k -o json           everything that was said")]
pub enum RunsCommand {
    /// List runs of agents, newest first
    List(ListArgs),
    /// Show one run: what was asked, what was done, what came of it, what it cost
    Show(ShowArgs),
}

/// Which runs.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Only about this incident (the beginning of its identifier is enough)
    #[arg(long)]
    incident: Option<String>,
    /// Only in this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// Only of this agent
    #[arg(long)]
    agent: Option<String>,
    /// Only this far (running, finished, failed, cancelled, interrupted)
    #[arg(long, value_parser = state)]
    state: Option<RunState>,
    /// Only for this (investigation, remediation, lesson, chat, wordings)
    #[arg(long, value_parser = kind)]
    kind: Option<RunKind>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// The page after the one that ended with this cursor
    #[arg(long)]
    cursor: Option<String>,
}

/// Which run.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run's identifier, or its beginning
    id: String,
}

fn state(text: &str) -> Result<RunState, String> {
    let names: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
    RunState::from_name(text).ok_or_else(|| format!("states are {}", names.join(", ")))
}

fn kind(text: &str) -> Result<RunKind, String> {
    let names: Vec<&str> = RunKind::ALL.iter().map(|kind| kind.as_str()).collect();
    RunKind::from_name(text).ok_or_else(|| format!("kinds are {}", names.join(", ")))
}

pub(super) async fn run(command: RunsCommand, client: &Client, format: Format) -> anyhow::Result<ExitCode> {
    match command {
        RunsCommand::List(args) => {
            let page: RunPage = client.get(&["api", "v1", "runs"], &query(&args)).await?;
            print(&render(format, &page, |page| list(page, Timestamp::now()))?)?;
        }
        RunsCommand::Show(args) => {
            let detail: RunDetail = client.get(&["api", "v1", "runs", &args.id], &[]).await?;
            print(&render(format, &detail, show)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn query(args: &ListArgs) -> Vec<(&'static str, String)> {
    [
        ("limit", Some(args.limit.to_string())),
        ("incident", args.incident.clone()),
        ("conversation", args.conversation.clone()),
        ("agent", args.agent.clone()),
        ("state", args.state.map(|state| state.to_string())),
        ("kind", args.kind.map(|kind| kind.to_string())),
        ("cursor", args.cursor.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn list(page: &RunPage, now: Timestamp) -> String {
    if page.runs.is_empty() {
        return "No runs.\n".to_owned();
    }
    let headings = ["ID", "STATE", "AGENT", "ABOUT", "TURNS", "TOKENS", "COST", "AGE", "OUTCOME"];
    let shown = table_without(&SPARE, headings, page.runs.iter().map(|run| row(run, now)));
    let more = page.next_cursor.as_deref().map(text::line);
    shown + &more.map(|cursor| format!("\nMore: --cursor {cursor}\n")).unwrap_or_default()
}

fn row(run: &RunSummary, now: Timestamp) -> [String; 9] {
    [
        run.id.to_string(),
        run.state.to_string(),
        run.agent.clone(),
        about(run).unwrap_or_else(|| run.kind.to_string()),
        run.turns.to_string(),
        (run.input_tokens.saturating_add(run.output_tokens)).to_string(),
        money(run.cost),
        age(run.started_at, now),
        text::shorten(run.outcome.as_deref().unwrap_or(&run.question), WIDTH),
    ]
}

fn about(run: &RunSummary) -> Option<String> {
    let incident = run.incident.as_ref().map(ToString::to_string);
    incident.or_else(|| run.conversation.as_ref().map(ToString::to_string))
}

fn money(dollars: f64) -> String {
    format!("${dollars:.4}")
}

fn show(detail: &RunDetail) -> String {
    let run = &detail.run;
    let outcome = run.outcome.as_deref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
    let headline = format!("{} {}{outcome}", run.id, run.state);
    let done: Vec<String> = detail.messages.iter().flat_map(done).collect();
    let sections = [("What was asked", asked(run)), ("What was done", done), ("What it took", took(run))];
    let mut shown = bold(&text::line(&headline));
    for (title, lines) in sections {
        if lines.is_empty() {
            continue;
        }
        shown.push_str(&format!("\n{}", heading(title)));
        lines.iter().for_each(|line| shown.push_str(&indented(line)));
    }
    shown
        + &format!(
            "\nEverything that was said: kubewright runs show {} -o json\n",
            text::line(run.id.as_str())
        )
}

fn asked(run: &RunSummary) -> Vec<String> {
    let mut lines = vec![text::shorten(&run.question, QUESTION)];
    let cycle = if run.cycle > 0 { format!(", dispatch {}", run.cycle) } else { String::new() };
    lines.push(format!("to {} ({}{cycle})", run.agent, run.kind));
    let named = [
        ("about incident", run.incident.as_ref().map(ToString::to_string)),
        ("in conversation", run.conversation.as_ref().map(ToString::to_string)),
        ("asked for by", run.parent.as_ref().map(ToString::to_string)),
    ];
    lines.extend(named.into_iter().filter_map(|(what, id)| Some(format!("{what} {}", id?))));
    lines
}

/// What a message adds to the story: calls and their answers; what was said in words only as far as it is short.
fn done(said: &RunSaid) -> Vec<String> {
    let at = said.at.to_zoned(TimeZone::UTC).strftime("%T").to_string();
    let mut lines = Vec::new();
    if said.by == RunSpeaker::Model && !said.text.trim().is_empty() {
        lines.push(format!("{at}  says: {}", text::shorten(said.text.trim(), ARGUMENTS * 2)));
    }
    for call in &said.calls {
        let what = if call.tool == "submit" { "answers" } else { "calls" };
        lines.push(format!("{at}  {what}: {} {}", call.tool, text::shorten(&call.arguments, ARGUMENTS)));
    }
    lines.extend(said.results.iter().map(|result| format!("{at}    {}", answered(result))));
    lines
}

fn answered(result: &RunResult) -> String {
    let state = if result.ok { "said" } else { "failed" };
    let took = result.took_ms.map(|took| format!(" after {took} ms")).unwrap_or_default();
    let evidence = match result.evidence.as_slice() {
        [] => String::new(),
        seen => format!(" [{}]", seen.join(", ")),
    };
    format!("{} {state}{took}{evidence}: {}", result.tool, result.summary)
}

fn took(run: &RunSummary) -> Vec<String> {
    let time = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%F %T UTC").to_string();
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    let seconds = run.took_ms as f64 / 1_000.0;
    let mut lines = vec![
        format!(
            "{} turns, {} tokens read, {} written, {}, {seconds:.1} s",
            run.turns,
            run.input_tokens,
            run.output_tokens,
            money(run.cost)
        ),
        format!(
            "began {}{}",
            time(run.started_at),
            run.finished_at.map(|at| format!(", ended {}", time(at))).unwrap_or_default()
        ),
    ];
    if !run.models.is_empty() {
        lines.push(format!("models {}; prompt {}", run.models.join(", "), run.prompt));
    }
    if !run.tools.is_empty() {
        let tools: Vec<String> = run.tools.iter().map(|(tool, count)| format!("{tool} {count}×")).collect();
        lines.push(format!("tools {}", tools.join(", ")));
    }
    if run.messages_dropped > 0 {
        lines.push(format!("{} messages were too long or too many and are not kept", run.messages_dropped));
    }
    lines
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
