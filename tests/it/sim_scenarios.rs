//! Every built-in scenario: well before, visibly broken after, not healed by a wrong fix, healed by the right one.

use std::time::Duration;

use kubewright::sim::kinds::{DEPLOYMENTS, PODS};
use kubewright::sim::objects::Deletion;
use kubewright::sim::{Scenario, Sim, SimOptions, kinds::Kind};
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

    /// Lets simulated time pass, in which nothing may heal.
    async fn stays_broken(&self, simulated: Duration) {
        let end = Instant::now() + simulated.div_f64(SPEED);
        while Instant::now() < end {
            assert!(!self.sim.healed(), "a wrong fix healed\n{}", self.picture());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
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

    fn modify(&self, kind: &'static Kind, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        self.sim.store().modify(kind, namespace, name, change).unwrap();
    }
}

fn alert_of(sim: &Sim) -> String {
    sim.scenario().alerts[0].name.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_world_is_healthy_before_its_fault_and_quiet() {
    for name in kubewright::sim::names() {
        let stage = stage(name, false).await;
        stage.until("healthy", Sim::healed).await;
        let scenario = stage.sim.scenario();
        if scenario.alerts[0].stale.is_none() {
            assert_eq!(stage.sim.firing(), Vec::<String>::new(), "{name}");
        }
        let (pods, _) = stage.sim.store().list(&PODS, None);
        let unready: Vec<&Value> = pods
            .iter()
            .filter(|pod| {
                !pod["status"]["conditions"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
            })
            .map(|pod| &pod["metadata"]["name"])
            .collect();
        assert!(unready.is_empty(), "{name}: {unready:?}");
        stage.sim.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_deploy_is_healed_by_a_rollback_and_not_by_a_restart() {
    let stage = stage("bad-deploy", true).await;
    stage
        .until("crash loop", |_| stage.waiting_reasons("checkout").contains(&"CrashLoopBackOff".to_owned()))
        .await;
    stage.until("alert", |sim| sim.firing().contains(&alert_of(sim))).await;
    stage.restart("shop", "checkout").await;
    stage.stays_broken(Duration::from_secs(120)).await;
    stage.roll_back("shop", "checkout");
    // The restart made a revision of its own with the broken image: go back one further.
    stage.stays_broken(Duration::from_secs(40)).await;
    stage.modify(&DEPLOYMENTS, "shop", "checkout", |d| {
        d["spec"]["template"]["spec"]["containers"][0]["image"] =
            "registry.northwind.example/shop/checkout:2.14.2".into();
    });
    stage.until("healed", Sim::healed).await;
    stage.until("quiet", |sim| sim.firing().is_empty()).await;
    stage.sim.shutdown().await;
}
