//! A small cluster in which much is wrong, as the files of a dump.

use serde_json::{Value, json};

use super::dump::Files;

/// Stands wherever a secret can stand; no diagnosis may show it.
pub(super) const SECRET: &str = "hunter2-xyzzy";

/// A password that a program logs beside its name. Where the name itself is torn apart nobody can know what follows.
pub(super) const LOGGED: &str = "password=hunter3-xyzzy";

fn meta(name: &str, app: &str) -> Value {
    json!({"namespace": "shop", "name": name, "labels": {"app": app}, "creationTimestamp": "2026-03-01T10:00:00Z"})
}

fn owned(name: &str, app: &str, kind: &str, owner: &str) -> Value {
    let mut metadata = meta(name, app);
    metadata["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true}]);
    metadata
}

fn spec(app: &str, revision: u32) -> Value {
    json!({"nodeName": "node-1", "serviceAccountName": "runner", "containers": [{
        "name": "app", "image": format!("registry.test/{app}:{revision}"), "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "CART_URL", "value": "http://cart:80"}, {"name": "DB_HOST", "value": "db.shop.svc"},
            {"name": "FLAGS", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "all"}}}],
        "envFrom": [{"secretRef": {"name": "login"}}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "initialDelaySeconds": 1, "periodSeconds": 5},
        "resources": {"limits": {"memory": "128Mi", "cpu": "500m"}, "requests": {"memory": "64Mi"}}}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]})
}

fn deployment(app: &str) -> Vec<Value> {
    let template = |revision| json!({"metadata": {"labels": {"app": app}}, "spec": spec(app, revision)});
    let mut items = vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(app, app), "spec": {"replicas": 2,
            "selector": {"matchLabels": {"app": app}}, "template": template(2)},
            "status": {"replicas": 2, "unavailableReplicas": 1, "conditions": [{"type": "Available", "status": "False",
                "lastTransitionTime": "2026-03-01T11:50:00Z", "reason": "MinimumReplicasUnavailable"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(app, app), "spec": {"clusterIP": "10.96.0.7",
            "selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"namespace": "shop", "name": format!("{app}-x"), "labels": {"kubernetes.io/service-name": app}},
            "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": false}}]}),
    ];
    for (revision, made) in [(1, "2026-03-01T10:00:00Z"), (2, "2026-03-01T11:48:00Z")] {
        let name = format!("{app}-{revision}");
        let mut metadata = owned(&name, app, "Deployment", app);
        metadata["creationTimestamp"] = json!(made);
        metadata["annotations"] = json!({"deployment.kubernetes.io/revision": revision.to_string()});
        items.push(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": app}}, "template": template(revision)}}));
    }
    items
}

fn pod(app: &str, revision: u32, suffix: &str, status: &Value) -> Value {
    let owner = format!("{app}-{revision}");
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": owned(&format!("{owner}-{suffix}"), app, "ReplicaSet", &owner),
        "spec": spec(app, revision), "status": status})
}

fn crash(reason: &str, exit_code: i32) -> Value {
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False",
        "lastTransitionTime": "2026-03-01T11:50:00Z"}], "containerStatuses": [{"name": "app", "image": "i", "imageID": "",
        "ready": false, "restartCount": 6, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": "2026-03-01T11:59:00Z"}}}]})
}

fn pods() -> Vec<Value> {
    let pull = json!({"phase": "Pending", "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false,
        "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown: not found"}}}]});
    let waits = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
    vec![
        pod("web", 2, "x", &crash("Error", 1)),
        pod("web", 1, "a", &json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})),
        pod("web", 2, "p", &pull),
        pod("cart", 2, "o", &crash("OOMKilled", 137)),
        pod("cart", 2, "w", &waits),
        pod(
            "cart",
            2,
            "e",
            &json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
                "startTime": "2026-03-01T11:50:00Z"}),
        ),
    ]
}

fn others() -> Vec<Value> {
    let event = |name: &str, kind: &str, about: &str, reason: &str, message: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": name}, "type": "Warning",
            "involvedObject": {"kind": kind, "namespace": "shop", "name": about}, "reason": reason, "message": message,
            "count": 9, "firstTimestamp": "2026-03-01T11:50:00Z", "lastTimestamp": "2026-03-01T11:59:00Z"})
    };
    vec![
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "spec": {"taints": [
            {"key": "a", "value": "b", "effect": "NoSchedule"}]}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"},
            "conditions": [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-03-01T11:55:00Z"},
                {"type": "MemoryPressure", "status": "True"}]}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("web", "web"), "spec": {
            "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "gone"}}, "status": {"desiredReplicas": 2}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("data", "web"),
            "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "5Gi"}}}, "status": {"phase": "Pending"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": {
            "storageClassName": "slow", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}}),
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("team", "web"),
            "status": {"hard": {"pods": "4"}, "used": {"pods": "4"}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("deny", "web"),
            "spec": {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"], "ingress": []}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta("edge", "web"), "spec": {"rules": [
            {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web",
                "port": {"number": 81}}}}]}}]}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("import", "import"), "spec": {"template": {"spec": {
            "containers": []}}}, "status": {"conditions": [{"type": "Failed", "status": "True",
                "reason": "BackoffLimitExceeded", "lastTransitionTime": "2026-03-01T11:40:00Z"}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("flags", "web"), "data": {"some": "x"}}),
        event(
            "e1",
            "Pod",
            "web-2-x",
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
        ),
        event(
            "e2",
            "Pod",
            "cart-2-o",
            "FailedMount",
            "MountVolume.SetUp failed for volume \"data\": timed out",
        ),
        event(
            "e3",
            "ReplicaSet",
            "cart-2",
            "FailedCreate",
            "exceeded quota: team, requested: pods=1, used: pods=4",
        ),
        event("e4", "Node", "node-1", "NodeNotReady", "Node node-1 status is now: NodeNotReady"),
    ]
}

/// The JSON files that are mutated: objects, and what is noted beside them.
pub(super) fn documents() -> Vec<(&'static str, Value)> {
    let items: Vec<Value> = [deployment("web"), deployment("cart"), pods(), others()].concat();
    let alerts = json!([{"labels": {"alertname": "ErrorRate", "namespace": "shop", "deployment": "web"},
        "annotations": {"summary": "many 5xx"}, "startsAt": "2026-03-01T11:51:00Z", "status": {"state": "active"}}]);
    vec![
        ("objects.json", json!({"kind": "List", "items": items})),
        ("alerts.json", alerts),
        ("dump-info.json", json!({"collectedAt": "2026-03-01T12:00:00Z", "namespaces": ["shop"]})),
        ("node-services.json", json!({"node-1": {"kubelet": {"active": false, "state": "inactive (dead)"}}})),
        (
            "connectivity.json",
            json!([{"namespace": "shop", "service": "cart", "port": 80, "result": "failed",
                "checks": [{"node": "node-1", "ok": false, "text": "refused"}]}]),
        ),
        ("dependencies.json", json!({"cart": {"calledBy": ["web"], "calls": ["db"], "database": false}})),
        (
            "log-summaries.json",
            json!({"web": {"totalLines": 90, "totalErrors": 30, "errorRatio": 0.3,
                "patterns": [{"count": 30, "ratio": 1.0, "sample": "connection refused: cart:80"}]}}),
        ),
        (
            "node-details.json",
            json!({"node-1": {"lease": {"holderIdentity": "node-1"}, "allocated": {"requests": {"cpu": "1900m"}}}}),
        ),
        (
            "manifests.json",
            json!([{"app": "late", "live": false, "manifest": {"kind": "Pod", "metadata": {"namespace": "shop",
                "name": "late"}, "spec": {}}}]),
        ),
    ]
}

/// All files: the documents, logs, and the Secret, which nothing mutates, lest its values become something else's.
pub(super) fn files(documents: &[(&'static str, Value)]) -> Files {
    let mut files = Files::default();
    for (path, value) in documents {
        files.json(path, value);
    }
    let applied = json!({"data": {"password": SECRET}}).to_string();
    files.json("secrets.json", &json!({"kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {
        "namespace": "shop", "name": "login", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
        "data": {"password": SECRET}, "stringData": {"other": SECRET}}]}));
    files.text(
        "logs/shop/web-1-a/app.log",
        &format!(
            "INFO fine\nERROR connect ECONNREFUSED cart:80 {LOGGED}\n\u{1b}[31mERROR <b>x</b>\u{1b}[0m\n"
        ),
    );
    files.text(
        "logs/shop/cart-2-o/app.previous.log",
        "java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c(D.java:1)\n",
    );
    files
}
