//! Snapshots of a simulated cluster that is watched: what they hold, and what they ask the API server for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use kube::client::Body;
use kube::{Client, Config};
use kubewright::diagnose::diagnose;
use kubewright::incident::{ObjectRef, Scope};
use kubewright::observe::{Observer, Snapshot};
use kubewright::settings::{ClusterApi, ClusterSettings, ObserveSettings, WatchSettings};
use kubewright::sim::{Scenario, Sim, SimOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::BoxError;

/// Long enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(60);

/// A simulated cluster that is observed, and the requests that it gets.
struct Watched {
    observer: Observer,
    sim: Sim,
    seen: Arc<Mutex<Vec<String>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Watched {
    /// `refused`: paths that end so are answered with 403.
    async fn new(scenario: &str, watch: WatchSettings, refused: Option<&'static str>) -> Self {
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
        let sim = Sim::start(options, &tasks, &shutdown).await.unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let url: url::Url = sim.kubernetes_url().parse().unwrap();
        let cluster = ClusterSettings {
            name: "northwind".to_owned(),
            api: ClusterApi::Url(url.clone()),
            environment: "production".to_owned(),
            prometheus: None,
            loki: None,
        };
        let settings = ObserveSettings {
            collector_deadline: Duration::from_secs(20),
            watch,
            ..ObserveSettings::default()
        };
        // Loads what TLS needs; the client that it makes is not used.
        drop(Observer::connect(&cluster, &settings).await.unwrap());
        let client = recorded(&url, seen.clone(), refused);
        let observer = Observer::with_client(client, &cluster, &settings).unwrap();
        observer.watch(&tasks, &shutdown);
        Self { observer, sim, seen, tasks, shutdown }
    }

    async fn until_current(&self) {
        let current = async {
            while !self.observer.is_watching() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENT, current).await.expect("every kind is watched");
    }

    /// A Snapshot, and the requests that it took, those of the watches left out.
    async fn snapshot(&self, scope: &Scope) -> (Snapshot, BTreeSet<String>) {
        self.seen.lock().unwrap().clear();
        let snapshot = self.observer.snapshot(scope, &[]).await;
        let seen = self.seen.lock().unwrap().clone();
        // Kinds of the Gateway API are not watched.
        let own = |uri: &String| !uri.contains("watch=true") && !uri.contains("/gateway.networking.k8s.io/");
        (snapshot, seen.into_iter().filter(own).collect())
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENT, self.tasks.wait()).await.expect("watches end with the server");
    }
}

fn recorded(url: &url::Url, seen: Arc<Mutex<Vec<String>>>, refused: Option<&'static str>) -> Client {
    let client = Client::try_from(Config::new(url.as_str().parse().unwrap())).unwrap();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, uri) = (client.clone(), request.uri().clone());
        seen.lock().unwrap().push(uri.to_string());
        async move {
            if refused.is_some_and(|refused| uri.path().ends_with(refused)) {
                let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
                    "reason": "Forbidden", "message": "not allowed"});
                let body = Body::from(status.to_string().into_bytes());
                return Ok(Response::builder().status(StatusCode::FORBIDDEN).body(body)?);
            }
            Ok::<_, BoxError>(client.send(request).await?)
        }
    });
    Client::new(service, "default")
}

fn scope() -> Scope {
    Scope {
        cluster: "northwind".to_owned(),
        namespace: Some("shop".to_owned()),
        workload: Some(ObjectRef::new("Deployment", "shop", "checkout")),
        ..Scope::default()
    }
}

fn causes(snapshot: &Snapshot) -> Vec<(String, String)> {
    let found = diagnose(snapshot, &[]).hypotheses.into_iter();
    found.map(|hypothesis| (hypothesis.code, hypothesis.object.to_string())).collect()
}

#[tokio::test]
async fn a_diagnosis_of_what_is_watched_asks_for_logs_alone_and_finds_the_same() {
    let watched = Watched::new("bad-deploy", WatchSettings::default(), None).await;
    watched.until_current().await;
    let (snapshot, asked) = watched.snapshot(&scope()).await;
    let other: Vec<_> = asked.iter().filter(|uri| !uri.contains("/log")).collect();
    assert_eq!(other, Vec::<&String>::new());
    assert_eq!(snapshot.gaps, []);

    let lists = WatchSettings { enabled: false, ..WatchSettings::default() };
    let listed = Watched::new("bad-deploy", lists, None).await;
    assert!(!listed.observer.is_watching());
    let (expected, asked) = listed.snapshot(&scope()).await;
    assert!(asked.iter().any(|uri| uri.contains("/pods?")), "{asked:?}");
    assert_eq!(causes(&snapshot), causes(&expected));
    assert_eq!(snapshot.recorded.asked, expected.recorded.asked);
    assert!(!causes(&expected).is_empty());
    listed.end().await;
    watched.end().await;
}

#[tokio::test]
async fn a_node_is_diagnosed_from_watches_too() {
    let watched = Watched::new("healthy", WatchSettings::default(), None).await;
    watched.until_current().await;
    let (cluster, _) = watched.snapshot(&scope()).await;
    let node = cluster.objects.nodes[0].metadata.name.clone();
    let scope = Scope { cluster: "northwind".to_owned(), node: node.clone(), ..Scope::default() };
    let (snapshot, asked) = watched.snapshot(&scope).await;
    let other: Vec<_> = asked.iter().filter(|uri| !uri.contains("/log")).collect();
    assert_eq!(other, Vec::<&String>::new());
    assert!(!snapshot.objects.pods.is_empty());
    let there = |pod: &k8s_openapi::api::core::v1::Pod| pod.spec.as_ref().unwrap().node_name == node;
    assert!(snapshot.objects.pods.iter().all(there));
    watched.end().await;
}

#[tokio::test]
async fn what_happens_after_the_start_is_seen() {
    let options = WatchSettings::default();
    let watched = Watched::new("healthy", options, None).await;
    watched.until_current().await;
    let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "late", "namespace": "shop"}, "stringData": {"token": "hunter2"}});
    let url = format!("{}/api/v1/namespaces/shop/secrets", watched.sim.kubernetes_url());
    let made = reqwest::Client::new().post(url).json(&secret).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    let seen = async {
        loop {
            let (snapshot, asked) = watched.snapshot(&scope()).await;
            assert!(asked.iter().all(|uri| uri.contains("/log")), "{asked:?}");
            if let Some(found) = snapshot.objects.secrets.iter().find(|secret| secret.name == "late") {
                return (found.keys.clone(), serde_json::to_string(&snapshot).unwrap());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (keys, text) = tokio::time::timeout(PATIENT, seen).await.expect("the new Secret is seen");
    assert_eq!(keys, ["token"]);
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"));
    watched.end().await;
}

#[tokio::test]
async fn a_kind_that_may_not_be_read_is_a_gap_and_the_others_are_watched() {
    let watched = Watched::new("bad-deploy", WatchSettings::default(), Some("/secrets")).await;
    let (snapshot, asked) = loop {
        let (snapshot, asked) = watched.snapshot(&scope()).await;
        let others = asked.iter().filter(|uri| !uri.contains("/log") && !uri.contains("/secrets"));
        if others.count() == 0 {
            break (snapshot, asked);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(asked.iter().any(|uri| uri.contains("/namespaces/shop/secrets")), "{asked:?}");
    let gaps: Vec<_> = snapshot.gaps.iter().map(|gap| gap.collector.as_str()).collect();
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| *gap == "secrets"), "{:?}", snapshot.gaps);
    assert!(!watched.observer.is_watching());
    watched.end().await;
}

#[tokio::test]
async fn what_has_no_room_and_what_is_outside_the_watched_namespaces_is_listed() {
    let little = WatchSettings { max_objects: 3, ..WatchSettings::default() };
    let elsewhere = WatchSettings { namespaces: vec!["payments".to_owned()], ..WatchSettings::default() };
    for settings in [little, elsewhere] {
        let watched = Watched::new("bad-deploy", settings.clone(), None).await;
        let (snapshot, asked) = watched.snapshot(&scope()).await;
        assert!(asked.iter().any(|uri| uri.contains("/namespaces/shop/pods?")), "{settings:?} {asked:?}");
        assert_eq!(snapshot.gaps, [], "{settings:?}");
        assert!(!causes(&snapshot).is_empty());
        watched.end().await;
    }
}
