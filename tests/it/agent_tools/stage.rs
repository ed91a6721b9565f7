//! A simulated API with a shop and a vault in it, and the tools pointed at it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use kubewright::agents::tools::{Access, Tool, ToolContext, ToolError, ToolOutput, kubernetes};
use kubewright::observe::Observer;
use kubewright::recall::Recall;
use kubewright::settings::{ClusterApi, ClusterSettings, ObserveSettings, StoreSettings};
use kubewright::sim::api::{self, ApiState, Denial};
use kubewright::sim::kinds::{
    CONFIG_MAPS, DEPLOYMENTS, EVENTS, NAMESPACES, NODES, PODS, REPLICA_SETS, SECRETS, SERVICES,
};
use kubewright::sim::logbook::LogBook;
use kubewright::sim::objects::ObjectStore;
use kubewright::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What no tool may ever show.
pub(super) const SECRET: &str = "hunter2-hunter2";

/// The tools and what they work with.
pub(super) struct Stage {
    _folder: TempDir,
    pub(super) objects: ObjectStore,
    pub(super) context: ToolContext,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::denying(Vec::new()).await
    }

    pub(super) async fn denying(denied: Vec<Denial>) -> Self {
        Self::built(denied, |api| api).await
    }

    /// The same with something between the tools and the API.
    pub(super) async fn behind(between: impl FnOnce(Router) -> Router) -> Self {
        Self::built(Vec::new(), between).await
    }

    async fn built(denied: Vec<Denial>, between: impl FnOnce(Router) -> Router) -> Self {
        let (objects, logs) = (ObjectStore::new(), LogBook::new());
        furnish(&objects, &logs);
        let api = api::router(ApiState::new(objects.clone(), logs).denying(denied));
        Self::at(&serve(between(api)).await, objects).await
    }

    /// The tools at an API server that stands already.
    pub(super) async fn at(url: &str, objects: ObjectStore) -> Self {
        Self::within(Duration::from_secs(20), url, objects).await
    }

    /// The same with this time for a read.
    pub(super) async fn within(deadline: Duration, url: &str, objects: ObjectStore) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("kubewright.db").display());
        let cluster = ClusterSettings {
            name: "northwind".to_owned(),
            api: ClusterApi::Url(url.parse().unwrap()),
            environment: "staging".to_owned(),
            prometheus: None,
            loki: None,
        };
        let settings = ObserveSettings {
            collector_deadline: deadline,
            max_log_bytes: 64 * 1024,
            max_log_containers: 12,
            max_objects_per_kind: 2000,
            change_window: Duration::from_secs(3600),
            ..ObserveSettings::default()
        };
        let context = ToolContext {
            proposals: kubewright::agents::tools::Proposals::default(),
            keeps: None,
            observer: Observer::connect(&cluster, &settings).await.unwrap(),
            access: Access::Everything,
            rules: Arc::default(),
            recall: Recall::new(None).await,
            store: Store::open(&StoreSettings { url: database.into() }).await.unwrap(),
            incident: None,
            now: Timestamp::now(),
            cancel: CancellationToken::new(),
        };
        Self { _folder: folder, objects, context }
    }

    /// The same for a caller who may see some namespaces only.
    pub(super) fn only(mut self, namespaces: &[&str]) -> Self {
        let namespaces: BTreeSet<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        self.context.access = Access::Namespaces(namespaces);
        self
    }

    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        let tools: Vec<Arc<dyn Tool>> = kubernetes();
        let tool = tools.into_iter().find(|own| own.name() == tool).unwrap();
        let result = tool.call(arguments, &self.context).await;
        let shown = format!("{result:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(&base64(SECRET)), "a secret is shown: {shown}");
        result
    }

    /// What a call that must succeed shows.
    pub(super) async fn shown(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments.clone())
            .await
            .unwrap_or_else(|error| panic!("{tool} {arguments}: {error}"))
            .text
    }

    /// Why a call that must fail does.
    pub(super) async fn refused(&self, tool: &str, arguments: Value) -> String {
        match self.call(tool, arguments.clone()).await {
            Ok(output) => panic!("{tool} {arguments} should fail: {}", output.text),
            Err(error) => error.to_string(),
        }
    }
}

/// Serves on a free port until the test ends.
pub(super) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// One space between words, so that widths of columns do not matter.
pub(super) fn words(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = text.as_bytes().chunks(3);
    groups
        .map(|group| {
            let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            let digit = |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]);
            (0..4).map(|at| if at <= group.len() { digit(at) } else { '=' }).collect::<String>()
        })
        .collect()
}

fn furnish(objects: &ObjectStore, logs: &LogBook) {
    for name in ["shop", "vault"] {
        objects.create(&NAMESPACES, json!({"metadata": {"name": name}})).unwrap();
    }
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    objects.create(&NODES, json!({"metadata": {"name": "node-1"}, "status": ready})).unwrap();
    objects
        .create(&CONFIG_MAPS, json!({"metadata": meta("shop", "web-config"), "data": {"LOG_LEVEL": "info"}}))
        .unwrap();
    let mut secret = json!({"metadata": meta("shop", "web-secret"), "data": {"password": base64(SECRET)}});
    secret["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": SECRET, "copy": SECRET});
    objects.create(&SECRETS, secret).unwrap();
    let service = json!({"selector": {"app": "web"}, "ports": [{"port": 80}], "clusterIP": "10.96.0.80"});
    objects.create(&SERVICES, json!({"metadata": meta("shop", "web"), "spec": service})).unwrap();
    let deployment = objects.create(&DEPLOYMENTS, deployment()).unwrap();
    objects.create(&REPLICA_SETS, replica_set("web-1", "1", "web:1.0", &deployment)).unwrap();
    let set = objects.create(&REPLICA_SETS, replica_set("web-2", "2", "web:1.1", &deployment)).unwrap();
    objects.create(&PODS, pod("shop", "web-2-good", &set, &running())).unwrap();
    let sick = objects.create(&PODS, pod("shop", "web-2-sick", &set, &crashing())).unwrap();
    objects.create(&PODS, pod("vault", "safe-1", &set, &running())).unwrap();
    objects.create(&EVENTS, event("shop", &sick)).unwrap();
    for n in 0..5_000 {
        let word = if n % 1_000 == 7 { "ERROR refused" } else { "ok" };
        let text = format!("{n} {word} {}", "x".repeat(40));
        logs.append("shop", "web-2-good", "web", 0, objects.now(), &text);
    }
    let hostile = "\u{1b}[31mpanic\u{1b}[0m: LOG_LEVEL is not set\u{7}\u{1b}[2J";
    logs.append("shop", "web-2-sick", "web", 2, objects.now(), hostile);
}

fn meta(namespace: &str, name: &str) -> Value {
    json!({"name": name, "namespace": namespace, "labels": {"app": "web"}})
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
        "name": "web", "image": image, "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"limits": {"memory": "128Mi"}},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}}]}})
}

fn deployment() -> Value {
    json!({
        "metadata": meta("shop", "web"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1.1")},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1},
    })
}

fn owner(of: &Value) -> Value {
    json!([{"apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"],
        "uid": of["metadata"]["uid"], "controller": true}])
}

fn replica_set(name: &str, revision: &str, image: &str, deployment: &Value) -> Value {
    let mut set = json!({"metadata": meta("shop", name), "spec": {"replicas": 2,
        "selector": {"matchLabels": {"app": "web"}}, "template": template(image)}});
    set["metadata"]["ownerReferences"] = owner(deployment);
    set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": revision});
    set
}

fn pod(namespace: &str, name: &str, set: &Value, container: &Value) -> Value {
    let mut pod = json!({"metadata": meta(namespace, name), "spec": template("web:1.1")["spec"]});
    pod["metadata"]["ownerReferences"] = owner(set);
    pod["spec"]["nodeName"] = json!("node-1");
    let is_ready = if container["ready"] == true { "True" } else { "False" };
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": is_ready}],
        "containerStatuses": [container]});
    pod
}

fn running() -> Value {
    json!({"name": "web", "image": "web:1.1", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "lastState": {}})
}

fn crashing() -> Value {
    json!({"name": "web", "image": "web:1.1", "imageID": "", "ready": false, "restartCount": 2,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
        "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}}})
}

fn event(namespace: &str, pod: &Value) -> Value {
    json!({
        "metadata": {"name": "web-2-sick.1", "namespace": namespace}, "type": "Warning", "reason": "BackOff",
        "message": "Back-off restarting\u{1b}[2J failed container web\nNAME forged", "count": 4,
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "web-2-sick", "uid": pod["metadata"]["uid"]},
        "source": {"component": "kubelet"}, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:05:00Z",
    })
}
