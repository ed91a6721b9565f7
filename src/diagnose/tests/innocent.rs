//! What healthy clusters also show is no finding.

use serde_json::json;

use crate::diagnose::world::{World, ago, object};
use crate::incident::Gap;

#[test]
fn a_healthy_deployment_is_healthy_whatever_the_alert_says() {
    let diagnosis = World::new().node("node-1", "True").deployment("web", 2).alert("Stale", "web").diagnose();
    assert!(diagnosis.healthy);
    assert_eq!(diagnosis.hypotheses, []);
}

#[test]
fn what_could_not_be_seen_is_never_called_healthy() {
    let mut world = World::new().deployment("web", 2);
    world.snapshot.gaps.push(Gap { collector: "pods".to_owned(), reason: "forbidden".to_owned() });
    let diagnosis = world.diagnose();
    assert!(!diagnosis.healthy);
    assert_eq!(diagnosis.blind, ["pods: forbidden"]);
}

#[test]
fn restarts_that_lie_back_give_nothing() {
    let status = json!({"containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": true, "restartCount": 40,
        "state": {"running": {"startedAt": ago(300).to_string()}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(301).to_string()}}}]});
    let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status).endpoints("web", true);
    assert_eq!(world.codes(), Vec::<String>::new());
}

#[test]
fn zero_replicas_on_purpose_are_context_and_no_cause() {
    let diagnosis = World::new().deployment("parked", 0).endpoints("parked", false).diagnose();
    assert!(diagnosis.healthy);
    assert_eq!(diagnosis.evidence[0].code, "workload.scaled_to_zero");
}

#[test]
fn completed_jobs_and_their_pods_give_nothing() {
    let mut world = World::new();
    world.snapshot.objects.jobs.push(object(json!({
        "metadata": {"namespace": "shop", "name": "once"},
        "status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]},
    })));
    let done = json!({"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"running": null, "terminated": {"exitCode": 0, "reason": "Completed"}}}]});
    let world = world.pod("once", 1, "once-x", done);
    assert_eq!(world.codes(), Vec::<String>::new());
}

#[test]
fn complaints_of_healthy_callers_about_healthy_dependencies_are_no_cause() {
    let refused = "connect ECONNREFUSED http://orders:80\n".repeat(4);
    let world = World::new().deployment("web", 1).deployment("orders", 1).log("web-1-0", &refused);
    let diagnosis = world.diagnose();
    assert!(diagnosis.healthy);
    assert_eq!(diagnosis.hypotheses, []);
}

#[test]
fn a_pod_that_stops_because_it_is_deleted_gives_nothing() {
    let mut world = World::new().deployment("web", 0).crashing("web", 1, 143, "Error").endpoints("web", true);
    let pod = &mut world.snapshot.objects.pods[0];
    pod.metadata.deletion_timestamp = Some(object(json!(ago(0).to_string())));
    assert_eq!(world.diagnose().hypotheses, []);
}

#[test]
fn secrets_are_not_called_missing_where_they_could_not_be_listed() {
    let env = json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "a"}}}]);
    let waiting = crate::diagnose::world::waiting("ContainerCreating", "");
    let mut world =
        World::new().deployment("web", 0).pod("web", 1, "web-1-x", waiting).environment("web", &env);
    world.snapshot.gaps.push(Gap { collector: "secrets".to_owned(), reason: "forbidden".to_owned() });
    assert_eq!(world.causes(), []);
}

#[test]
fn a_pod_that_is_just_starting_may_fail_its_readiness_probe() {
    let status = |seconds: i64| {
        let since = (crate::diagnose::world::NOON - jiff::SignedDuration::from_secs(seconds)).to_string();
        json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": since}],
            "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"running": {"startedAt": since}}}]})
    };
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let world = |seconds: i64| {
        let world = World::new().deployment("web", 2).rollout("web", &image).pod(
            "web",
            2,
            "web-2-x",
            status(seconds),
        );
        let mut world = world.event("web-2-x", "Unhealthy", "Readiness probe failed: connection refused", 1);
        let pod = world.snapshot.objects.pods.last_mut().unwrap();
        let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 5});
        pod.spec.as_mut().unwrap().containers[0].readiness_probe = Some(object(probe));
        world
    };
    assert_eq!(world(40).causes(), []);
    assert_eq!(world(400).causes()[0].0, "deploy.bad_rollout");
}

#[test]
fn a_program_that_fills_its_memory_again_and_again_is_no_innocent() {
    let status = |restarts: i32, minutes: i64| {
        json!({"containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": true, "restartCount": restarts,
            "state": {"running": {"startedAt": ago(minutes).to_string()}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(minutes).to_string()}}}]})
    };
    let causes = |restarts, minutes| {
        World::new().deployment("web", 0).pod("web", 1, "web-1-x", status(restarts, minutes)).causes()
    };
    assert_eq!(causes(9, 14)[0].0, "memory.exhausted");
    assert_eq!(causes(1, 14), []);
    assert_eq!(causes(9, 180), []);
}

#[test]
fn users_who_mistype_their_passwords_are_no_fault_of_a_dependency() {
    let refused = "Request failed with status code 401 http://web/login\n".repeat(40);
    let world = World::new().deployment("web", 1).deployment("front", 1).log("front-1-0", &refused);
    assert_eq!(world.causes(), []);
    let mut world = World::new().deployment("db", 1).deployment("front", 1);
    let spec = world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].image = Some("mysql:8.4".to_owned());
    let env = json!([{"name": "DB_HOST", "value": "db"}]);
    let users =
        "login failed for user anna: wrong password\naccess denied for user anna (role viewer)\n".repeat(40);
    let scanners =
        "[Warning] Access denied for user 'admin'@'203.0.113.4' (using password: YES)\n".repeat(40);
    let world = world.environment("front", &env).log("front-1-0", &users).log("db-1-0", &scanners);
    assert_eq!(world.causes(), []);
    let outside = "Get \"https://old.example.com/\": x509: certificate has expired\n".repeat(40);
    assert_eq!(World::new().deployment("front", 1).log("front-1-0", &outside).causes(), []);
    let down = "connect ECONNREFUSED http://web:80\n".repeat(40);
    let world = World::new().deployment("web", 1).deployment("front", 1).log("front-1-0", &down);
    assert_eq!(world.causes()[0].0, "dependency.unavailable", "nobody meets with forty refusals by accident");
}
