//! A simulated API on a free port with a small world in it, and the real kubectl pointed at it.

use std::process::{Output, Stdio};
use std::time::Duration;

use kubewright::sim::api::{self, ApiState, Denial};
use kubewright::sim::kinds::{
    CONFIG_MAPS, DEPLOYMENTS, EVENTS, NAMESPACES, NODES, PODS, REPLICA_SETS, SERVICES,
};
use kubewright::sim::logbook::LogBook;
use kubewright::sim::objects::ObjectStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

/// Long enough for a busy machine; a kubectl that hangs fails its test.
const PATIENCE: &str = "60s";

/// The real kubectl with its own configuration and cache.
pub(super) struct Kubectl {
    dir: TempDir,
}

impl Kubectl {
    pub(super) fn for_server(url: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sim",
            "clusters": [{"name": "sim", "cluster": {"server": url}}],
            "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "sim", "namespace": "shop"}}],
            "users": [{"name": "sim", "user": {}}],
        });
        std::fs::write(dir.path().join("config"), config.to_string()).unwrap();
        Self { dir }
    }

    /// A kubectl command, its arguments separated by spaces.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(line.split_whitespace())
            .env("KUBECONFIG", self.dir.path().join("config"))
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn output(&self, line: &str) -> Output {
        let running = self.command(line).arg(format!("--request-timeout={PATIENCE}")).output();
        let ended = tokio::time::timeout(Duration::from_secs(90), running).await;
        ended.expect("kubectl hangs").expect("kubectl 1.32 must be installed")
    }

    /// What a command prints; it must succeed.
    pub(super) async fn ok(&self, line: &str) -> String {
        let output = self.output(line).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command complains about; it must fail.
    pub(super) async fn refused(&self, line: &str) -> String {
        let output = self.output(line).await;
        assert!(!output.status.success(), "kubectl {line} should fail");
        String::from_utf8(output.stderr).unwrap().trim().to_owned()
    }

    /// What a command prints, as JSON.
    pub(super) async fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} -o json")).await).unwrap()
    }

    /// What a command prints, as words in lines.
    pub(super) async fn table(&self, line: &str) -> Vec<Vec<String>> {
        self.ok(line).await.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    /// A file for `-f`.
    pub(super) fn file(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// The API alone: nothing moves unless a test moves it.
pub(super) struct Stage {
    pub(super) url: String,
    pub(super) store: ObjectStore,
    pub(super) logs: LogBook,
    pub(super) kubectl: Kubectl,
    pub(super) http: reqwest::Client,
}

impl Stage {
    pub(super) async fn start() -> Self {
        Self::denying(Vec::new()).await
    }

    pub(super) async fn denying(denied: Vec<Denial>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, logs) = (ObjectStore::new(), LogBook::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = api::router(ApiState::new(store.clone(), logs.clone()).denying(denied));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        furnish(&store, &logs);
        let kubectl = Kubectl::for_server(&url);
        Self { url, store, logs, kubectl, http: reqwest::Client::new() }
    }

    /// A GET that must be answered with JSON.
    pub(super) async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }
}

/// A shop: one node, one deployment with a healthy and a crashing pod.
fn furnish(store: &ObjectStore, logs: &LogBook) {
    store.create(&NAMESPACES, json!({"metadata": {"name": "shop"}})).unwrap();
    store.create(&NODES, json!({"metadata": {"name": "node-1"}, "status": ready()})).unwrap();
    store
        .create(&CONFIG_MAPS, json!({"metadata": meta("web-config"), "data": {"LOG_LEVEL": "info"}}))
        .unwrap();
    let ports = json!([{"port": 80, "targetPort": "http"}]);
    let spec = json!({"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.96.0.80"});
    store.create(&SERVICES, json!({"metadata": meta("web"), "spec": spec})).unwrap();
    let deployment = store.create(&DEPLOYMENTS, deployment()).unwrap();
    let set = store.create(&REPLICA_SETS, owned("web-1", &deployment, replica_set_spec())).unwrap();
    store.create(&PODS, pod("web-1-good", &set, &running())).unwrap();
    let sick = store.create(&PODS, pod("web-1-sick", &set, &crashing())).unwrap();
    store.create(&EVENTS, event(&sick)).unwrap();
    for (pod, restart, text) in [
        ("web-1-good", 0, "listening on 8080"),
        ("web-1-good", 0, "GET /ready 200"),
        ("web-1-sick", 2, "panic: LOG_LEVEL is not set"),
    ] {
        logs.append("shop", pod, "web", restart, store.now(), text);
    }
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "shop", "labels": {"app": "web"}})
}

fn ready() -> Value {
    json!({"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.2"}})
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{
            "name": "web", "image": "registry.example/web:1.0", "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"limits": {"memory": "128Mi"}},
        }]},
    })
}

fn deployment() -> Value {
    json!({
        "metadata": meta("web"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template()},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1},
    })
}

fn replica_set_spec() -> Value {
    json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template()})
}

#[expect(clippy::needless_pass_by_value, reason = "fixtures are built in place")]
fn owned(name: &str, owner: &Value, spec: Value) -> Value {
    let mut object = json!({"metadata": meta(name), "spec": spec});
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    object
}

fn pod(name: &str, set: &Value, container: &Value) -> Value {
    let mut spec = template()["spec"].clone();
    spec["nodeName"] = json!("node-1");
    let mut pod = owned(name, set, spec);
    let is_ready = if container["ready"] == true { "True" } else { "False" };
    pod["status"] = json!({
        "phase": "Running", "podIP": "10.244.0.4", "conditions": [{"type": "Ready", "status": is_ready}],
        "containerStatuses": [container],
    });
    pod
}

fn running() -> Value {
    json!({
        "name": "web", "image": "registry.example/web:1.0", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "lastState": {},
    })
}

fn crashing() -> Value {
    let ended = json!({"exitCode": 2, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"});
    json!({
        "name": "web", "image": "registry.example/web:1.0", "imageID": "", "ready": false, "restartCount": 2,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}},
        "lastState": {"terminated": ended},
    })
}

fn event(pod: &Value) -> Value {
    json!({
        "metadata": {"name": "web-1-sick.1", "namespace": "shop"}, "type": "Warning", "reason": "BackOff",
        "message": "Back-off restarting failed container web", "count": 4,
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1-sick", "uid": pod["metadata"]["uid"]},
        "source": {"component": "kubelet"}, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:05:00Z",
    })
}
