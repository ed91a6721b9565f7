//! The metric tools on a real Prometheus.

use std::time::Duration;

use kubewright::agents::tools::Access;
use kubewright::settings::{ClusterApi, ClusterSettings, Endpoint};
use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stage::{contains_all, on};

/// A Prometheus in a process of its own that scrapes itself; stopped when dropped.
struct RealPrometheus(std::process::Child, String);

impl RealPrometheus {
    fn start(folder: &std::path::Path) -> Self {
        let port = crate::support::free_port();
        let config = folder.join("prometheus.yml");
        let job = format!(
            "scrape_configs:\n- job_name: self\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['127.0.0.1:{port}']\n    \
             labels: {{namespace: shop}}\n"
        );
        std::fs::write(&config, job).unwrap();
        let child = std::process::Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the prometheus of the Debian package of that name (make test installs it)");
        Self(child, format!("http://127.0.0.1:{port}"))
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_answers_the_metric_tools() {
    let folder = TempDir::new().unwrap();
    let real = RealPrometheus::start(folder.path());
    let sim = Sim::start(
        SimOptions::new(Scenario::builtin("healthy").unwrap()),
        &TaskTracker::new(),
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url(sim.kubernetes_url().parse().unwrap()),
        environment: "production".to_owned(),
        prometheus: Some(Endpoint { url: real.1.parse().unwrap(), bearer_token: None, headers: Vec::new() }),
        loki: None,
    };
    let mut stage = on(sim, &cluster).await;
    stage.confine();
    crate::support::eventually("it has scraped itself", Duration::from_secs(60), async || {
        let asked =
            stage.call("metrics_query", json!({"query": r#"up{namespace="shop"} == 1"#})).await.ok()?;
        (!asked.observations.is_empty()).then_some(())
    })
    .await;
    crate::support::eventually("metrics are described", Duration::from_secs(30), async || {
        let listed = stage.call("metrics_list", json!({"pattern": "^go_goroutines$"})).await.ok()?;
        listed.text.contains("go_goroutines (gauge): Number of goroutines").then_some(())
    })
    .await;
    crate::support::eventually("its own requests are scraped", Duration::from_secs(30), async || {
        let metric = json!({"metric": "prometheus_http_requests_total"});
        let labels = stage.call("metrics_list", metric).await.ok()?;
        contains_all(&labels.text, &["handler: ", "namespace: shop", "code: 200"]);
        Some(())
    })
    .await;
    let range = r#"sum by (namespace) (prometheus_http_requests_total{namespace="shop"})"#;
    let range = stage.ok("metrics_range", json!({"query": range, "start": "-5m"})).await;
    contains_all(&range.text, &["1 series from", "{namespace=\"shop\"} min "]);
    let wrong =
        stage.refused("metrics_query", json!({"query": r#"sum by pod (up{namespace="shop"})"#})).await;
    assert!(wrong.contains("not PromQL"), "{wrong}");
    stage.context.access = Access::Everything;
    let wrong = stage.refused("metrics_query", json!({"query": "sum by pod (up)"})).await;
    contains_all(&wrong, &["bad_data", "1:8"]);
    let none = stage.refused("logs_query", json!({"query": r#"{namespace="shop"}"#})).await;
    contains_all(&none, &["no Loki", "kubernetes_logs"]);
    stage.sim.shutdown().await;
}
