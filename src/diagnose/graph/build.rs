//! Builds the graph from a Snapshot and its Evidence.

use super::edges;
use super::{EdgeKind, EvidenceGraph, Status};
use crate::diagnose::facts::is_trouble;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::named;
use crate::incident::{Evidence, EvidenceSource, ObjectRef};
use crate::observe::ChangeKind;

impl EvidenceGraph {
    /// Connects what the Snapshot holds. Deterministic: nodes and edges come in the order of the Snapshot, duplicates of
    /// an edge are kept out.
    #[must_use]
    pub fn build(index: &Index<'_>, evidence: &[Evidence]) -> Self {
        let mut graph = Self::default();
        for object in objects(index) {
            graph.place(&object, Status::Ok);
        }
        let mut found = edges::edges(index);
        found.extend(calls_that_fail(index, evidence));
        found.extend(changes(index));
        found.extend(alerts(index));
        found.sort();
        found.dedup();
        for (from, kind, to) in &found {
            graph.connect(from, *kind, to);
        }
        for piece in evidence.iter().filter(|piece| is_trouble(piece)) {
            graph.mark_failing(&piece.object);
        }
        graph
    }
}

/// One edge, before it has a place.
pub(super) type Edge = (ObjectRef, EdgeKind, ObjectRef);

fn objects(index: &Index<'_>) -> Vec<ObjectRef> {
    let objects = &index.snapshot.objects;
    let mut found: Vec<ObjectRef> = objects.pods.iter().map(object_ref).collect();
    found.extend(objects.deployments.iter().map(object_ref));
    found.extend(objects.replica_sets.iter().map(object_ref));
    found.extend(objects.stateful_sets.iter().map(object_ref));
    found.extend(objects.daemon_sets.iter().map(object_ref));
    found.extend(objects.jobs.iter().map(object_ref));
    found.extend(objects.cron_jobs.iter().map(object_ref));
    found.extend(objects.services.iter().map(object_ref));
    found.extend(objects.ingresses.iter().map(object_ref));
    found.extend(objects.nodes.iter().map(object_ref));
    found.extend(objects.autoscalers.iter().map(object_ref));
    found.extend(objects.claims.iter().map(object_ref));
    let named = |kind: &'static str| {
        move |object: &crate::observe::KeyedObject| {
            ObjectRef::new(kind, object.namespace.as_str(), object.name.as_str())
        }
    };
    found.extend(objects.config_maps.iter().map(named("ConfigMap")));
    found.extend(objects.secrets.iter().map(named("Secret")));
    found.retain(|object| !object.name.is_empty());
    found
}

fn calls_that_fail(index: &Index<'_>, evidence: &[Evidence]) -> Vec<Edge> {
    let complaints = evidence.iter().filter(|piece| piece.source == EvidenceSource::Log);
    let edge = |piece: &Evidence| {
        let to = dependency(piece)?;
        Some((index.workload_of(&piece.object), EdgeKind::FailsToCall, to))
    };
    complaints.filter_map(edge).collect()
}

/// The dependency that a complaint in a log names, as analyzers write it down.
#[must_use]
pub(in crate::diagnose) fn dependency(piece: &Evidence) -> Option<ObjectRef> {
    named::dependency(&piece.fields)
}

fn changes(index: &Index<'_>) -> Vec<Edge> {
    let name = |change: &crate::observe::Change| {
        let what = match (change.kind, change.revision) {
            (ChangeKind::Rollout, Some(revision)) => format!("rollout of revision {revision}"),
            (ChangeKind::Rollout, None) => "rollout".to_owned(),
            (ChangeKind::Configuration, _) => "configuration".to_owned(),
        };
        let name = format!("{what} to {} {} at {}", change.object.kind, change.object.name, change.at);
        ObjectRef::new("Change", change.object.namespace.as_str(), name)
    };
    let changes = index.snapshot.changes.iter();
    changes.map(|change| (name(change), EdgeKind::Changed, change.object.clone())).collect()
}

fn alerts(index: &Index<'_>) -> Vec<Edge> {
    let snapshot = index.snapshot;
    let Some(focus) = snapshot.focus.clone().or_else(|| snapshot.scope.subject()) else { return Vec::new() };
    let alert = |signal: &crate::incident::Signal| {
        let namespace = signal.scope.namespace.clone().unwrap_or_default();
        ObjectRef::new("Alert", namespace, crate::diagnose::mask::clean(&signal.name))
    };
    snapshot.signals.iter().map(|signal| (alert(signal), EdgeKind::SymptomOf, focus.clone())).collect()
}
