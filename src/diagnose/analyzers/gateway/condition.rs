//! Conditions as controllers write them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::resource::{list, text};

/// A controller that has not answered for so long does not.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// A condition that says that something is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    pub(super) kind: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) since: Option<Timestamp>,
}

/// The first condition below a path that has one of the kinds and is not `True`. `Unknown` counts once it is old: until
/// then the controller may be on its way.
pub(super) fn refused<'a>(
    value: &'a Value,
    path: &str,
    kinds: &[&str],
    now: Timestamp,
) -> Option<Refused<'a>> {
    let conditions = list(value, path);
    kinds.iter().find_map(|kind| {
        let condition = conditions.iter().find(|condition| text(condition, "type") == Some(*kind))?;
        let since = text(condition, "lastTransitionTime").and_then(|time| time.parse::<Timestamp>().ok());
        let is_old = since.is_some_and(|since| now.duration_since(since) > PATIENCE);
        let status = text(condition, "status")?;
        (status == "False" || (status == "Unknown" && is_old)).then(|| Refused {
            kind: text(condition, "type").unwrap_or_default(),
            reason: text(condition, "reason").unwrap_or_default(),
            message: text(condition, "message").unwrap_or_default(),
            since,
        })
    })
}
