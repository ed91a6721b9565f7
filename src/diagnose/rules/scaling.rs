//! Autoscalers that cannot do what the load asks.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// At this strength the autoscaler itself shows load above its target.
const OVERLOADED: f64 = 0.7;

/// `scaling.limit_reached` where an autoscaler stands at its maximum and the load shows it.
pub(super) fn limited(facts: &Facts<'_>) -> Vec<Candidate> {
    facts.with(&[codes::HPA_AT_MAXIMUM]).filter_map(|piece| at_maximum(facts, piece)).collect()
}

fn at_maximum(facts: &Facts<'_>, piece: &Evidence) -> Option<Candidate> {
    let workload = target(facts, &piece.object);
    let load = load(facts, workload.as_ref(), &piece.object);
    if piece.strength.value() < OVERLOADED && load.is_empty() {
        return None;
    }
    let maximum = piece.fields.get("max_replicas").map_or("its maximum of", String::as_str);
    let shown: Vec<_> = load.iter().filter(|piece| piece.code != codes::METRIC_HPA.name).collect();
    let suffering = if shown.is_empty() { "and wants more" } else { "while its pods are overloaded" };
    let statement =
        format!("{} stands at {maximum} replicas, all that it may have, {suffering}.", piece.object);
    let sure = if shown.is_empty() { 0.85 } else { 1.0 };
    Some(
        Candidate::new(confidence::SCALING_LIMIT, piece.object.clone(), statement)
            .times(sure)
            .because([piece])
            .because(load)
            .explaining(workload),
    )
}

fn target(facts: &Facts<'_>, autoscaler: &ObjectRef) -> Option<ObjectRef> {
    facts.graph.targets(autoscaler, crate::diagnose::graph::EdgeKind::Scales).into_iter().next()
}

/// Readings that show the load on the target: of itself, of the Services in front of it, of the autoscaler.
fn load<'a>(facts: &Facts<'a>, target: Option<&ObjectRef>, autoscaler: &ObjectRef) -> Vec<&'a Evidence> {
    let codes = [codes::METRIC_LATENCY, codes::METRIC_ERRORS, codes::METRIC_THROTTLING];
    let front = target.map(|target| facts.graph.sources(target, crate::diagnose::graph::EdgeKind::Selects));
    let places: BTreeSet<_> = front.into_iter().flatten().chain(target.cloned()).collect();
    let mut found: Vec<_> = places.iter().flat_map(|place| facts.about(place, &codes)).collect();
    if !found.is_empty() {
        found.extend(facts.about(autoscaler, &[codes::METRIC_HPA]));
    }
    found
}
