//! A closed incident as a document: its symptoms, the cause, what worked.
//!
//! Everything in it may be seen by whoever may see the incident: no captured state, no diffs.

use std::collections::{BTreeMap, BTreeSet};

use super::question::{findings, line};
use super::{Attributes, Category, RawDocument, Severity, Validators};
use crate::incident::{self, Execution, ExecutionState, Incident, Outcome, Signal};

/// The source of all episodes.
pub(super) const SOURCE: &str = "incidents";

/// Alerts, findings, changes and checks that are kept of one incident.
const SIGNALS: usize = 10;
const FINDINGS: usize = 8;
const CHANGES: usize = 10;
const CHECKS: usize = 10;
/// Finding codes to search by.
const CODES: usize = 12;

/// Longest line, characters.
const LONGEST: usize = 400;

/// How far an episode is believed: more where the repair was proved.
const PROVED: f32 = 0.8;
const UNPROVED: f32 = 0.5;

/// The document of a closed incident and what it is found by; `None` while it is open. Remembering twice replaces.
pub(super) fn of(incident: &Incident) -> Option<(RawDocument, Attributes)> {
    let outcome = incident.outcome?;
    let raw = RawDocument {
        path: incident.id.to_string(),
        uri: format!("/api/v1/incidents/{}", incident.id),
        bytes: markdown(incident, outcome).into_bytes(),
        media_type: Some("text/markdown".to_owned()),
        modified: incident.closed_at,
        validators: Validators::default(),
    };
    Some((raw, attributes(incident, outcome)))
}

fn attributes(incident: &Incident, outcome: Outcome) -> Attributes {
    let workload = incident.cause().map(|cause| &cause.object).or(incident.subject.as_ref());
    let labels = [
        ("cluster", Some(incident.cluster.clone())),
        ("namespace", incident.namespace.clone()),
        ("workload", workload.map(|object| object.name.clone())),
        ("outcome", Some(outcome.as_str().to_owned())),
        ("incident", Some(incident.id.to_string())),
    ];
    let causes = incident.cause().map(|cause| cause.code.clone());
    let seen = findings(&incident.evidence).map(|finding| finding.code.clone());
    let mut known = BTreeSet::new();
    Attributes {
        category: Some(Category::Incident),
        severity: Some(match incident.severity {
            incident::Severity::Info => Severity::Info,
            incident::Severity::Warning => Severity::Warning,
            incident::Severity::Critical => Severity::Critical,
        }),
        codes: causes.into_iter().chain(seen).filter(|code| known.insert(code.clone())).take(CODES).collect(),
        alerts: incident.alert_names().into_iter().take(SIGNALS).map(str::to_owned).collect(),
        labels: labels
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect::<BTreeMap<_, _>>(),
        trust: Some(if outcome == Outcome::Repaired { PROVED } else { UNPROVED }),
        last_updated: incident.closed_at,
        ..Attributes::default()
    }
}

fn markdown(incident: &Incident, outcome: Outcome) -> String {
    let did = if outcome == Outcome::Repaired { "What worked" } else { "What was done" };
    let ended = incident.reason.as_deref().unwrap_or_default();
    [
        format!("# {}\n", prose(&incident.title)),
        section("Symptoms", symptoms(incident)),
        section("Cause", cause(incident)),
        section(did, done(incident)),
        section("Outcome", vec![format!("{}: {ended}", outcome.as_str().replace('_', " "))]),
    ]
    .concat()
}

fn symptoms(incident: &Incident) -> Vec<String> {
    let alert =
        |signal: &Signal| format!("{} ({}): {}", signal.name, signal.severity.as_str(), signal.summary);
    let alerts = incident.signals.iter().take(SIGNALS).map(alert);
    let found = findings(&incident.evidence).take(FINDINGS);
    let mut told = BTreeSet::new();
    let lines = alerts.chain(found.map(|finding| finding.statement.clone()));
    lines.filter(|line| told.insert(line.clone())).collect()
}

fn cause(incident: &Incident) -> Vec<String> {
    let Some(cause) = incident.cause() else { return vec!["No cause was found.".to_owned()] };
    let percent = cause.confidence.value() * 100.0;
    vec![format!("{} on {} ({percent:.0} % confident): {}", cause.code, cause.object, cause.statement)]
}

fn done(incident: &Incident) -> Vec<String> {
    if incident.executions.is_empty() {
        return vec![
            "Nothing was changed by kubewright; it was left to people or passed by itself.".to_owned(),
        ];
    }
    let executions = incident.executions.iter().take(CHANGES).map(execution);
    let results = incident.verification.iter().flat_map(|seen| &seen.results).take(CHECKS);
    let checks = results.map(|result| match result.passed {
        Some(true) => format!("afterwards: {} ({})", result.check, result.detail),
        Some(false) => format!("afterwards not: {} ({})", result.check, result.detail),
        None => format!("could not be told: {}", result.check),
    });
    executions.chain(checks).collect()
}

fn execution(execution: &Execution) -> String {
    let became = match execution.state {
        ExecutionState::Intended => "meant to be applied",
        ExecutionState::Applied => "applied",
        ExecutionState::Failed => "refused, nothing changed",
        ExecutionState::RolledBack => "applied, did not help, undone",
        ExecutionState::RollbackFailed => "applied, did not help, could not be undone",
    };
    format!("{}: {became}", execution.action)
}

fn section(title: &str, lines: Vec<String>) -> String {
    let lines: String = lines.iter().map(|line| format!("- {}\n", prose(line))).collect();
    format!("\n## {title}\n{lines}")
}

/// One line that stays text inside Markdown.
fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in line(text, LONGEST).chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' | '{' | '&'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
