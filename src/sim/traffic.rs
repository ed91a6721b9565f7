//! Requests on their way through services: rates, latencies, errors and the CPU they take.
//!
//! A simple queueing picture: a pod slows down as it nears its CPU limit (service time divided by the free share) and
//! refuses what it can't serve; a failing dependency fails its callers. Counters grow with real seconds, so that rates
//! stay requests a second whatever the speed of the world.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::controllers::Usage;
use super::kinds::{PODS, SERVICES};
use super::objects::meta;
use super::scenarios::Route;
use super::world::{World, fields, quantity};

/// Upper bounds of the latency histogram in seconds, those of Prometheus's client libraries and two more.
pub(crate) const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// CPU of a container without a limit, in cores.
const UNLIMITED: f64 = 2.0;
/// Share of its CPU at which a pod begins to refuse requests.
const SATURATED: f64 = 0.9;
/// Longest slowdown of an overloaded pod.
const SLOWEST: f64 = 30.0;
/// Services that call each other in circles are followed so far.
const MAX_DEPTH: usize = 8;
/// Real time between two looks at the requests.
const LIVE_STEP: Duration = Duration::from_millis(100);
/// The same while the past is replayed.
const REPLAY_STEP: Duration = Duration::from_secs(5);
/// Scheduling periods of the CPU controller in a second.
const PERIODS: f64 = 10.0;

/// What one pod has served for one service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    /// Requests by status code.
    pub(crate) codes: BTreeMap<&'static str, f64>,
    /// Requests at or below each bound.
    pub(crate) buckets: Vec<f64>,
    /// Sum of the latencies in seconds.
    pub(crate) sum: f64,
    /// All requests.
    pub(crate) count: f64,
}

/// What one pod has used of its CPU.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) seconds: f64,
    pub(crate) periods: f64,
    pub(crate) throttled: f64,
}

/// How a service does at the moment.
#[derive(Debug, Clone)]
struct Load {
    pods: Vec<Arc<Value>>,
    /// Requests a second.
    rate: f64,
    /// CPU used by one pod, in cores.
    cores: f64,
    throttled: f64,
    /// Mean latency in seconds.
    latency: f64,
    /// Share of requests that fail.
    failing: f64,
}

/// All requests of a world.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By service, `namespace/name`, and pod.
    pub(crate) flows: BTreeMap<(String, String), Flow>,
    /// CPU use at the moment, by namespace and pod.
    pub(crate) usage: Usage,
    /// CPU used so far, by namespace and pod.
    pub(crate) cpu: HashMap<(String, String), Cpu>,
    last: Option<Timestamp>,
}

impl Traffic {
    /// Lets the requests since the last step pass.
    pub(crate) fn step(&mut self, world: &World) {
        let now = world.now();
        // Steps come often; the picture changes slowly, and while the past is replayed nobody looks at all.
        let pause = if world.clock.is_live() { LIVE_STEP } else { REPLAY_STEP };
        if self.last.is_some_and(|last| now.duration_since(last).as_secs_f64() < pause.as_secs_f64()) {
            return;
        }
        let seconds = self.last.map_or(0.0, |last| now.duration_since(last).as_secs_f64().max(0.0));
        self.last = Some(now);
        self.forget_gone(world);
        self.usage = idle(world);
        let mut throttled: HashMap<(String, String), f64> = HashMap::new();
        for route in &world.scenario.routes {
            let load = load(world, route, 0);
            for pod in &load.pods {
                let key = key_of(pod);
                *self.usage.entry(key.clone()).or_default() += load.cores;
                throttled.insert(key, load.throttled);
                let flow = self.flows.entry((route.service.clone(), meta::name(pod).to_owned())).or_default();
                flow.add(load.rate / load.pods.len() as f64 * seconds, &load);
            }
        }
        for (key, cores) in &self.usage {
            let cpu = self.cpu.entry(key.clone()).or_default();
            cpu.seconds += cores * seconds;
            cpu.periods += PERIODS * seconds;
            cpu.throttled += PERIODS * seconds * throttled.get(key).copied().unwrap_or(0.0);
        }
    }

    fn forget_gone(&mut self, world: &World) {
        let pods = world.all(&PODS);
        let keys: std::collections::HashSet<(String, String)> = pods.iter().map(|pod| key_of(pod)).collect();
        self.cpu.retain(|key, _| keys.contains(key));
        self.flows.retain(|(service, pod), _| {
            let namespace = service.split('/').next().unwrap_or_default();
            keys.contains(&(namespace.to_owned(), pod.clone()))
        });
    }
}

impl Flow {
    fn add(&mut self, requests: f64, load: &Load) {
        let failed = requests * load.failing;
        *self.codes.entry("200").or_default() += requests - failed;
        let (server, unavailable) = (failed * 0.7, failed * 0.3);
        *self.codes.entry("500").or_default() += server;
        *self.codes.entry("503").or_default() += unavailable;
        self.count += requests;
        self.sum += requests * load.latency;
        self.buckets.resize(BOUNDS.len(), 0.0);
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += requests * share_below(*bound, load.latency);
        }
    }
}

/// Share of requests faster than a bound: a Weibull distribution of shape 1.5 with this mean.
fn share_below(bound: f64, mean: f64) -> f64 {
    const MEAN_OF_UNIT: f64 = 0.902_745; // Γ(1 + 1/1.5)
    1.0 - (-(bound * MEAN_OF_UNIT / mean.max(1e-6)).powf(1.5)).exp()
}

fn key_of(pod: &Value) -> (String, String) {
    (meta::namespace(pod).to_owned(), meta::name(pod).to_owned())
}

/// What running pods use without any request.
fn idle(world: &World) -> Usage {
    let mut usage = Usage::new();
    for pod in world.all(&PODS) {
        let statuses = fields::list(&pod, "/status/containerStatuses").iter();
        let running = statuses.filter(|status| status.pointer("/state/running").is_some());
        let cores: f64 = running
            .map(|status| {
                world.scenario.program(fields::text(status, "/image")).map_or("1m", |p| p.cpu.as_str())
            })
            .map(quantity::quantity)
            .sum();
        if cores > 0.0 {
            usage.insert(key_of(&pod), cores);
        }
    }
    usage
}

fn load(world: &World, route: &Route, depth: usize) -> Load {
    let pods = backends(world, &route.service);
    let rate = rate(world, &route.service, 0);
    let count = pods.len().max(1) as f64;
    let capacity = pods.first().map_or(UNLIMITED, |pod| capacity(pod));
    let asked = rate / count * quantity::quantity(&route.cpu) / capacity;
    let refused =
        if pods.is_empty() { 1.0 } else { ((asked - SATURATED) / asked.max(0.001)).clamp(0.0, 0.95) };
    let slowdown = (1.0 / (1.0 - asked.min(0.999))).min(SLOWEST);
    let mut latency = route.latency.as_secs_f64() * slowdown;
    let mut working = (1.0 - route.errors) * (1.0 - refused);
    for called in called(world, route, depth) {
        working *= 1.0 - called.failing;
        latency += called.latency;
    }
    let throttled = ((asked - 0.6) / 0.4).clamp(0.0, 0.95);
    Load { pods, rate, cores: asked.min(1.0) * capacity, throttled, latency, failing: 1.0 - working }
}

fn called(world: &World, route: &Route, depth: usize) -> Vec<Load> {
    if depth >= MAX_DEPTH {
        return Vec::new();
    }
    let routes = &world.scenario.routes;
    let find = |service: &String| routes.iter().find(|route| route.service == *service);
    route.calls.iter().filter_map(find).map(|callee| load(world, callee, depth + 1)).collect()
}

/// Requests a second that a service gets, from outside and from its callers.
fn rate(world: &World, service: &str, depth: usize) -> f64 {
    if depth >= MAX_DEPTH {
        return 0.0;
    }
    let routes = &world.scenario.routes;
    let factor = world.switches().traffic.get(service).copied().unwrap_or(1.0);
    let own: f64 = routes.iter().filter(|r| r.service == service).map(|r| r.requests * factor).sum();
    let callers = routes.iter().filter(|r| r.calls.iter().any(|called| called == service));
    own + callers.map(|caller| rate(world, &caller.service, depth + 1)).sum::<f64>()
}

fn capacity(pod: &Value) -> f64 {
    let limit = |c: &Value| quantity::of(c.pointer("/resources/limits/cpu"));
    let limits: Vec<f64> = fields::list(pod, "/spec/containers").iter().filter_map(limit).collect();
    if limits.is_empty() { UNLIMITED } else { limits.iter().sum::<f64>().max(0.001) }
}

/// The ready pods behind a Service, `namespace/name`, on nodes that live.
fn backends(world: &World, service: &str) -> Vec<Arc<Value>> {
    let Some((namespace, name)) = service.split_once('/') else { return Vec::new() };
    let Some(service) = world.store.get_shared(&SERVICES, namespace, name) else { return Vec::new() };
    let mut pods = world.within(&PODS, namespace);
    pods.retain(|pod| {
        fields::selects_plain(service.pointer("/spec/selector"), pod)
            && fields::is_true(pod, "Ready")
            && world.switches().is_up(fields::text(pod, "/spec/nodeName"))
    });
    pods
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock::Clock;
    use crate::sim::scenarios::Scenario;
    use crate::sim::world::testing::{given, pass};
    use serde_json::json;

    fn world(pods: usize) -> World {
        let mut scenario = Scenario::empty();
        scenario.routes = vec![Route {
            service: "default/web".to_owned(),
            requests: 100.0,
            calls: Vec::new(),
            cpu: "4m".to_owned(),
            latency: std::time::Duration::from_millis(20),
            errors: 0.0,
        }];
        let world = World::new(
            Arc::new(scenario),
            Clock::replaying(Timestamp::from_second(1_790_000_000).unwrap(), 1.0),
        );
        given(
            &world,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                             "spec": {"selector": {"app": "web"}}}),
        );
        for n in 0..pods {
            given(
                &world,
                json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": format!("web-{n}"), "namespace": "default", "labels": {"app": "web"}},
                    "spec": {"nodeName": "a", "containers": [{"name": "c", "resources": {"limits": {"cpu": "200m"}}}]},
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                }),
            );
        }
        world
    }

    fn run(pods: usize) -> (Traffic, f64) {
        let world = world(pods);
        let mut traffic = Traffic::default();
        traffic.step(&world);
        pass(&world, 10);
        traffic.step(&world);
        let failed = traffic.flows.values().map(|f| f.codes["500"] + f.codes["503"]).sum();
        (traffic, failed)
    }

    #[test]
    fn requests_are_shared_and_counted() {
        let (traffic, failed) = run(4);
        let total: f64 = traffic.flows.values().map(|f| f.count).sum();
        assert!((total - 1_000.0).abs() < 1e-6, "{total}");
        assert!(failed.abs() < 1e-6);
        assert!((traffic.usage[&("default".to_owned(), "web-0".to_owned())] - 0.1).abs() < 1e-9);
    }

    #[test]
    fn overloaded_pods_refuse_requests_and_slow_down() {
        let (calm, _) = run(4);
        let (busy, failed) = run(1);
        assert!(failed > 400.0, "{failed}");
        let mean =
            |t: &Traffic| t.flows.values().map(|f| f.sum / f.count).sum::<f64>() / t.flows.len() as f64;
        assert!(mean(&busy) > 5.0 * mean(&calm));
    }
}
