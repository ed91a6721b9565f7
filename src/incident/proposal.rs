//! Whether an incident takes a Plan that was drafted in chat, and why not.

use std::fmt;

use super::{ExecutionState, Incident, Phase, Plan};

/// Why an incident does not take a Plan from chat. Each is a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// It is over.
    Closed,
    /// kubewright is still looking for the cause, or for a repair, by itself.
    AtWork(Phase),
    /// Another Plan waits for a person.
    Waiting,
    /// A repair is being made, watched or undone.
    Repairing(Phase),
    /// Of an earlier change it is not known whether it was made.
    Unknown,
    /// People have denied one of its Actions, or it was tried and did not help.
    Excluded,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the incident is closed"),
            Self::AtWork(phase) => {
                write!(
                    f,
                    "kubewright is still at work on it by itself (phase {phase}); ask again when it is done"
                )
            }
            Self::Waiting => f.write_str("another plan of it waits for an answer; deny that one first"),
            Self::Repairing(phase) => write!(f, "a repair of it is under way (phase {phase})"),
            Self::Unknown => f.write_str(
                "of an earlier change it is not known whether it was made; look at its journal first",
            ),
            Self::Excluded => {
                f.write_str("one of its actions was denied by a person, or was tried and did not help")
            }
        }
    }
}

impl Incident {
    /// Whether a Plan that was drafted in chat may become the incident's Plan now.
    ///
    /// # Errors
    /// [`NotTaken`] says why not.
    pub fn takes(&self, plan: &Plan) -> Result<(), NotTaken> {
        match self.phase {
            Phase::Escalated => {}
            Phase::Closed => return Err(NotTaken::Closed),
            Phase::AwaitApproval => return Err(NotTaken::Waiting),
            Phase::Triage | Phase::Diagnose | Phase::Plan | Phase::Guard => {
                return Err(NotTaken::AtWork(self.phase));
            }
            Phase::Repair | Phase::Verify | Phase::RollBack => return Err(NotTaken::Repairing(self.phase)),
        }
        if self.executions.iter().any(|execution| execution.state == ExecutionState::Intended) {
            return Err(NotTaken::Unknown);
        }
        let excluded = self.excluded_actions();
        if plan.actions.iter().any(|planned| excluded.contains(&&planned.action)) {
            return Err(NotTaken::Excluded);
        }
        Ok(())
    }
}
