use std::collections::BTreeMap;

use super::super::settle;
use super::*;
use crate::sim::kinds::{EVENTS, PODS};
use crate::sim::world::testing::{empty_world, given, pass};

fn deployment(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "web"}},
                         "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
        },
    })
}

/// Plays the kubelet: every pod whose image is good becomes ready, every deleted one goes.
fn run(world: &World, bad_image: &str) {
    for pod in world.all(&PODS) {
        if meta::is_terminating(&pod) {
            world.store.remove(&PODS, meta::namespace(&pod), meta::name(&pod));
        } else if fields::text(&pod, "/spec/containers/0/image") != bad_image {
            let ready = Condition { kind: "Ready", status: "True", reason: "", message: "" };
            world.modify(&PODS, &pod, |pod| {
                fields::set(pod, "/spec/nodeName", "somewhere".into());
                fields::set(pod, "/status/phase", "Running".into());
                fields::set_condition(pod, ready, world.now(), &[]);
            });
        }
    }
}

fn play(world: &World, bad_image: &str) {
    for _ in 0..20 {
        settle(world);
        run(world, bad_image);
        pass(world, 1);
    }
    settle(world);
}

fn images(world: &World) -> BTreeMap<String, usize> {
    let mut images = BTreeMap::new();
    for pod in world.all(&PODS) {
        *images.entry(fields::text(&pod, "/spec/containers/0/image").to_owned()).or_default() += 1;
    }
    images
}

fn change_image(world: &World, image: &str) {
    world
        .store
        .modify(&DEPLOYMENTS, "default", "web", |d| {
            fields::set(d, "/spec/template/spec/containers/0/image", image.into());
        })
        .unwrap();
}

fn revisions(world: &World) -> BTreeMap<String, i64> {
    let image = |set: &Value| fields::text(set, "/spec/template/spec/containers/0/image").to_owned();
    world.all(&REPLICA_SETS).iter().map(|set| (image(set), revision_of(set))).collect()
}

fn progressing(world: &World) -> String {
    let d = world.store.get(&DEPLOYMENTS, "default", "web").unwrap();
    fields::text(fields::condition(&d, "Progressing").unwrap(), "/reason").to_owned()
}

#[test]
fn a_deployment_comes_up_and_says_so() {
    let world = empty_world();
    given(&world, deployment(3));
    play(&world, "");
    assert_eq!(images(&world), BTreeMap::from([("web:1".to_owned(), 3)]));
    let d = world.store.get(&DEPLOYMENTS, "default", "web").unwrap();
    assert_eq!(fields::int(&d, "/status/availableReplicas"), Some(3));
    assert_eq!(fields::text(&d, REVISION), "1");
    assert!(fields::is_true(&d, "Available"));
    assert_eq!(progressing(&world), "NewReplicaSetAvailable");
}

#[test]
fn a_new_image_replaces_the_old_pods_and_a_rollback_reuses_the_old_set_with_a_new_revision() {
    let world = empty_world();
    given(&world, deployment(3));
    play(&world, "");
    change_image(&world, "web:2");
    play(&world, "");
    assert_eq!(images(&world), BTreeMap::from([("web:2".to_owned(), 3)]));
    assert_eq!(revisions(&world), BTreeMap::from([("web:1".to_owned(), 1), ("web:2".to_owned(), 2)]));
    change_image(&world, "web:1");
    play(&world, "");
    assert_eq!(images(&world), BTreeMap::from([("web:1".to_owned(), 3)]));
    assert_eq!(revisions(&world), BTreeMap::from([("web:1".to_owned(), 3), ("web:2".to_owned(), 2)]));
}

#[test]
fn a_rollout_of_a_broken_image_stops_before_it_costs_availability_and_times_out() {
    let world = empty_world();
    given(&world, deployment(3));
    play(&world, "");
    change_image(&world, "web:bad");
    play(&world, "web:bad");
    assert_eq!(images(&world), BTreeMap::from([("web:1".to_owned(), 3), ("web:bad".to_owned(), 1)]));
    assert_eq!(progressing(&world), "ReplicaSetUpdated");
    pass(&world, 700);
    settle(&world);
    assert_eq!(progressing(&world), "ProgressDeadlineExceeded");
    let events = world.all(&EVENTS);
    let messages: Vec<&str> = events.iter().map(|e| fields::text(e, "/message")).collect();
    assert!(
        messages.iter().any(|m| m.starts_with("Scaled up replica set web-") && m.ends_with("from 0 to 1")),
        "{messages:?}"
    );
}

#[test]
fn a_paused_deployment_rolls_nothing_out() {
    let world = empty_world();
    given(&world, deployment(2));
    play(&world, "");
    world
        .store
        .modify(&DEPLOYMENTS, "default", "web", |d| fields::set(d, "/spec/paused", true.into()))
        .unwrap();
    change_image(&world, "web:2");
    play(&world, "");
    assert_eq!(images(&world), BTreeMap::from([("web:1".to_owned(), 2)]));
    assert_eq!(progressing(&world), "DeploymentPaused");
}

#[test]
fn recreate_ends_all_old_pods_before_it_starts_new_ones() {
    let world = empty_world();
    let mut wanted = deployment(2);
    fields::set(&mut wanted, "/spec/strategy", json!({"type": "Recreate"}));
    given(&world, wanted);
    play(&world, "");
    change_image(&world, "web:2");
    settle(&world);
    assert_eq!(images(&world).get("web:2"), None);
    play(&world, "");
    assert_eq!(images(&world), BTreeMap::from([("web:2".to_owned(), 2)]));
}

#[test]
fn history_is_limited() {
    let world = empty_world();
    let mut wanted = deployment(1);
    fields::set(&mut wanted, "/spec/revisionHistoryLimit", 1.into());
    given(&world, wanted);
    for image in ["web:1", "web:2", "web:3", "web:4"] {
        change_image(&world, image);
        play(&world, "");
    }
    assert_eq!(revisions(&world), BTreeMap::from([("web:3".to_owned(), 3), ("web:4".to_owned(), 4)]));
}
