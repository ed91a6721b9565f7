//! The Markdown document itself.

use std::collections::BTreeSet;

use url::Url;

use super::commands::{commands, quote};
use super::markdown::{block, prose};
use super::queries::queries;
use crate::http::incidents::RunbookLink;
use crate::incident::{Incident, Phase, Plan, PlannedAction, Story};
use crate::observe::Reading;

/// Annotations in which alerting rules keep links for people.
const LINK_ANNOTATIONS: [&str; 6] =
    ["runbook_url", "runbook", "dashboard_url", "dashboardURL", "panelURL", "silenceURL"];

/// What a runbook is written from.
pub(super) struct Material<'a> {
    pub(super) incident: &'a Incident,
    /// Metric readings of the last look.
    pub(super) readings: &'a [Reading],
    /// Where this server is reached.
    pub(super) base: Option<&'a Url>,
    /// Runbooks that come with kubewright.
    pub(super) runbooks: Vec<RunbookLink>,
}

impl Material<'_> {
    pub(super) fn markdown(&self) -> String {
        let incident = self.incident;
        let heading = format!("# {}\n\n", prose(&incident.title));
        let sections = [
            facts(incident),
            known(incident),
            self.read(),
            section("Look for yourself", &shell(&commands(incident))),
            self.queries(),
            plan(incident),
            self.answer(),
            self.links(),
        ];
        heading + &sections.concat()
    }

    fn queries(&self) -> String {
        let queries = queries(self.incident, self.readings);
        let one =
            |(what, query): &(String, String)| format!("{}:\n\n{}\n", prose(what), block("promql", query));
        section("Ask Prometheus", &queries.iter().map(one).collect::<String>())
    }

    /// What to read about such causes.
    fn read(&self) -> String {
        let link = |runbook: &RunbookLink| {
            let url = self.base.and_then(|base| base.join(&runbook.href).ok());
            let url = url.map(|url| format!(": <{url}>")).unwrap_or_default();
            format!("{} (`{}`){url}", prose(&runbook.title), runbook.uri)
        };
        section("Read about it", &list(self.runbooks.iter().map(link)))
    }

    /// How to answer, while a person is asked.
    fn answer(&self) -> String {
        let incident = self.incident;
        let asked = incident.approval.as_ref().filter(|_| incident.phase == Phase::AwaitApproval);
        let Some(asked) = asked else { return String::new() };
        let server = self.base.map(|base| format!("--server {} ", quote(base.as_str()))).unwrap_or_default();
        let answers = ["approve", "deny"]
            .map(|word| format!("kubewright {server}approvals {word} {}", quote(incident.id.as_str())));
        let text = format!(
            "The plan above waits for a person until {}. Its digest is `{}`.\n\n{}",
            asked.expires_at,
            asked.digest,
            shell(&answers)
        );
        section("Approve or deny", &text)
    }

    fn links(&self) -> String {
        let own = ["", "/graph", "/events"]
            .into_iter()
            .filter_map(|part| self.base?.join(&format!("api/v1/incidents/{}{part}", self.incident.id)).ok());
        let theirs = self.incident.signals.iter().flat_map(|signal| {
            let annotated = LINK_ANNOTATIONS.iter().filter_map(|name| signal.annotations.get(*name));
            signal.generator_url.iter().chain(annotated)
        });
        let theirs =
            theirs.filter_map(|text| Url::parse(text).ok()).filter(|url| url.scheme().starts_with("http"));
        let mut seen = BTreeSet::new();
        let links = own.chain(theirs).filter(|url| seen.insert(url.clone()));
        section("Links", &list(links.map(|url| format!("<{}>", url.as_str().replace('>', "%3E")))))
    }
}

fn facts(incident: &Incident) -> String {
    let subject = incident.subject.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let outcome = incident.outcome.map(|outcome| format!(" ({outcome})")).unwrap_or_default();
    let rows = [
        ("Incident", incident.id.to_string()),
        ("Stands at", format!("{}{outcome}", incident.phase)),
        ("Severity", incident.severity.as_str().to_owned()),
        ("Cluster", incident.cluster.clone()),
        ("Subject", subject),
        ("Opened", incident.opened_at.to_string()),
        ("Last change", incident.updated_at.to_string()),
    ];
    let rows = rows.map(|(name, value)| format!("| {name} | {} |\n", prose(&value)));
    format!("| | |\n| --- | --- |\n{}\n", rows.concat())
}

fn known(incident: &Incident) -> String {
    let story = Story::of(incident);
    let sections = story.sections().into_iter();
    sections.map(|(title, lines)| section(title, &list(lines.iter().map(|line| prose(line))))).collect()
}

fn plan(incident: &Incident) -> String {
    let Some(plan) = &incident.plan else { return String::new() };
    let actions = plan.actions.iter().enumerate().map(|(index, planned)| action(index + 1, planned));
    let text = format!("{}\n\n{}{}", prose(&plan.rationale), actions.collect::<String>(), checks(plan));
    section("Plan", &text)
}

fn action(number: usize, planned: &PlannedAction) -> String {
    let head =
        format!("{number}. {} ({} pods)\n\n", prose(&planned.action.to_string()), planned.pods_affected);
    format!("{head}{}\nUndo: {}\n\n", block("diff", &planned.diff), prose(&planned.undo))
}

fn checks(plan: &Plan) -> String {
    format!("It has helped when:\n\n{}", list(plan.checks.iter().map(|check| prose(&check.to_string()))))
}

fn shell(commands: &[String]) -> String {
    if commands.is_empty() { String::new() } else { block("sh", &commands.join("\n")) }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("- {item}\n")).collect()
}

/// A section, or nothing where there is nothing to say.
fn section(title: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("## {title}\n\n{}\n\n", text.trim_end()) }
}
