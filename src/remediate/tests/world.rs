//! A small world: a Deployment with two revisions, and what is planned for it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::incident::{Action, ObjectRef, PlannedAction};

pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) fn web() -> ObjectRef {
    ObjectRef::new("Deployment", "shop", "web")
}

fn template(image: &str, memory: &str, hash: Option<&str>) -> Value {
    let mut labels = json!({ "app": "web" });
    if let Some(hash) = hash {
        labels["pod-template-hash"] = json!(hash);
    }
    json!({
        "metadata": { "labels": labels },
        "spec": { "containers": [{ "name": "app", "image": image,
            "resources": { "requests": { "memory": "64Mi" }, "limits": { "memory": memory } } }] },
    })
}

/// Deployment `shop/web` at revision 2, generation 5.
pub(super) fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop", "uid": "d-1", "resourceVersion": "100", "generation": 5,
            "annotations": { "deployment.kubernetes.io/revision": "2", "team": "storefront" } },
        "spec": { "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "template": template("web:2", "96Mi", None),
            "futureField": { "kept": true } },
        "status": { "observedGeneration": 5, "replicas": 3 },
    })
}

/// Its ReplicaSets, and a stranger's.
pub(super) fn revisions() -> Vec<Value> {
    let set = |name: &str, owner: &str, revision: &str, image: &str, memory: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": { "name": name, "namespace": "shop", "uid": name,
                "annotations": { "deployment.kubernetes.io/revision": revision },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner, "controller": true }] },
            "spec": { "replicas": 0, "template": template(image, memory, Some(name)) },
        })
    };
    vec![
        set("web-a", "d-1", "1", "web:1", "256Mi"),
        set("web-b", "d-1", "2", "web:2", "96Mi"),
        set("web-x", "d-other", "1", "stranger:1", "1Gi"),
    ]
}

pub(super) fn roll_back() -> Action {
    Action::RollBack { workload: web(), to_revision: 1 }
}

pub(super) fn planned(action: Action) -> PlannedAction {
    PlannedAction {
        action,
        target_uid: "d-1".to_owned(),
        target_generation: Some(5),
        diff: String::new(),
        undo: String::new(),
        pods_affected: 3,
    }
}

/// Pod `shop/web-1` on node `n1`, controlled by a ReplicaSet.
pub(super) fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web-1", "namespace": "shop", "uid": "p-1", "resourceVersion": "7", "generation": 1,
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-a", "uid": "web-a", "controller": true }] },
        "spec": { "nodeName": "n1", "containers": [{ "name": "app" }] },
    })
}

pub(super) fn node(ready: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "n1", "uid": "n-1", "resourceVersion": "9", "generation": 1 },
        "spec": { "podCIDR": "10.0.0.0/24" },
        "status": { "conditions": [{ "type": "Ready", "status": ready }] },
    })
}

pub(super) fn delete_pod() -> Action {
    Action::DeletePod { pod: ObjectRef::new("Pod", "shop", "web-1"), uid: "p-1".to_owned() }
}
