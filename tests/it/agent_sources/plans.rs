//! propose_plan and list_actions.

use std::sync::Arc;

use kubewright::incident::{Action, Check, IncidentId, ObjectRef};
use kubewright::sim::kinds::{DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, NODES, PODS};
use serde_json::{Value, json};

use super::incidents::diagnosed;
use super::stage::{contains_all, stage};

fn plan(actions: Value) -> Value {
    json!({
        "hypothesis": {
            "code": "deploy.bad_rollout",
            "object": {"kind": "Deployment", "namespace": "shop", "name": "checkout"},
            "statement": "Version 2.15.0 calls a method that is not there.",
        },
        "actions": actions,
        "rationale": "The version before worked.",
    })
}

fn checkout() -> Value {
    json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_plan_is_drafted_with_checks_and_nothing_is_applied() {
    let mut stage = stage("bad-deploy").await;
    stage.confine();
    let before = stage.sim.store().get(&DEPLOYMENTS, "shop", "checkout").unwrap();
    let told = stage
        .ok("propose_plan", plan(json!([{"action": "roll_back", "workload": checkout(), "to_revision": 1}])))
        .await;
    contains_all(
        &told.text,
        &[
            "Plan 1 is drafted; nothing is applied",
            "roll Deployment shop/checkout back to revision 1",
            "rollout of Deployment shop/checkout is complete",
            "-",
            "+",
        ],
    );
    let proposed = stage.context.proposals.all();
    assert_eq!(proposed.len(), 1);
    let draft = &proposed[0].draft;
    assert_eq!(draft.hypothesis, "deploy.bad_rollout");
    assert!(
        draft
            .checks
            .contains(&Check::RestartsStable { workload: ObjectRef::new("Deployment", "shop", "checkout") })
    );
    assert_eq!(proposed[0].plan.actions[0].target_uid, before["metadata"]["uid"].as_str().unwrap());
    assert_eq!(stage.sim.store().get(&DEPLOYMENTS, "shop", "checkout").unwrap()["spec"], before["spec"]);

    let pod = stage
        .sim
        .store()
        .list(&PODS, Some("shop"))
        .0
        .into_iter()
        .find(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("frontend-"));
    let pod = pod.unwrap();
    let named = json!({"kind": "Pod", "namespace": "shop", "name": pod["metadata"]["name"]});
    let resources = json!({"action": "set_resources", "workload": checkout(), "container": "checkout", "limits": {"memory": "1Gi"}});
    let told =
        stage.ok("propose_plan", plan(json!([{"action": "delete_pod", "pod": named}, resources]))).await;
    contains_all(
        &told.text,
        &["Plan 2", "rollout of Deployment shop/frontend is complete", "limits.memory=1Gi"],
    );
    let Action::DeletePod { uid, .. } = &stage.context.proposals.all()[1].draft.actions[0] else { panic!() };
    assert_eq!(uid, pod["metadata"]["uid"].as_str().unwrap());
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_is_raised_with_the_checks_of_a_playbook() {
    let stage = stage("hpa-maxed").await;
    let hpa = stage.sim.store().list(&HORIZONTAL_POD_AUTOSCALERS, Some("shop")).0.remove(0);
    let (name, maximum) =
        (hpa["metadata"]["name"].as_str().unwrap(), hpa["spec"]["maxReplicas"].as_i64().unwrap());
    let raise = |max: i64| {
        let named = json!({"kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": name});
        plan(json!([{"action": "raise_hpa_maximum", "hpa": named, "max_replicas": max}]))
    };
    contains_all(&stage.refused("propose_plan", raise(maximum)).await, &["already"]);
    let scale = plan(json!([{"action": "scale", "workload": checkout(), "replicas": 9}]));
    contains_all(&stage.refused("propose_plan", scale).await, &["scales it and would undo that"]);
    contains_all(
        &stage.ok("propose_plan", raise(maximum + 3)).await.text,
        &["is below its maximum", "rollout of Deployment"],
    );
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_comes_back_with_what_to_change() {
    let mut stage = stage("bad-deploy").await;
    let node = stage.sim.store().list(&NODES, None).0.remove(0)["metadata"]["name"].clone();
    let cordon = json!({"action": "cordon", "node": {"kind": "Node", "name": node}});
    let alone = stage.refused("propose_plan", plan(json!([cordon]))).await;
    contains_all(&alone, &["nothing would prove"]);
    stage.confine();
    let other =
        |namespace: &str, name: &str| json!({"kind": "Deployment", "namespace": namespace, "name": name});
    let resources = |container: &str, memory: &str| json!({"action": "set_resources", "workload": checkout(), "container": container, "limits": {"memory": memory}});
    let restart = json!({"action": "restart_workload", "workload": checkout()});
    let mut extra = plan(json!([restart]));
    extra["command"] = json!("kubectl delete namespace shop");
    for (arguments, named) in [
        (plan(json!([resources("sidecar", "1Gi")])), "has no container sidecar"),
        (plan(json!([resources("checkout", "lots")])), "not an amount of memory"),
        (
            plan(json!([{"action": "roll_back", "workload": checkout(), "to_revision": 99}])),
            "has no revision 99",
        ),
        (
            plan(json!([{"action": "restart_workload", "workload": other("payments", "payments-api")}])),
            "permitted: shop",
        ),
        (plan(json!([cordon])), "belongs to no namespace"),
        (
            plan(json!([{"action": "restart_workload", "workload": other("shop", "nothing")}])),
            "there is no Deployment shop/nothing",
        ),
        (
            plan(
                json!([{"action": "restart_workload", "workload": {"kind": "ConfigMap", "namespace": "shop", "name": "x"}}]),
            ),
            "list_actions",
        ),
        (plan(json!([{"action": "scale", "workload": checkout(), "replicas": 0}])), "between 1 and 500"),
        (plan(json!([{"action": "drain", "node": "x"}])), "unknown variant `drain`"),
        (
            plan(json!([{"action": "restart_workload", "workload": checkout(), "command": "sh"}])),
            "unknown field `command`",
        ),
        (plan(json!([restart, restart])), "changes an object once"),
        (plan(json!([])), "recommendation"),
        (extra, "unknown field `command`"),
    ] {
        let refusal = stage.refused("propose_plan", arguments.clone()).await;
        assert!(refusal.contains(named), "{arguments}: {refusal}");
    }
    let mut denied = diagnosed(IncidentId::from_text("inc-denied"), "shop");
    denied
        .denied_actions
        .push(Action::RestartWorkload { workload: ObjectRef::new("Deployment", "shop", "checkout") });
    stage.context.incident = Some(Arc::new(denied));
    contains_all(&stage.refused("propose_plan", plan(json!([restart]))).await, &["people have denied it"]);
    assert_eq!(stage.context.proposals.all(), []);
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_listed_whole() {
    let stage = stage("healthy").await;
    let text = stage.ok("list_actions", json!({})).await.text;
    contains_all(&text, &["roll_back", "set_resources", "delete_pod", "cordon", "undo: ", "Policy decides"]);
    contains_all(&stage.refused("list_actions", json!({"all": true})).await, &["all"]);
    stage.sim.shutdown().await;
}
