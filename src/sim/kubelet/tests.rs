use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::sim::clock::Clock;
use crate::sim::kinds::{CONFIG_MAPS, EVENTS, NODES};
use crate::sim::scenarios::{Failure, FailureKind, Format, Program, Scenario, When};
use crate::sim::world::testing::{given, pass};

fn program(failures: Vec<Failure>) -> Program {
    Program {
        image: "app".to_owned(),
        tags: vec!["1".to_owned(), "2".to_owned()],
        ready_after: Duration::from_secs(2),
        memory: "50Mi".to_owned(),
        cpu: "1m".to_owned(),
        serves: vec!["/ready".to_owned()],
        format: Format::Plain,
        starts: vec!["hello".to_owned()],
        says: vec!["working".to_owned()],
        every: Duration::from_secs(5),
        completes_after: None,
        connects: Vec::new(),
        failures,
    }
}

fn failure(kind: FailureKind, when: When) -> Failure {
    Failure { when, kind, after: Duration::from_secs(3), code: 3, log: vec!["goodbye".to_owned()] }
}

fn world(failures: Vec<Failure>) -> World {
    let scenario = Scenario { programs: vec![program(failures)], ..Scenario::empty() };
    let world =
        World::new(scenario.into(), Clock::replaying(Timestamp::from_second(1_790_000_000).unwrap(), 1.0));
    given(
        &world,
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "spec": {"podCIDR": "10.9.1.0/24"}}),
    );
    world
}

fn pod(world: &World, container: &Value) {
    let mut full = json!({"name": "c", "image": "app:1", "ports": [{"containerPort": 8080}]});
    for (key, value) in container.as_object().unwrap() {
        full[key] = value.clone();
    }
    given(
        world,
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
            "spec": {"nodeName": "n1", "restartPolicy": "Always", "containers": [full]},
        }),
    );
}

/// Runs the kubelet for some seconds and gives the pod's status.
fn run(kubelet: &mut Kubelet, world: &World, seconds: u64) -> Value {
    for _ in 0..seconds {
        kubelet.step(world);
        pass(world, 1);
    }
    kubelet.step(world);
    world.store.get(&PODS, "default", "p").map_or(Value::Null, |pod| pod["status"].clone())
}

fn messages(world: &World, reason: &str) -> Vec<String> {
    let events = world.all(&EVENTS);
    let of_reason = events.iter().filter(|event| event["reason"] == reason);
    of_reason.map(|event| fields::text(event, "/message").to_owned()).collect()
}

#[test]
fn a_pod_comes_up_logs_and_becomes_ready() {
    let world = world(Vec::new());
    pod(
        &world,
        &json!({"readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5}}),
    );
    let status = run(&mut Kubelet::default(), &world, 12);
    assert_eq!(status["phase"], "Running");
    assert_eq!(status["containerStatuses"][0]["ready"], true);
    assert_eq!(status["podIP"], "10.9.1.3");
    let lines = world.logs.read("default", "p", "c", 0).unwrap();
    assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["hello", "working"]);
    assert_eq!(messages(&world, "Started"), ["Started container c"]);
}

#[test]
fn a_crashing_program_backs_off_longer_and_longer_and_keeps_its_last_words() {
    let world = world(vec![failure(FailureKind::Exit, When::default())]);
    pod(&world, &json!({}));
    let status = run(&mut Kubelet::default(), &world, 60);
    let container = &status["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(container["restartCount"], 3);
    let message = fields::text(container, "/state/waiting/message");
    assert!(message.starts_with("back-off 40s restarting failed container=c pod=p_default("), "{message}");
    let previous = world.logs.read("default", "p", "c", 2).unwrap();
    assert_eq!(previous.last().unwrap().text, "goodbye");
}

#[test]
fn too_low_a_memory_limit_kills() {
    let when = When { memory_limit_below: Some("64Mi".to_owned()), ..When::default() };
    let world = world(vec![failure(FailureKind::Oom, when)]);
    pod(&world, &json!({"resources": {"limits": {"memory": "32Mi"}}}));
    let status = run(&mut Kubelet::default(), &world, 12);
    let last = &status["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!((last["reason"].as_str(), last["exitCode"].as_i64()), (Some("OOMKilled"), Some(137)));
}

#[test]
fn an_image_that_does_not_exist_is_tried_again_and_again() {
    let world = world(Vec::new());
    pod(&world, &json!({"image": "app:9"}));
    let status = run(&mut Kubelet::default(), &world, 8);
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "ImagePullBackOff");
    assert_eq!(messages(&world, "BackOff"), ["Back-off pulling image \"app:9\""]);
}

#[test]
fn a_missing_key_is_named_and_the_pod_starts_once_it_is_there() {
    let world = world(Vec::new());
    given(
        &world,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "default"}}),
    );
    let reference = json!({"configMapKeyRef": {"name": "conf", "key": "URL"}});
    pod(&world, &json!({"env": [{"name": "URL", "valueFrom": reference}]}));
    let mut kubelet = Kubelet::default();
    let waiting = run(&mut kubelet, &world, 5)["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(waiting["reason"], "CreateContainerConfigError");
    assert_eq!(waiting["message"], "couldn't find key URL in ConfigMap default/conf");
    world.store.modify(&CONFIG_MAPS, "default", "conf", |c| fields::set(c, "/data/URL", "x".into())).unwrap();
    assert_eq!(run(&mut kubelet, &world, 15)["containerStatuses"][0]["ready"], true);
}

#[test]
fn probes_fail_as_the_program_does() {
    let world =
        world(vec![failure(FailureKind::Hang, When { tags: vec!["2".to_owned()], ..When::default() })]);
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": 8080}, "periodSeconds": 2, "failureThreshold": 3});
    pod(
        &world,
        &json!({"image": "app:2", "readinessProbe": probe("/wrong"), "livenessProbe": probe("/ready")}),
    );
    let status = run(&mut Kubelet::default(), &world, 20);
    assert!(status["containerStatuses"][0]["restartCount"].as_i64().unwrap() >= 1, "{status}");
    let told = messages(&world, "Unhealthy");
    assert!(
        told.contains(&"Readiness probe failed: HTTP probe failed with statuscode: 404".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"Liveness probe failed: HTTP probe failed with statuscode: 503".to_owned()),
        "{told:?}"
    );
    assert_eq!(messages(&world, "Killing"), ["Container c failed liveness probe, will be restarted"]);
}

#[test]
fn a_deleted_pod_ends_on_a_living_node_and_hangs_on_a_dead_one() {
    let world = world(Vec::new());
    pod(&world, &json!({}));
    let mut kubelet = Kubelet::default();
    run(&mut kubelet, &world, 6);
    let now = world.now();
    world.switches().down.insert("n1".to_owned(), now);
    world.store.delete(&PODS, "default", "p", &crate::sim::objects::Deletion::default()).unwrap();
    assert_ne!(run(&mut kubelet, &world, 60), Value::Null);
    world.switches().down.clear();
    assert_eq!(run(&mut kubelet, &world, 6), Value::Null);
    assert!(fields::is_true(&world.store.get(&NODES, "", "n1").unwrap(), "Ready"));
}
