//! HorizontalPodAutoscaler: replica counts from the simulated CPU use.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, Kind, PODS, STATEFUL_SETS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{Report, World, fields, quantity};

const COMPONENT: &str = "horizontal-pod-autoscaler";
/// `--horizontal-pod-autoscaler-sync-period`.
const PERIOD: Duration = Duration::from_secs(15);
/// `--horizontal-pod-autoscaler-downscale-stabilization`.
const STABILIZATION: Duration = Duration::from_secs(300);
/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;

/// CPU use of pods in cores, by namespace and name.
pub(crate) type Usage = HashMap<(String, String), f64>;

/// What the autoscaler remembers between its rounds.
#[derive(Debug, Default)]
pub(crate) struct Autoscaler {
    last_round: Option<Timestamp>,
    recommendations: HashMap<String, VecDeque<(Timestamp, i64)>>,
}

/// What one round found out about one autoscaler.
#[derive(Debug, Clone, Copy)]
struct Reading {
    current: i64,
    /// Average use of the request, in percent; none while no pod reports.
    utilization: Option<f64>,
    average_cores: f64,
    target: f64,
}

impl Autoscaler {
    /// Runs a round when one is due.
    pub(crate) fn run(&mut self, world: &World, usage: &Usage) {
        let now = world.now();
        if self.last_round.is_some_and(|last| !world.clock.is_over(last, PERIOD)) {
            return;
        }
        self.last_round = Some(now);
        for hpa in world.all(&HORIZONTAL_POD_AUTOSCALERS) {
            self.sync(world, &hpa, usage);
        }
    }

    fn sync(&mut self, world: &World, hpa: &Value, usage: &Usage) {
        let kind: &'static Kind = match fields::text(hpa, "/spec/scaleTargetRef/kind") {
            "Deployment" => &DEPLOYMENTS,
            "StatefulSet" => &STATEFUL_SETS,
            _ => return,
        };
        let name = fields::text(hpa, "/spec/scaleTargetRef/name");
        let Some(target) = world.store.get_shared(kind, meta::namespace(hpa), name) else {
            return tell_missing_target(world, hpa, kind, name);
        };
        let reading = read(world, hpa, &target, usage);
        let (lowest, highest) = (
            fields::int(hpa, "/spec/minReplicas").unwrap_or(1),
            fields::int(hpa, "/spec/maxReplicas").unwrap_or(1),
        );
        let raw = recommend(reading);
        let stable = self.stabilize(world, hpa, reading.current, raw);
        let desired = stable.clamp(lowest, highest.max(lowest));
        write_status(world, hpa, reading, desired, Limits { raw: stable, lowest, highest });
        if desired != reading.current && reading.utilization.is_some() {
            world.modify(kind, &target, |target| fields::set(target, "/spec/replicas", desired.into()));
            let why = if desired > reading.current {
                "cpu resource utilization (percentage of request) above target"
            } else {
                "All metrics below target"
            };
            let message = format!("New size: {desired}; reason: {why}");
            world.report(hpa, Report::normal(COMPONENT, "SuccessfulRescale", &message));
            let now = meta::seconds(world.now());
            world.modify(&HORIZONTAL_POD_AUTOSCALERS, hpa, |h| {
                fields::set(h, "/status/lastScaleTime", now.into());
            });
        }
    }

    /// The highest recommendation of the last minutes, so that a short lull takes nothing away.
    fn stabilize(&mut self, world: &World, hpa: &Value, current: i64, raw: i64) -> i64 {
        let history = self.recommendations.entry(meta::uid(hpa).to_owned()).or_default();
        if history.is_empty() {
            history.push_back((world.now(), current));
        }
        history.push_back((world.now(), raw));
        while history.front().is_some_and(|(at, _)| world.clock.is_over(*at, STABILIZATION)) {
            history.pop_front();
        }
        history.iter().map(|(_, size)| *size).max().unwrap_or(raw).min(raw.max(current))
    }
}

fn read(world: &World, hpa: &Value, target: &Value, usage: &Usage) -> Reading {
    let mut running = world.within(&PODS, meta::namespace(hpa));
    running.retain(|pod| {
        fields::selects(target.pointer("/spec/selector"), pod) && pods::is_active(pod) && pods::is_ready(pod)
    });
    let (mut used, mut requested) = (0.0, 0.0);
    for pod in &running {
        let key = (meta::namespace(pod).to_owned(), meta::name(pod).to_owned());
        used += usage.get(&key).copied().unwrap_or(0.0);
        let request = |c: &Value| quantity::of(c.pointer("/resources/requests/cpu")).unwrap_or(0.0);
        requested += fields::list(pod, "/spec/containers").iter().map(request).sum::<f64>();
    }
    let is_cpu = |m: &&Value| fields::text(m, "/resource/name") == "cpu";
    let metric = fields::list(hpa, "/spec/metrics").iter().find(is_cpu);
    let target_percent =
        metric.and_then(|m| fields::int(m, "/resource/target/averageUtilization")).unwrap_or(80);
    Reading {
        current: fields::int(target, "/spec/replicas").unwrap_or(1),
        utilization: (requested > 0.0).then(|| used / requested * 100.0),
        average_cores: used / (running.len().max(1) as f64),
        target: target_percent as f64,
    }
}

/// `ceil(current × utilization / target)`, unless the ratio is within the tolerance.
fn recommend(reading: Reading) -> i64 {
    let Some(utilization) = reading.utilization else { return reading.current };
    let ratio = utilization / reading.target.max(1.0);
    if (ratio - 1.0).abs() <= TOLERANCE {
        return reading.current;
    }
    (reading.current as f64 * ratio).ceil().max(0.0) as i64
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    raw: i64,
    lowest: i64,
    highest: i64,
}

fn write_status(world: &World, hpa: &Value, reading: Reading, desired: i64, limits: Limits) {
    let now = world.now();
    world.modify(&HORIZONTAL_POD_AUTOSCALERS, hpa, |hpa| {
        fields::set(hpa, "/status/currentReplicas", reading.current.into());
        fields::set(hpa, "/status/desiredReplicas", desired.into());
        let current = reading.utilization.map(|percent| {
            let value = format!("{}m", (reading.average_cores * 1000.0).round());
            let current = json!({"averageUtilization": percent.round() as i64, "averageValue": value});
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": current}}])
        });
        fields::set(hpa, "/status/currentMetrics", current.unwrap_or(Value::Null));
        for (kind, status, reason, message) in conditions(reading, limits) {
            let condition = Condition { kind, status, reason, message };
            fields::set_condition(hpa, condition, now, &[]);
        }
    });
}

type Told = (&'static str, &'static str, &'static str, &'static str);

fn conditions(reading: Reading, limits: Limits) -> [Told; 3] {
    let able = ("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size");
    let active = if reading.utilization.is_some() {
        let message = "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)";
        ("ScalingActive", "True", "ValidMetricFound", message)
    } else {
        let message = "the HPA was unable to compute the replica count: failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)";
        ("ScalingActive", "False", "FailedGetResourceMetric", message)
    };
    let limited = if limits.raw > limits.highest {
        (
            "ScalingLimited",
            "True",
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
        )
    } else if limits.raw < limits.lowest {
        (
            "ScalingLimited",
            "True",
            "TooFewReplicas",
            "the desired replica count is less than the minimum replica count",
        )
    } else {
        ("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range")
    };
    [able, active, limited]
}

fn tell_missing_target(world: &World, hpa: &Value, kind: &Kind, name: &str) {
    let missing = format!("{} \"{name}\" not found", kind.resource());
    let message = format!("the HPA controller was unable to get the target's current scale: {missing}");
    let now = world.now();
    world.modify(&HORIZONTAL_POD_AUTOSCALERS, hpa, |hpa| {
        let condition =
            Condition { kind: "AbleToScale", status: "False", reason: "FailedGetScale", message: &message };
        fields::set_condition(hpa, condition, now, &[]);
    });
    world.report(hpa, Report::warning(COMPONENT, "FailedGetScale", &missing));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given, pass};

    fn world(max: i64) -> World {
        let world = empty_world();
        given(
            &world,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
            }),
        );
        for name in ["a", "b"] {
            given(
                &world,
                json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]},
                    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
                }),
            );
        }
        given(
            &world,
            json!({
                "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"minReplicas": 2, "maxReplicas": max, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                         "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}]},
            }),
        );
        world
    }

    fn usage(cores: f64) -> Usage {
        ["a", "b"].iter().map(|pod| (("default".to_owned(), (*pod).to_owned()), cores)).collect()
    }

    fn replicas(world: &World) -> Option<i64> {
        fields::int(&world.store.get(&DEPLOYMENTS, "default", "web").unwrap(), "/spec/replicas")
    }

    fn limited(world: &World) -> String {
        let hpa = world.store.get(&HORIZONTAL_POD_AUTOSCALERS, "default", "web").unwrap();
        fields::text(fields::condition(&hpa, "ScalingLimited").unwrap(), "/reason").to_owned()
    }

    #[test]
    fn load_grows_the_workload_up_to_the_maximum_and_says_when_that_is_too_little() {
        let world = world(4);
        Autoscaler::default().run(&world, &usage(0.2));
        assert_eq!((replicas(&world), limited(&world).as_str()), (Some(4), "TooManyReplicas"));
    }

    #[test]
    fn load_near_the_target_changes_nothing() {
        let world = world(4);
        Autoscaler::default().run(&world, &usage(0.073));
        assert_eq!((replicas(&world), limited(&world).as_str()), (Some(2), "DesiredWithinRange"));
    }

    #[test]
    fn a_lull_takes_replicas_away_only_after_the_stabilization_window() {
        let world = world(9);
        let mut scaler = Autoscaler::default();
        scaler.run(&world, &usage(0.2));
        let grown = replicas(&world);
        pass(&world, 60);
        scaler.run(&world, &usage(0.02));
        assert_eq!(replicas(&world), grown);
        pass(&world, 400);
        scaler.run(&world, &usage(0.02));
        assert_eq!(replicas(&world), Some(2));
    }
}
