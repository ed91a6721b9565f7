//! Journaling, applying and reconciling, and the requests that they send.

use serde_json::{Value, json};

use super::api::{Answer, Api, Call, Shelf, hurried, refusal};
use super::world::{NOW, delete_pod, deployment, node, planned, pod, revisions, roll_back};
use crate::incident::{Execution, ExecutionState, PlannedAction};
use crate::remediate::apply::apply_at;
use crate::remediate::reconcile::reconcile_at;
use crate::remediate::{ApplyError, ClusterError, Reconciled, intend, preview};

const READ: &str = "GET /apis/apps/v1/namespaces/shop/deployments/web";
const WRITE: &str = "PUT /apis/apps/v1/namespaces/shop/deployments/web?&fieldManager=kubewright";

fn shelf() -> Shelf {
    Shelf::with(deployment()).listing("/replicasets", &revisions())
}

fn serving(shelf: &Shelf) -> Api {
    let shelf = shelf.clone();
    Api::answering(move |call| shelf.answer(call))
}

async fn intended(shelf: &Shelf) -> (Execution, PlannedAction) {
    let planned = planned(roll_back());
    let execution = intend(&serving(shelf).client, &planned, "x-1", 1, 0, NOW).await.unwrap();
    (execution, planned)
}

/// Serves the shelf, but meets real writes with `trouble` first: `None` lets one through.
fn troubled(
    shelf: &Shelf,
    mut trouble: impl FnMut(usize, &Shelf, &Call) -> Option<Answer> + Send + 'static,
) -> Api {
    let (shelf, mut writes) = (shelf.clone(), 0);
    Api::answering(move |call| {
        if call.is_write() {
            writes += 1;
            if let Some(answer) = trouble(writes, &shelf, call) {
                return answer;
            }
        }
        shelf.answer(call)
    })
}

#[tokio::test]
async fn a_preview_binds_the_plan_to_its_target_and_only_asks_for_a_dry_run() {
    let shelf = shelf();
    let api = serving(&shelf);
    let draft = crate::remediate::Draft {
        hypothesis: "deploy.bad_rollout".to_owned(),
        rationale: "r".to_owned(),
        actions: vec![roll_back()],
        checks: Vec::new(),
    };
    let plan = preview(&api.client, draft).await.unwrap();
    let action = &plan.actions[0];
    assert_eq!(
        (action.target_uid.as_str(), action.target_generation, action.pods_affected),
        ("d-1", Some(5), 3)
    );
    assert!(
        action.diff.contains("-          image: \"web:2\"") || action.diff.contains("image: web:2"),
        "{}",
        action.diff
    );
    assert_eq!(action.undo, "puts the pod template of revision 2 back");
    assert_eq!(api.writes(), []);
    assert!(
        api.lines()
            .iter()
            .any(|line| line.contains("dryRun=All") && line.contains("fieldManager=kubewright"))
    );
    assert_eq!(shelf.live(), deployment());
}

#[tokio::test]
async fn a_preview_whose_dry_run_meets_a_moving_status_is_tried_again() {
    let (shelf, mut tries) = (shelf(), 0);
    let served = shelf.clone();
    let api = Api::answering(move |call| {
        if call.line.contains("dryRun=All") {
            tries += 1;
            if tries == 1 {
                served.change(|live| live["status"]["replicas"] = json!(2));
            }
        }
        served.answer(call)
    });
    let draft = crate::remediate::Draft {
        hypothesis: String::new(),
        rationale: String::new(),
        actions: vec![roll_back()],
        checks: Vec::new(),
    };
    assert_eq!(preview(&api.client, draft).await.unwrap().actions[0].target_generation, Some(5));
    assert_eq!(api.lines().iter().filter(|line| line.contains("dryRun=All")).count(), 2);
}

#[tokio::test]
async fn an_intent_captures_the_prior_state_and_changes_nothing() {
    let shelf = shelf();
    let (execution, _) = intended(&shelf).await;
    assert_eq!(execution.state, ExecutionState::Intended);
    assert_eq!(execution.prior["replaced"][0]["value"], deployment()["spec"]["template"]);
    assert_eq!(shelf.live(), deployment());
}

#[tokio::test]
async fn an_intent_on_a_target_that_moved_on_or_was_replaced_is_outdated() {
    for (change, word) in [("generation", "spec"), ("uid", "made again")] {
        let shelf = shelf();
        shelf.change(|live| match change {
            "generation" => live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3"),
            _ => live["metadata"]["uid"] = json!("d-2"),
        });
        let outcome = intend(&serving(&shelf).client, &planned(roll_back()), "x-1", 1, 0, NOW).await;
        let Err(ApplyError::Outdated { reason }) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains(word), "{reason}");
    }
}

#[tokio::test]
async fn a_dry_run_that_admission_refuses_is_not_journaled() {
    let shelf = shelf();
    let api = Api::answering(move |call| {
        if call.line.contains("dryRun=All") {
            return refusal(400, "BadRequest", "admission webhook \"guard\" denied the request: no");
        }
        shelf.answer(call)
    });
    let outcome = intend(&api.client, &planned(roll_back()), "x-1", 1, 0, NOW).await;
    assert!(
        matches!(&outcome, Err(ApplyError::Cluster(ClusterError::Refused { message, .. })) if message.contains("guard")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_change_carries_its_annotation_version_and_field_manager_in_one_request() {
    let shelf = shelf();
    let (execution, planned) = intended(&shelf).await;
    let api = serving(&shelf);
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((done.state, done.generation_after, &done.message), (ExecutionState::Applied, Some(6), &None));
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].line, WRITE);
    assert_eq!(writes[0].body["metadata"]["resourceVersion"], "100");
    assert_eq!(writes[0].body["metadata"]["annotations"]["kubewright.io/execution"], "x-1");
    let mut expected = deployment()["spec"].clone();
    expected["template"]["spec"]["containers"][0]["image"] = json!("web:1");
    expected["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("256Mi");
    assert_eq!(
        writes[0].body["spec"], expected,
        "the revision's template without its hash; all else as it was"
    );
    assert_eq!(api.lines()[0], READ);
}

#[tokio::test]
async fn a_conflict_because_the_status_moved_is_tried_again() {
    let shelf = shelf();
    let (execution, planned) = intended(&shelf).await;
    let api = troubled(&shelf, |write, shelf, _| {
        if write == 1 {
            shelf.change(|live| live["status"]["replicas"] = json!(2));
        }
        None
    });
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((done.state, api.writes().len()), (ExecutionState::Applied, 2));
}

#[tokio::test]
async fn a_conflict_because_the_spec_moved_fails_and_leaves_the_other_change_alone() {
    let shelf = shelf();
    let (execution, planned) = intended(&shelf).await;
    let api = troubled(&shelf, |write, shelf, _| {
        if write == 1 {
            shelf.change(|live| live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3"));
        }
        None
    });
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((done.state, api.writes().len()), (ExecutionState::Failed, 1));
    assert!(done.message.unwrap().contains("generation 5, now 6"));
    assert_eq!(shelf.live()["spec"]["template"]["spec"]["containers"][0]["image"], "web:3");
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_only_once() {
    for server_error in [true, false] {
        let shelf = shelf();
        let (execution, planned) = intended(&shelf).await;
        let api = troubled(&shelf, move |write, shelf, call| {
            (write == 1).then(|| {
                shelf.answer(call);
                if server_error { refusal(504, "Timeout", "gave up") } else { Answer::Hang }
            })
        });
        let done = apply_at(&api.client, &execution, &planned, hurried()).await;
        assert_eq!((done.state, done.generation_after), (ExecutionState::Applied, Some(6)));
        assert_eq!(api.writes().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_never_answers_leaves_the_end_open() {
    let shelf = shelf();
    let (execution, planned) = intended(&shelf).await;
    let api = troubled(&shelf, |_, _, _| Some(Answer::Hang));
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((done.state, done.finished_at), (ExecutionState::Intended, None));
    assert!(done.message.unwrap().contains("not known yet"));
    let hung = Api::answering(|_| Answer::Hang);
    let asked = reconcile_at(&hung.client, &execution, &planned, hurried()).await;
    assert!(matches!(asked, Reconciled::Unknown(_)), "{asked:?}");
}

#[tokio::test]
async fn a_refusal_fails_at_once_with_the_servers_words() {
    let refusals = [
        (403, "Forbidden", "User \"x\" cannot update resource \"deployments\"", "grant \"update\""),
        (422, "Invalid", "spec.template: Invalid value", "Invalid value"),
    ];
    for (code, reason, message, told) in refusals {
        let shelf = shelf();
        let (execution, planned) = intended(&shelf).await;
        let api = troubled(&shelf, move |_, _, _| Some(refusal(code, reason, message)));
        let done = apply_at(&api.client, &execution, &planned, hurried()).await;
        assert_eq!((done.state, api.writes().len()), (ExecutionState::Failed, 1));
        assert!(done.message.as_ref().unwrap().contains(told), "{done:?}");
    }
}

#[tokio::test]
async fn after_a_crash_the_annotation_tells_whether_the_change_was_made() {
    let shelf = shelf();
    let (execution, planned) = intended(&shelf).await;
    let api = serving(&shelf);
    assert_eq!(reconcile_at(&api.client, &execution, &planned, hurried()).await, Reconciled::NotApplied);
    apply_at(&api.client, &execution, &planned, hurried()).await;
    shelf.change(|live| live["spec"]["replicas"] = json!(9));
    let Reconciled::AlreadyApplied(found) = reconcile_at(&api.client, &execution, &planned, hurried()).await
    else {
        panic!("the change is there")
    };
    assert_eq!((found.state, found.generation_after), (ExecutionState::Applied, Some(6)));
    let again = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((again.state, api.writes().len()), (ExecutionState::Applied, 1));
}

/// Serves one pod and its node; deletions and evictions succeed.
fn pods(pod: Option<Value>, ready: &'static str) -> Api {
    Api::answering(move |call| match (call.line.split(['?', ' ']).nth(1).unwrap_or_default(), &pod) {
        (path, _) if path.ends_with("/nodes/n1") => Answer::Json(200, node(ready)),
        (_, None) => refusal(404, "NotFound", "pods \"web-1\" not found"),
        (_, Some(pod)) if call.line.starts_with("GET") => Answer::Json(200, pod.clone()),
        _ => Answer::Json(201, json!({ "kind": "Status", "status": "Success" })),
    })
}

fn planned_deletion() -> PlannedAction {
    PlannedAction { target_uid: "p-1".to_owned(), target_generation: None, ..planned(delete_pod()) }
}

async fn deletion(ready: &'static str) -> (Execution, PlannedAction) {
    let draft = crate::remediate::Draft {
        hypothesis: String::new(),
        rationale: String::new(),
        actions: vec![delete_pod()],
        checks: Vec::new(),
    };
    let plan = preview(&pods(Some(pod()), ready).client, draft).await.unwrap();
    let planned = plan.actions.into_iter().next().unwrap();
    let execution = intend(&pods(Some(pod()), ready).client, &planned, "x-2", 1, 0, NOW).await.unwrap();
    (execution, planned)
}

#[tokio::test]
async fn a_pod_on_a_working_node_is_evicted_under_its_uid() {
    let (execution, planned) = deletion("True").await;
    let api = pods(Some(pod()), "True");
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!(done.state, ExecutionState::Applied);
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].line, "POST /api/v1/namespaces/shop/pods/web-1/eviction?&fieldManager=kubewright");
    assert_eq!(writes[0].body["deleteOptions"]["preconditions"]["uid"], "p-1");
}

#[tokio::test]
async fn a_pod_on_a_dead_node_is_force_deleted_and_the_plan_says_so() {
    let (execution, planned) = deletion("Unknown").await;
    assert!(planned.diff.contains("FORCE"), "{}", planned.diff);
    let api = pods(Some(pod()), "Unknown");
    assert_eq!(apply_at(&api.client, &execution, &planned, hurried()).await.state, ExecutionState::Applied);
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert!(writes[0].line.starts_with("DELETE /api/v1/namespaces/shop/pods/web-1"));
    assert_eq!(
        (&writes[0].body["gracePeriodSeconds"], &writes[0].body["preconditions"]["uid"]),
        (&json!(0), &json!("p-1"))
    );
}

#[tokio::test]
async fn a_planned_eviction_never_becomes_a_force_delete() {
    let (execution, planned) = deletion("True").await;
    let api = pods(Some(pod()), "False");
    let done = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!((done.state, api.writes()), (ExecutionState::Failed, Vec::new()));
    let outcome = intend(&api.client, &planned, "x-3", 1, 0, NOW).await;
    assert!(matches!(outcome, Err(ApplyError::Outdated { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_pod_that_is_gone_or_has_a_successor_counts_as_deleted() {
    let (execution, planned) = deletion("True").await;
    let mut successor = pod();
    successor["metadata"]["uid"] = json!("p-2");
    for there in [None, Some(successor)] {
        let api = pods(there, "True");
        let found = reconcile_at(&api.client, &execution, &planned, hurried()).await;
        assert!(matches!(found, Reconciled::AlreadyApplied(_)), "{found:?}");
        let journaled = intend(&api.client, &planned, "x-3", 1, 0, NOW).await.unwrap();
        assert_eq!((journaled.state, &journaled.diff), (ExecutionState::Intended, &planned.diff));
        assert_eq!(
            apply_at(&api.client, &execution, &planned, hurried()).await.state,
            ExecutionState::Applied
        );
        assert_eq!(api.writes(), []);
    }
    let there = reconcile_at(&pods(Some(pod()), "True").client, &execution, &planned, hurried()).await;
    assert_eq!(there, Reconciled::NotApplied);
}

#[tokio::test]
async fn a_disruption_budget_that_forbids_the_eviction_fails_with_its_words() {
    let (execution, _) = deletion("True").await;
    let api = Api::answering(|call| match call.line.as_str() {
        line if line.contains("/nodes/") => Answer::Json(200, node("True")),
        line if line.starts_with("GET") => Answer::Json(200, pod()),
        _ => refusal(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        ),
    });
    let done = apply_at(&api.client, &execution, &planned_deletion(), hurried()).await;
    assert_eq!(done.state, ExecutionState::Failed);
    assert!(done.message.unwrap().contains("disruption budget"));
}
