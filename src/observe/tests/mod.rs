//! The observer against API servers that are healthy, poor, broken and hostile. The Kubernetes client is real; only the
//! transport below it is a function.

mod kubernetes;
mod metrics_and_logs;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use url::Url;

use super::{Observer, Snapshot};
use crate::incident::{Fingerprint, ObjectRef, Scope, Severity, Signal, SignalSource, SignalState};
use crate::settings::{ClusterApi, ClusterSettings, Endpoint, ObserveSettings};

/// Long enough for a busy machine; what must be late is told to wait for ever.
const PATIENT: Duration = Duration::from_secs(20);
/// For what never answers.
const SHORT: Duration = Duration::from_millis(100);

/// What a request asks for.
struct Asked {
    path: String,
    query: BTreeMap<String, String>,
}

impl Asked {
    fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

enum Answer {
    Json(Value),
    Raw(u16, Vec<u8>),
    Hang,
}

fn list(items: &[Value]) -> Answer {
    Answer::Json(json!({"metadata": {}, "items": items}))
}

fn status(code: u16, message: &str) -> Answer {
    let body = json!({"kind": "Status", "code": code, "message": message, "reason": "x"});
    Answer::Raw(code, body.to_string().into_bytes())
}

type Seen = Arc<Mutex<Vec<String>>>;

/// A Kubernetes client whose server is `answer`, and the requests that it has seen.
fn client(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Client, Seen) {
    let (answer, seen) = (Arc::new(answer), Seen::default());
    let log = Arc::clone(&seen);
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let asked = Asked { path: request.uri().path().to_owned(), query: query.into_owned().collect() };
        log.lock().unwrap().push(request.uri().to_string());
        let answer = answer(&asked);
        async move {
            let (code, body) = match answer {
                Answer::Json(body) => (200, body.to_string().into_bytes()),
                Answer::Raw(code, body) => (code, body),
                Answer::Hang => std::future::pending().await,
            };
            Ok::<_, Infallible>(Response::builder().status(code).body(Body::from(body)).unwrap())
        }
    });
    (Client::new(service, "default"), seen)
}

fn settings(deadline: Duration) -> ObserveSettings {
    ObserveSettings {
        collector_deadline: deadline,
        max_log_bytes: 4096,
        max_log_containers: 4,
        max_objects_per_kind: 10,
        change_window: Duration::from_secs(3600),
        ..ObserveSettings::default()
    }
}

fn cluster(prometheus: Option<&str>, loki: Option<&str>) -> ClusterSettings {
    let endpoint = |url: &str| Endpoint {
        url: url.parse().unwrap(),
        bearer_token: Some("token-1".to_owned().into()),
        headers: vec![("X-Scope-OrgID".to_owned(), "tenant-1".to_owned().into())],
    };
    ClusterSettings {
        name: "east".to_owned(),
        api: ClusterApi::Url(Url::parse("http://127.0.0.1:1").unwrap()),
        environment: "production".to_owned(),
        prometheus: prometheus.map(endpoint),
        loki: loki.map(endpoint),
    }
}

fn observer(client: Client, deadline: Duration) -> Observer {
    Observer::with_client(client, &cluster(None, None), &settings(deadline)).unwrap()
}

fn scope(workload: Option<&str>) -> Scope {
    Scope {
        cluster: "east".to_owned(),
        namespace: Some("shop".to_owned()),
        workload: workload.map(|name| ObjectRef::new("Deployment", "shop", name)),
        ..Scope::default()
    }
}

fn signal(starts_at: &str) -> Signal {
    Signal {
        fingerprint: Fingerprint("f".to_owned()),
        source: SignalSource::Alertmanager,
        state: SignalState::Firing,
        name: "KubePodCrashLooping".to_owned(),
        severity: Severity::Critical,
        scope: scope(Some("checkout")),
        summary: "checkout crashes".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: starts_at.parse().unwrap(),
        ends_at: None,
        expression: None,
        generator_url: None,
    }
}

/// The gaps as `collector: reason`.
fn gaps(snapshot: &Snapshot) -> Vec<String> {
    snapshot.gaps.iter().map(|gap| format!("{}: {}", gap.collector, gap.reason)).collect()
}

/// A small shop in which `checkout` crashes after its image changed.
fn shop(asked: &Asked) -> Answer {
    let owned = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    let template = |image: &str| {
        json!({"metadata": {"labels": {"app": "checkout"}}, "spec": {"containers": [{"name": "app", "image": image,
            "env": [{"name": "DB", "value": "postgres://u:p@postgres.data.svc:5432/shop"}],
            "envFrom": [{"secretRef": {"name": "db"}}]}]}})
    };
    let replica_set = |name: &str, revision: &str, created: &str, image: &str| {
        json!({"metadata": {"namespace": "shop", "name": name, "creationTimestamp": created,
                "managedFields": [{"manager": "kube-controller-manager"}],
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": owned("Deployment", "checkout")},
            "spec": {"selector": {}, "template": template(image)}})
    };
    match asked.path.as_str() {
        "/api/v1/namespaces/shop/pods" => list(&[json!({
            "metadata": {"namespace": "shop", "name": "checkout-b-x2x4z", "labels": {"app": "checkout"},
                "ownerReferences": owned("ReplicaSet", "checkout-b")},
            "spec": template("checkout:1.5")["spec"],
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "i", "imageID": "i",
                "ready": false, "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1}}}]}})]),
        "/apis/apps/v1/namespaces/shop/deployments" => list(&[json!({
            "metadata": {"namespace": "shop", "name": "checkout"},
            "spec": {"selector": {"matchLabels": {"app": "checkout"}}, "template": template("checkout:1.5")}})]),
        "/apis/apps/v1/namespaces/shop/replicasets" => list(&[
            replica_set("checkout-a", "1", "2026-03-01T09:00:00Z", "checkout:1.4"),
            replica_set("checkout-b", "2", "2026-03-01T11:00:00Z", "checkout:1.5"),
        ]),
        "/api/v1/namespaces/shop/secrets" => list(&[json!({
            "metadata": {"namespace": "shop", "name": "db"}, "data": {"password": "aHVudGVyMg=="}})]),
        "/api/v1/namespaces/shop/pods/checkout-b-x2x4z/log" => {
            let text: &[u8] = if asked.query("previous") == "true" {
                b"boot\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'DB_URL'\n"
            } else {
                b"ERROR \xff cannot start: key DB_URL is not set\n"
            };
            Answer::Raw(200, text.to_vec())
        }
        _ => list(&[]),
    }
}
