//! The proof of a repair, fixed before anything is changed.

use super::Repair;
use crate::incident::{Check, Signal, SignalState};

/// What must hold after `repair`: the workloads run, and the alerts' own expressions are clear. Where no alert can be
/// asked, the autoscaler must have room; where one can, it decides: an autoscaler that stands at its new maximum while
/// users are served again has helped, and taking that back would bring the trouble back.
pub(super) fn after(repair: &Repair, signals: &[Signal]) -> Vec<Check> {
    let mut checks = Vec::new();
    for workload in &repair.workloads {
        checks.push(Check::RolloutComplete { workload: workload.clone() });
        checks.push(Check::PodsReady { workload: workload.clone() });
        checks.push(Check::RestartsStable { workload: workload.clone() });
    }
    let given_up = repair.given_up_node.as_deref();
    let firing = signals.iter().filter(|signal| signal.state == SignalState::Firing);
    for signal in firing.filter(|signal| !is_about(signal, given_up)) {
        let Some(expression) = signal.expression.clone() else { continue };
        let check = Check::AlertExpressionClear { alert: signal.name.clone(), expression };
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    if !checks.iter().any(|check| matches!(check, Check::AlertExpressionClear { .. })) {
        checks.extend(repair.autoscaler.iter().map(|hpa| Check::HpaBelowMaximum { hpa: hpa.clone() }));
    }
    checks
}

/// Whether the alert is about the node itself, which stays broken until somebody mends it.
fn is_about(signal: &Signal, node: Option<&str>) -> bool {
    let Some(node) = node else { return false };
    let names_it = signal.scope.node.as_deref() == Some(node)
        || signal.labels.get("node").is_some_and(|label| label == node);
    let of_node_metric = signal.expression.as_deref().is_some_and(|text| text.contains("kube_node_"));
    names_it && (of_node_metric || (signal.scope.workload.is_none() && signal.scope.pod.is_none()))
}
