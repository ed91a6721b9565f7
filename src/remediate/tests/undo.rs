//! Undoing.

use serde_json::{Value, json};

use super::api::{Answer, Api, Shelf, hurried};
use super::world::{NOW, deployment, planned, revisions, roll_back};
use crate::incident::{Action, Execution, ExecutionState};
use crate::remediate::apply::apply_at;
use crate::remediate::intend;
use crate::remediate::rollback::undo_at;

fn serving(shelf: &Shelf) -> Api {
    let shelf = shelf.clone();
    Api::answering(move |call| shelf.answer(call))
}

async fn applied(action: Action) -> (Shelf, Execution) {
    let shelf = Shelf::with(deployment()).listing("/replicasets", &revisions());
    let (api, planned) = (serving(&shelf), planned(action));
    let execution = intend(&api.client, &planned, "x-1", 1, 0, NOW).await.unwrap();
    let execution = apply_at(&api.client, &execution, &planned, hurried()).await;
    assert_eq!(execution.state, ExecutionState::Applied);
    (shelf, execution)
}

fn set_image(live: &mut Value) {
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:9");
}

#[tokio::test]
async fn undo_puts_the_former_spec_back_and_repeating_it_changes_nothing() {
    let (shelf, execution) = applied(roll_back()).await;
    let api = serving(&shelf);
    for _ in 0..2 {
        let done = undo_at(&api.client, &execution, NOW, hurried()).await;
        assert_eq!((done.state, done.finished_at), (ExecutionState::RolledBack, Some(NOW)));
    }
    assert_eq!(shelf.live()["spec"], deployment()["spec"]);
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].body["metadata"]["annotations"]["kubewright.io/undo"], "x-1");
    assert_eq!(writes[0].body["metadata"]["resourceVersion"], "101");
}

#[tokio::test]
async fn undo_is_refused_once_somebody_else_has_changed_the_object() {
    let (shelf, execution) = applied(roll_back()).await;
    shelf.change(set_image);
    let api = serving(&shelf);
    let done = undo_at(&api.client, &execution, NOW, hurried()).await;
    assert_eq!((done.state, api.writes()), (ExecutionState::RollbackFailed, Vec::new()));
    assert!(done.message.unwrap().contains("somebody else"));
}

#[tokio::test]
async fn an_autoscaler_that_moved_the_replicas_does_not_keep_a_template_from_going_back() {
    let (shelf, execution) = applied(roll_back()).await;
    shelf.change(|live| live["spec"]["replicas"] = json!(8));
    let done = undo_at(&serving(&shelf).client, &execution, NOW, hurried()).await;
    assert_eq!(done.state, ExecutionState::RolledBack);
    assert_eq!(
        (&shelf.live()["spec"]["replicas"], &shelf.live()["spec"]["template"]),
        (&json!(8), &deployment()["spec"]["template"])
    );
}

#[tokio::test]
async fn a_restart_has_nothing_to_undo() {
    let (shelf, execution) = applied(Action::RestartWorkload { workload: super::world::web() }).await;
    let before = shelf.live();
    let done = undo_at(&serving(&shelf).client, &execution, NOW, hurried()).await;
    assert_eq!((done.state, done.message.as_deref()), (ExecutionState::RolledBack, Some("nothing to undo")));
    assert_eq!(shelf.live(), before);
}

#[tokio::test]
async fn an_undo_that_reaches_nobody_stays_open() {
    let (_, execution) = applied(roll_back()).await;
    let api = Api::answering(|_| Answer::Hang);
    let done = undo_at(&api.client, &execution, NOW, hurried()).await;
    assert_eq!(done.state, ExecutionState::Applied);
    assert!(done.message.unwrap().contains("not undone yet"));
}

#[tokio::test]
async fn a_journal_entry_that_cannot_be_read_fails_instead_of_guessing() {
    let (shelf, mut execution) = applied(roll_back()).await;
    execution.prior = json!({ "replaced": "everything" });
    let done = undo_at(&serving(&shelf).client, &execution, NOW, hurried()).await;
    assert_eq!(done.state, ExecutionState::RollbackFailed);
}
