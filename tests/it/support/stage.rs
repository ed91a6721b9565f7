//! A simulated cluster in trouble, as a test sees it: over HTTP.

use std::time::Duration;

use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{eventually, http_client};

/// How much faster than life the cluster lives.
const SPEED: f64 = 30.0;

/// A simulated cluster in which the fault has happened.
pub(crate) struct Stage {
    sim: Sim,
    /// The alerts that fired, as its Prometheus tells them. A crash loop's alert comes and goes with the pods' restarts.
    alerts: Vec<Value>,
    shutdown: CancellationToken,
}

impl Stage {
    /// Starts the scenario with its fault and waits until its alert fires.
    pub(crate) async fn broken(scenario: &str) -> Self {
        let shutdown = CancellationToken::new();
        let options = SimOptions { speed: SPEED, ..SimOptions::new(Scenario::builtin(scenario).unwrap()) };
        let sim = Sim::start(options, &TaskTracker::new(), &shutdown).await.unwrap();
        let url = format!("{}/api/v1/alerts", sim.prometheus_url());
        let alerts = eventually("an alert fires", Duration::from_secs(30), async || {
            let answer: Value = http_client().get(&url).send().await.ok()?.json().await.ok()?;
            let mut alerts = answer["data"]["alerts"].as_array()?.clone();
            alerts.retain(|alert| alert["state"] == "firing");
            (!alerts.is_empty()).then_some(alerts)
        })
        .await;
        Self { sim, alerts, shutdown }
    }

    pub(crate) fn kubernetes_url(&self) -> String {
        self.sim.kubernetes_url()
    }

    /// The `[[clusters]]` section that names this cluster, with its API server at `url`.
    pub(crate) fn cluster(&self, url: &str) -> String {
        format!(
            "[[clusters]]\nname = \"northwind\"\nurl = \"{url}\"\nenvironment = \"staging\"\nprometheus = {{ url = \"{}\" }}\nloki = {{ url = \"{}\" }}\n",
            self.sim.prometheus_url(),
            self.sim.loki_url()
        )
    }

    /// Posts what an Alertmanager would about the alerts that fired.
    pub(crate) async fn send_alert(&self, webhook: &str) {
        self.send_alert_from(webhook, "").await;
    }

    /// The same with the sender's link, which carries the alert's expression.
    pub(crate) async fn send_alert_from(&self, webhook: &str, generator_url: &str) {
        let alerts: Vec<Value> = self
            .alerts
            .iter()
            .map(|alert| {
                json!({
                    "status": "firing",
                    "labels": alert["labels"],
                    "annotations": alert["annotations"],
                    "startsAt": alert["activeAt"],
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": generator_url,
                })
            })
            .collect();
        let payload = json!({"version": "4", "status": "firing", "receiver": "kubewright", "alerts": alerts});
        let sent = http_client().post(webhook).json(&payload).send().await.unwrap();
        assert_eq!(sent.status(), 202, "{}", sent.text().await.unwrap());
    }

    /// Changes of objects (not Events, not rehearsals) that the API server accepted from kubewright.
    pub(crate) async fn changes_by_kubewright(&self) -> Vec<Value> {
        changes_by_kubewright(&self.kubernetes_url()).await
    }
}

/// The same of the API server at `url`.
pub(crate) async fn changes_by_kubewright(url: &str) -> Vec<Value> {
    let url = format!("{url}/sim/audit");
    let audit: Value = http_client().get(url).send().await.unwrap().json().await.unwrap();
    let entries = audit.as_array().or(audit["entries"].as_array()).or(audit["items"].as_array()).unwrap();
    entries
        .iter()
        .filter(|entry| entry["dry_run"] == false && entry["status"].as_u64().unwrap() < 300)
        .filter(|entry| entry["user_agent"].as_str().unwrap_or_default().starts_with("kubewright"))
        .filter(|entry| !entry["path"].as_str().unwrap().contains("/events"))
        .filter(|entry| !entry["path"].as_str().unwrap().contains("selfsubject"))
        .cloned()
        .collect()
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
