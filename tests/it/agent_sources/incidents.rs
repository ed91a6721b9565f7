//! similar_incidents, incident_evidence and run_analyzers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kubewright::agents::tools::Access;
use kubewright::diagnose::RuleBook;
use kubewright::incident::{
    Event, Evidence, EvidenceId, EvidenceSource, Fingerprint, Gap, Hypothesis, Incident, IncidentId,
    ObjectRef, Outcome, Proposer, Scope, Score, Severity, Signal, SignalSource, SignalState,
};
use serde_json::json;

use super::stage::{contains_all, stage};

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
pub(super) fn diagnosed(id: IncidentId, namespace: &str) -> Incident {
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
        runbook: None,
        playbook: None,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_look_goes_by_the_rules_of_the_house_as_well() {
    let mut stage = stage("database-password").await;
    let workload = json!({"namespace": "shop", "workload": {"kind": "Deployment", "name": "checkout"}});
    let before = stage.ok("run_analyzers", workload.clone()).await;
    assert!(!before.text.contains("house.password_rotated"), "{}", before.text);
    let mut rules = RuleBook::built_in();
    let problems = rules.add("house.toml", RULE);
    assert!(problems.is_empty(), "{problems:?}");
    stage.context.rules = Arc::new(rules);
    let after = stage.ok("run_analyzers", workload).await;
    contains_all(&after.text, &["house.password_rotated", "Somebody rotated a password."]);
    stage.sim.shutdown().await;
}

const RULE: &str = r#"
[[rule]]
code = "house.password_rotated"
meaning = "A password was rotated and not everybody knows."
confidence = 0.97
statement = "Somebody rotated a password."
runbook = "https://wiki.example/rotation"
[rule.when]
findings = "log.dependency.authentication"
"#;
