//! An approval that nobody gave.

use jiff::Timestamp;

use crate::incident::{Event, Incident};
use crate::workflow::step::{Step, escalated};

/// Woken while waiting: either time is up, or it was a false alarm.
pub(super) fn expire(incident: &Incident) -> Step {
    let expires_at = incident.approval.as_ref().map(|approval| approval.expires_at);
    if expires_at.is_some_and(|at| at > Timestamp::now()) {
        return Step::events([]);
    }
    Step::events([
        Event::ApprovalExpired,
        escalated("Nobody answered the approval request in time; nothing was changed."),
    ])
}
