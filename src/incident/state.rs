//! The incident: everything known about it now.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Action, Approval, Decision, Evidence, Execution, ExecutionState, Gap, Hypothesis, IncidentId,
    Investigation, ObjectRef, Outcome, Phase, Plan, Severity, Signal, SignalState, Verification,
};

/// How many repairs are tried before the incident goes to people.
pub const MAX_REPAIR_ATTEMPTS: u32 = 2;

/// Signals kept whole per incident; further ones are only counted.
pub(super) const MAX_SIGNALS: usize = 100;

/// An event that does not fit the phase that the incident is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event} does not fit an incident in phase {phase}")]
pub struct TransitionError {
    /// The phase that the incident is in.
    pub phase: Phase,
    /// The event that was to be applied.
    pub event: &'static str,
}

/// What one or more correlated Signals are about. Made by [`Incident::open`], moved only by [`Incident::apply`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// Its name.
    #[schema(value_type = String)]
    pub id: IncidentId,
    /// One line for people: the first Signal's summary.
    pub title: String,
    /// The next step.
    pub phase: Phase,
    /// How it ended, once closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it ended or was handed over, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The worst severity among its Signals.
    pub severity: Severity,
    /// Name of the cluster.
    pub cluster: String,
    /// Namespace, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The object that the first Signal points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<ObjectRef>,
    /// The key under which further Signals find it.
    pub correlation_key: String,
    /// When the first Signal arrived.
    pub opened_at: Timestamp,
    /// When the last event was applied.
    pub updated_at: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Its Signals, oldest first, at most a hundred.
    pub signals: Vec<Signal>,
    /// Signals beyond those kept.
    #[serde(default)]
    pub signals_dropped: u32,
    /// What was seen at the last look.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// What could not be seen at the last look.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Possible causes, best first.
    #[serde(default)]
    pub hypotheses: Vec<Hypothesis>,
    /// What agents did at the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investigation: Option<Investigation>,
    /// The current Plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Policy's answer about the current Plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The request to people about the current Plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The journal of every Action, all attempts.
    #[serde(default)]
    pub executions: Vec<Execution>,
    /// The watch over the current repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The current repair attempt, from 1.
    pub attempt: u32,
    /// Actions that people denied; they are not planned again.
    #[serde(default)]
    pub denied_actions: Vec<Action>,
    /// How often the Plan went out of date before it could be applied.
    #[serde(default)]
    pub outdated_plans: u32,
    /// Consecutive failures of the current step.
    #[serde(default)]
    pub step_failures: u32,
    /// When the failed step is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl Incident {
    /// A fresh incident about `signal`.
    #[must_use]
    pub fn open(id: IncidentId, signal: Signal, at: Timestamp) -> Self {
        Self {
            id,
            title: signal.summary.clone(),
            phase: Phase::Triage,
            outcome: None,
            reason: None,
            severity: signal.severity,
            cluster: signal.scope.cluster.clone(),
            namespace: signal.scope.namespace.clone(),
            subject: signal.scope.subject(),
            correlation_key: signal.scope.correlation_key(),
            opened_at: at,
            updated_at: at,
            closed_at: None,
            signals: vec![signal],
            signals_dropped: 0,
            evidence: Vec::new(),
            gaps: Vec::new(),
            hypotheses: Vec::new(),
            investigation: None,
            plan: None,
            decision: None,
            approval: None,
            executions: Vec::new(),
            verification: None,
            attempt: 1,
            denied_actions: Vec::new(),
            outdated_plans: 0,
            step_failures: 0,
            retry_at: None,
        }
    }

    /// As clients may see it; see [`Execution::for_clients`].
    #[must_use]
    pub fn for_clients(mut self) -> Self {
        self.executions = self.executions.into_iter().map(Execution::for_clients).collect();
        self
    }

    /// Whether the runner still has, or may get, something to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase != Phase::Closed
    }

    /// When the runner should look at it next; `None`: only when an event arrives.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.phase {
            Phase::Closed | Phase::Escalated => None,
            Phase::AwaitApproval => Some(self.approval.as_ref().map_or(now, |asked| asked.expires_at)),
            _ => Some(self.retry_at.unwrap_or(now)),
        }
    }

    /// Whether every Signal has resolved (and none was dropped unseen).
    #[must_use]
    pub fn all_signals_resolved(&self) -> bool {
        self.signals_dropped == 0 && self.signals.iter().all(|signal| signal.state == SignalState::Resolved)
    }

    /// The best Hypothesis, if any.
    #[must_use]
    pub fn cause(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }

    /// Journal entries of the current attempt, in the plan's order.
    pub fn current_executions(&self) -> impl DoubleEndedIterator<Item = &Execution> {
        self.executions.iter().filter(|execution| execution.attempt == self.attempt)
    }

    /// Actions that must not be planned: denied by people, or undone because they did not help.
    #[must_use]
    pub fn excluded_actions(&self) -> Vec<&Action> {
        let undone = self.executions.iter().filter(|execution| {
            matches!(execution.state, ExecutionState::RolledBack | ExecutionState::Failed)
        });
        self.denied_actions.iter().chain(undone.map(|execution| &execution.action)).collect()
    }

    /// Names of the alerts, without repeats, in alphabetical order.
    #[must_use]
    pub fn alert_names(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.signals.iter().map(|signal| signal.name.as_str()).collect();
        names.into_iter().collect()
    }
}
