//! The simulated Prometheus: a real Prometheus scrapes its page, and its API answers and refuses as a real one does.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::{eventually, free_port, http_client};

const PATIENCE: Duration = Duration::from_secs(60);

async fn sim(scenario: &str) -> Sim {
    let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
    Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap()
}

/// A real Prometheus in a process of its own; stopped when dropped.
struct RealPrometheus {
    child: Child,
    url: String,
}

impl RealPrometheus {
    fn start(folder: &Path, target: &str) -> Self {
        let config = folder.join("prometheus.yml");
        let job = format!(
            "scrape_configs:\n- job_name: sim\n  scrape_interval: 1s\n  honor_labels: true\n  static_configs:\n  \
             - targets: ['{target}']\n"
        );
        std::fs::write(&config, job).unwrap();
        let port = free_port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the prometheus of the Debian package of that name (make test installs it)");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn query(url: &str, expr: &str) -> Option<Value> {
    let answer =
        http_client().get(format!("{url}/api/v1/query")).query(&[("query", expr)]).send().await.ok()?;
    answer.json().await.ok()
}

/// All elements with their values, in a stable order; without the labels that a real scrape adds.
fn elements(answer: &Value) -> Vec<(String, String)> {
    let element = |e: &Value| {
        let mut labels = e["metric"].clone();
        labels.as_object_mut().unwrap().retain(|name, _| name != "job" && name != "instance");
        (labels.to_string(), e["value"][1].as_str().unwrap().to_owned())
    };
    let mut all: Vec<(String, String)> =
        answer["data"]["result"].as_array().unwrap().iter().map(element).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_the_page_and_agrees_with_the_simulated_one() {
    let sim = sim("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let target = sim.prometheus_url().replace("http://", "");
    let real = RealPrometheus::start(folder.path(), &target);
    let waiting =
        r#"count by (namespace) (kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"})"#;
    eventually("the crash loop is scraped", PATIENCE, async || {
        let answer = query(&real.url, waiting).await?;
        (!answer["data"]["result"].as_array()?.is_empty()).then_some(())
    })
    .await;
    for expr in [
        "sum by (deployment) (kube_deployment_spec_replicas)",
        r#"kube_node_status_condition{condition="Ready", status="true"} == 1"#,
        r#"sum by (container, unit) (kube_pod_container_resource_limits{resource="memory", container="catalog"})"#,
        r#"count(http_request_duration_seconds_bucket{le="+Inf", service="frontend"})"#,
        r#"max(kube_pod_container_status_restarts_total{container="payments-api"})"#,
    ] {
        let (ours, theirs) =
            (query(&sim.prometheus_url(), expr).await.unwrap(), query(&real.url, expr).await.unwrap());
        assert!(!elements(&ours).is_empty(), "{expr}");
        assert_eq!(elements(&ours), elements(&theirs), "{expr}");
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hour_before_the_fault_can_be_queried_at_once() {
    let sim = sim("hpa-maxed").await;
    let rate = r#"sum(rate(http_requests_total{namespace="shop", service="frontend"}[5m]))"#;
    let value = async |expr: &str| -> f64 {
        let answer = query(&sim.prometheus_url(), expr).await.unwrap();
        answer["data"]["result"][0]["value"][1]
            .as_str()
            .unwrap_or_else(|| panic!("{expr}: {answer}"))
            .parse()
            .unwrap()
    };
    let now = value(rate).await;
    let before = value(&rate.replace("[5m]", "[5m] offset 30m")).await;
    assert!((before - 60.0).abs() < 3.0, "{before}");
    assert!((now - 180.0).abs() < 30.0, "three times as many now: {now}");
    let end = jiff::Timestamp::now().as_second();
    let range = [
        ("query", rate.to_owned()),
        ("start", (end - 1800).to_string()),
        ("end", end.to_string()),
        ("step", "60".to_owned()),
    ];
    let url = format!("{}/api/v1/query_range", sim.prometheus_url());
    let answer: Value = http_client().get(url).query(&range).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["resultType"], "matrix");
    assert_eq!(answer["data"]["result"][0]["values"].as_array().unwrap().len(), 31);
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_shape_that_prometheus_gives_them() {
    let sim = sim("healthy").await;
    let base = sim.prometheus_url();
    for (path, status, kind) in [
        ("/api/v1/query?query=sum(", 400, "bad_data"),
        ("/api/v1/query", 400, "bad_data"),
        ("/api/v1/query?query=up&time=yesterday", 400, "bad_data"),
        ("/api/v1/query?query=rate(up[5m:1m])", 400, "bad_data"),
        ("/api/v1/query?query=up%20*%20on()%20up", 422, "execution"),
        ("/api/v1/query_range?query=up&start=0&end=1", 400, "bad_data"),
        ("/api/v1/query_range?query=up&start=0&end=100000000&step=1", 400, "bad_data"),
        ("/api/v1/query_range?query=up&start=9&end=1&step=1", 400, "bad_data"),
        ("/api/v1/query_range?query=up[5m]&start=1&end=9&step=1", 400, "bad_data"),
        ("/api/v1/series", 400, "bad_data"),
        ("/api/v1/series?match[]=sum(up)", 400, "bad_data"),
    ] {
        let answer = http_client().get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (body["status"].as_str(), body["errorType"].as_str()),
            (Some("error"), Some(kind)),
            "{path}"
        );
        assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
    }
    sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_values_series_rules_and_alerts_can_be_listed() {
    let sim = sim("healthy").await;
    let ask = async |path: &str| -> Value {
        http_client()
            .get(format!("{}{path}", sim.prometheus_url()))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let labels = ask("/api/v1/labels").await;
    assert!(labels["data"].as_array().unwrap().contains(&"namespace".into()), "{labels}");
    let namespaces = ask("/api/v1/label/namespace/values?match[]=kube_deployment_spec_replicas").await;
    assert_eq!(namespaces["data"], serde_json::json!(["kube-system", "payments", "shop"]));
    let series = ask("/api/v1/series?match[]=kube_deployment_spec_replicas{namespace=\"shop\"}").await;
    assert_eq!(series["data"].as_array().unwrap().len(), 4);
    let rules = ask("/api/v1/rules").await;
    assert_eq!(rules["data"]["groups"][0]["rules"][0]["name"], "KubeDeploymentReplicasMismatch");
    let alerts = ask("/api/v1/alerts").await;
    assert_eq!(alerts["data"]["alerts"][0]["labels"]["deployment"], "catalog");
    sim.shutdown().await;
}
