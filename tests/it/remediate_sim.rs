//! Repairs against the simulated cluster: each Action, its dry-run, its undo, a crash in the middle, and whether the
//! right repair follows from each scenario.

use std::time::Duration;

use crate::support::eventually;
use jiff::Timestamp;
use kubewright::diagnose::diagnose;
use kubewright::incident::{
    Action, Check, Execution, ExecutionState, Incident, IncidentId, ObjectRef, Plan, PlannedAction,
    ResourceAmounts, Scope, Signal, Verdict, Verification,
};
use kubewright::observe::Observer;
use kubewright::remediate::{
    ApplyError, Draft, Policy, PolicyInput, Reconciled, apply, draft, intend, look, preview, reconcile,
    record, undo,
};
use kubewright::settings::{
    AutomationSettings, ClusterApi, ClusterSettings, Endpoint, ObserveSettings, VerifySettings,
};
use kubewright::sim::kinds::{
    DEPLOYMENTS, EVENTS, HORIZONTAL_POD_AUTOSCALERS, Kind, NODES, PODS, STATEFUL_SETS,
};
use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    sim: Sim,
    observer: Observer,
    cluster: ClusterSettings,
}

async fn stage(name: &str, speed: f64) -> Stage {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = SimOptions { speed, ..SimOptions::new(Scenario::builtin(name).unwrap()) };
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let endpoint =
        |url: String| Endpoint { url: url.parse().unwrap(), bearer_token: None, headers: Vec::new() };
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url(sim.kubernetes_url().parse().unwrap()),
        environment: "production".to_owned(),
        prometheus: Some(endpoint(sim.prometheus_url())),
        loki: Some(endpoint(sim.loki_url())),
    };
    let settings = ObserveSettings {
        collector_deadline: Duration::from_secs(20),
        max_log_bytes: 64 << 10,
        max_log_containers: 12,
        max_objects_per_kind: 2000,
        change_window: Duration::from_secs(3600),
        ..ObserveSettings::default()
    };
    let observer = Observer::connect(&cluster, &settings).await.unwrap();
    Stage { sim, observer, cluster }
}

impl Stage {
    fn client(&self) -> kube::Client {
        self.observer.client()
    }

    fn live(&self, kind: &'static Kind, namespace: &str, name: &str) -> Value {
        self.sim.store().get(kind, namespace, name).unwrap()
    }

    /// Waits until the alert of the scenario fires, and makes a Signal of it.
    async fn alert(&self) -> Signal {
        let alert = self.sim.scenario().alerts[0].clone();
        let prometheus = self.observer.prometheus().unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(samples) = prometheus.query(&alert.expr, None).await
                && let Some(sample) = samples.first()
            {
                let mut labels = sample.labels.clone();
                labels.insert("alertname".to_owned(), alert.name.clone());
                return self.signal(&alert.name, &alert.expr, &labels);
            }
            assert!(Instant::now() < deadline, "{} never fires", alert.name);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn signal(
        &self,
        name: &str,
        expression: &str,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> Signal {
        let label = |key: &str| labels.get(key).cloned();
        let namespace = label("namespace");
        let workload = label("deployment")
            .or_else(|| label("service"))
            .map(|name| ObjectRef::new("Deployment", namespace.clone().unwrap_or_default(), name));
        let signal = json!({
            "fingerprint": "f", "source": "alertmanager", "state": "firing", "name": name, "severity": "warning",
            "scope": Scope {
                cluster: "northwind".to_owned(), namespace, workload, pod: label("pod"),
                container: label("container"), node: None,
            },
            "summary": name, "labels": labels, "annotations": {}, "starts_at": Timestamp::now(), "expression": expression,
        });
        serde_json::from_value(signal).unwrap()
    }

    async fn plan(&self, action: Action) -> PlannedAction {
        let draft = Draft {
            hypothesis: "test".to_owned(),
            rationale: "test".to_owned(),
            actions: vec![action],
            checks: Vec::new(),
        };
        preview(&self.client(), draft).await.unwrap().actions.remove(0)
    }

    async fn carry_out(&self, planned: &PlannedAction, id: &str) -> Execution {
        let execution = intend(&self.client(), planned, id, 1, 0, Timestamp::now()).await.unwrap();
        let done = apply(&self.client(), &execution, planned).await;
        assert_eq!(done.state, ExecutionState::Applied, "{done:?}");
        done
    }
}

fn catalog() -> ObjectRef {
    ObjectRef::new("Deployment", "shop", "catalog")
}

/// The workload's resource limit and its template, which actions move.
fn memory(limit: &str) -> Action {
    Action::SetResources {
        workload: catalog(),
        container: "catalog".to_owned(),
        requests: ResourceAmounts::default(),
        limits: ResourceAmounts { cpu: None, memory: Some(limit.to_owned()) },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reversible_action_shows_its_effect_before_makes_it_and_takes_it_back() {
    let stage = stage("oom", 1.0).await;
    let actions: [(Action, &'static Kind, &str, &str); 4] = [
        (memory("300Mi"), &DEPLOYMENTS, "shop", "catalog"),
        (
            Action::RollBack { workload: catalog(), to_revision: previous_revision(&stage) },
            &DEPLOYMENTS,
            "shop",
            "catalog",
        ),
        (Action::Scale { workload: catalog(), replicas: 5 }, &DEPLOYMENTS, "shop", "catalog"),
        (Action::Cordon { node: ObjectRef::cluster_wide("Node", "worker-1") }, &NODES, "", "worker-1"),
    ];
    there_and_back(&stage, actions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscalers_maximum_is_raised_and_taken_back() {
    let stage = stage("hpa-maxed", 1.0).await;
    let hpa = ObjectRef::new("HorizontalPodAutoscaler", "shop", "checkout");
    let raise = Action::RaiseHpaMaximum { hpa, max_replicas: 40 };
    there_and_back(&stage, [(raise, &HORIZONTAL_POD_AUTOSCALERS, "shop", "checkout")]).await;
}

async fn there_and_back(
    stage: &Stage,
    actions: impl IntoIterator<Item = (Action, &'static Kind, &str, &str)>,
) {
    for (index, (action, kind, namespace, name)) in actions.into_iter().enumerate() {
        let before = stage.live(kind, namespace, name)["spec"].clone();
        let planned = stage.plan(action).await;
        assert_eq!(stage.live(kind, namespace, name)["spec"], before, "a dry-run changes nothing");
        assert!(planned.diff.contains("\n+"), "{}", planned.diff);
        let done = stage.carry_out(&planned, &format!("t-{index}")).await;
        let after = stage.live(kind, namespace, name);
        assert_ne!(after["spec"], before, "{}", planned.action);
        assert_eq!(after["metadata"]["annotations"]["kubewright.io/execution"], format!("t-{index}"));
        let found = reconcile(
            &stage.client(),
            &Execution { state: ExecutionState::Intended, ..done.clone() },
            &planned,
        )
        .await;
        assert!(matches!(found, Reconciled::AlreadyApplied(_)), "{found:?}");
        let undone = undo(&stage.client(), &done, Timestamp::now()).await;
        assert_eq!(undone.state, ExecutionState::RolledBack, "{undone:?}");
        // Controllers follow a moment later: the taint of a cordoned node goes when its controller sees the undo.
        let put_back = async || (stage.live(kind, namespace, name)["spec"] == before).then_some(());
        eventually(&format!("the spec of {name} is back"), PATIENCE, put_back).await;
    }
}

fn previous_revision(stage: &Stage) -> i64 {
    let live = stage.live(&DEPLOYMENTS, "shop", "catalog");
    let now = live["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().unwrap();
    now.parse::<i64>().unwrap() - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_pod_deletions_bring_new_pods_and_are_told_in_events() {
    let stage = stage("healthy", 20.0).await;
    let restart = stage.plan(Action::RestartWorkload { workload: catalog() }).await;
    let done = stage.carry_out(&restart, "t-restart").await;
    record(&stage.client(), &done, &restart, Timestamp::now()).await;
    record(&stage.client(), &done, &restart, Timestamp::now()).await;
    let (events, _) = stage.sim.store().list(&EVENTS, Some("shop"));
    let ours = events.iter().filter(|event| event["reason"] == "KubewrightRepaired").count();
    assert_eq!(ours, 1, "recorded once however often it is told");
    let (pods, _) = stage.sim.store().list(&PODS, Some("payments"));
    let pod = pods.iter().find(|pod| pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet").unwrap();
    let text = |key: &str| pod["metadata"][key].as_str().unwrap().to_owned();
    let reference = ObjectRef::new("Pod", "payments", text("name"));
    let deletion = stage.plan(Action::DeletePod { pod: reference, uid: text("uid") }).await;
    stage.carry_out(&deletion, "t-delete").await;
    let deadline = Instant::now() + PATIENCE;
    while stage
        .sim
        .store()
        .get(&PODS, "payments", &text("name"))
        .is_some_and(|live| live["metadata"]["uid"] == text("uid"))
    {
        assert!(Instant::now() < deadline, "the pod is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_a_spec_that_has_moved_on_is_refused() {
    let stage = stage("oom", 1.0).await;
    let planned = stage.plan(memory("300Mi")).await;
    let moved = |deployment: &mut Value| deployment["spec"]["replicas"] = json!(7);
    stage.sim.store().modify(&DEPLOYMENTS, "shop", "catalog", moved).unwrap();
    let outcome = intend(&stage.client(), &planned, "t-1", 1, 0, Timestamp::now()).await;
    assert!(matches!(outcome, Err(ApplyError::Outdated { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_or_after_the_request_ends_in_one_change() {
    let stage = stage("oom", 1.0).await;
    let planned = stage.plan(memory("300Mi")).await;
    let journaled = intend(&stage.client(), &planned, "t-1", 1, 0, Timestamp::now()).await.unwrap();
    assert_eq!(reconcile(&stage.client(), &journaled, &planned).await, Reconciled::NotApplied);
    // The process dies after the request: the result of this apply is lost.
    let lost = apply(&stage.client(), &journaled, &planned).await;
    let generation = stage.live(&DEPLOYMENTS, "shop", "catalog")["metadata"]["generation"].clone();
    let found = reconcile(&stage.client(), &journaled, &planned).await;
    let Reconciled::AlreadyApplied(found) = found else { panic!("{found:?}") };
    assert_eq!(found.generation_after, lost.generation_after);
    let again = apply(&stage.client(), &journaled, &planned).await;
    assert_eq!(again.state, ExecutionState::Applied);
    assert_eq!(stage.live(&DEPLOYMENTS, "shop", "catalog")["metadata"]["generation"], generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_can_be_watched_and_an_absent_workload_does_not_pass() {
    let stage = stage("healthy", 1.0).await;
    let (sets, _) = stage.sim.store().list(&STATEFUL_SETS, None);
    let set = ObjectRef::new(
        "StatefulSet",
        sets[0]["metadata"]["namespace"].as_str().unwrap(),
        sets[0]["metadata"]["name"].as_str().unwrap(),
    );
    let gone = ObjectRef::new("Deployment", "shop", "no-such-thing");
    let all = |workload: &ObjectRef| {
        [
            Check::RolloutComplete { workload: workload.clone() },
            Check::PodsReady { workload: workload.clone() },
            Check::RestartsStable { workload: workload.clone() },
        ]
    };
    let checks = all(&set).into_iter().chain(all(&gone)).collect();
    let plan = Plan {
        agent: None,
        from_chat: false,
        hypothesis: String::new(),
        rationale: String::new(),
        actions: Vec::new(),
        checks,
    };
    let seen = stage.look(&plan, &[], None).await;
    let passed: Vec<_> = seen.results.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [[Some(true); 3], [Some(false); 3]].concat(), "{seen:#?}");
}

impl Stage {
    async fn look(&self, plan: &Plan, signals: &[Signal], previous: Option<&Verification>) -> Verification {
        let settings = VerifySettings {
            stability_window: Duration::from_millis(1500),
            deadline: PATIENCE,
            poll_interval: Duration::from_millis(100),
        };
        let prometheus = self.observer.prometheus();
        look(&self.client(), prometheus, plan, signals, previous, &settings, Timestamp::now()).await
    }

    /// From the alert to the Plan, as the workflow goes.
    async fn planned(&self, signal: &Signal) -> Result<(Plan, PolicyInput), String> {
        let snapshot = self.observer.snapshot(&signal.scope, std::slice::from_ref(signal)).await;
        let diagnosis = diagnose(&snapshot, &[]);
        let mut incident = Incident::open(IncidentId::random(), signal.clone(), Timestamp::now());
        incident.hypotheses.clone_from(&diagnosis.hypotheses);
        let signals = std::slice::from_ref(signal);
        let draft = draft(&diagnosis.hypotheses, &snapshot, &diagnosis.evidence, signals, &[])
            .map_err(|none| none.reason)?;
        let plan = preview(&self.client(), draft).await.map_err(|error| error.to_string())?;
        let input = PolicyInput::gather(&plan, &incident, &self.cluster, Some(&snapshot), Timestamp::now());
        Ok((plan, input))
    }
}

fn level(level: u8) -> Policy {
    let settings = AutomationSettings {
        level,
        protected_namespaces: vec!["kube-*".to_owned()],
        freeze_windows: Vec::new(),
        approval_ttl: PATIENCE,
        policy: None,
    };
    Policy::load(&settings).unwrap()
}

/// Plays a scenario to its end: the expected kind of repair, judged so at level 2, applied, verified and healed.
async fn repaired(name: &str, verdict: Verdict) {
    let stage = stage(name, 20.0).await;
    let signal = stage.alert().await;
    let (plan, input) = stage.planned(&signal).await.unwrap();
    let wanted = stage.sim.scenario().expected.action.clone().unwrap();
    let kinds: Vec<&str> = plan.actions.iter().map(|planned| planned.action.kind().as_str()).collect();
    assert!(kinds.contains(&wanted.as_str()), "{name}: {kinds:?}");
    let decision = level(2).decide(&input);
    assert_eq!(decision.verdict, verdict, "{name}: {decision:?}");
    for (index, planned) in plan.actions.iter().enumerate() {
        stage.carry_out(planned, &format!("t-{index}")).await;
    }
    let mut seen: Option<Verification> = None;
    while seen.as_ref().is_none_or(|seen| seen.passed.is_none()) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        seen = Some(stage.look(&plan, std::slice::from_ref(&signal), seen.as_ref()).await);
    }
    let seen = seen.unwrap();
    assert_eq!(seen.passed, Some(true), "{name}: {seen:#?}");
    assert!(stage.sim.healed(), "{name}: verified and not healed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_deploy_is_rolled_back_and_proved() {
    repaired("bad-deploy", Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_is_rolled_back_and_proved() {
    repaired("missing-config", Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_is_rolled_back_and_proved() {
    repaired("image-pull", Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_memory_limit_is_restored_and_proved() {
    repaired("oom", Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_at_its_maximum_is_raised_and_proved() {
    repaired("hpa-maxed", Verdict::NeedsApproval).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_node_is_left_and_that_is_proved() {
    repaired("node-not-ready", Verdict::Allow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_database_password_is_left_to_people_with_next_steps() {
    let stage = stage("database-password", 20.0).await;
    let signal = stage.alert().await;
    let reason = stage.planned(&signal).await.unwrap_err();
    assert!(reason.contains("kubewright changes no Secrets"), "{reason}");
}
