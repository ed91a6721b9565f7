//! The real Alertmanager (Debian package `prometheus-alertmanager`) delivers to the webhook.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use kubewright::incident::{Incident, Outcome, Phase};
use kubewright::store::{IncidentFilter, Store};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::http::stage::Stage;

const PROGRAM: &str = "prometheus-alertmanager";
const LIMIT: Duration = Duration::from_secs(60);

/// Counts deliveries that were taken.
async fn count(State(taken): State<watch::Sender<usize>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    taken.send_modify(|taken| *taken += usize::from(response.status() == 202));
    response
}

/// Serves the interface on a free port and says where, with a count of deliveries that were taken.
async fn serve(router: Router) -> (SocketAddr, watch::Receiver<usize>) {
    let (sender, taken) = watch::channel(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router.layer(from_fn_with_state(sender, count));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, taken)
}

/// A running Alertmanager, killed when dropped.
struct Alertmanager {
    _process: Child,
    api: String,
    http: reqwest::Client,
}

impl Alertmanager {
    /// Starts one whose only receiver is the webhook; it repeats itself every second.
    async fn start(folder: &Path, webhook: SocketAddr) -> Self {
        let config = folder.join("alertmanager.yml");
        let text = format!(
            "route: {{ receiver: kubewright, group_by: [alertname], group_wait: 0s, group_interval: 1s, \
             repeat_interval: 1s }}\nreceivers:\n- name: kubewright\n  webhook_configs:\n  - url: \
             http://{webhook}/api/v1/webhooks/alertmanager\n    send_resolved: true\n"
        );
        std::fs::write(&config, text).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{PROGRAM} cannot be started ({error}): run `make test`, which installs it")
            });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let alertmanager = Self { _process: process, api: format!("http://127.0.0.1:{port}/api/v2"), http };
        alertmanager.ready().await;
        alertmanager
    }

    async fn ready(&self) {
        let began = Instant::now();
        while self.http.get(format!("{}/status", self.api)).send().await.is_err() {
            assert!(began.elapsed() < LIMIT, "Alertmanager does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn post(&self, alert: &Value) {
        let answer =
            self.http.post(format!("{}/alerts", self.api)).json(&json!([alert])).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}

fn alert(ends_at: &str) -> Value {
    json!({
        "labels": {
            "alertname": "KubePodCrashLooping", "cluster": "prod-eu", "namespace": "shop",
            "pod": "checkout-7d9f8b6c5-abcde", "severity": "critical"
        },
        "annotations": { "summary": "is in waiting state" },
        "startsAt": "2026-11-21T03:29:47Z",
        "endsAt": ends_at,
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up"
    })
}

async fn deliveries(taken: &mut watch::Receiver<usize>, at_least: usize) {
    let waited = tokio::time::timeout(LIMIT, taken.wait_for(|taken| *taken >= at_least)).await;
    waited.unwrap_or_else(|_| panic!("Alertmanager did not deliver {at_least} times")).unwrap();
}

async fn only_incident(store: &Store) -> Incident {
    let page = store.incidents(&IncidentFilter::default(), None, 10).await.unwrap();
    let [summary] = page.incidents.as_slice() else { panic!("{page:?}") };
    store.incident(&summary.id).await.unwrap().unwrap()
}

async fn closed(store: &Store) -> Incident {
    let mut news = store.subscribe();
    let waited = tokio::time::timeout(LIMIT, async {
        loop {
            let incident = only_incident(store).await;
            if incident.phase == Phase::Closed {
                return incident;
            }
            news.recv().await.unwrap();
        }
    });
    waited.await.expect("the incident closes")
}

#[tokio::test]
async fn an_alert_opens_one_incident_repeats_open_no_other_and_its_end_closes_it() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::new().await;
    let (address, mut taken) = serve(stage.router.clone()).await;
    let alertmanager = Alertmanager::start(folder.path(), address).await;

    alertmanager.post(&alert("2099-01-01T00:00:00Z")).await;
    deliveries(&mut taken, 3).await;
    let incident = only_incident(&stage.store).await;
    assert_eq!(incident.alert_names(), ["KubePodCrashLooping"]);
    assert_eq!((incident.namespace.as_deref(), incident.phase), (Some("shop"), Phase::Triage));

    alertmanager.post(&alert("2026-11-21T03:30:00Z")).await;
    let incident = closed(&stage.store).await;
    assert_eq!(incident.outcome, Some(Outcome::Recovered));
}
