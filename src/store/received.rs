//! What became of a Signal.

use crate::incident::IncidentId;

/// What became of one Signal. All of them are durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Received {
    /// It opened this incident.
    Opened(IncidentId),
    /// It joined this open incident.
    Attached(IncidentId),
    /// It was known; this incident, open or closed, has it.
    Repeated(IncidentId),
    /// It ended an alert of this incident.
    Resolved(IncidentId),
    /// It is the end, or a late copy, of something that was never an incident.
    Ignored,
}

impl Received {
    /// The incident, if there is one.
    #[must_use]
    pub fn incident(&self) -> Option<&IncidentId> {
        match self {
            Self::Opened(id) | Self::Attached(id) | Self::Repeated(id) | Self::Resolved(id) => Some(id),
            Self::Ignored => None,
        }
    }

    /// The name used in JSON and metric labels.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Attached(_) => "attached",
            Self::Repeated(_) => "repeated",
            Self::Resolved(_) => "resolved",
            Self::Ignored => "ignored",
        }
    }

    /// Whether the incident's history has grown.
    pub(super) fn moved(&self) -> Option<&IncidentId> {
        match self {
            Self::Opened(id) | Self::Attached(id) | Self::Resolved(id) => Some(id),
            Self::Repeated(_) | Self::Ignored => None,
        }
    }
}
