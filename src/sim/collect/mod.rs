//! Everything that the simulated Prometheus scrapes, as samples: the metrics of kube-state-metrics, cAdvisor and the
//! applications, under their real names.

mod containers;
mod nodes;
mod pods;
mod requests;
mod workloads;

use super::kubelet::Kubelet;
use super::prometheus::series::Sample;
use super::traffic::Traffic;
use super::world::World;

/// The state of the world as metrics.
pub(crate) fn collect(world: &World, kubelet: &Kubelet, traffic: &Traffic) -> Vec<Sample> {
    let mut sink = Sink::default();
    nodes::collect(world, &mut sink);
    pods::collect(world, &mut sink);
    workloads::collect(world, &mut sink);
    containers::collect(world, kubelet, traffic, &mut sink);
    requests::collect(traffic, &mut sink);
    sink.samples
}

/// Where samples are gathered.
#[derive(Debug, Default)]
struct Sink {
    samples: Vec<Sample>,
}

impl Sink {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.samples.push(Sample::new(name, labels, value));
    }

    fn add_int(&mut self, name: &str, labels: &[(&str, &str)], value: Option<i64>) {
        self.add(name, labels, value.unwrap_or(0) as f64);
    }

    fn add_truth(&mut self, name: &str, labels: &[(&str, &str)], value: bool) {
        self.add(name, labels, if value { 1.0 } else { 0.0 });
    }
}
