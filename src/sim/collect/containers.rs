//! What cAdvisor tells of running containers: memory, CPU, throttling.

use super::Sink;
use crate::sim::kubelet::{Kubelet, RunningContainer};
use crate::sim::objects::meta;
use crate::sim::traffic::Traffic;
use crate::sim::world::{World, fields, quantity};

/// Memory of a program that nothing is known about.
const SMALL: f64 = 24.0 * 1024.0 * 1024.0;
/// Time in which a leaking container fills its limit.
const FILLING_SECONDS: f64 = 20.0;

pub(super) fn collect(world: &World, kubelet: &Kubelet, traffic: &Traffic, sink: &mut Sink) {
    for running in kubelet.running(world) {
        let pod = &running.pod;
        let (namespace, name) = (meta::namespace(pod), meta::name(pod));
        let node = fields::text(pod, "/spec/nodeName");
        let labels = [
            ("namespace", namespace),
            ("pod", name),
            ("container", running.container.as_str()),
            ("image", running.image.as_str()),
            ("node", node),
        ];
        let limit = limit(&running, "memory");
        let memory = memory(world, &running, limit);
        sink.add("container_memory_working_set_bytes", &labels, memory);
        sink.add("container_memory_rss", &labels, memory * 0.9);
        sink.add("container_memory_usage_bytes", &labels, memory * 1.15);
        sink.add("container_spec_memory_limit_bytes", &labels, limit.unwrap_or(0.0));
        sink.add("container_start_time_seconds", &labels, running.since.as_second() as f64);
        let cpu = traffic.cpu.get(&(namespace.to_owned(), name.to_owned())).copied().unwrap_or_default();
        sink.add("container_cpu_usage_seconds_total", &labels, cpu.seconds);
        if let Some(cores) = self::limit(&running, "cpu") {
            sink.add("container_spec_cpu_quota", &labels, cores * 100_000.0);
            sink.add("container_spec_cpu_period", &labels, 100_000.0);
            sink.add("container_cpu_cfs_periods_total", &labels, cpu.periods);
            sink.add("container_cpu_cfs_throttled_periods_total", &labels, cpu.throttled);
        }
    }
}

fn limit(running: &RunningContainer, resource: &str) -> Option<f64> {
    let containers = fields::list(&running.pod, "/spec/containers");
    let spec = containers.iter().find(|c| fields::text(c, "/name") == running.container)?;
    quantity::of(spec.pointer(&format!("/resources/limits/{resource}")))
}

/// A healthy program breathes a little around what it needs; one that will be killed grows towards its limit.
fn memory(world: &World, running: &RunningContainer, limit: Option<f64>) -> f64 {
    let needs = world.scenario.program(&running.image).map_or(SMALL, |p| quantity::quantity(&p.memory));
    let age = world.clock.elapsed(running.since).as_secs_f64();
    if running.is_growing {
        let full = limit.unwrap_or(needs).min(needs);
        return full * (0.55 + 0.44 * (age / FILLING_SECONDS).min(1.0));
    }
    let breath = 0.02 * (age / 47.0).sin();
    (needs * (1.0 + breath)).min(limit.unwrap_or(f64::INFINITY))
}
