//! Autoscalers that cannot do what the load asks.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::index::SYSTEM;
use crate::incident::{Evidence, ObjectRef};

/// At this strength the autoscaler itself shows load above its target.
const OVERLOADED: f64 = 0.7;

/// `scaling.limit_reached` where an autoscaler stands at its maximum and the load shows it.
pub(super) fn limited(facts: &Facts<'_>) -> Vec<Candidate> {
    let at_maximum = facts.with(&[codes::HPA_AT_MAXIMUM]).filter_map(|piece| at_maximum(facts, piece));
    at_maximum.chain(blind(facts)).collect()
}

/// What an autoscaler cannot read: about its target where that has no requests, about the metrics server where that is known
/// and does not work, else about the autoscaler.
fn blind(facts: &Facts<'_>) -> Vec<Candidate> {
    let kinds = [codes::HPA_NO_REQUESTS, codes::HPA_NO_METRICS_SERVER, codes::HPA_METRICS_UNAVAILABLE];
    let found = facts.with(&kinds).filter(|piece| is_trouble(piece)).map(|piece| {
        let target = target(facts, &piece.object).filter(|_| piece.code == codes::HPA_NO_REQUESTS.name);
        let server = || ObjectRef::new("Deployment", SYSTEM, "metrics-server");
        let broken = || {
            Some(server())
                .filter(|server| piece.code == codes::HPA_NO_METRICS_SERVER.name && facts.in_trouble(server))
        };
        let object = target.or_else(broken).unwrap_or_else(|| piece.object.clone());
        let candidate = Candidate::new(confidence::AUTOSCALER_METRICS, object, piece.statement.as_str());
        candidate.because([piece]).explaining([piece.object.clone()])
    });
    found.collect()
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
