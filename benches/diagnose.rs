//! How the cost of a diagnosis grows with the number of pods in trouble.
//!
//! `cargo bench --bench diagnose`

#![expect(clippy::expect_used, reason = "a benchmark that cannot build its world has nothing to measure")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use kubewright::diagnose::diagnose;
use kubewright::incident::{ObjectRef, Scope};
use kubewright::observe::{Change, ChangeKind, FieldChange, LogExcerpt, Objects, Recorded, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::constant(1_767_614_400, 0);

/// Pods of each Deployment.
const REPLICAS: usize = 10;

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the benchmark's own objects are well formed")
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}])
}

fn pod(deployment: &str, number: usize) -> Value {
    let ended = NOW - SignedDuration::from_mins(1);
    json!({
        "metadata": {"namespace": "bench", "name": format!("{deployment}-2-{number}"), "labels": {"app": deployment},
            "creationTimestamp": NOW - SignedDuration::from_mins(9),
            "ownerReferences": owner("ReplicaSet", &format!("{deployment}-2"))},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "registry.test/app:2",
            "env": [{"name": "UPSTREAM_URL", "value": "http://app-0:80"}]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "image": "registry.test/app:2", "imageID": "", "ready": false,
                "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ended}}}]},
    })
}

fn deployment(snapshot: &mut Snapshot, name: &str, pods: usize) {
    let labels = json!({"app": name});
    let objects = &mut snapshot.objects;
    objects.deployments.push(object(json!({
        "metadata": {"namespace": "bench", "name": name},
        "spec": {"replicas": pods, "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app"}]}}},
    })));
    objects.replica_sets.push(object(json!({
        "metadata": {"namespace": "bench", "name": format!("{name}-2"),
            "annotations": {"deployment.kubernetes.io/revision": "2"}, "ownerReferences": owner("Deployment", name)},
        "spec": {"replicas": pods, "selector": {"matchLabels": labels}},
    })));
    objects.services.push(object(json!({
        "metadata": {"namespace": "bench", "name": name}, "spec": {"selector": labels, "ports": [{"port": 80}]},
    })));
    for number in 0..pods {
        objects.pods.push(object(pod(name, number)));
        objects.events.push(object(json!({
            "metadata": {"namespace": "bench", "name": format!("{name}-{number}")},
            "involvedObject": {"kind": "Pod", "namespace": "bench", "name": format!("{name}-2-{number}")},
            "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container app",
            "firstTimestamp": NOW - SignedDuration::from_mins(8), "lastTimestamp": NOW,
        })));
    }
    snapshot.logs.push(LogExcerpt {
        namespace: "bench".to_owned(),
        pod: format!("{name}-2-0"),
        container: "app".to_owned(),
        previous: false,
        text: "level=info msg=\"request handled\" status=200\npanic: assignment to entry in nil map\n"
            .repeat(20),
        truncated: false,
    });
    snapshot.changes.push(Change {
        kind: ChangeKind::Rollout,
        object: ObjectRef::new("Deployment", "bench", name),
        at: NOW - SignedDuration::from_mins(9),
        revision: Some(2),
        previous_revision: Some(1),
        fields: vec![FieldChange {
            path: "containers[app].image".to_owned(),
            before: Some("registry.test/app:1".to_owned()),
            after: Some("registry.test/app:2".to_owned()),
        }],
    });
}

fn namespace(pods: usize) -> Snapshot {
    let mut snapshot = Snapshot {
        cluster: "bench".to_owned(),
        taken_at: NOW,
        scope: Scope { namespace: Some("bench".to_owned()), ..Scope::default() },
        focus: None,
        signals: Vec::new(),
        objects: Objects::default(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    };
    for number in 0..pods.div_ceil(REPLICAS) {
        deployment(&mut snapshot, &format!("app-{number}"), REPLICAS.min(pods));
    }
    snapshot
}

fn pods_in_trouble(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("diagnose/pods_in_trouble");
    for pods in [10_usize, 100, 1_000] {
        let snapshot = namespace(pods);
        group.throughput(Throughput::Elements(pods as u64));
        group.bench_with_input(BenchmarkId::from_parameter(pods), &snapshot, |bencher, snapshot| {
            bencher.iter(|| diagnose(black_box(snapshot), &[]));
        });
    }
    group.finish();
}

criterion_group!(benches, pods_in_trouble);
criterion_main!(benches);
