//! Signs of life: leases and node conditions.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kubelet, World};
use crate::sim::kinds::{LEASES, NODES};
use crate::sim::objects::meta;
use crate::sim::world::Report;
use crate::sim::world::fields::{self, Condition};

const PERIOD: Duration = Duration::from_secs(10);
const LEASE_SECONDS: i64 = 40;
const LEASES_NAMESPACE: &str = "kube-node-lease";

/// The conditions of a healthy node: type, status, reason, message.
const HEALTHY: &[(&str, &str, &str, &str)] = &[
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

impl Kubelet {
    /// Renews leases when it is time, and the conditions of nodes that have come (back).
    pub(super) fn beat(&mut self, world: &World) {
        let now = world.now();
        let is_due = self.last_heartbeat.is_none_or(|last| world.clock.is_over(last, PERIOD));
        for node in world.all(&NODES) {
            if !world.switches().is_up(meta::name(&node)) {
                continue;
            }
            if !fields::is_true(&node, "Ready") {
                report_ready(world, &node);
            }
            if is_due {
                renew(world, &node);
            }
        }
        if is_due {
            self.last_heartbeat = Some(now);
        }
    }
}

fn report_ready(world: &World, node: &Value) {
    let now = world.now();
    world.modify(&NODES, node, |node| {
        for (kind, status, reason, message) in HEALTHY.iter().copied() {
            let condition = Condition { kind, status, reason, message };
            fields::set_condition(node, condition, now, &[("lastHeartbeatTime", meta::seconds(now).into())]);
        }
    });
    let message = format!("Node {} status is now: NodeReady", meta::name(node));
    let report = Report { host: meta::name(node), ..Report::normal("kubelet", "NodeReady", &message) };
    world.report(node, report);
}

fn renew(world: &World, node: &Value) {
    let name = meta::name(node);
    let renewed = world.now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    if let Some(lease) = world.store.get_shared(&LEASES, LEASES_NAMESPACE, name) {
        return world.modify(&LEASES, &lease, |lease| fields::set(lease, "/spec/renewTime", renewed.into()));
    }
    let owner = json!([{"apiVersion": "v1", "kind": "Node", "name": name, "uid": meta::uid(node)}]);
    let lease = json!({
        "metadata": {"name": name, "namespace": LEASES_NAMESPACE, "ownerReferences": owner},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed},
    });
    if let Err(error) = world.store.create(&LEASES, lease) {
        tracing::debug!(%error, "a lease was not created");
    }
}
