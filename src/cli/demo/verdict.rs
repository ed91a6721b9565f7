//! Whether a scenario ended as it should.

use crate::incident::{ExecutionState, Incident, ObjectRef, Outcome, Phase};
use crate::sim::scenarios::{self, Expected};

/// One expectation and whether it holds.
pub(super) struct Expectation {
    pub(super) holds: bool,
    pub(super) text: String,
}

/// Compares how the incident ended with what the scenario declares. `healed` is what the simulated cluster itself says,
/// independently of what kubewright believes.
pub(super) fn compare(expected: &Expected, incident: &Incident, healed: bool) -> Vec<Expectation> {
    let mut expectations = vec![outcome(expected.outcome, incident)];
    if let Some(code) = &expected.cause {
        let found = incident.cause().map_or("none", |cause| cause.code.as_str());
        expectations
            .push(Expectation { holds: found == code, text: format!("cause: {code} (found: {found})") });
    }
    if let Some(object) = &expected.object {
        let found = incident.cause().map_or_else(|| "nothing".to_owned(), |cause| cause.object.to_string());
        let wanted = ObjectRef::new(object.kind.kind, &object.namespace, &object.name).to_string();
        expectations.push(Expectation {
            holds: found == wanted,
            text: format!("at fault: {wanted} (found: {found})"),
        });
    }
    expectations.push(changes(expected.action.as_deref(), incident));
    if expected.outcome == scenarios::Outcome::Repaired {
        expectations
            .push(Expectation { holds: healed, text: "the cluster itself is healthy again".to_owned() });
    }
    expectations
}

fn outcome(expected: scenarios::Outcome, incident: &Incident) -> Expectation {
    let (wanted, holds) = match expected {
        scenarios::Outcome::Repaired => ("repaired", incident.outcome == Some(Outcome::Repaired)),
        scenarios::Outcome::NothingWrong => {
            ("nothing wrong", incident.outcome == Some(Outcome::NothingWrong))
        }
        scenarios::Outcome::Escalated => ("handed to people", incident.phase == Phase::Escalated),
    };
    let found = incident.outcome.map_or(incident.phase.as_str(), Outcome::as_str).replace('_', " ");
    Expectation { holds, text: format!("outcome: {wanted} (found: {found})") }
}

/// The expected kind of action was applied and stayed; where none is expected, nothing was changed at all, not even for a
/// while.
fn changes(action: Option<&str>, incident: &Incident) -> Expectation {
    let touched = incident.executions.iter().filter(|execution| execution.state != ExecutionState::Failed);
    let made: Vec<&str> = touched.clone().map(|execution| execution.action.kind().as_str()).collect();
    let all_stayed = touched.clone().all(|execution| execution.state == ExecutionState::Applied);
    let holds = action.map_or(made.is_empty(), |action| all_stayed && made.contains(&action));
    let listed = if made.is_empty() { "none".to_owned() } else { made.join(", ") };
    Expectation { holds, text: format!("changes: {} (made: {listed})", action.unwrap_or("none")) }
}
