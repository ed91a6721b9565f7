//! Alerts: what asked the question.

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::{ObjectRef, SignalState};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let snapshot = index.snapshot;
    let firing = snapshot.signals.iter().filter(|signal| signal.state == SignalState::Firing);
    let finding = |signal: &crate::incident::Signal| {
        let subject = signal.scope.subject().or_else(|| snapshot.focus.clone());
        let alert = || {
            let namespace = signal.scope.namespace.clone().unwrap_or_default();
            ObjectRef::new("Alert", namespace, signal.name.as_str())
        };
        Finding::new(
            codes::ALERT,
            subject.unwrap_or_else(alert),
            format!("Alert {} fires: {}", signal.name, signal.summary),
        )
        .at(Some(signal.starts_at))
        .field("alert", &signal.name)
        .field("severity", signal.severity.as_str())
        .field_if("container", signal.scope.container.as_ref())
    };
    firing.map(finding).collect()
}
