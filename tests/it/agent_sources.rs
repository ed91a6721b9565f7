//! The tools of agents over metrics, logs, knowledge, incidents and the catalog, on a simulated cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kubewright::agents::tools::{
    Access, MOST_BYTES, Proposals, ToolContext, ToolError, ToolOutput, Tools, sources,
};
use kubewright::incident::{
    Action, Check, Event, Evidence, EvidenceId, EvidenceSource, Fingerprint, Gap, Hypothesis, Incident,
    IncidentId, ObjectRef, Outcome, Proposer, Scope, Score, Severity, Signal, SignalSource, SignalState,
};
use kubewright::observe::Observer;
use kubewright::recall::{KnowledgeSettings, Places, Recall};
use kubewright::settings::{ClusterApi, ClusterSettings, Endpoint, ObserveSettings, StoreSettings};
use kubewright::sim::kinds::{DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, NODES, PODS};
use kubewright::sim::{Scenario, Sim, SimOptions};
use kubewright::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct Stage {
    sim: Sim,
    tools: Tools,
    context: ToolContext,
    _folder: TempDir,
    _stop: tokio_util::sync::DropGuard,
}

async fn stage(scenario: &str) -> Stage {
    let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let endpoint =
        |url: String| Some(Endpoint { url: url.parse().unwrap(), bearer_token: None, headers: Vec::new() });
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url(sim.kubernetes_url().parse().unwrap()),
        environment: "production".to_owned(),
        prometheus: endpoint(sim.prometheus_url()),
        loki: endpoint(sim.loki_url()),
    };
    on(sim, &cluster).await
}

async fn on(sim: Sim, cluster: &ClusterSettings) -> Stage {
    let folder = TempDir::new().unwrap();
    let stop = CancellationToken::new();
    let url = format!("sqlite://{}", folder.path().join("kubewright.db").display());
    let settings = ObserveSettings {
        collector_deadline: Duration::from_secs(20),
        max_log_bytes: 64 << 10,
        max_log_containers: 12,
        max_objects_per_kind: 2000,
        change_window: Duration::from_secs(3600),
    };
    let context = ToolContext {
        observer: Observer::connect(cluster, &settings).await.unwrap(),
        access: Access::Everything,
        recall: recall(&folder, &stop).await,
        store: Store::open(&StoreSettings { url: url.into() }).await.unwrap(),
        incident: None,
        now: Timestamp::now(),
        cancel: CancellationToken::new(),
        proposals: Proposals::default(),
        keeps: None,
    };
    Stage { sim, tools: Tools::new(sources()), context, _folder: folder, _stop: stop.drop_guard() }
}

/// A knowledge base that is searched by words, with the built-in runbooks.
async fn recall(folder: &TempDir, stop: &CancellationToken) -> Recall {
    let settings = |name: &str| {
        let mut settings = KnowledgeSettings::new(folder.path().join(name), folder.path().join("models"));
        settings.model = kubewright_ingest::ModelChoice::None;
        settings
    };
    let places = Places { documents: settings("documents"), episodes: settings("episodes"), manifest: None };
    let recall = Recall::new(Some(places)).await;
    let (running, stop) = (recall.clone(), stop.clone());
    tokio::spawn(async move { running.run(stop).await });
    recall.settled().await;
    recall
}

impl Stage {
    async fn call(&self, tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        // The simulated clock goes on while a test runs.
        let context = ToolContext { now: Timestamp::now(), ..self.context.clone() };
        let answer = self.tools.call(tool, arguments, &context).await;
        if let Ok(output) = &answer {
            assert!(output.text.len() <= MOST_BYTES, "{tool}: {}", output.text.len());
        }
        answer
    }

    async fn ok(&self, tool: &str, arguments: Value) -> ToolOutput {
        let told = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|error| panic!("{tool} {told}: {error}"))
    }

    async fn refused(&self, tool: &str, arguments: Value) -> String {
        let told = arguments.to_string();
        match self.call(tool, arguments).await {
            Err(error) => error.to_string(),
            Ok(output) => panic!("{tool} {told}: {}", output.text),
        }
    }

    /// Only the namespace shop may be read.
    fn confine(&mut self) {
        self.context.access = Access::Namespaces(BTreeSet::from(["shop".to_owned()]));
    }
}

fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_asked_at_a_moment_and_over_a_time_and_can_be_cited() {
    let stage = stage("hpa-maxed").await;
    let rate = r#"sum by (namespace, service) (rate(http_requests_total{namespace="shop", service="frontend"}[5m]))"#;
    let now = stage.ok("metrics_query", json!({"query": rate})).await;
    contains_all(&now.text, &["1 samples at", "{namespace=\"shop\",service=\"frontend\"}"]);
    let cited = &now.observations[0];
    assert_eq!(
        (cited.source, cited.object.to_string().as_str()),
        (EvidenceSource::Metric, "Service shop/frontend")
    );
    assert!(cited.fields["value"].parse::<f64>().unwrap() > 100.0, "{cited:?}");

    let before = stage.ok("metrics_query", json!({"query": rate, "time": "-30m"})).await;
    assert!(before.observations[0].fields["value"].parse::<f64>().unwrap() < 80.0, "{}", before.text);

    let range = stage.ok("metrics_range", json!({"query": rate, "start": "-30m", "step": "1m"})).await;
    contains_all(
        &range.text,
        &["1 series from", "a point every 60 s", " min ", " avg ", " max ", " last ", "(31 points: "],
    );
    let fields = &range.observations[0].fields;
    assert!(
        fields["max"].parse::<f64>().unwrap() > 2.0 * fields["min"].parse::<f64>().unwrap(),
        "{fields:?}"
    );

    let all = stage.ok("metrics_range", json!({"query": "kube_pod_info", "limit": 2})).await;
    contains_all(all.cut.as_deref().unwrap(), &["2 of", "aggregate"]);
    assert_eq!(all.text.lines().count(), 3, "{}", all.text);
    let few = stage.ok("metrics_query", json!({"query": "kube_pod_info", "limit": 3})).await;
    contains_all(few.cut.as_deref().unwrap(), &["the 3 highest of", "topk"]);
    contains_all(
        &stage.ok("metrics_query", json!({"query": "no_such_metric"})).await.text,
        &["No series", "metrics_list"],
    );
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_metric_question_comes_back_with_its_place() {
    let stage = stage("healthy").await;
    for (tool, arguments, named) in [
        ("metrics_query", json!({"query": "sum(up"}), "column 4"),
        ("metrics_query", json!({"query": "up * on() up"}), "query: Prometheus answered execution"),
        ("metrics_query", json!({"query": "up[5m]"}), "matrix"),
        ("metrics_query", json!({"query": ""}), "empty"),
        ("metrics_query", json!({"query": "up", "limit": 0}), "between 1 and 100"),
        ("metrics_query", json!({"query": "up", "time": "soon"}), "RFC 3339"),
        ("metrics_query", json!({"query": "up", "extra": 1}), "extra"),
        ("metrics_query", json!({}), "query"),
        ("metrics_query", json!({"query": 7}), "query: invalid type"),
        ("metrics_range", json!({"query": "up", "start": "now"}), "not before"),
        ("metrics_range", json!({"query": "up", "start": "-1d", "step": "1s"}), "173 s"),
        ("metrics_list", json!({"metric": "up{}"}), "without matchers"),
        ("metrics_list", json!({"pattern": "no_such_metric_anywhere"}), "no metric has such a name"),
    ] {
        let refusal = stage.refused(tool, arguments.clone()).await;
        assert!(refusal.contains(named), "{arguments}: {refusal}");
    }
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_listed_by_name_and_one_by_its_labels() {
    let mut stage = stage("healthy").await;
    let listed = stage.ok("metrics_list", json!({"pattern": "RESTARTS"})).await;
    contains_all(&listed.text, &["kube_pod_container_status_restarts_total"]);
    let few = stage.ok("metrics_list", json!({"limit": 2})).await;
    contains_all(few.cut.as_deref().unwrap(), &["2 of", "longer pattern"]);
    let metric = json!({"metric": "kube_pod_container_status_restarts_total"});
    let labels = stage.ok("metrics_list", metric.clone()).await;
    contains_all(&labels.text, &["namespace: ", "payments", "shop", "container: "]);
    stage.confine();
    let labels = stage.ok("metrics_list", metric).await;
    contains_all(&labels.text, &["namespace: shop\n"]);
    let nodes = stage.refused("metrics_list", json!({"metric": "kube_node_info"})).await;
    assert!(nodes.contains("that may be read here"), "{nodes}");
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_logs_of_other_namespaces_are_refused_by_the_tool() {
    let mut stage = stage("healthy").await;
    stage.confine();
    for query in [
        "kube_pod_info",
        r#"kube_pod_info{namespace="payments"}"#,
        r#"kube_pod_info{namespace=~"shop|payments"}"#,
        r#"topk(scalar(count(kube_pod_info{namespace="payments"})), kube_pod_info{namespace="shop"})"#,
        r#"kube_pod_info{namespace="shop"} or kube_pod_info"#,
    ] {
        for tool in ["metrics_query", "metrics_range"] {
            let refusal = stage.refused(tool, json!({"query": query})).await;
            contains_all(&refusal, &["refused: ", r#"add namespace="shop""#]);
        }
    }
    let own = stage
        .ok("metrics_query", json!({"query": r#"count by (namespace) (kube_pod_info{namespace="shop"})"#}))
        .await;
    contains_all(&own.text, &[r#"{namespace="shop"}"#]);
    for query in
        [r#"{namespace="payments"}"#, r#"{namespace=~".+"}"#, r#"{pod=~".+"} |= "{namespace=\"shop\"}""#]
    {
        let refusal = stage.refused("logs_query", json!({"query": query})).await;
        contains_all(&refusal, &["refused: ", r#"add namespace="shop""#]);
    }
    let refusal = stage.refused("run_analyzers", json!({"namespace": "payments"})).await;
    contains_all(&refusal, &["refused: namespace payments", "permitted: shop"]);
    stage.sim.shutdown().await;
}

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

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_searched_and_cited_and_what_loki_refuses_comes_back() {
    let mut stage = stage("bad-deploy").await;
    stage.confine();
    let query = r#"{namespace="shop", app="checkout"} |= "NoSuchMethodError""#;
    let found = stage.ok("logs_query", json!({"query": query, "limit": 2})).await;
    contains_all(&found.text, &["NoSuchMethodError", "checkout-"]);
    let cited = &found.observations[0];
    assert_eq!((cited.source, cited.object.kind.as_str()), (EvidenceSource::Log, "Pod"));
    contains_all(
        &stage.ok("logs_query", json!({"query": r#"{namespace="shop"} |= "no such words""#})).await.text,
        &["No line"],
    );
    let refusal =
        stage.refused("logs_query", json!({"query": r#"{namespace="shop"} |= "x" | nonsense"#})).await;
    contains_all(&refusal, &["Loki says", "parse error"]);
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_found_with_their_citation() {
    let mut stage = stage("healthy").await;
    stage.confine();
    let asked =
        json!({"query": "container was OOMKilled exit code 137", "filters": ["source=builtin"], "limit": 2});
    let found = stage.ok("search_knowledge", asked).await;
    contains_all(&found.text, &["Container killed for memory", "container-out-of-memory.md", " lines "]);
    let cited = &found.observations[0];
    assert_eq!(cited.source, EvidenceSource::Document);
    contains_all(&format!("{:?}", cited.fields), &["uri", "headings", "lines", "container-out-of-memory.md"]);
    for (arguments, named) in [
        (json!({"query": " "}), "empty"),
        (json!({"query": "x", "filters": ["colour=red"]}), "category"),
        (json!({"query": "x", "filters": ["runbook"]}), "key=value"),
        (json!({"query": "x", "limit": 99}), "between 1 and 15"),
        (json!({"query": "x".repeat(20_000)}), "query"),
    ] {
        let refusal = stage.refused("search_knowledge", arguments).await;
        assert!(refusal.contains(named), "{named}: {refusal}");
    }
    stage.context.recall = Recall::new(None).await;
    contains_all(
        &stage.refused("search_knowledge", json!({"query": "x"})).await,
        &["switched off", "go on without it"],
    );
    stage.sim.shutdown().await;
}

fn signal(namespace: &str) -> Signal {
    Signal {
        fingerprint: Fingerprint(format!("f-{namespace}")),
        source: SignalSource::Alertmanager,
        state: SignalState::Firing,
        name: "KubeContainerOOMKilled".to_owned(),
        severity: Severity::Critical,
        scope: Scope {
            cluster: "northwind".to_owned(),
            namespace: Some(namespace.to_owned()),
            workload: Some(ObjectRef::new("Deployment", namespace, "checkout")),
            ..Scope::default()
        },
        summary: "Container checkout was killed because it ran out of memory".to_owned(),
        labels: BTreeMap::from([("alertname".to_owned(), "KubeContainerOOMKilled".to_owned())]),
        annotations: BTreeMap::new(),
        starts_at: "2026-11-21T03:00:00Z".parse().unwrap(),
        ends_at: None,
        expression: None,
        generator_url: None,
    }
}

fn seen(id: u32, namespace: &str, statement: &str) -> Evidence {
    Evidence {
        id: EvidenceId(id),
        source: EvidenceSource::Object,
        code: "pod.container.oom_killed".to_owned(),
        object: ObjectRef::new("Pod", namespace, "checkout-1"),
        statement: statement.to_owned(),
        strength: Score::new(0.9),
        at: "2026-11-21T03:00:00Z".parse().unwrap(),
        fields: BTreeMap::from([("exit_code".to_owned(), "137".to_owned())]),
    }
}

/// An incident that was diagnosed, with two pieces of Evidence of its own namespace and one of another.
fn diagnosed(id: IncidentId, namespace: &str) -> Incident {
    let now = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut incident = Incident::open(id, signal(namespace), now);
    for event in events(namespace) {
        incident.apply(&event, now).unwrap();
    }
    incident
}

fn events(namespace: &str) -> [Event; 2] {
    let gap = Gap { collector: "loki".to_owned(), reason: "not configured".to_owned() };
    let hypothesis = Hypothesis {
        code: "memory.exhausted".to_owned(),
        object: ObjectRef::new("Deployment", namespace, "checkout"),
        statement: "Its memory limit is too small.".to_owned(),
        confidence: Score::new(0.9),
        evidence_for: vec![EvidenceId(1)],
        evidence_against: Vec::new(),
        proposer: Proposer::Rule("memory".to_owned()),
    };
    [
        Event::Observed { objects: 7, logs: 1, readings: 2, gaps: vec![gap] },
        Event::Diagnosed {
            evidence: vec![
                seen(1, namespace, "Container checkout was killed at its limit"),
                seen(2, namespace, "Container checkout restarted 5 times"),
                seen(3, "elsewhere", "The vault is open"),
            ],
            hypotheses: vec![hypothesis],
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn past_incidents_are_found_only_where_they_may_be_seen() {
    let mut stage = stage("healthy").await;
    let now: Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
    let closed = |id: &str, namespace: &str| {
        let mut incident = diagnosed(IncidentId::from_text(id), namespace);
        let reason = "Closed by ada: raised the limit".to_owned();
        incident.apply(&Event::Closed { outcome: Outcome::ClosedByPerson, reason }, now).unwrap();
        incident
    };
    stage.context.recall.remember(&[closed("inc-old", "shop"), closed("inc-secret", "vault")]).await.unwrap();
    let symptom = json!({"symptom": "container ran out of memory"});
    let all = stage.ok("similar_incidents", symptom.clone()).await;
    contains_all(&all.text, &["[inc-old]", "[inc-secret]", "closed by person"]);
    stage.confine();
    let permitted = stage.ok("similar_incidents", symptom.clone()).await;
    contains_all(&permitted.text, &["[inc-old]"]);
    assert!(!permitted.text.contains("inc-secret"), "{}", permitted.text);
    assert_eq!(permitted.observations[0].source, EvidenceSource::PastIncident);
    contains_all(&stage.refused("similar_incidents", json!({})).await, &["describe it"]);
    stage.context.incident = Some(Arc::new(diagnosed(IncidentId::from_text("inc-new"), "shop")));
    contains_all(&stage.ok("similar_incidents", json!({})).await.text, &["[inc-old]"]);
    stage.context.access = Access::Namespaces(BTreeSet::new());
    contains_all(&stage.ok("similar_incidents", symptom).await.text, &["No past incident"]);
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_read_part_by_part_and_page_by_page() {
    let mut stage = stage("healthy").await;
    let store = stage.context.store.clone();
    let received = store.receive(vec![signal("shop"), signal("vault")]).await.unwrap();
    let ids: Vec<IncidentId> = received
        .into_iter()
        .map(|one| match one {
            kubewright::store::Received::Opened(id) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    stage.context.incident = Some(Arc::new(diagnosed(ids[0].clone(), "shop")));
    stage.confine();
    let part = |part: &str| json!({"part": part});
    contains_all(
        &stage.ok("incident_evidence", json!({})).await.text,
        &["2 pieces of evidence", "What happened", "E1 "],
    );
    let evidence = stage.ok("incident_evidence", part("evidence")).await;
    contains_all(
        &evidence.text,
        &["E1 [pod.container.oom_killed", "E2", "exit_code=137", "1 more are of namespaces"],
    );
    assert!(!evidence.text.contains("vault"), "{}", evidence.text);
    let page = stage.ok("incident_evidence", json!({"part": "evidence", "limit": 1})).await;
    contains_all(page.cut.as_deref().unwrap(), &["after=1"]);
    let page = stage.ok("incident_evidence", json!({"part": "evidence", "limit": 1, "after": 1})).await;
    contains_all(&page.text, &["E2"]);
    assert_eq!(page.cut, None);
    contains_all(
        &stage.ok("incident_evidence", part("hypotheses")).await.text,
        &["memory.exhausted", "90 %", "for: E1"],
    );
    contains_all(&stage.ok("incident_evidence", part("gaps")).await.text, &["loki: not configured"]);
    contains_all(
        &stage.ok("incident_evidence", part("signals")).await.text,
        &["KubeContainerOOMKilled (critical)"],
    );
    contains_all(
        &stage.ok("incident_evidence", part("timeline")).await.text,
        &["1 ", "opened", "KubeContainerOOMKilled"],
    );

    let foreign = stage.refused("incident_evidence", json!({"incident": ids[1].as_str()})).await;
    let unknown = stage.refused("incident_evidence", json!({"incident": "inc-nothing"})).await;
    assert_eq!(foreign.replace(ids[1].as_str(), "X"), unknown.replace("inc-nothing", "X"));
    stage.context.access = Access::Everything;
    let other = stage.ok("incident_evidence", json!({"incident": ids[1].as_str()})).await;
    assert_eq!(other.observations[0].source, EvidenceSource::PastIncident);
    for arguments in
        [json!({"part": "secrets"}), json!({"after": -1}), json!({"limit": 0}), json!({"incident": ""})]
    {
        stage.refused("incident_evidence", arguments).await;
    }
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_look_finds_the_cause_and_leaves_out_what_may_not_be_seen() {
    let mut stage = stage("database-password").await;
    let workload = json!({"namespace": "shop", "workload": {"kind": "Deployment", "name": "checkout"}});
    let all = stage.ok("run_analyzers", workload.clone()).await;
    contains_all(&all.text, &["objects read at", "Deployment shop/checkout", "What is abnormal", "payments"]);
    assert!(!all.observations.is_empty());
    stage.confine();
    let confined = stage.ok("run_analyzers", workload).await;
    assert!(confined.observations.iter().all(|seen| ["", "shop"].contains(&seen.object.namespace.as_str())));
    contains_all(&confined.text, &["other namespaces", "left out"]);
    assert!(!confined.text.contains("password authentication failed"), "{}", confined.text);
    let nowhere = stage
        .refused("run_analyzers", json!({"namespace": "shop", "workload": {"kind": "Deployment"}}))
        .await;
    contains_all(&nowhere, &["name"]);
    stage.sim.shutdown().await;
}

fn plan(actions: Value) -> Value {
    json!({
        "hypothesis": {
            "code": "deploy.bad_rollout",
            "object": {"kind": "Deployment", "namespace": "shop", "name": "checkout"},
            "statement": "Version 2.15.0 calls a method that is not there.",
        },
        "actions": actions,
        "rationale": "The version before worked.",
    })
}

fn checkout() -> Value {
    json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_plan_is_drafted_with_checks_and_nothing_is_applied() {
    let mut stage = stage("bad-deploy").await;
    stage.confine();
    let before = stage.sim.store().get(&DEPLOYMENTS, "shop", "checkout").unwrap();
    let told = stage
        .ok("propose_plan", plan(json!([{"action": "roll_back", "workload": checkout(), "to_revision": 1}])))
        .await;
    contains_all(
        &told.text,
        &[
            "Plan 1 is drafted; nothing is applied",
            "roll Deployment shop/checkout back to revision 1",
            "rollout of Deployment shop/checkout is complete",
            "-",
            "+",
        ],
    );
    let proposed = stage.context.proposals.all();
    assert_eq!(proposed.len(), 1);
    let draft = &proposed[0].draft;
    assert_eq!(draft.hypothesis, "deploy.bad_rollout");
    assert!(
        draft
            .checks
            .contains(&Check::RestartsStable { workload: ObjectRef::new("Deployment", "shop", "checkout") })
    );
    assert_eq!(proposed[0].plan.actions[0].target_uid, before["metadata"]["uid"].as_str().unwrap());
    assert_eq!(stage.sim.store().get(&DEPLOYMENTS, "shop", "checkout").unwrap()["spec"], before["spec"]);

    let pod = stage
        .sim
        .store()
        .list(&PODS, Some("shop"))
        .0
        .into_iter()
        .find(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("frontend-"));
    let pod = pod.unwrap();
    let named = json!({"kind": "Pod", "namespace": "shop", "name": pod["metadata"]["name"]});
    let resources = json!({"action": "set_resources", "workload": checkout(), "container": "checkout", "limits": {"memory": "1Gi"}});
    let told =
        stage.ok("propose_plan", plan(json!([{"action": "delete_pod", "pod": named}, resources]))).await;
    contains_all(
        &told.text,
        &["Plan 2", "rollout of Deployment shop/frontend is complete", "limits.memory=1Gi"],
    );
    let Action::DeletePod { uid, .. } = &stage.context.proposals.all()[1].draft.actions[0] else { panic!() };
    assert_eq!(uid, pod["metadata"]["uid"].as_str().unwrap());
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_is_raised_with_the_checks_of_a_playbook() {
    let stage = stage("hpa-maxed").await;
    let hpa = stage.sim.store().list(&HORIZONTAL_POD_AUTOSCALERS, Some("shop")).0.remove(0);
    let (name, maximum) =
        (hpa["metadata"]["name"].as_str().unwrap(), hpa["spec"]["maxReplicas"].as_i64().unwrap());
    let raise = |max: i64| {
        let named = json!({"kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": name});
        plan(json!([{"action": "raise_hpa_maximum", "hpa": named, "max_replicas": max}]))
    };
    contains_all(&stage.refused("propose_plan", raise(maximum)).await, &["already"]);
    let scale = plan(json!([{"action": "scale", "workload": checkout(), "replicas": 9}]));
    contains_all(&stage.refused("propose_plan", scale).await, &["scales it and would undo that"]);
    contains_all(
        &stage.ok("propose_plan", raise(maximum + 3)).await.text,
        &["is below its maximum", "rollout of Deployment"],
    );
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_comes_back_with_what_to_change() {
    let mut stage = stage("bad-deploy").await;
    let node = stage.sim.store().list(&NODES, None).0.remove(0)["metadata"]["name"].clone();
    let cordon = json!({"action": "cordon", "node": {"kind": "Node", "name": node}});
    let alone = stage.refused("propose_plan", plan(json!([cordon]))).await;
    contains_all(&alone, &["nothing would prove"]);
    stage.confine();
    let other =
        |namespace: &str, name: &str| json!({"kind": "Deployment", "namespace": namespace, "name": name});
    let resources = |container: &str, memory: &str| json!({"action": "set_resources", "workload": checkout(), "container": container, "limits": {"memory": memory}});
    let restart = json!({"action": "restart_workload", "workload": checkout()});
    let mut extra = plan(json!([restart]));
    extra["command"] = json!("kubectl delete namespace shop");
    for (arguments, named) in [
        (plan(json!([resources("sidecar", "1Gi")])), "has no container sidecar"),
        (plan(json!([resources("checkout", "lots")])), "not an amount of memory"),
        (
            plan(json!([{"action": "roll_back", "workload": checkout(), "to_revision": 99}])),
            "has no revision 99",
        ),
        (
            plan(json!([{"action": "restart_workload", "workload": other("payments", "payments-api")}])),
            "permitted: shop",
        ),
        (plan(json!([cordon])), "belongs to no namespace"),
        (
            plan(json!([{"action": "restart_workload", "workload": other("shop", "nothing")}])),
            "there is no Deployment shop/nothing",
        ),
        (
            plan(
                json!([{"action": "restart_workload", "workload": {"kind": "ConfigMap", "namespace": "shop", "name": "x"}}]),
            ),
            "list_actions",
        ),
        (plan(json!([{"action": "scale", "workload": checkout(), "replicas": 0}])), "between 1 and 500"),
        (plan(json!([{"action": "drain", "node": "x"}])), "unknown variant `drain`"),
        (
            plan(json!([{"action": "restart_workload", "workload": checkout(), "command": "sh"}])),
            "unknown field `command`",
        ),
        (plan(json!([restart, restart])), "changes an object once"),
        (plan(json!([])), "recommendation"),
        (extra, "unknown field `command`"),
    ] {
        let refusal = stage.refused("propose_plan", arguments.clone()).await;
        assert!(refusal.contains(named), "{arguments}: {refusal}");
    }
    let mut denied = diagnosed(IncidentId::from_text("inc-denied"), "shop");
    denied
        .denied_actions
        .push(Action::RestartWorkload { workload: ObjectRef::new("Deployment", "shop", "checkout") });
    stage.context.incident = Some(Arc::new(denied));
    contains_all(&stage.refused("propose_plan", plan(json!([restart]))).await, &["people have denied it"]);
    assert_eq!(stage.context.proposals.all(), []);
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_listed_whole() {
    let stage = stage("healthy").await;
    let text = stage.ok("list_actions", json!({})).await.text;
    contains_all(&text, &["roll_back", "set_resources", "delete_pod", "cordon", "undo: ", "Policy decides"]);
    contains_all(&stage.refused("list_actions", json!({"all": true})).await, &["all"]);
    stage.sim.shutdown().await;
}
