//! The domain: what an incident is and how it moves, as plain values.
//!
//! Owns the words of the project (Signal, Evidence, Hypothesis, Plan, Decision, Execution, Verification), the
//! [`Incident`] that collects them, and the one function that moves it: [`Incident::apply`]. It knows nothing of
//! clusters, databases, HTTP or models; every other room speaks in these types.

mod action;
mod check;
mod decision;
mod event;
mod evidence;
mod execution;
mod hypothesis;
mod id;
mod investigation;
mod object;
mod phase;
mod plan;
mod proposal;
mod quantity;
mod scope;
mod signal;
mod state;
mod story;
mod strength;
mod transition;

pub use action::{Action, ActionKind, ResourceAmounts};
pub use check::{Check, CheckResult, Verification};
pub use decision::{Approval, Decision, Verdict};
pub use event::{Event, EventKind, Recorded};
pub use evidence::{Evidence, EvidenceId, EvidenceSource, Gap};
pub use execution::{Execution, ExecutionState};
pub use hypothesis::{Hypothesis, Proposer};
pub use id::IncidentId;
pub use investigation::{AgentRun, Investigation, InvestigationEnd};
pub use object::ObjectRef;
pub use phase::{Outcome, Phase};
pub use plan::{Plan, PlannedAction};
pub use proposal::NotTaken;
pub use quantity::Quantity;
pub use scope::Scope;
pub use signal::{Fingerprint, Severity, Signal, SignalSource, SignalState};
pub use state::{Incident, MAX_REPAIR_ATTEMPTS, TransitionError};
pub use story::{Story, StoryLine};
pub use strength::Score;
