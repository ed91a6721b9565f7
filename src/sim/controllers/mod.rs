//! The controllers: each looks at the objects as they are and moves them one step towards what is wanted.
//!
//! They run one after the other inside the engine's step, again and again until nothing changes. What containers do is
//! the kubelet's business. CronJobs are stored but start nothing: no scenario lasts long enough for a schedule.

mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod history;
mod hpa;
mod job;
mod namespace;
mod node;
mod pods;
mod replicaset;
mod rollout;
mod scheduler;
mod statefulset;
mod storage;

pub(crate) use hpa::{Autoscaler, Usage};

use super::world::World;

/// Rounds after which a step gives up waiting for the controllers to agree.
const MAX_ROUNDS: usize = 12;

/// Runs all stateless controllers until they have nothing more to change.
pub(crate) fn settle(world: &World) {
    for _ in 0..MAX_ROUNDS {
        let before = world.store.revision();
        namespace::reconcile(world);
        storage::reconcile(world);
        node::reconcile(world);
        deployment::reconcile(world);
        replicaset::reconcile(world);
        statefulset::reconcile(world);
        daemonset::reconcile(world);
        job::reconcile(world);
        scheduler::reconcile(world);
        endpoints::reconcile(world);
        disruption::reconcile(world);
        if world.store.revision() == before {
            return;
        }
    }
}
