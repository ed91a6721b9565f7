//! What each Action writes, and what it must find.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::{NOW, delete_pod, deployment, node, pod, revisions, roll_back, web};
use crate::incident::{Action, ObjectRef, ResourceAmounts};
use crate::remediate::catalog::{Change, Request, change};
use crate::remediate::surroundings::Surroundings;

fn around(node: Option<Value>) -> Surroundings {
    Surroundings { revisions: revisions().into_iter().take(2).collect(), node }
}

fn worked_out(action: &Action, live: &Value) -> Result<Change, String> {
    change(action, live, &around(None), NOW).map_err(|impossible| impossible.reason)
}

fn desired(action: &Action, live: &Value) -> Value {
    match worked_out(action, live).unwrap().request {
        Request::Replace(desired) => desired,
        other => panic!("{other:?}"),
    }
}

fn memory(request: Option<&str>, limit: Option<&str>) -> Action {
    let amounts = |memory: Option<&str>| ResourceAmounts { cpu: None, memory: memory.map(str::to_owned) };
    Action::SetResources {
        workload: web(),
        container: "app".to_owned(),
        requests: amounts(request),
        limits: amounts(limit),
    }
}

fn hpa() -> Value {
    json!({ "metadata": { "name": "web" }, "spec": { "maxReplicas": 5, "minReplicas": 1 } })
}

fn raise(max_replicas: i32) -> Action {
    Action::RaiseHpaMaximum { hpa: ObjectRef::new("HorizontalPodAutoscaler", "shop", "web"), max_replicas }
}

#[test]
fn every_action_changes_its_own_field_and_nothing_else() {
    let node_ref = ObjectRef::cluster_wide("Node", "n1");
    let mut cordoned = node("True");
    cordoned["spec"]["unschedulable"] = json!(true);
    let cases = [
        (
            Action::RestartWorkload { workload: web() },
            deployment(),
            "/spec/template/metadata/annotations",
            json!({ "kubewright.io/restartedAt": "1970-01-01T00:00:00Z" }),
        ),
        (Action::Scale { workload: web(), replicas: 7 }, deployment(), "/spec/replicas", json!(7)),
        (
            memory(None, Some("1Gi")),
            deployment(),
            "/spec/template/spec/containers/0/resources/limits/memory",
            json!("1Gi"),
        ),
        (raise(8), hpa(), "/spec/maxReplicas", json!(8)),
        (Action::Cordon { node: node_ref.clone() }, node("False"), "/spec/unschedulable", json!(true)),
        (Action::Uncordon { node: node_ref }, cordoned, "/spec/unschedulable", Value::Null),
    ];
    for (action, live, path, value) in cases {
        let mut expected = live.clone();
        crate::remediate::fields::set(&mut expected, path, value);
        assert_eq!(desired(&action, &live), expected, "{action}");
    }
}

#[test]
fn what_is_captured_puts_every_change_back_exactly() {
    let node_ref = ObjectRef::cluster_wide("Node", "n1");
    let cases = [
        (roll_back(), deployment()),
        (Action::Scale { workload: web(), replicas: 7 }, deployment()),
        (memory(Some("80Mi"), Some("1Gi")), deployment()),
        (raise(8), hpa()),
        (Action::Cordon { node: node_ref }, node("False")),
    ];
    for (action, live) in cases {
        let mut after = desired(&action, &live);
        worked_out(&action, &live).unwrap().prior.put_back(&mut after);
        assert_eq!(after, live, "{action}");
    }
}

#[test]
fn preconditions_that_do_not_hold_are_named() {
    let mut paused = deployment();
    paused["spec"]["paused"] = json!(true);
    let mut rolled_back = deployment();
    rolled_back["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:1");
    rolled_back["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] =
        json!("256Mi");
    let other_container = Action::SetResources {
        workload: web(),
        container: "sidecar".to_owned(),
        requests: ResourceAmounts::default(),
        limits: ResourceAmounts::default(),
    };
    let job = Action::RestartWorkload { workload: ObjectRef::new("Job", "shop", "report") };
    let lost = Action::RollBack { workload: web(), to_revision: 9 };
    let cases = [
        (roll_back(), paused.clone(), "paused"),
        (Action::RestartWorkload { workload: web() }, paused, "paused"),
        (roll_back(), rolled_back, "already has the template"),
        (lost, deployment(), "no revision 9 any more (it has [1, 2])"),
        (job, deployment(), "a Job cannot be restarted"),
        (Action::Scale { workload: web(), replicas: -1 }, deployment(), "not a number of replicas"),
        (Action::Scale { workload: web(), replicas: 3 }, deployment(), "already wants 3"),
        (other_container, deployment(), "no container sidecar"),
        (memory(None, Some("lots")), deployment(), "\"lots\" is not an amount"),
        (memory(None, Some("32Mi")), deployment(), "request would be greater than its limit"),
        (memory(None, Some("96Mi")), deployment(), "already has these resources"),
        (raise(5), hpa(), "is 5 already"),
        (
            Action::Uncordon { node: ObjectRef::cluster_wide("Node", "n1") },
            node("True"),
            "schedulable already",
        ),
        (delete_pod(), json!({ "metadata": { "uid": "p-1" } }), "no controller"),
        (delete_pod(), json!({ "metadata": { "uid": "p-2" } }), "another one has its name"),
        (raise(5), json!("garbage"), "has no maximum"),
    ];
    for (action, live, words) in cases {
        let reason = worked_out(&action, &live).unwrap_err();
        assert!(reason.contains(words), "{action}: {reason}");
    }
}

#[test]
fn only_a_dead_node_or_an_overdue_end_makes_a_deletion_a_force_delete() {
    let mut ending = pod();
    ending["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
    let second = |second| Timestamp::from_second(second).unwrap();
    let cases = [
        (pod(), Some(node("True")), 0, false),
        (pod(), None, 0, false),
        (pod(), Some(node("False")), 0, true),
        (pod(), Some(node("Unknown")), 0, true),
        (ending.clone(), Some(node("True")), 10, false),
        (ending, Some(node("True")), 60, true),
    ];
    for (index, (pod, node, at, forced)) in cases.into_iter().enumerate() {
        let change = change(&delete_pod(), &pod, &around(node), second(at)).unwrap();
        assert_eq!(matches!(change.request, Request::ForceDelete { .. }), forced, "case {index}");
    }
}
