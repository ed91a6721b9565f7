//! What can happen to an incident.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Approval, Decision, Evidence, Execution, Fingerprint, Gap, Hypothesis, Investigation, Outcome, Phase,
    Plan, Signal, Verification,
};

/// Something that happened to an incident. The list of these is the incident's history; the current state follows from
/// it by [`super::Incident::apply`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first Signal arrived.
    Opened {
        /// The Signal.
        signal: Box<Signal>,
    },
    /// A further Signal about the same thing arrived, or one that had resolved fires again.
    SignalAttached {
        /// The Signal.
        signal: Box<Signal>,
    },
    /// The sender says that an alert is over.
    SignalResolved {
        /// Which alert.
        fingerprint: Fingerprint,
    },
    /// A Snapshot was taken.
    Observed {
        /// Number of Kubernetes objects read.
        objects: usize,
        /// Number of log excerpts read.
        logs: usize,
        /// Number of metric readings.
        readings: usize,
        /// What could not be read.
        gaps: Vec<Gap>,
    },
    /// Agents looked into it, or were left out; what they concluded follows in `Diagnosed`.
    Investigated {
        /// What they did.
        investigation: Box<Investigation>,
    },
    /// The deterministic pass over the Snapshot is done, and the agents where there are any. `hypotheses` is ranked, best first; empty means that no cause
    /// was found.
    Diagnosed {
        /// What was seen.
        evidence: Vec<Evidence>,
        /// Possible causes.
        hypotheses: Vec<Hypothesis>,
    },
    /// A repair was planned.
    Planned {
        /// The Plan.
        plan: Box<Plan>,
    },
    /// A repair was drafted in chat; what was done there joins the investigation.
    ProposedInChat {
        /// The Plan.
        plan: Box<Plan>,
        /// What the agent did.
        investigation: Box<Investigation>,
    },
    /// Policy has spoken.
    Decided {
        /// What it said.
        decision: Decision,
    },
    /// People are asked.
    ApprovalRequested {
        /// The request.
        approval: Approval,
    },
    /// A person answered.
    ApprovalAnswered {
        /// `true` is approved.
        approved: bool,
        /// Who.
        by: String,
        /// What they wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// Nobody answered in time.
    ApprovalExpired,
    /// An Action is about to be applied.
    ExecutionIntended {
        /// The journal entry.
        execution: Box<Execution>,
    },
    /// The journal entry moved on: applied, failed, undone.
    ExecutionFinished {
        /// The journal entry, whole.
        execution: Box<Execution>,
    },
    /// The target has changed since the Plan was made; it is planned anew.
    PlanOutdated {
        /// What changed.
        reason: String,
    },
    /// The Checks were looked at.
    VerificationLooked {
        /// What they showed.
        verification: Verification,
    },
    /// Undoing is done (as far as it could be).
    RollbackFinished,
    /// A step could not be done and will be tried again.
    StepFailed {
        /// Which step. Not called `phase` outside: [`Recorded`] has one of its own beside the event.
        #[serde(rename = "step", alias = "phase")]
        phase: Phase,
        /// Why, safe for people.
        reason: String,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// Handed to people.
    Escalated {
        /// Why, and what they can do.
        reason: String,
    },
    /// Over.
    Closed {
        /// How it ended.
        outcome: Outcome,
        /// One sentence for people.
        reason: String,
    },
}

/// The name of an [`Event`] without its content.
pub type EventKind = &'static str;

impl Event {
    /// The name used in JSON (`type`), streams and metric labels.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Opened { .. } => "opened",
            Self::SignalAttached { .. } => "signal_attached",
            Self::SignalResolved { .. } => "signal_resolved",
            Self::Observed { .. } => "observed",
            Self::Investigated { .. } => "investigated",
            Self::Diagnosed { .. } => "diagnosed",
            Self::Planned { .. } => "planned",
            Self::ProposedInChat { .. } => "proposed_in_chat",
            Self::Decided { .. } => "decided",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalAnswered { .. } => "approval_answered",
            Self::ApprovalExpired => "approval_expired",
            Self::ExecutionIntended { .. } => "execution_intended",
            Self::ExecutionFinished { .. } => "execution_finished",
            Self::PlanOutdated { .. } => "plan_outdated",
            Self::VerificationLooked { .. } => "verification_looked",
            Self::RollbackFinished => "rollback_finished",
            Self::StepFailed { .. } => "step_failed",
            Self::Escalated { .. } => "escalated",
            Self::Closed { .. } => "closed",
        }
    }
}

/// An [`Event`] with its place in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// Place in the incident's history, from 1 without holes.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The phase that the incident was in afterwards.
    pub phase: Phase,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Recorded {
    /// As clients may see it; see [`Execution::for_clients`].
    #[must_use]
    pub fn for_clients(mut self) -> Self {
        if let Event::ExecutionIntended { execution } | Event::ExecutionFinished { execution } =
            &mut self.event
        {
            **execution = Execution::clone(execution).for_clients();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Event, Recorded};
    use crate::incident::Phase;

    #[test]
    fn a_failed_step_is_read_back_as_clients_see_it_and_as_it_was_stored_before() {
        let event = Event::StepFailed {
            phase: Phase::Plan,
            reason: "no route".to_owned(),
            retry_at: Timestamp::UNIX_EPOCH,
        };
        let recorded =
            Recorded { seq: 7, at: Timestamp::UNIX_EPOCH, phase: Phase::Plan, event: event.clone() };
        let shown = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&shown).unwrap(), recorded, "{shown}");
        let before =
            r#"{"type":"step_failed","phase":"plan","reason":"no route","retry_at":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(serde_json::from_str::<Event>(before).unwrap(), event);
    }
}
