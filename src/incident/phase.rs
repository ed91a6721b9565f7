//! Where an incident stands.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The step that comes next for an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Collecting evidence.
    Triage,
    /// Looking for the cause.
    Diagnose,
    /// Looking for a repair.
    Plan,
    /// Asking policy.
    Guard,
    /// Waiting for a person's answer.
    AwaitApproval,
    /// Changing the cluster.
    Repair,
    /// Watching whether it helped.
    Verify,
    /// Undoing what did not help.
    RollBack,
    /// Handed to people; open until the alerts resolve or a person closes it.
    Escalated,
    /// Over.
    Closed,
}

impl Phase {
    /// All phases, in the order in which incidents pass them.
    pub const ALL: [Self; 10] = [
        Self::Triage,
        Self::Diagnose,
        Self::Plan,
        Self::Guard,
        Self::AwaitApproval,
        Self::Repair,
        Self::Verify,
        Self::RollBack,
        Self::Escalated,
        Self::Closed,
    ];

    /// The name used in JSON, filters and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Diagnose => "diagnose",
            Self::Plan => "plan",
            Self::Guard => "guard",
            Self::AwaitApproval => "await_approval",
            Self::Repair => "repair",
            Self::Verify => "verify",
            Self::RollBack => "roll_back",
            Self::Escalated => "escalated",
            Self::Closed => "closed",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a closed incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A repair was made and verified.
    Repaired,
    /// The alerts resolved without a repair of ours.
    Recovered,
    /// Nothing was found wrong.
    NothingWrong,
    /// A person closed it.
    ClosedByPerson,
}

impl Outcome {
    /// The name used in JSON and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Recovered => "recovered",
            Self::NothingWrong => "nothing_wrong",
            Self::ClosedByPerson => "closed_by_person",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
