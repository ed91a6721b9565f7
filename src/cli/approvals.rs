//! `kubewright approvals`: list, approve, deny.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Client;
use super::confirm::confirmed;
use super::incidents::person;
use super::output::{Format, age, diff, heading, print, render, story, table};
use super::text::{line, shorten};
use crate::http::{Answer, ApprovalList, IncidentDetail, OpenApproval};
use crate::settings::Environment;

/// Widest plan in a list.
const PLAN_WIDTH: usize = 70;

/// What to do with repairs that wait.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  kubewright approvals list
  kubewright approvals approve inc-7h2k           shows the plan and its diff, then asks
  kubewright approvals deny inc-7h2k --comment 'wait for the morning'")]
pub enum ApprovalsCommand {
    /// List repairs that wait for a person
    List,
    /// Show a repair with its diff, ask, and let it be made
    Approve(AnswerArgs),
    /// Show a repair with its diff, ask, and refuse it; another one is looked for
    Deny(AnswerArgs),
}

/// Which repair, and who answers.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The incident's identifier, or its beginning
    id: String,
    /// Who answers [default: your user name]
    #[arg(long)]
    by: Option<String>,
    /// What to add to the answer
    #[arg(long)]
    comment: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Answer only if the plan has this digest: the one that was looked at before
    #[arg(long)]
    digest: Option<String>,
}

pub(super) async fn run(
    command: ApprovalsCommand,
    client: &Client,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    match command {
        ApprovalsCommand::List => {
            let page: ApprovalList = client.get(&["api", "v1", "approvals"], &[]).await?;
            print(&render(format, &page, |page| list(page, Timestamp::now()))?)?;
            Ok(ExitCode::SUCCESS)
        }
        ApprovalsCommand::Approve(args) => {
            answer(args, "approve", client, format, environment, shutdown).await
        }
        ApprovalsCommand::Deny(args) => answer(args, "deny", client, format, environment, shutdown).await,
    }
}

async fn answer(
    args: AnswerArgs,
    word: &'static str,
    client: &Client,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let by = person(args.by.clone(), environment)?;
    let waiting = waiting(client, &args.id).await?;
    if args.digest.as_ref().is_some_and(|digest| *digest != waiting.digest) {
        bail!("the plan has changed: its digest is now {}; look at it again", line(&waiting.digest));
    }
    if format == Format::Table {
        print(&show(&waiting))?;
    }
    let otherwise = "look at the plan, then repeat with --yes --digest DIGEST";
    if !args.yes && !confirmed(format!("{word} this?"), otherwise, shutdown).await? {
        print("Nothing was answered.\n")?;
        return Ok(ExitCode::FAILURE);
    }
    let answer = Answer { by, digest: waiting.digest, comment: args.comment };
    let path = ["api", "v1", "approvals", waiting.incident.as_str(), word];
    let detail: IncidentDetail = client.post(&path, &answer).await?;
    print(&render(format, &detail, |detail| format!("\n{}", story(&detail.story)))?)?;
    Ok(ExitCode::SUCCESS)
}

async fn waiting(client: &Client, id: &str) -> anyhow::Result<OpenApproval> {
    let detail: IncidentDetail = client.get(&["api", "v1", "incidents", id], &[]).await?;
    let incident = &detail.incident;
    OpenApproval::of(incident).with_context(|| {
        let id = line(incident.id.as_str());
        format!("no repair of {id} waits for a person; it is in phase {}", incident.phase)
    })
}

fn list(page: &ApprovalList, now: Timestamp) -> String {
    if page.approvals.is_empty() {
        return "Nothing waits for approval.\n".to_owned();
    }
    let rows = page.approvals.iter().map(|waiting| {
        [
            waiting.incident.to_string(),
            waiting.severity.as_str().to_owned(),
            waiting.cluster.clone(),
            waiting.cause.as_ref().map_or_else(|| "-".to_owned(), |cause| cause.code.clone()),
            age(now, waiting.expires_at),
            shorten(&actions(waiting).join(", then "), PLAN_WIDTH),
        ]
    });
    let more = page.next_cursor.as_ref().map_or("", |_| "\nThere are more; answer these first.\n");
    table(["INCIDENT", "SEVERITY", "CLUSTER", "CAUSE", "EXPIRES IN", "PLAN"], rows) + more
}

fn actions(waiting: &OpenApproval) -> Vec<String> {
    waiting.plan.actions.iter().map(|planned| planned.action.to_string()).collect()
}

/// The whole request: cause, plan, diffs, reasons. What an answer is about.
fn show(waiting: &OpenApproval) -> String {
    let mut shown = heading(&format!("{}: {}", line(waiting.incident.as_str()), line(&waiting.title)));
    if let Some(cause) = &waiting.cause {
        let percent = cause.confidence.value() * 100.0;
        let text = format!("{} on {}, {percent:.0} %: {}", cause.code, cause.object, cause.statement);
        shown += &format!("  Cause: {}\n", line(&text));
    }
    shown += &format!("  Why this plan: {}\n", line(&waiting.plan.rationale));
    for reason in &waiting.reasons {
        shown += &format!("  Policy: {}\n", line(reason));
    }
    for (index, planned) in waiting.plan.actions.iter().enumerate() {
        let action = line(&planned.action.to_string());
        shown +=
            &format!("\n{}", heading(&format!("{}. {action} ({} pods)", index + 1, planned.pods_affected)));
        shown += &diff(&planned.diff);
        shown += &format!("  Undo: {}\n", line(&planned.undo));
    }
    shown += &format!("\n{}", heading("It has helped when"));
    waiting.plan.checks.iter().for_each(|check| shown += &format!("  {}\n", line(&check.to_string())));
    shown + &format!("\n  Digest {}, expires {}\n", line(&waiting.digest), waiting.expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Action, Check, IncidentId, ObjectRef, Plan, PlannedAction, Severity};

    fn waiting() -> OpenApproval {
        let workload = ObjectRef::new("Deployment", "shop", "checkout");
        let plan = Plan {
            agent: None,
            from_chat: false,
            hypothesis: "deploy.crash_loop".to_owned(),
            rationale: "Revision 4 ran without restarts.".to_owned(),
            actions: vec![PlannedAction {
                action: Action::RollBack { workload: workload.clone(), to_revision: 4 },
                target_uid: "u-1".to_owned(),
                target_generation: Some(5),
                diff: "--- before\n+++ after\n-image: shop:2\n+image: shop:1\u{1b}[8m\n".to_owned(),
                undo: "roll forward to revision 5".to_owned(),
                pods_affected: 3,
            }],
            checks: vec![Check::RolloutComplete { workload }],
        };
        OpenApproval {
            incident: IncidentId::from_text("inc-7h2kq0m4x9ta"),
            title: "checkout crashes".to_owned(),
            severity: Severity::Critical,
            cluster: "prod-eu".to_owned(),
            cause: None,
            reasons: vec!["Production asks first.".to_owned()],
            digest: "d1".to_owned(),
            plan,
            requested_at: "2026-11-21T05:00:00Z".parse().unwrap(),
            expires_at: "2026-11-21T06:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_request_shows_everything_that_is_answered_about() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&show(&waiting())).to_string());
    }

    #[test]
    fn a_list_says_how_long_each_still_waits() {
        let page = ApprovalList { approvals: vec![waiting()], next_cursor: None };
        insta::assert_snapshot!(list(&page, "2026-11-21T05:10:00Z".parse().unwrap()));
    }
}
