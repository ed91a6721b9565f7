//! Which repair follows from which cause.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::{NOW, delete_pod, deployment, node, pod, revisions, roll_back, web};
use crate::incident::{
    Action, Check, EvidenceId, Fingerprint, Hypothesis, ObjectRef, Proposer, ResourceAmounts, Scope, Score,
    Severity, Signal, SignalSource, SignalState,
};
use crate::observe::{Change, ChangeKind, FieldChange, Objects, Recorded, Snapshot};
use crate::remediate::{Draft, draft};

fn read<T: serde::de::DeserializeOwned>(values: Vec<Value>) -> Vec<T> {
    values.into_iter().map(|value| serde_json::from_value(value).unwrap()).collect()
}

fn snapshot() -> Snapshot {
    let mut killed = pod();
    killed["status"] = json!({ "phase": "Running", "containerStatuses": [{
        "name": "app", "image": "web:2", "imageID": "", "ready": false, "restartCount": 4,
        "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
    }] });
    let hpa = json!({ "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "maxReplicas": 4, "scaleTargetRef": { "kind": "Deployment", "name": "web" } } });
    Snapshot {
        cluster: "c".to_owned(),
        taken_at: NOW,
        scope: Scope::default(),
        focus: Some(web()),
        signals: Vec::new(),
        objects: Objects {
            pods: read(vec![killed]),
            deployments: read(vec![deployment()]),
            replica_sets: read(revisions().into_iter().take(2).collect()),
            nodes: read(vec![node("False")]),
            autoscalers: read(vec![hpa]),
            ..Objects::default()
        },
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    }
}

fn after_rollout(fields: &[(&str, Option<&str>, Option<&str>)]) -> Snapshot {
    let field = |(path, before, after): &(&str, Option<&str>, Option<&str>)| FieldChange {
        path: (*path).to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let change = Change {
        kind: ChangeKind::Rollout,
        object: web(),
        at: NOW,
        revision: Some(2),
        previous_revision: Some(1),
        fields: fields.iter().map(field).collect(),
    };
    Snapshot { changes: vec![change], ..snapshot() }
}

const IMAGE: (&str, Option<&str>, Option<&str>) = ("containers[app].image", Some("web:1"), Some("web:2"));

fn cause(code: &str, object: ObjectRef, confidence: f64) -> Hypothesis {
    Hypothesis {
        code: code.to_owned(),
        object,
        statement: format!("{code} happened."),
        confidence: Score::new(confidence),
        evidence_for: vec![EvidenceId(1)],
        evidence_against: Vec::new(),
        proposer: Proposer::Rule("test".to_owned()),
        runbook: None,
        playbook: None,
    }
}

fn planned(code: &str, snapshot: &Snapshot, excluded: &[&Action]) -> Result<Vec<Action>, String> {
    let object = match code {
        "node.not_ready" => ObjectRef::cluster_wide("Node", "n1"),
        "scaling.limit_reached" => ObjectRef::new("HorizontalPodAutoscaler", "shop", "web"),
        _ => web(),
    };
    drafted(&[cause(code, object, 0.9)], snapshot, excluded)
}

fn drafted(causes: &[Hypothesis], snapshot: &Snapshot, excluded: &[&Action]) -> Result<Vec<Action>, String> {
    draft(causes, snapshot, &[], &[], excluded).map(|draft| draft.actions).map_err(|none| none.reason)
}

fn memory(request: Option<&str>, limit: &str) -> Action {
    let amounts = |memory: Option<&str>| ResourceAmounts { cpu: None, memory: memory.map(str::to_owned) };
    Action::SetResources {
        workload: web(),
        container: "app".to_owned(),
        requests: amounts(request),
        limits: amounts(Some(limit)),
    }
}

fn raise(max_replicas: i32) -> Action {
    Action::RaiseHpaMaximum { hpa: ObjectRef::new("HorizontalPodAutoscaler", "shop", "web"), max_replicas }
}

#[test]
fn trouble_that_a_rollout_brought_is_rolled_back() {
    let reference = ("containers[app].env[URL]", None, Some("configMapKeyRef cm/URL"));
    let image = after_rollout(&[IMAGE]);
    for (code, snapshot) in [
        ("deploy.bad_rollout", &image),
        ("probe.failing", &image),
        ("image.pull_failed", &image),
        ("config.missing_reference", &after_rollout(&[reference])),
    ] {
        assert_eq!(planned(code, snapshot, &[]), Ok(vec![roll_back()]), "{code}");
    }
}

#[test]
fn a_rollout_that_did_not_touch_the_cause_is_not_rolled_back() {
    let image = after_rollout(&[IMAGE]);
    let replicas = after_rollout(&[("containers[app].resources.limits.cpu", None, Some("1"))]);
    for (code, snapshot) in [
        ("config.missing_reference", &image),
        ("image.pull_failed", &replicas),
        ("probe.failing", &snapshot()),
    ] {
        let reason = planned(code, snapshot, &[]).unwrap_err();
        assert!(reason.contains("no recent rollout explains it"), "{code}: {reason}");
    }
}

#[test]
fn a_revision_that_is_not_kept_cannot_be_gone_back_to() {
    let mut snapshot = after_rollout(&[IMAGE]);
    snapshot.objects.replica_sets.truncate(0);
    let reason = planned("deploy.bad_rollout", &snapshot, &[]).unwrap_err();
    assert!(
        reason.contains("not kept any more")
            && reason.contains("kubectl rollout history deployment/web -n shop"),
        "{reason}"
    );
}

#[test]
fn memory_goes_back_to_the_limit_that_a_rollout_lowered() {
    let snapshot = after_rollout(&[
        ("containers[app].resources.limits.memory", Some("320Mi"), Some("96Mi")),
        ("containers[app].resources.requests.memory", Some("128Mi"), Some("64Mi")),
    ]);
    let restored = memory(Some("128Mi"), "320Mi");
    assert_eq!(planned("memory.exhausted", &snapshot, &[]), Ok(vec![restored.clone()]));
    assert_eq!(planned("memory.exhausted", &snapshot, &[&restored]), Ok(vec![roll_back()]), "the next best");
    assert!(planned("memory.exhausted", &snapshot, &[&restored, &roll_back()]).is_err());
}

#[test]
fn memory_is_raised_by_half_once_and_within_the_limit_range() {
    let raised = memory(None, "144Mi");
    assert_eq!(planned("memory.exhausted", &snapshot(), &[]), Ok(vec![raised.clone()]));
    assert!(
        planned("memory.exhausted", &snapshot(), &[&memory(None, "200Mi")]).is_err(),
        "whatever the amount was"
    );
    let mut bounded = snapshot();
    let range = json!({ "metadata": { "namespace": "shop" }, "spec": { "limits": [{ "type": "Container", "max": { "memory": "128Mi" } }] } });
    bounded.objects.limit_ranges = read(vec![range]);
    assert!(planned("memory.exhausted", &bounded, &[]).unwrap_err().contains("LimitRange"));
}

#[test]
fn an_autoscalers_maximum_is_raised_by_half_within_the_quota() {
    assert_eq!(planned("scaling.limit_reached", &snapshot(), &[]), Ok(vec![raise(6)]));
    let with_quota = |hard: Value, used: Value| {
        let mut snapshot = snapshot();
        snapshot.objects.quotas = read(vec![
            json!({ "metadata": { "namespace": "shop" }, "status": { "hard": hard, "used": used } }),
        ]);
        planned("scaling.limit_reached", &snapshot, &[])
    };
    assert_eq!(with_quota(json!({ "pods": "10" }), json!({ "pods": "9" })), Ok(vec![raise(5)]));
    assert_eq!(
        with_quota(json!({ "requests.memory": "1Gi" }), json!({ "requests.memory": "900Mi" })),
        Ok(vec![raise(5)])
    );
    assert!(with_quota(json!({ "pods": "10" }), json!({ "pods": "10" })).unwrap_err().contains("no room"));
}

#[test]
fn an_autoscalers_maximum_follows_the_load_up_to_five_times_as_many() {
    let under_load = |utilisation: i64| {
        let mut snapshot = snapshot();
        let cpu = |key: &str, value: Value| json!([{ "type": "Resource", "resource": { "name": "cpu", key: value } }]);
        let hpa = json!({ "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "maxReplicas": 4, "scaleTargetRef": { "kind": "Deployment", "name": "web" },
                "metrics": cpu("target", json!({ "type": "Utilization", "averageUtilization": 50 })) },
            "status": { "currentReplicas": 4, "desiredReplicas": 4,
                "currentMetrics": cpu("current", json!({ "averageUtilization": utilisation })) } });
        snapshot.objects.autoscalers = read(vec![hpa]);
        planned("scaling.limit_reached", &snapshot, &[])
    };
    assert_eq!(under_load(40), Ok(vec![raise(6)]), "half as many again");
    assert_eq!(under_load(101), Ok(vec![raise(14)]), "half again of 4 × 101 / 50, rounded up");
    assert_eq!(under_load(900), Ok(vec![raise(20)]), "five times as many");
}

#[test]
fn a_dead_node_is_cordoned_and_its_movable_pods_are_deleted() {
    let cordon = Action::Cordon { node: ObjectRef::cluster_wide("Node", "n1") };
    let mut snapshot = snapshot();
    let owned = |name: &str, namespace: &str, owner: &str| {
        let mut pod = pod();
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["namespace"] = json!(namespace);
        pod["metadata"]["ownerReferences"][0]["kind"] = json!(owner);
        pod
    };
    let kept = [
        owned("db-0", "shop", "StatefulSet"),
        owned("agent", "shop", "DaemonSet"),
        owned("dns", "kube-system", "ReplicaSet"),
    ];
    snapshot.objects.pods.extend(read(kept.to_vec()));
    assert_eq!(planned("node.not_ready", &snapshot, &[]), Ok(vec![cordon.clone(), delete_pod()]));
    assert_eq!(planned("node.not_ready", &snapshot, &[&cordon]), Ok(vec![delete_pod()]));
    let cause = [cause("node.not_ready", ObjectRef::cluster_wide("Node", "n1"), 0.9)];
    let rationale = draft(&cause, &snapshot, &[], &[], &[]).unwrap().rationale;
    assert!(rationale.contains("Pod shop/db-0") && !rationale.contains("agent"), "{rationale}");
    assert!(planned("node.not_ready", &snapshot, &[&delete_pod()]).is_err());
    let crowd = (0..20).map(|n| owned(&format!("w-{n}"), "shop", "ReplicaSet")).collect();
    snapshot.objects.pods = read(crowd);
    assert_eq!(planned("node.not_ready", &snapshot, &[]).unwrap().len(), 11, "ten pods and the cordon");
}

#[test]
fn what_kubewright_does_not_repair_goes_to_people_with_next_steps() {
    let snapshot = after_rollout(&[IMAGE]);
    let steps = planned("dependency.authentication", &snapshot, &[]).unwrap_err();
    assert!(steps.contains("kubectl rollout restart deployment/web -n shop"), "{steps}");
    for code in [
        "dependency.unavailable",
        "scheduling.unschedulable",
        "quota.exceeded",
        "network.policy_denies",
        "a.new.one",
    ] {
        let steps = planned(code, &snapshot, &[]).unwrap_err();
        assert!(steps.starts_with(code) && !steps.contains('{'), "{steps}");
    }
}

#[test]
fn the_next_cause_is_acted_on_only_if_the_first_has_no_repair_here_and_it_is_likely() {
    let snapshot = after_rollout(&[IMAGE]);
    let missing = || cause("config.missing_reference", web(), 0.93);
    let rollout = |confidence| cause("deploy.bad_rollout", web(), confidence);
    assert_eq!(drafted(&[missing(), rollout(0.5)], &snapshot, &[]), Ok(vec![roll_back()]));
    assert!(drafted(&[missing(), rollout(0.49)], &snapshot, &[]).is_err());
    let password = cause("dependency.authentication", web(), 0.75);
    assert!(
        drafted(&[password, rollout(0.7)], &snapshot, &[]).is_err(),
        "a better cause is known, and it is not ours"
    );
    assert_eq!(
        drafted(&[rollout(0.2)], &snapshot, &[]),
        Ok(vec![roll_back()]),
        "policy weighs the confidence of the best"
    );
    assert!(drafted(&[], &snapshot, &[]).unwrap_err().contains("no cause was found"));
}

#[test]
fn a_roll_back_that_did_not_help_is_not_proposed_again_under_another_number() {
    let renumbered = Action::RollBack { workload: web(), to_revision: 3 };
    assert!(planned("deploy.bad_rollout", &after_rollout(&[IMAGE]), &[&renumbered]).is_err());
}

#[test]
fn a_crash_loop_that_nothing_explains_is_restarted() {
    let restart = Action::RestartWorkload { workload: web() };
    assert_eq!(planned("workload.crash_loop", &snapshot(), &[]), Ok(vec![restart]));
}

fn alert(name: &str, node: Option<&str>, state: SignalState) -> Signal {
    let scope = Scope { node: node.map(str::to_owned), ..Scope::default() };
    Signal {
        fingerprint: Fingerprint(name.to_owned()),
        source: SignalSource::Alertmanager,
        state,
        name: name.to_owned(),
        severity: Severity::Warning,
        scope,
        summary: String::new(),
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        expression: Some(format!("{name} > 0")),
        generator_url: None,
    }
}

#[test]
fn checks_are_fixed_beforehand_and_include_the_alerts_own_expression() {
    let firing = SignalState::Firing;
    let signals = [
        alert("Crash", None, firing),
        alert("Crash", None, firing),
        alert("NodeDown", Some("n1"), firing),
        alert("Over", None, SignalState::Resolved),
    ];
    let clear = |name: &str| Check::AlertExpressionClear {
        alert: name.to_owned(),
        expression: format!("{name} > 0"),
    };
    let workload = || {
        [
            Check::RolloutComplete { workload: web() },
            Check::PodsReady { workload: web() },
            Check::RestartsStable { workload: web() },
        ]
    };
    let checks = |code: &str, object: ObjectRef| -> Vec<Check> {
        let Draft { checks, .. } =
            draft(&[cause(code, object, 0.9)], &after_rollout(&[IMAGE]), &[], &signals, &[]).unwrap();
        checks
    };
    let mut expected = workload().to_vec();
    expected.extend([clear("Crash"), clear("NodeDown")]);
    assert_eq!(checks("deploy.bad_rollout", web()), expected);
    let mut expected = workload().to_vec();
    expected.push(clear("Crash"));
    assert_eq!(
        checks("node.not_ready", ObjectRef::cluster_wide("Node", "n1")),
        expected,
        "the node stays broken"
    );
    let hpa = ObjectRef::new("HorizontalPodAutoscaler", "shop", "web");
    let clear = |check: &Check| matches!(check, Check::AlertExpressionClear { .. });
    let asked = checks("scaling.limit_reached", hpa.clone());
    assert!(asked.iter().any(clear) && !asked.contains(&Check::HpaBelowMaximum { hpa: hpa.clone() }));
    let object = hpa.clone();
    let cause = [cause("scaling.limit_reached", object, 0.9)];
    let unasked = draft(&cause, &after_rollout(&[IMAGE]), &[], &[], &[]).unwrap().checks;
    assert!(unasked.contains(&Check::HpaBelowMaximum { hpa }));
}

#[test]
fn a_cause_of_a_users_rule_is_repaired_as_the_one_that_it_names() {
    let own = |playbook: Option<&str>| Hypothesis {
        playbook: playbook.map(str::to_owned),
        runbook: Some("https://wiki.test/cold".to_owned()),
        ..cause("cache.cold", web(), 0.9)
    };
    let restart = Action::RestartWorkload { workload: web() };
    assert_eq!(drafted(&[own(Some("workload.crash_loop"))], &snapshot(), &[]), Ok(vec![restart]));
    let steps = drafted(&[own(None)], &snapshot(), &[]).unwrap_err();
    assert!(steps.contains("Runbook: https://wiki.test/cold."), "{steps}");
}
