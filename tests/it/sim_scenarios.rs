//! Every built-in scenario: well before, visibly broken after, not healed by a wrong fix, healed by the right one.

use std::time::Duration;

use kubewright::sim::kinds::{DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, NODES, PODS, STATEFUL_SETS};
use kubewright::sim::objects::Deletion;
use kubewright::sim::{Scenario, Sim, SimOptions, Webhook};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SPEED: f64 = 40.0;
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    sim: Sim,
    http: reqwest::Client,
}

async fn stage(name: &str, broken: bool) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scenario = Scenario::builtin(name).unwrap();
    let options = SimOptions { speed: SPEED, inject_fault: broken, ..SimOptions::new(scenario) };
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    Stage { sim, http: reqwest::Client::new() }
}

impl Stage {
    async fn until(&self, what: &str, holds: impl Fn(&Sim) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.sim) {
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.picture());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets simulated time pass, after which the world must be broken, or break again: a crash loop looks well between a
    /// start and the next crash, a healed world never breaks again.
    async fn stays_broken(&self, simulated: Duration) {
        tokio::time::sleep(simulated.div_f64(SPEED)).await;
        self.until("broken again: a wrong fix healed", |sim| !sim.healed()).await;
    }

    fn picture(&self) -> String {
        let (pods, _) = self.sim.store().list(&PODS, None);
        let line = |pod: &Value| {
            let state = pod.pointer("/status/containerStatuses/0/state").unwrap_or(&Value::Null);
            format!("{} {} {state}", pod["metadata"]["name"], pod["status"]["phase"])
        };
        let lines: Vec<String> = pods.iter().map(|pod| line(pod)).collect();
        format!("firing: {:?}\n{}", self.sim.firing(), lines.join("\n"))
    }

    fn waiting_reasons(&self, app: &str) -> Vec<String> {
        let (pods, _) = self.sim.store().list(&PODS, None);
        let of_app = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == app);
        of_app
            .filter_map(|pod| {
                pod.pointer("/status/containerStatuses/0/state/waiting/reason")?.as_str().map(str::to_owned)
            })
            .collect()
    }

    async fn patch(&self, path: &str, body: Value) {
        let url = format!("{}{path}", self.sim.kubernetes_url());
        let request = self.http.patch(url).header("Content-Type", "application/strategic-merge-patch+json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    async fn restart(&self, namespace: &str, name: &str) {
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": jiff::Timestamp::now().to_string()});
        let body = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        self.patch(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"), body).await;
    }

    /// Puts the previous revision's template back, as `kubectl rollout undo` does.
    fn roll_back(&self, namespace: &str, name: &str) {
        let store = self.sim.store();
        let deployment = store.get(&DEPLOYMENTS, namespace, name).unwrap();
        let (sets, _) = store.list(&kubewright::sim::kinds::REPLICA_SETS, Some(namespace));
        let revision = |set: &Value| -> i64 {
            set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        };
        let mut own: Vec<_> = sets
            .iter()
            .filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"])
            .collect();
        own.sort_by_key(|set| revision(set));
        let mut template = own[own.len() - 2]["spec"]["template"].clone();
        template["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
        store.modify(&DEPLOYMENTS, namespace, name, |d| d["spec"]["template"] = template).unwrap();
    }
}

fn alert_of(sim: &Sim) -> String {
    sim.scenario().alerts[0].name.clone()
}

async fn healthy_before(name: &str) {
    let stage = stage(name, false).await;
    stage.until("healthy", Sim::healed).await;
    if stage.sim.scenario().alerts[0].stale.is_none() {
        assert_eq!(stage.sim.firing(), Vec::<String>::new());
    }
    let (pods, _) = stage.sim.store().list(&PODS, None);
    let unready: Vec<&Value> =
        pods.iter().filter(|pod| !is_ready(pod)).map(|pod| &pod["metadata"]["name"]).collect();
    assert!(unready.is_empty(), "{unready:?}");
    stage.sim.shutdown().await;
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

macro_rules! healthy_before {
    ($($test:ident: $name:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            healthy_before($name).await;
        })*

        #[test]
        fn no_scenario_is_forgotten_here() {
            assert_eq!(kubewright::sim::names(), [$($name),*]);
        }
    };
}

healthy_before! {
    bad_deploy_is_healthy_before: "bad-deploy",
    missing_config_is_healthy_before: "missing-config",
    oom_is_healthy_before: "oom",
    image_pull_is_healthy_before: "image-pull",
    hpa_maxed_is_healthy_before: "hpa-maxed",
    node_not_ready_is_healthy_before: "node-not-ready",
    database_password_is_healthy_before: "database-password",
    the_healthy_world_is_healthy: "healthy",
}

const CHECKOUT: &str = "/apis/apps/v1/namespaces/shop/deployments/checkout";
const CATALOG: &str = "/apis/apps/v1/namespaces/shop/deployments/catalog";

fn container(name: &str, body: &Value) -> Value {
    let mut container = json!({"name": name});
    for (key, value) in body.as_object().unwrap() {
        container[key] = value.clone();
    }
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

/// Broken and told of: a waiting reason shows up and the scenario's alert fires.
async fn broken(name: &str, app: &str, reason: &str) -> Stage {
    let stage = stage(name, true).await;
    stage.until(reason, |_| stage.waiting_reasons(app).contains(&reason.to_owned())).await;
    stage.until("alert", |sim| sim.firing().contains(&alert_of(sim))).await;
    stage.until("broken", |sim| !sim.healed()).await;
    stage
}

async fn heals(stage: Stage) {
    stage.until("healed", Sim::healed).await;
    stage.until("quiet", |sim| sim.firing().is_empty()).await;
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_deploy_is_not_healed_by_a_restart_but_by_going_back_to_the_image_before() {
    let stage = broken("bad-deploy", "checkout", "CrashLoopBackOff").await;
    stage.restart("shop", "checkout").await;
    stage.stays_broken(Duration::from_secs(90)).await;
    let image = json!({"image": "registry.northwind.example/shop/checkout:2.14.2"});
    stage.patch(CHECKOUT, container("checkout", &image)).await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_deploy_is_healed_by_a_rollback_and_the_old_replica_set_gets_a_new_revision() {
    let stage = broken("bad-deploy", "checkout", "CrashLoopBackOff").await;
    stage.roll_back("shop", "checkout");
    stage.until("healed", Sim::healed).await;
    let deployment = stage.sim.store().get(&DEPLOYMENTS, "shop", "checkout").unwrap();
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "4");
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_config_is_not_healed_by_a_restart_but_by_a_rollback() {
    let stage = broken("missing-config", "checkout", "CreateContainerConfigError").await;
    stage.roll_back("shop", "checkout");
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_config_is_healed_by_adding_the_key() {
    let stage = broken("missing-config", "checkout", "CreateContainerConfigError").await;
    stage.restart("shop", "checkout").await;
    stage.stays_broken(Duration::from_secs(60)).await;
    let data = json!({"data": {"TAX_RULES_URL": "https://tax.northwind.example/rules"}});
    stage.patch("/api/v1/namespaces/shop/configmaps/checkout-config", data).await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oom_is_not_healed_by_a_restart_but_by_a_higher_limit() {
    let stage = broken("oom", "catalog", "CrashLoopBackOff").await;
    stage.restart("shop", "catalog").await;
    stage.stays_broken(Duration::from_secs(90)).await;
    let resources = json!({"resources": {"limits": {"memory": "320Mi"}}});
    stage.patch(CATALOG, container("catalog", &resources)).await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oom_is_healed_by_a_rollback() {
    let stage = broken("oom", "catalog", "CrashLoopBackOff").await;
    let (pods, _) = stage.sim.store().list(&PODS, Some("shop"));
    let killed = |pod: &Value| {
        pod.pointer("/status/containerStatuses/0/lastState/terminated/exitCode") == Some(&json!(137))
    };
    assert!(pods.iter().any(|pod| killed(pod)), "{}", stage.picture());
    stage.roll_back("shop", "catalog");
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn image_pull_is_not_healed_by_a_restart_but_by_a_rollback() {
    let stage = broken("image-pull", "catalog", "ImagePullBackOff").await;
    stage.restart("shop", "catalog").await;
    stage.stays_broken(Duration::from_secs(60)).await;
    let image = json!({"image": "registry.northwind.example/shop/catalog:2.8.0"});
    stage.patch(CATALOG, container("catalog", &image)).await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hpa_maxed_is_not_healed_by_a_restart_but_by_a_higher_maximum() {
    let stage = stage("hpa-maxed", true).await;
    stage.until("alert", |sim| sim.firing().contains(&alert_of(sim))).await;
    let hpa = stage.sim.store().get(&HORIZONTAL_POD_AUTOSCALERS, "shop", "checkout").unwrap();
    let limited = hpa["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["type"] == "ScalingLimited")
        .unwrap();
    assert_eq!(limited["reason"], "TooManyReplicas");
    stage.restart("shop", "checkout").await;
    stage.stays_broken(Duration::from_secs(90)).await;
    let higher = json!({"spec": {"maxReplicas": 10}});
    stage.patch("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/checkout", higher).await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_not_ready_is_not_healed_by_a_cordon_alone_but_by_deleting_the_pods_that_hang() {
    let stage = stage("node-not-ready", true).await;
    stage.until("alert", |sim| sim.firing().contains(&alert_of(sim))).await;
    let node = stage.sim.store().get(&NODES, "", "worker-2").unwrap();
    let ready =
        node["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
    assert_eq!(
        (ready["status"].as_str(), ready["reason"].as_str()),
        (Some("Unknown"), Some("NodeStatusUnknown"))
    );
    stage.patch("/api/v1/nodes/worker-2", json!({"spec": {"unschedulable": true}})).await;
    stage.stays_broken(Duration::from_secs(90)).await;
    let (pods, _) = stage.sim.store().list(&PODS, Some("shop"));
    let hangs =
        |pod: &Value| pod["spec"]["nodeName"] == "worker-2" && pod["metadata"]["labels"]["app"] == "checkout";
    for pod in pods.iter().filter(|pod| hangs(pod)) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let url = format!("{}/api/v1/namespaces/shop/pods/{name}", stage.sim.kubernetes_url());
        assert!(stage.http.delete(url).send().await.unwrap().status().is_success());
    }
    stage.until("healed", Sim::healed).await;
    let (pods, _) = stage.sim.store().list(&PODS, Some("shop"));
    assert!(
        pods.iter().any(|pod| hangs(pod) && pod["metadata"]["deletionTimestamp"].is_string()),
        "it hangs for ever"
    );
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn database_password_is_healed_by_nothing_but_the_right_secret() {
    let stage = broken("database-password", "payments-api", "CrashLoopBackOff").await;
    let database = stage.sim.store().get(&STATEFUL_SETS, "payments", "ledger-db").unwrap();
    assert_eq!(database["status"]["readyReplicas"], 1, "the database itself is well");
    stage.restart("payments", "payments-api").await;
    stage.stays_broken(Duration::from_secs(90)).await;
    stage.sim.store().delete(&PODS, "payments", "ledger-db-0", &Deletion::default()).unwrap();
    stage.stays_broken(Duration::from_secs(60)).await;
    // "battery-staple-9"
    let data = json!({"data": {"password": "YmF0dGVyeS1zdGFwbGUtOQ=="}});
    stage.patch("/api/v1/namespaces/payments/secrets/ledger-db-credentials", data).await;
    stage.restart("payments", "payments-api").await;
    heals(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_of_a_failing_dependency_answer_with_errors() {
    let stage = broken("database-password", "payments-api", "CrashLoopBackOff").await;
    let query = r#"sum(rate(http_requests_total{service="checkout",code=~"5.."}[2m])) / sum(rate(http_requests_total{service="checkout"}[2m])) > 0.9"#;
    let url = format!("{}/api/v1/query", stage.sim.prometheus_url());
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer: Value =
            stage.http.post(&url).body(form.clone()).send().await.unwrap().json().await.unwrap();
        if answer["data"]["result"].as_array().is_some_and(|all| !all.is_empty()) {
            break;
        }
        assert!(Instant::now() < deadline, "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let loki = format!("{}/loki/api/v1/query_range", stage.sim.loki_url());
    let query = [("query", r#"{namespace="payments", app="ledger-db"} |= "password authentication failed""#)];
    let answer: Value = stage.http.get(&loki).query(&query).send().await.unwrap().json().await.unwrap();
    assert!(
        !answer["data"]["result"].as_array().unwrap().is_empty(),
        "the database logs the refusals: {answer}"
    );
    let refused = stage.http.get(&loki).query(&[("query", "{")]).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().starts_with("parse error"));
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alert_about_nothing_fires_although_all_is_well() {
    let stage = stage("healthy", true).await;
    stage.until("alert", |sim| sim.firing().contains(&alert_of(sim))).await;
    assert!(stage.sim.healed());
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_can_be_injected_into_a_healthy_world_and_the_webhook_hears_of_it() {
    let (heard, mut payloads) = tokio::sync::mpsc::channel::<Value>(16);
    let app = axum::Router::new().route(
        "/hook",
        axum::routing::post(async move |axum::Json(body): axum::Json<Value>| heard.send(body).await.unwrap()),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    tasks.spawn(async move { axum::serve(listener, app).await });
    let scenario = Scenario::builtin("image-pull").unwrap();
    let webhook = Some(Webhook { url, token: None });
    let options = SimOptions { speed: SPEED, inject_fault: false, webhook, ..SimOptions::new(scenario) };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sim = Sim::start(options, &tasks, &CancellationToken::new()).await.unwrap();
    sim.inject_fault().await.unwrap();
    let stage = Stage { sim, http: reqwest::Client::new() };
    let firing = tokio::time::timeout(PATIENCE, payloads.recv()).await.unwrap().unwrap();
    assert_eq!((firing["version"].as_str(), firing["status"].as_str()), (Some("4"), Some("firing")));
    assert_eq!(firing["alerts"][0]["labels"]["alertname"], "KubeContainerWaiting");
    assert_eq!(firing["alerts"][0]["labels"]["namespace"], "shop");
    assert_eq!(firing["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    stage.roll_back("shop", "catalog");
    loop {
        let payload = tokio::time::timeout(PATIENCE, payloads.recv()).await.unwrap().unwrap();
        if payload["status"] == "resolved" {
            assert_ne!(payload["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
            break;
        }
    }
    stage.sim.shutdown().await;
}
