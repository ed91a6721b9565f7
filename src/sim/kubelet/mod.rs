//! The simulated kubelets: pods become running, ready, crash and end as the scenario's programs say.
//!
//! One value plays the kubelets of all nodes. Which pods exist and where they run is the controllers' business; what
//! requests do to a pod is the traffic's.

mod config;
mod container;
mod heartbeat;
mod logs;
mod probe;
mod program;
mod pull;
mod status;
mod terminate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use container::{ContainerRun, Phase};

use super::kinds::PODS;
use super::objects::meta;
use super::world::{Report, Severity, World, fields};

/// What the kubelets remember; the API server's objects are only their reports.
#[derive(Debug, Default)]
pub(crate) struct Kubelet {
    pods: HashMap<String, PodRun>,
    images: HashSet<(String, String)>,
    addresses: HashMap<String, u32>,
    last_heartbeat: Option<Timestamp>,
}

/// One pod on its node.
#[derive(Debug)]
struct PodRun {
    containers: Vec<ContainerRun>,
    ip: String,
    started: Timestamp,
    ends: Option<Timestamp>,
    mounted: bool,
    /// The pod's version and state when its status was last found to be right.
    reported: Option<(String, status::Fingerprint)>,
}

/// What is needed to work on one container: the pod it belongs to and the world around it.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    world: &'a World,
    pod: &'a Value,
    spec: &'a Value,
    ip: &'a str,
}

/// A container that runs, for metrics.
#[derive(Debug, Clone)]
pub(crate) struct RunningContainer {
    pub(crate) pod: Arc<Value>,
    pub(crate) container: String,
    pub(crate) image: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether it is about to be killed for memory.
    pub(crate) is_growing: bool,
}

impl Kubelet {
    /// Moves every container of every living node on.
    pub(crate) fn step(&mut self, world: &World) {
        self.beat(world);
        let pods = world.all(&PODS);
        let present: HashSet<&str> = pods.iter().map(|pod| meta::uid(pod)).collect();
        self.pods.retain(|uid, _| present.contains(uid.as_str()));
        for pod in &pods {
            let node = fields::text(pod, "/spec/nodeName");
            if !node.is_empty() && world.switches().is_up(node) {
                self.step_pod(world, pod, node);
            }
        }
    }

    /// All containers that run now.
    pub(crate) fn running(&self, world: &World) -> Vec<RunningContainer> {
        let mut all = Vec::new();
        for pod in world.all(&PODS) {
            let Some(run) = self.pods.get(meta::uid(&pod)) else { continue };
            for container in &run.containers {
                let Phase::Running { since, .. } = container.phase else { continue };
                all.push(RunningContainer {
                    pod: pod.clone(),
                    container: container.name.clone(),
                    image: container.image.clone(),
                    since,
                    is_growing: container.is_growing,
                });
            }
        }
        all
    }

    fn step_pod(&mut self, world: &World, pod: &Arc<Value>, node: &str) {
        if matches!(fields::text(pod, "/status/phase"), "Succeeded" | "Failed") && !meta::is_terminating(pod)
        {
            return;
        }
        let uid = meta::uid(pod).to_owned();
        if !self.pods.contains_key(&uid) {
            let run = self.admit(world, pod, node);
            self.pods.insert(uid.clone(), run);
        }
        let Self { pods, images, .. } = self;
        let Some(run) = pods.get_mut(&uid) else { return };
        if meta::is_terminating(pod) {
            terminate::step(world, pod, run);
            return;
        }
        run.mounted = run.mounted || config::volumes_are_there(world, pod);
        if run.mounted {
            for (spec, container) in fields::list(pod, "/spec/containers").iter().zip(&mut run.containers) {
                container.step(Place { world, pod, spec, ip: &run.ip }, images);
            }
        }
        status::write(world, pod, run);
    }

    /// Takes a pod in: an address and its containers, none started.
    fn admit(&mut self, world: &World, pod: &Value, node: &str) -> PodRun {
        let now = world.now();
        let containers = fields::list(pod, "/spec/containers").iter();
        let ip = if fields::flag(pod, "/spec/hostNetwork") {
            host_ip(world, node)
        } else {
            self.address(world, node)
        };
        PodRun {
            containers: containers.map(|spec| ContainerRun::new(spec, now)).collect(),
            ip,
            started: now,
            ends: None,
            mounted: false,
            reported: None,
        }
    }

    fn address(&mut self, world: &World, node: &str) -> String {
        let next = self.addresses.entry(node.to_owned()).or_insert(1);
        *next += 1;
        let node = world.store.get_shared(&super::kinds::NODES, "", node);
        let range = node.as_deref().map_or("", |n| fields::text(n, "/spec/podCIDR"));
        let prefix = range.rsplit_once('.').map_or("10.244.0", |(prefix, _)| prefix);
        format!("{prefix}.{}", *next % 254 + 1)
    }
}

fn host_ip(world: &World, node: &str) -> String {
    let node = world.store.get_shared(&super::kinds::NODES, "", node);
    let addresses = node.as_deref().map(|n| fields::list(n, "/status/addresses")).unwrap_or_default();
    let internal = addresses.iter().find(|a| fields::text(a, "/type") == "InternalIP");
    internal.map_or_else(|| "10.0.0.1".to_owned(), |a| fields::text(a, "/address").to_owned())
}

impl Place<'_> {
    fn node(&self) -> &str {
        fields::text(self.pod, "/spec/nodeName")
    }

    /// Tells something about the container.
    fn report(&self, severity: Severity, reason: &str, message: &str) {
        let container = fields::text(self.spec, "/name");
        let report = Report { severity, reason, message, component: "kubelet", host: self.node(), container };
        self.world.report(self.pod, report);
    }

    fn normal(&self, reason: &str, message: &str) {
        self.report(Severity::Normal, reason, message);
    }

    fn warning(&self, reason: &str, message: &str) {
        self.report(Severity::Warning, reason, message);
    }
}

/// The environment of a container, resolved.
type Environment = BTreeMap<String, String>;
