//! `kubewright incidents`: list, show, follow, close, keep.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::output::{Format, age, heading, indented, print, render, story, table_without};
use super::{Client, export, recalled, text, watch};
use crate::http::{CloseRequest, IncidentDetail, RunbookLink};
use crate::incident::{AgentRun, Phase, Severity};
use crate::settings::Environment;
use crate::store::{IncidentSummary, Page};

/// Widest title in a list.
const TITLE_WIDTH: usize = 60;

/// Columns of a list that a narrow terminal can do without.
const SPARE: [&str; 3] = ["CLUSTER", "SEVERITY", "CAUSE"];

/// Where documents are on a server, before their address.
const DOCUMENTS: &str = "/api/v1/knowledge/documents/";

/// What to do with incidents.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  kubewright incidents list --open                what is going on
  kubewright incidents show inc-7h2k              the story so far; the beginning of an identifier is enough
  kubewright incidents watch                      follow everything live
  kubewright incidents list --phase escalated -o json")]
pub enum IncidentsCommand {
    /// List incidents, newest first
    List(ListArgs),
    /// Show one incident: what happened, why, what was done, what proves it
    Show(IdArgs),
    /// Follow one incident until it is closed, or all incidents
    Watch(WatchArgs),
    /// Print the runbook of an incident as Markdown: commands, queries, plan, links
    Runbook(IdArgs),
    /// Say that an incident is over
    Close(CloseArgs),
    /// Keep an incident as a case: what was seen, and what the cause was
    Export(export::ExportArgs),
}

/// Which incidents.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Only those that are not closed
    #[arg(long, conflicts_with = "closed")]
    open: bool,
    /// Only closed ones
    #[arg(long)]
    closed: bool,
    /// Only in this phase (triage, diagnose, plan, guard, await_approval, repair, verify, roll_back, escalated, closed)
    #[arg(long, value_parser = phase)]
    phase: Option<Phase>,
    /// Only in this cluster
    #[arg(long)]
    cluster: Option<String>,
    /// Only in this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only with this severity (info, warning, critical)
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// The page after the one that ended with this cursor
    #[arg(long)]
    cursor: Option<String>,
}

/// Which incident.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// The incident's identifier, or its beginning
    id: String,
}

/// What to follow.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The incident's identifier, or its beginning; none: all incidents, from now on
    id: Option<String>,
}

/// Which incident is over.
#[derive(Debug, Args)]
pub struct CloseArgs {
    /// The incident's identifier, or its beginning
    id: String,
    /// Who says so [default: your user name]
    #[arg(long)]
    by: Option<String>,
    /// Why
    #[arg(long)]
    comment: Option<String>,
}

fn phase(text: &str) -> Result<Phase, String> {
    let names = Phase::ALL.map(Phase::as_str).join(", ");
    Phase::from_name(text).ok_or_else(|| format!("phases are {names}"))
}

fn severity(text: &str) -> Result<Severity, String> {
    let all = [Severity::Info, Severity::Warning, Severity::Critical];
    let found = all.into_iter().find(|severity| severity.as_str() == text);
    found.ok_or_else(|| "severities are info, warning, critical".to_owned())
}

pub(super) async fn run(
    command: IncidentsCommand,
    client: &Client,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    match command {
        IncidentsCommand::List(args) => {
            let page: Page = client.get(&["api", "v1", "incidents"], &query(&args)).await?;
            print(&render(format, &page, |page| list(page, Timestamp::now()))?)?;
        }
        IncidentsCommand::Show(args) => {
            let detail: IncidentDetail = client.get(&["api", "v1", "incidents", &args.id], &[]).await?;
            print(&render(format, &detail, show)?)?;
        }
        IncidentsCommand::Watch(args) => watch::run(args.id.as_deref(), client, format, shutdown).await?,
        IncidentsCommand::Runbook(args) => {
            let markdown = client.text(&["api", "v1", "incidents", &args.id, "runbook"]).await?;
            print(&text::lines(&markdown))?;
        }
        IncidentsCommand::Close(args) => {
            let request = CloseRequest { by: person(args.by, environment)?, comment: args.comment };
            let path = ["api", "v1", "incidents", &args.id, "close"];
            let detail: IncidentDetail = client.post(&path, &request).await?;
            print(&render(format, &detail, show)?)?;
        }
        IncidentsCommand::Export(args) => print(&export::run(args, client).await?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Who acts: what was given, else the name of the user.
pub(super) fn person(given: Option<String>, environment: &Environment) -> anyhow::Result<String> {
    let user = || ["USER", "LOGNAME"].into_iter().find_map(|name| environment.get(name).cloned());
    given.or_else(user).ok_or_else(|| anyhow::anyhow!("say who you are: pass --by NAME"))
}

fn query(args: &ListArgs) -> Vec<(&'static str, String)> {
    let open = (args.open || args.closed).then_some(args.open);
    [
        ("limit", Some(args.limit.to_string())),
        ("open", open.map(|open| open.to_string())),
        ("phase", args.phase.map(|phase| phase.to_string())),
        ("severity", args.severity.map(|severity| severity.as_str().to_owned())),
        ("cluster", args.cluster.clone()),
        ("namespace", args.namespace.clone()),
        ("cursor", args.cursor.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn list(page: &Page, now: Timestamp) -> String {
    if page.incidents.is_empty() {
        return "No incidents.\n".to_owned();
    }
    let headings = ["ID", "PHASE", "SEVERITY", "CLUSTER", "SUBJECT", "CAUSE", "AGE", "TITLE"];
    let shown = table_without(&SPARE, headings, page.incidents.iter().map(|incident| row(incident, now)));
    let more = page.next_cursor.as_deref().map(text::line);
    shown + &more.map(|cursor| format!("\nMore: --cursor {cursor}\n")).unwrap_or_default()
}

fn row(incident: &IncidentSummary, now: Timestamp) -> [String; 8] {
    let state = incident.outcome.map_or_else(|| incident.phase.to_string(), |outcome| outcome.to_string());
    let subject = incident.subject.as_ref().map(ToString::to_string).or_else(|| incident.namespace.clone());
    [
        incident.id.to_string(),
        state,
        incident.severity.as_str().to_owned(),
        incident.cluster.clone(),
        subject.unwrap_or_else(|| "-".to_owned()),
        incident.cause.clone().unwrap_or_else(|| "-".to_owned()),
        age(incident.opened_at, now),
        text::shorten(&incident.title, TITLE_WIDTH),
    ]
}

/// A document's address in the knowledge base, as search results and citations have it.
fn address(runbook: &RunbookLink) -> &str {
    runbook.href.strip_prefix(DOCUMENTS).unwrap_or(&runbook.uri)
}

/// What to read about an incident: runbooks of its causes, and what else was recalled. Empty where there is nothing.
pub(super) fn reading(detail: &IncidentDetail) -> String {
    let runbooks =
        detail.runbooks.iter().map(|runbook| format!("runbook \"{}\" ({})", runbook.title, address(runbook)));
    let recalled = detail.incident.evidence.iter().filter_map(recalled);
    let lines: String = runbooks.chain(recalled).map(|found| indented(&found)).collect();
    if lines.is_empty() { lines } else { format!("\n{}{lines}", heading("To read")) }
}

fn show(detail: &IncidentDetail) -> String {
    let id = &detail.incident.id;
    let next = match detail.incident.phase {
        Phase::AwaitApproval => format!("\nIt waits for you: kubewright approvals approve {id}\n"),
        Phase::Closed => String::new(),
        _ => format!("\nFollow it: kubewright incidents watch {id}\n"),
    };
    story(&detail.story) + &agents(detail) + &reading(detail) + &text::lines(&next)
}

/// What agents did about an incident, with the names of their runs. Empty where there was none.
fn agents(detail: &IncidentDetail) -> String {
    let Some(investigation) = &detail.incident.investigation else { return String::new() };
    let run = |run: &AgentRun| {
        let (id, tokens) = (run.id.as_deref().unwrap_or("(not kept)"), run.input_tokens + run.output_tokens);
        format!(
            "{id} {}: {} ({} turns, {tokens} tokens, ${:.4})",
            run.agent, run.outcome, run.turns, run.cost
        )
    };
    let said = std::iter::once(investigation.reason.clone()).chain(investigation.runs.iter().map(run));
    let lines: String = said.map(|line| format!("  {}\n", text::line(&line))).collect();
    let shown = if investigation.runs.is_empty() { "" } else { "  More of one: kubewright runs show ID\n" };
    format!("\n{}{lines}{shown}", heading("What agents did"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{IncidentId, ObjectRef};

    fn summary(id: &str, title: &str, outcome: Option<crate::incident::Outcome>) -> IncidentSummary {
        IncidentSummary {
            id: IncidentId::from_text(id),
            title: title.to_owned(),
            phase: if outcome.is_some() { Phase::Closed } else { Phase::Verify },
            outcome,
            severity: Severity::Critical,
            cluster: "prod-eu".to_owned(),
            namespace: Some("shop".to_owned()),
            subject: Some(ObjectRef::new("Deployment", "shop", "checkout")),
            cause: outcome.map(|_| "deploy.crash_loop".to_owned()),
            opened_at: "2026-11-21T05:00:00Z".parse().unwrap(),
            updated_at: "2026-11-21T05:01:00Z".parse().unwrap(),
            closed_at: None,
        }
    }

    #[test]
    fn a_list_shows_where_each_incident_stands() {
        let hostile =
            "pods crash\u{1b}[31m over and over again, which nobody has seen since the great outage";
        let incidents = vec![
            summary("inc-7h2kq0m4x9ta", hostile, None),
            summary("inc-0000q0m4x9ta", "slow", Some(crate::incident::Outcome::Repaired)),
        ];
        let page = Page { incidents, next_cursor: Some("abc".to_owned()) };
        insta::assert_snapshot!(list(&page, "2026-11-21T05:12:00Z".parse().unwrap()));
    }

    #[test]
    fn no_incidents_is_said_in_words() {
        assert_eq!(
            list(&Page { incidents: Vec::new(), next_cursor: None }, Timestamp::now()),
            "No incidents.\n"
        );
    }

    #[test]
    fn who_acts_is_the_user_unless_said_otherwise() {
        let environment = Environment::from([("USER".to_owned(), "ada".to_owned())]);
        assert_eq!(person(None, &environment).unwrap(), "ada");
        assert_eq!(person(Some("bo".to_owned()), &environment).unwrap(), "bo");
        assert!(person(None, &Environment::new()).is_err());
    }
}
