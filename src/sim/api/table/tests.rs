#![expect(clippy::needless_pass_by_value, reason = "fixtures are built in place")]

use super::*;
use crate::sim::kinds;

fn now() -> Timestamp {
    "2026-11-21T05:00:00Z".parse().unwrap()
}

fn row_of(kind: &'static Kind, object: Value) -> Vec<Value> {
    let table = table(kind, &[&object], &json!({}), "None", now());
    table["rows"][0]["cells"].as_array().unwrap().clone()
}

fn pod(status: Value) -> Value {
    json!({
        "kind": "Pod", "metadata": {"name": "web-1", "creationTimestamp": "2026-11-21T04:58:30Z"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web"}, {"name": "side"}]}, "status": status,
    })
}

#[test]
fn durations_are_as_coarse_as_kubectls() {
    let seconds =
        [0, 119, 120, 125, 600, 3_600, 10_800, 10_860, 28_800, 172_800, 180_000, 700_000, 70_000_000];
    assert_eq!(
        seconds.map(cells::human),
        ["0s", "119s", "2m", "2m5s", "10m", "60m", "3h", "3h1m", "8h", "2d", "2d2h", "8d", "2y80d"]
    );
}

#[test]
fn a_crash_looping_pod_says_so_and_when_it_last_ended() {
    let status = json!({"phase": "Running", "podIP": "10.1.0.2", "containerStatuses": [
        {"name": "web", "ready": false, "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
         "lastState": {"terminated": {"finishedAt": "2026-11-21T04:59:30Z"}}},
        {"name": "side", "ready": true, "restartCount": 0, "state": {"running": {}}},
    ]});
    assert_eq!(
        row_of(&kinds::PODS, pod(status)),
        ["web-1", "1/2", "CrashLoopBackOff", "4 (30s ago)", "90s", "10.1.0.2", "node-1", "<none>", "<none>"]
    );
}

#[test]
fn the_status_of_a_pod_sums_up_its_containers() {
    let mut deleted = pod(json!({"phase": "Running"}));
    deleted["metadata"]["deletionTimestamp"] = json!("2026-11-21T05:00:00Z");
    let mut initialising =
        pod(json!({"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}));
    initialising["spec"]["initContainers"] = json!([{"name": "setup"}]);
    let killed = json!({"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}});
    let statuses = [
        pod(json!({"phase": "Pending"})),
        pod(json!({"phase": "Failed", "reason": "Evicted"})),
        pod(json!({"phase": "Running", "containerStatuses": [killed]})),
        pod(json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]})),
        deleted,
        initialising,
    ];
    assert_eq!(
        statuses.map(|pod| pods::status(&pod)),
        ["Pending", "Evicted", "OOMKilled", "ExitCode:3", "Terminating", "Init:0/1"]
    );
}

#[test]
fn workloads_show_ready_against_wanted() {
    let deployment = json!({
        "metadata": {"name": "web", "creationTimestamp": "2026-11-21T04:00:00Z"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
    });
    assert_eq!(
        row_of(&kinds::DEPLOYMENTS, deployment),
        vec![
            json!("web"),
            json!("1/2"),
            json!(2),
            json!(1),
            json!("60m"),
            json!("web"),
            json!("web:1"),
            json!("app=web")
        ]
    );
    let autoscaler = json!({
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 3,
                 "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}]},
    });
    assert_eq!(
        row_of(&kinds::HORIZONTAL_POD_AUTOSCALERS, autoscaler),
        vec![
            json!("web"),
            json!("Deployment/web"),
            json!("cpu: <unknown>/80%"),
            json!("1"),
            json!(3),
            json!(0),
            json!("<unknown>")
        ]
    );
}

#[test]
fn every_kind_shows_as_many_cells_as_columns_even_for_an_empty_object() {
    for kind in kinds::KINDS {
        let shown = table(
            kind,
            &[&json!({}), &json!({"spec": 3, "status": [], "metadata": "x"})],
            &json!({}),
            "",
            now(),
        );
        for row in shown["rows"].as_array().unwrap() {
            let (cells, columns) = (&row["cells"], &shown["columnDefinitions"]);
            assert_eq!(cells.as_array().unwrap().len(), columns.as_array().unwrap().len(), "{}", kind.kind);
        }
    }
}
