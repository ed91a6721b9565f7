//! The end of a pod that is being deleted: stop its containers within the grace period, then let it go.

use std::time::Duration;

use serde_json::Value;

use super::container::Phase;
use super::{PodRun, World};
use crate::sim::kinds::PODS;
use crate::sim::objects::meta;
use crate::sim::world::{Report, fields};

/// Time that well-behaved programs need to stop.
const STOPPING: Duration = Duration::from_secs(2);

/// Stops the containers, and removes the pod when they have stopped.
pub(super) fn step(world: &World, pod: &Value, run: &mut PodRun) {
    let now = world.now();
    let Some(since) = run.ends else {
        run.ends = Some(now);
        for container in &mut run.containers {
            if matches!(container.phase, Phase::Running { .. }) {
                let message = format!("Stopping container {}", container.name);
                let host = fields::text(pod, "/spec/nodeName");
                let report = Report {
                    host,
                    container: &container.name,
                    ..Report::normal("kubelet", "Killing", &message)
                };
                world.report(pod, report);
            }
            container.health.ready = false;
        }
        super::status::write(world, pod, run);
        return;
    };
    let grace = fields::int(pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(30);
    let needed = STOPPING.min(Duration::from_secs(u64::try_from(grace).unwrap_or(0)));
    if world.clock.is_over(since, needed) {
        world.store.remove(&PODS, meta::namespace(pod), meta::name(pod));
        world.logs.forget_pod(meta::namespace(pod), meta::name(pod));
    }
}
