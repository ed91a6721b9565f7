//! What a diagnosis costs: CPU time against the size of a cluster, and memory against the size of its dump.
//!
//! `cargo bench --bench diagnose`: 100 to 50,000 pods with two events each; most of them healthy, all crashing, all waiting
//! for a node. CPU time, not time by the clock, so that what else runs on the machine counts little.
//! `cargo bench --bench diagnose -- memory`: a dump of each size as `kubectl get -o json` writes it is read and diagnosed
//! by a process of its own, which reports its peak.

#![expect(clippy::expect_used, reason = "a benchmark that cannot build its world has nothing to measure")]

mod cluster;
mod cpu_time;
mod memory;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use kubewright::diagnose::diagnose;

use cluster::{Shape, snapshot};
use cpu_time::CpuTime;

/// Sizes of the clusters, in pods.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 50_000];

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("memory"), _) => memory::table(&SIZES),
        (Some(memory::ONE), Some(folder)) => memory::one(folder.as_ref()),
        _ => bench(),
    }
}

fn bench() {
    let criterion = Criterion::default().with_measurement(CpuTime).configure_from_args();
    let mut criterion = criterion.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, shape) in [
        ("diagnose/mostly_healthy", Shape::MostlyHealthy),
        ("diagnose/all_crashing", Shape::AllCrashing),
        ("diagnose/all_waiting", Shape::AllWaiting),
    ] {
        pods(&mut criterion, name, shape);
    }
    criterion.final_summary();
}

fn pods(criterion: &mut Criterion<CpuTime>, name: &str, shape: Shape) {
    let mut group = criterion.benchmark_group(name);
    for pods in SIZES {
        group.throughput(Throughput::Elements(pods as u64));
        // Made for each size anew: the largest world takes a gigabyte.
        let mut world = None;
        group.bench_function(BenchmarkId::from_parameter(pods), |bencher| {
            let world = world.get_or_insert_with(|| snapshot(pods, shape));
            bencher.iter(|| diagnose(black_box(world), &[]));
        });
    }
    group.finish();
}
