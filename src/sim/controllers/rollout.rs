//! How many replicas each ReplicaSet of a Deployment may have at a moment, and whether the rollout gets on.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deployment::COMPONENT;
use crate::sim::kinds::{PODS, REPLICA_SETS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{Report, World, fields};

/// Pods that may be missing during a rollout; at least one of surge and unavailable is positive.
pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    if fields::text(deployment, "/spec/strategy/type") == "Recreate" {
        return 0;
    }
    let replicas = wanted_of(deployment);
    let value = deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable");
    let unavailable = fields::share(value, replicas, false, "25%").min(replicas);
    if unavailable == 0 && max_surge(deployment) == 0 { 1 } else { unavailable }
}

fn max_surge(deployment: &Value) -> i64 {
    let value = deployment.pointer("/spec/strategy/rollingUpdate/maxSurge");
    fields::share(value, wanted_of(deployment), true, "25%")
}

fn wanted_of(deployment: &Value) -> i64 {
    fields::int(deployment, "/spec/replicas").unwrap_or(1)
}

fn spec_replicas(set: &Value) -> i64 {
    fields::int(set, "/spec/replicas").unwrap_or(0)
}

fn available(set: &Value) -> i64 {
    fields::int(set, "/status/availableReplicas").unwrap_or(0)
}

/// Moves the replica counts one step on.
pub(super) fn scale(world: &World, deployment: &Value, new: Option<&Value>, old: &[Arc<Value>]) {
    let paused = fields::flag(deployment, "/spec/paused");
    let recreate = fields::text(deployment, "/spec/strategy/type") == "Recreate";
    match new {
        Some(new) if !paused && recreate => scale_recreate(world, deployment, new, old),
        Some(new) if !paused => scale_rolling(world, deployment, new, old),
        // A paused rollout follows the wanted size only while one ReplicaSet is active.
        other => {
            let active: Vec<&Value> = other
                .into_iter()
                .chain(old.iter().map(AsRef::as_ref))
                .filter(|s| spec_replicas(s) > 0)
                .collect();
            if let [only] = active.as_slice() {
                resize(world, deployment, only, wanted_of(deployment));
            }
        }
    }
}

fn scale_recreate(world: &World, deployment: &Value, new: &Value, old: &[Arc<Value>]) {
    for set in old {
        resize(world, deployment, set, 0);
    }
    let left = old.iter().flat_map(|set| world.controlled(&PODS, set)).count();
    if left == 0 {
        resize(world, deployment, new, wanted_of(deployment));
    }
}

fn scale_rolling(world: &World, deployment: &Value, new: &Value, old: &[Arc<Value>]) {
    let wanted = wanted_of(deployment);
    let old_total: i64 = old.iter().map(|set| spec_replicas(set)).sum();
    let size = spec_replicas(new);
    let room = wanted + max_surge(deployment) - size - old_total;
    let target = if size > wanted { wanted } else { (size + room.max(0)).min(wanted) };
    resize(world, deployment, new, target);
    shrink_old(world, deployment, new, target, old);
}

/// Takes replicas from old ReplicaSets: first those that aren't available anyway, then as many as may be missing.
fn shrink_old(world: &World, deployment: &Value, new: &Value, new_size: i64, old: &[Arc<Value>]) {
    let min_available = wanted_of(deployment) - max_unavailable(deployment);
    let total: i64 = new_size + old.iter().map(|set| spec_replicas(set)).sum::<i64>();
    let mut surplus = total - min_available - (new_size - available(new)).max(0);
    if surplus <= 0 {
        return;
    }
    let mut sizes: Vec<(&Arc<Value>, i64)> = old.iter().map(|set| (set, spec_replicas(set))).collect();
    sizes.sort_by_key(|(set, _)| meta::text(set, "creationTimestamp").to_owned());
    for (set, size) in &mut sizes {
        let useless = (*size - available(set)).clamp(0, surplus);
        *size -= useless;
        surplus -= useless;
    }
    let all_available = available(new) + old.iter().map(|set| available(set)).sum::<i64>();
    let mut spare = (all_available - min_available).max(0);
    for (set, size) in &mut sizes {
        let gone = (*size).clamp(0, spare);
        *size -= gone;
        spare -= gone;
        resize(world, deployment, set, *size);
    }
}

fn resize(world: &World, deployment: &Value, set: &Value, size: i64) {
    let (wanted, before) = (wanted_of(deployment), spec_replicas(set));
    let largest = if fields::text(deployment, "/spec/strategy/type") == "Recreate" {
        wanted
    } else {
        wanted + max_surge(deployment)
    };
    let annotations = "/metadata/annotations/deployment.kubernetes.io~1";
    let (desired_at, max_at) =
        (format!("{annotations}desired-replicas"), format!("{annotations}max-replicas"));
    let is_told = fields::text(set, &desired_at) == wanted.to_string()
        && fields::text(set, &max_at) == largest.to_string();
    if before == size && is_told {
        return;
    }
    world.modify(&REPLICA_SETS, set, |set| {
        fields::set(set, "/spec/replicas", size.into());
        if size > 0 || before > 0 {
            fields::set(set, &desired_at, wanted.to_string().into());
            fields::set(set, &max_at, largest.to_string().into());
        }
    });
    if before != size {
        let direction = if size > before { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {before} to {size}", meta::name(set));
        world.report(deployment, Report::normal(COMPONENT, "ScalingReplicaSet", &message));
    }
}

/// The replica counts that progress is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progressed {
    pub(super) wanted: i64,
    pub(super) total: i64,
    pub(super) updated: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
}

/// What the `Progressing` condition is to say.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    status: &'static str,
    reason: &'static str,
    message: String,
    /// Whether something got on just now, which restarts the deadline.
    moved: bool,
}

impl Progress {
    /// Writes the condition.
    pub(super) fn write(self, deployment: &mut Value, now: Timestamp) {
        let before = fields::condition(deployment, "Progressing");
        let unchanged = before.is_some_and(|c| {
            fields::text(c, "/reason") == self.reason && fields::text(c, "/message") == self.message
        });
        let updated = before.filter(|_| unchanged && !self.moved).map_or_else(
            || json!(meta::seconds(now)),
            |c| c.get("lastUpdateTime").cloned().unwrap_or_default(),
        );
        let condition = Condition {
            kind: "Progressing",
            status: self.status,
            reason: self.reason,
            message: &self.message,
        };
        fields::set_condition(deployment, condition, now, &[("lastUpdateTime", updated)]);
    }
}

/// Judges whether a rollout is complete, gets on, or has timed out; none leaves the condition as it is.
pub(super) fn progress(
    world: &World,
    deployment: &Value,
    new: Option<&Value>,
    created: bool,
    counts: Progressed,
) -> Option<Progress> {
    let condition = fields::condition(deployment, "Progressing");
    let reason_before = condition.map_or("", |c| fields::text(c, "/reason"));
    let told = |status, reason, message: String, moved| Some(Progress { status, reason, message, moved });
    if fields::flag(deployment, "/spec/paused") {
        return told("Unknown", "DeploymentPaused", "Deployment is paused".to_owned(), false);
    }
    if reason_before == "DeploymentPaused" {
        return told("Unknown", "DeploymentResumed", "Deployment is resumed".to_owned(), true);
    }
    let name = new.map_or("", meta::name);
    if created {
        return told("True", "NewReplicaSetCreated", format!("Created new replica set \"{name}\""), true);
    }
    if counts.updated == counts.wanted && counts.total == counts.wanted && counts.available == counts.wanted {
        return told(
            "True",
            "NewReplicaSetAvailable",
            format!("ReplicaSet \"{name}\" has successfully progressed."),
            false,
        );
    }
    let was = |field: &str| fields::int(deployment, &format!("/status/{field}")).unwrap_or(0);
    let moved = counts.updated > was("updatedReplicas")
        || counts.ready > was("readyReplicas")
        || counts.available > was("availableReplicas")
        || counts.total - counts.updated < was("replicas") - was("updatedReplicas");
    if moved {
        return told("True", "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."), true);
    }
    // A rollout that was complete and lost pods later is not judged by the deadline.
    if matches!(reason_before, "NewReplicaSetAvailable" | "ProgressDeadlineExceeded") {
        return None;
    }
    let deadline = fields::int(deployment, "/spec/progressDeadlineSeconds").unwrap_or(600);
    let since = condition.and_then(|c| fields::time(c, "/lastUpdateTime"))?;
    let late = world.clock.is_over(since, Duration::from_secs(u64::try_from(deadline).unwrap_or(600)));
    if late {
        return told(
            "False",
            "ProgressDeadlineExceeded",
            format!("ReplicaSet \"{name}\" has timed out progressing."),
            false,
        );
    }
    None
}
