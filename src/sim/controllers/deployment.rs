//! Deployment → ReplicaSets: which ReplicaSet is the new one, revisions, history, status.
//!
//! How many replicas each may have at a moment is `rollout`'s business.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{pods, rollout};
use crate::sim::kinds::{DEPLOYMENTS, REPLICA_SETS};
use crate::sim::objects::{Deletion, meta};
use crate::sim::world::fields::Condition;
use crate::sim::world::{World, fields};

/// The component that deployment events come from.
pub(super) const COMPONENT: &str = "deployment-controller";
const HASH: &str = "pod-template-hash";
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

pub(super) fn reconcile(world: &World) {
    for deployment in world.all(&DEPLOYMENTS) {
        if !meta::is_terminating(&deployment) {
            sync(world, &deployment);
        }
    }
}

fn sync(world: &World, deployment: &Value) {
    let mut sets = world.controlled(&REPLICA_SETS, deployment);
    let mut new = sets.iter().position(|set| is_of_template(set, deployment)).map(|index| sets.remove(index));
    let paused = fields::flag(deployment, "/spec/paused");
    let mut created = false;
    if new.is_none() && !paused {
        new = create_set(world, deployment, &sets);
        created = new.is_some();
    }
    if let Some(set) = &new
        && !paused
    {
        number_revision(world, deployment, set, &sets);
    }
    rollout::scale(world, deployment, new.as_deref(), &sets);
    write_status(world, deployment, new.as_deref(), &sets, created);
    if !paused {
        prune(world, deployment, &sets);
    }
}

/// Whether a ReplicaSet was made from the Deployment's present template.
fn is_of_template(set: &Value, deployment: &Value) -> bool {
    let same = |part: &str| set.pointer(part) == deployment.pointer(part);
    let labels = |object| labels_of_template(object).filter(|(key, _)| key.as_str() != HASH);
    same("/spec/template/spec")
        && same("/spec/template/metadata/annotations")
        && labels(set).eq(labels(deployment))
}

fn labels_of_template(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.pointer("/spec/template/metadata/labels").and_then(Value::as_object).into_iter().flatten()
}

fn create_set(world: &World, deployment: &Value, old: &[Arc<Value>]) -> Option<Arc<Value>> {
    let template = deployment.pointer("/spec/template")?;
    let collisions = fields::int(deployment, "/status/collisionCount").unwrap_or(0);
    let hash = pods::template_hash(template, collisions);
    let mut set = json!({
        "metadata": {
            "name": format!("{}-{hash}", meta::name(deployment)),
            "namespace": meta::namespace(deployment),
            "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
            "annotations": {},
            "ownerReferences": fields::controller_reference(deployment),
        },
        "spec": {
            "replicas": 0,
            "selector": deployment.pointer("/spec/selector").cloned().unwrap_or_default(),
            "template": template.clone(),
        },
    });
    fields::set(&mut set, &format!("/metadata/labels/{HASH}"), hash.clone().into());
    fields::set(&mut set, &format!("/spec/selector/matchLabels/{HASH}"), hash.clone().into());
    fields::set(&mut set, &format!("/spec/template/metadata/labels/{HASH}"), hash.into());
    fields::set(&mut set, REVISION, (highest_revision(old) + 1).to_string().into());
    if let Some(seconds) = deployment.pointer("/spec/minReadySeconds") {
        fields::set(&mut set, "/spec/minReadySeconds", seconds.clone());
    }
    match world.store.create(&REPLICA_SETS, set) {
        Ok(set) => Some(Arc::new(set)),
        Err(error) => {
            tracing::debug!(%error, "a ReplicaSet could not be created");
            None
        }
    }
}

fn revision_of(set: &Value) -> i64 {
    fields::text(set, REVISION).parse().unwrap_or(0)
}

fn highest_revision(sets: &[Arc<Value>]) -> i64 {
    sets.iter().map(|set| revision_of(set)).max().unwrap_or(0)
}

/// The new ReplicaSet always bears the highest number: a rollback gives an old template a new revision.
fn number_revision(world: &World, deployment: &Value, new: &Value, old: &[Arc<Value>]) {
    let mut revision = revision_of(new);
    let next = highest_revision(old) + 1;
    if revision < next {
        let history = "/metadata/annotations/deployment.kubernetes.io~1revision-history";
        world.modify(&REPLICA_SETS, new, |set| {
            let earlier = fields::text(set, history);
            let told =
                if earlier.is_empty() { revision.to_string() } else { format!("{earlier},{revision}") };
            if revision > 0 {
                fields::set(set, history, told.into());
            }
            fields::set(set, REVISION, next.to_string().into());
        });
        revision = next;
    }
    if fields::text(deployment, REVISION) != revision.to_string() {
        world.modify(&DEPLOYMENTS, deployment, |d| fields::set(d, REVISION, revision.to_string().into()));
    }
    copy_change_cause(world, deployment, new);
}

fn copy_change_cause(world: &World, deployment: &Value, new: &Value) {
    const CAUSE: &str = "/metadata/annotations/kubernetes.io~1change-cause";
    let cause = fields::text(deployment, CAUSE);
    if !cause.is_empty() && fields::text(new, CAUSE) != cause {
        world.modify(&REPLICA_SETS, new, |set| fields::set(set, CAUSE, cause.into()));
    }
}

/// Deletes the oldest empty ReplicaSets beyond the history limit.
fn prune(world: &World, deployment: &Value, old: &[Arc<Value>]) {
    let limit = fields::int(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let is_empty = |set: &&Arc<Value>| {
        fields::int(set, "/spec/replicas") == Some(0) && fields::int(set, "/status/replicas") == Some(0)
    };
    let mut empty: Vec<&Arc<Value>> = old.iter().filter(is_empty).collect();
    empty.sort_by_key(|set| revision_of(set));
    let surplus = empty.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    for set in empty.into_iter().take(surplus) {
        let gone =
            world.store.delete(&REPLICA_SETS, meta::namespace(set), meta::name(set), &Deletion::default());
        tracing::debug!(ok = gone.is_ok(), name = meta::name(set), "an old ReplicaSet was pruned");
    }
}

/// Replica counts over all ReplicaSets of a Deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    wanted: i64,
    total: i64,
    updated: i64,
    ready: i64,
    available: i64,
    terminating: i64,
}

fn counts(world: &World, deployment: &Value, new: Option<&Value>, old: &[Arc<Value>]) -> Counts {
    let fresh = |set: &Value| world.store.get_shared(&REPLICA_SETS, meta::namespace(set), meta::name(set));
    let new = new.and_then(fresh);
    let all: Vec<Arc<Value>> = old.iter().filter_map(|set| fresh(set)).chain(new.clone()).collect();
    let sum = |field: &str| all.iter().map(|set| fields::int(set, field).unwrap_or(0)).sum();
    Counts {
        wanted: fields::int(deployment, "/spec/replicas").unwrap_or(1),
        total: sum("/status/replicas"),
        updated: new.map_or(0, |set| fields::int(&set, "/status/replicas").unwrap_or(0)),
        ready: sum("/status/readyReplicas"),
        available: sum("/status/availableReplicas"),
        terminating: sum("/status/terminatingReplicas"),
    }
}

fn write_status(world: &World, deployment: &Value, new: Option<&Value>, old: &[Arc<Value>], created: bool) {
    let counts = counts(world, deployment, new, old);
    let now = world.now();
    let progress = rollout::progress(world, deployment, new, created, counts.into());
    world.modify(&DEPLOYMENTS, deployment, |d| {
        let mut status = json!({
            "observedGeneration": fields::int(d, "/metadata/generation").unwrap_or(1),
            "terminatingReplicas": counts.terminating,
        });
        for (field, value) in [
            ("/replicas", counts.total),
            ("/updatedReplicas", counts.updated),
            ("/readyReplicas", counts.ready),
            ("/availableReplicas", counts.available),
            ("/unavailableReplicas", (counts.total.max(counts.wanted) - counts.available).max(0)),
        ] {
            if value > 0 {
                fields::set(&mut status, field, value.into());
            }
        }
        if let Some(conditions) = d.pointer("/status/conditions") {
            fields::set(&mut status, "/conditions", conditions.clone());
        }
        fields::set(d, "/status", status);
        set_available(d, counts, now);
        if let Some(progress) = progress {
            progress.write(d, now);
        }
    });
}

fn set_available(deployment: &mut Value, counts: Counts, now: jiff::Timestamp) {
    let allowed = rollout::max_unavailable(deployment);
    let (status, reason, message) = if counts.available >= counts.wanted - allowed {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let before = fields::condition(deployment, "Available");
    let updated = before
        .filter(|c| fields::text(c, "/status") == status)
        .map_or_else(|| meta::seconds(now).into(), |c| c.get("lastUpdateTime").cloned().unwrap_or_default());
    let condition = Condition { kind: "Available", status, reason, message };
    fields::set_condition(deployment, condition, now, &[("lastUpdateTime", updated)]);
}

impl From<Counts> for rollout::Progressed {
    fn from(counts: Counts) -> Self {
        Self {
            wanted: counts.wanted,
            total: counts.total,
            updated: counts.updated,
            ready: counts.ready,
            available: counts.available,
        }
    }
}

#[cfg(test)]
#[path = "deployment_tests.rs"]
mod tests;
