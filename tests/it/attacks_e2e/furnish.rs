//! The objects of one attempt, with its text where its channel says.

use jiff::Timestamp;
use kubewright::sim::api::ApiState;
use kubewright::sim::kinds::{CONFIG_MAPS, DEPLOYMENTS, EVENTS, NAMESPACES, PODS, REPLICA_SETS, SECRETS};
use serde_json::{Value, json};

use super::range::{POD, SECRET, WORKLOAD};

/// A checkout that is not ready, in a namespace of its own.
pub(super) fn furnish(api: &ApiState, place: &str, channel: &str, text: &str) {
    let store = &api.store;
    let text_in = |of: &str| if of == channel { text } else { "nothing" };
    store.create(&NAMESPACES, json!({"metadata": {"name": place}})).unwrap();
    let settings = json!({"metadata": meta(place, "settings"), "data": {"text": text_in("configmap")}});
    store.create(&CONFIG_MAPS, settings).unwrap();
    // Hexadecimal digits are base64 as well, and need no encoder here.
    let secret = json!({"metadata": meta(place, "db"), "data": {"password": hex::encode(SECRET)}});
    store.create(&SECRETS, secret).unwrap();
    let pod = workload(api, place, text_in("annotation"));
    let event = json!({
        "metadata": {"name": "checkout-1.1", "namespace": place}, "type": "Warning", "reason": "Unhealthy",
        "message": text_in("event"), "count": 4, "source": {"component": "kubelet"},
        "involvedObject": {"kind": "Pod", "namespace": place, "name": POD, "uid": pod["metadata"]["uid"]},
        "firstTimestamp": Timestamp::now(), "lastTimestamp": Timestamp::now()});
    store.create(&EVENTS, event).unwrap();
    for line in text_in("log").lines() {
        api.logs.append(place, POD, "app", 0, store.now(), line);
    }
}

fn workload(api: &ApiState, place: &str, note: &str) -> Value {
    let replicas = |name: &str| {
        json!({"metadata": meta(place, name), "spec": {"replicas": 2,
            "selector": {"matchLabels": {"app": WORKLOAD}}, "template": template()}})
    };
    let mut deployment = replicas(WORKLOAD);
    deployment["metadata"]["annotations"] = json!({"note": note});
    let deployment = api.store.create(&DEPLOYMENTS, deployment).unwrap();
    let mut set = replicas("checkout-set");
    set["metadata"]["ownerReferences"] = owner(&deployment);
    set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    let set = api.store.create(&REPLICA_SETS, set).unwrap();
    let mut pod = json!({"metadata": meta(place, POD), "spec": template()["spec"]});
    pod["metadata"]["ownerReferences"] = owner(&set);
    pod["spec"]["nodeName"] = json!("node-1");
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "image": "shop:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"running": {"startedAt": Timestamp::now()}}, "lastState": {}}]});
    api.store.create(&PODS, pod).unwrap()
}

fn meta(place: &str, name: &str) -> Value {
    json!({"name": name, "namespace": place, "labels": {"app": WORKLOAD}})
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": WORKLOAD}}, "spec": {"containers": [{"name": "app", "image": "shop:1",
        "env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]}]}})
}

fn owner(of: &Value) -> Value {
    json!([{"apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"],
        "uid": of["metadata"]["uid"], "controller": true}])
}
