//! What the tests of this room share, and cases as a whole.

use serde_json::Value;

use crate::incident::Scope;
use crate::observe::{Recorded, Snapshot};

/// A Snapshot of these objects.
pub(super) fn snapshot(objects: Value) -> Snapshot {
    Snapshot {
        cluster: "test".to_owned(),
        taken_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        scope: Scope::default(),
        focus: None,
        signals: Vec::new(),
        objects: serde_json::from_value(objects).unwrap(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    }
}

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::{CasesError, Evaluation, Labels, Prediction, PredictionLine, Report, evaluate, evaluate_by};
use crate::diagnose::RuleBook;

/// A Deployment whose image the registry does not know, in the namespace; its name is that of its app.
fn unknown_image(namespace: &str, name: &str) -> Value {
    let meta = |name: &str| json!({"namespace": namespace, "name": name, "labels": {"app": "front"}});
    let spec = json!({"containers": [{"name": "app", "image": "registry.test/front:none"}]});
    json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": {"replicas": 1,
            "selector": {"matchLabels": {"app": "front"}}, "template": {"metadata": {"labels": {"app": "front"}}, "spec": spec}},
            "status": {"replicas": 1, "unavailableReplicas": 1}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": format!("{name}-x"), "labels": {"app": "front"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-1"), "uid": "u", "controller": true}]},
            "spec": spec, "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "image": "registry.test/front:none",
                "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff",
                "message": "Back-off pulling image \"registry.test/front:none\": ErrImagePull: not found"}}}]}},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": namespace, "name": format!("{name}-1"),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": "u", "controller": true}]},
            "spec": {"selector": {}}},
    ])
}

/// Writes a case; lists that stay empty were asked for.
fn case(root: &Path, name: &str, objects: &Value, truth: &Value) {
    let dump = root.join(name).join("dump");
    fs::create_dir_all(&dump).unwrap();
    fs::write(dump.join("objects.json"), json!({"kind": "List", "items": objects}).to_string()).unwrap();
    for resource in ["events", "services", "nodes", "pods", "deployments", "replicasets"] {
        fs::write(dump.join(format!("{resource}.json")), r#"{"kind": "List", "items": []}"#).unwrap();
    }
    fs::write(root.join(name).join("truth.json"), truth.to_string()).unwrap();
}

fn labelled(root_cause: &str, fault_object: &str) -> Value {
    json!({"root_cause": root_cause, "fault_object": fault_object, "category": "startup"})
}

fn run(root: &Path, labels: Option<&Path>) -> (Report, Vec<PredictionLine>) {
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    let evaluation = Evaluation { cases: root.to_owned(), labels: labels.map(Path::to_owned), now };
    let mut lines = Vec::new();
    let report = evaluate(&evaluation, |_, line| lines.push(line.clone())).unwrap();
    (report, lines)
}

#[test]
fn cases_of_both_formats_are_scored_each_by_its_own_rules() {
    let root = TempDir::new().unwrap();
    let fault = json!({"root_causes": [{"kind": "deployment", "namespace": "shop", "name": "front-v2"}],
        "symptoms": [{"kind": "Pod", "namespace": "shop", "name": "front-v2-x"}], "category": "image_pull"});
    let symptom = json!({"root_causes": [{"kind": "Node", "name": "n1"}],
        "symptoms": [{"kind": "Deployment", "namespace": "shop", "name": "front-v2"}]});
    case(
        root.path(),
        "a",
        &unknown_image("shop", "front-v2"),
        &labelled("incorrect_image_reference", "app/front"),
    );
    case(
        root.path(),
        "b",
        &unknown_image("shop", "front-v2"),
        &labelled("incorrect_image_reference", "app/other"),
    );
    case(root.path(), "c", &unknown_image("shop", "front-v2"), &labelled("oom_killed", "app/front"));
    case(root.path(), "d", &unknown_image("shop", "front-v2"), &fault);
    case(root.path(), "e", &unknown_image("shop", "front-v2"), &symptom);
    case(root.path(), "f", &json!([]), &json!({"root_causes": []}));
    case(root.path(), "g", &unknown_image("shop", "front-v2"), &json!({"root_causes": []}));
    fs::create_dir_all(root.path().join("h")).unwrap();
    fs::write(root.path().join("h/truth.json"), fault.to_string()).unwrap();

    let (report, lines) = run(root.path(), None);
    assert_eq!(report.labels.as_deref(), Some("cloud-opsbench"));
    let labelled = report.labelled.unwrap();
    assert_eq!((labelled.cases, labelled.by_cause.len()), (3, 2));
    assert!(
        (labelled.a1 - 1.0 / 3.0).abs() < 1e-9 && (labelled.macro_a1 - 0.25).abs() < 1e-9,
        "{labelled:?}"
    );
    assert!(
        (labelled.cause - 2.0 / 3.0).abs() < 1e-9 && (labelled.object - 2.0 / 3.0).abs() < 1e-9,
        "{labelled:?}"
    );
    let objects = report.objects.unwrap();
    assert_eq!((objects.cases, objects.first, objects.complete), (5, 2, 2));
    assert_eq!((objects.symptom_as_cause, objects.healthy, objects.false_alarms), (1, 2, 1));
    assert!(
        report.rows[7].error.as_ref().is_some_and(|error| error.contains("dump")),
        "{:?}",
        report.rows[7]
    );
    assert_eq!((lines[5].predictions.len(), lines[7].predictions.len()), (0, 0));
    let line = serde_json::to_value(&lines[0]).unwrap();
    assert_eq!(line["case"], "a");
    assert_eq!(line["predictions"][0]["fault_object"], "app/front");
    assert_eq!(
        line["predictions"][0]["object"],
        json!({"kind": "Deployment", "namespace": "shop", "name": "front-v2"})
    );
}

#[test]
fn a_vocabulary_restricts_and_a_label_file_of_ones_own_says_what_it_likes() {
    let root = TempDir::new().unwrap();
    case(
        root.path(),
        "a",
        &unknown_image("shop", "front"),
        &labelled("incorrect_image_reference", "app/front"),
    );
    let vocabulary = root.path().join("labels.json");
    fs::write(&vocabulary, r#"{"rootCauses": [{"root_cause": "oom_killed", "target": "app"}]}"#).unwrap();
    assert_eq!(run(root.path(), Some(&vocabulary)).1[0].predictions, [] as [Prediction; 0]);
    let own = root.path().join("own.toml");
    let text = "name = 'own'\n[[label]]\nroot_cause = 'BadImage'\ntarget = 'namespace'\ncodes = ['image.*']\nsays = 'FRONT:none'\n";
    fs::write(&own, text).unwrap();
    let (report, lines) = run(root.path(), Some(&own));
    assert_eq!(report.labels.as_deref(), Some("own"));
    let first = &lines[0].predictions[0];
    assert_eq!((first.root_cause.as_str(), first.fault_object.as_str()), ("BadImage", "namespace/shop"));
}

#[test]
fn names_of_a_group_of_aliases_are_equal_and_case_does_not_matter() {
    let labels = Labels::read(Path::new("cloud-opsbench")).unwrap();
    assert_eq!(labels.canonical(" DB_readonly_mode "), labels.canonical("db_read_only"));
    assert_ne!(labels.canonical("oom_killed"), labels.canonical("db_read_only"));
}

#[test]
fn what_is_no_case_is_told() {
    let root = TempDir::new().unwrap();
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    let evaluation = Evaluation { cases: root.path().to_owned(), labels: None, now };
    assert!(matches!(evaluate(&evaluation, |_, _| {}), Err(CasesError::None(_))));
    case(root.path(), "a", &json!([]), &json!({"cause": "who knows"}));
    assert!(matches!(evaluate(&evaluation, |_, _| {}), Err(CasesError::Truth { .. })));
}

#[test]
fn the_example_rules_are_shown_by_their_cases() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules");
    let evaluation = Evaluation {
        cases: examples.join("cases"),
        labels: None,
        now: "2026-03-01T14:00:00Z".parse().unwrap(),
    };
    let first = |rules: &RuleBook| {
        let report = evaluate_by(rules, &evaluation, |_, _| {}).unwrap();
        let right = report.rows.iter().filter(|row| row.outcome.first).map(|row| row.case.clone());
        right.collect::<Vec<_>>()
    };
    let (rules, problems) = RuleBook::with_folder(&examples);
    assert_eq!(problems, []);
    assert_eq!(first(&RuleBook::built_in()), ["another-crash"]);
    assert_eq!(first(&rules), ["another-crash", "expired-licence"]);
}
