//! Runs are kept turn by turn, found by what they are about, and removed when they are old or too many.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use kubewright::incident::{Evidence, EvidenceId, EvidenceSource, IncidentId, ObjectRef, Score};
use kubewright::store::{
    Conversation, ConversationId, KeptRun, MessageDetail, RunFilter, RunId, RunKind, RunMessage,
    RunRetention, RunState, RunSummary, Store, StoreError, Tidied, ToolRecord,
};
use serde_json::json;

use super::site::Site;

/// As exact as it is stored.
fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

fn run(agent: &str, minutes: i64) -> KeptRun {
    let at = now() - 1.hour() + minutes.minutes();
    let summary = RunSummary {
        id: RunId::random(),
        kind: RunKind::Investigation,
        agent: agent.to_owned(),
        state: RunState::Running,
        incident: Some(IncidentId::from_text("inc-a")),
        conversation: None,
        parent: Some(RunId::random()),
        cycle: 2,
        question: "why?\n\u{1f600}".to_owned(),
        prompt: "00ff".to_owned(),
        models: Vec::new(),
        tools: BTreeMap::new(),
        outcome: None,
        turns: 0,
        input_tokens: 0,
        output_tokens: 0,
        cost: 0.0,
        took_ms: 0,
        messages: 1,
        messages_dropped: 0,
        started_at: at,
        updated_at: at,
        finished_at: None,
    };
    KeptRun {
        summary,
        step: Some("inc-a/investigation/1.0.0".to_owned()),
        task: format!("task of {agent}"),
        repairs: 1,
        memory: json!({"marker": "m"}),
        ground: Some(json!({"evidence": [1, "\0"]})),
    }
}

fn message(seq: u32, text: &str) -> RunMessage {
    RunMessage {
        seq,
        at: now(),
        body: json!({"role": "user", "content": text}),
        detail: MessageDetail::default(),
    }
}

fn with_a_result(seq: u32) -> RunMessage {
    let call = ToolRecord {
        id: "c1".to_owned(),
        tool: "kubernetes_logs".to_owned(),
        arguments: "{\"pod\": \"a\\u0000\"}".to_owned(),
        ok: true,
        took_ms: u64::MAX,
        summary: "it ends".to_owned(),
        evidence: vec!["E3".to_owned()],
    };
    let seen = Evidence {
        id: EvidenceId(3),
        source: EvidenceSource::Log,
        code: "agent.observation".to_owned(),
        object: ObjectRef::new("Pod", "shop", "a"),
        statement: "It ends.".to_owned(),
        strength: Score::new(0.5),
        at: now(),
        fields: BTreeMap::new(),
    };
    RunMessage { detail: MessageDetail { calls: vec![call], seen: vec![seen] }, ..message(seq, "result\0") }
}

/// The same run after a turn more.
fn later(run: &KeptRun) -> KeptRun {
    let summary = RunSummary {
        state: RunState::Finished,
        models: vec!["main".to_owned()],
        tools: BTreeMap::from([("kubernetes_logs".to_owned(), 2)]),
        outcome: Some("It is DNS.".to_owned()),
        turns: 2,
        input_tokens: 1_000_000,
        output_tokens: 7,
        cost: 1.234_567,
        took_ms: 1_500,
        messages: 3,
        updated_at: run.summary.updated_at + 1.minute(),
        finished_at: Some(run.summary.updated_at + 1.minute()),
        ..run.summary.clone()
    };
    KeptRun { summary, repairs: 2, memory: json!({"marker": "m", "numbers": {"email": 2}}), ..run.clone() }
}

async fn ids(store: &Store, filter: &RunFilter) -> Vec<RunId> {
    store.runs(filter, None, 50).await.unwrap().runs.into_iter().map(|run| run.id).collect()
}

pub(crate) async fn a_run_is_there_after_a_restart_as_it_was_last_written(site: &Site) {
    let store = site.open().await;
    let begun = run("diagnostic", 0);
    store.keep_run(&begun, &[message(1, "prompt")]).await.unwrap();
    let ended = later(&begun);
    let ended_without_ground = KeptRun { ground: None, ..ended.clone() };
    let said = [message(2, "I look"), with_a_result(3)];
    store.keep_run(&ended_without_ground, &said).await.unwrap();
    // Whoever does not know whether it was written writes again.
    store.keep_run(&ended_without_ground, &[message(2, "something else")]).await.unwrap();
    store.close().await;

    let store = site.open().await;
    assert_eq!(store.run(&begun.summary.id).await.unwrap(), Some(ended.summary.clone()));
    let messages = store.run_messages(&begun.summary.id).await.unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1..], said);
    let of_step = store.runs_of_step("inc-a/investigation/1.0.0").await.unwrap();
    assert_eq!(of_step, [(ended, messages)], "what the step began with stays");
    assert_eq!(store.runs_of_step("inc-a/investigation/2.0.0").await.unwrap(), []);
}

pub(crate) async fn runs_are_listed_newest_first_and_chosen_by_what_they_are(site: &Site) {
    let store = site.open().await;
    let mut all: Vec<KeptRun> = (0..5).map(|minutes| run("diagnostic", minutes)).collect();
    // Two of the same moment: pages must neither lose nor repeat one.
    all[3].summary.started_at = all[4].summary.started_at;
    all[0].summary.agent = "judge".to_owned();
    all[1].summary.state = RunState::Failed;
    all[2].summary.incident = Some(IncidentId::from_text("inc-b"));
    all[2].summary.kind = RunKind::Lesson;
    for one in &all {
        store.keep_run(one, &[]).await.unwrap();
    }
    let id = |at: usize| all[at].summary.id.clone();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.runs(&RunFilter::default(), cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.runs.into_iter().map(|one| one.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut pair = [id(3), id(4)];
    pair.sort_by(|a, b| b.cmp(a));
    let [first, second] = pair;
    assert_eq!(seen, [first, second, id(2), id(1), id(0)]);
    let filter = |agent: Option<&str>, state, incident: Option<&str>, kind| RunFilter {
        agent: agent.map(str::to_owned),
        state,
        incident: incident.map(IncidentId::from_text),
        kind,
        conversation: None,
    };
    assert_eq!(ids(&store, &filter(Some("judge"), None, None, None)).await, [id(0)]);
    assert_eq!(ids(&store, &filter(None, Some(RunState::Failed), None, None)).await, [id(1)]);
    assert_eq!(ids(&store, &filter(None, None, Some("inc-b"), Some(RunKind::Lesson))).await, [id(2)]);
    assert_eq!(ids(&store, &filter(Some("judge"), None, Some("inc-b"), None)).await, []);
    let none = store.runs(&RunFilter::default(), Some("zz"), 2).await;
    assert!(matches!(none, Err(StoreError::Cursor)));
}

pub(crate) async fn a_beginning_of_a_runs_identifier_is_enough(site: &Site) {
    let store = site.open().await;
    let (one, other) = (run("diagnostic", 0), run("judge", 1));
    store.keep_run(&one, &[]).await.unwrap();
    store.keep_run(&other, &[]).await.unwrap();
    let whole = one.summary.id.as_str().to_owned();
    assert_eq!(store.find_runs(&whole).await.unwrap(), std::slice::from_ref(&one.summary.id));
    let found = store.find_runs(&whole.replace("run-", " ").to_uppercase()).await.unwrap();
    assert_eq!(found, [one.summary.id]);
    assert_eq!(store.find_runs("run-").await.unwrap().len(), 2);
    for none in ["", "run-!", "\0'; --"] {
        assert_eq!(store.find_runs(none).await.unwrap(), [], "{none}");
    }
}

pub(crate) async fn a_run_goes_with_its_conversation(site: &Site) {
    let store = site.open().await;
    let conversation = Conversation {
        id: ConversationId::random(),
        title: "why?".to_owned(),
        agent: "orchestrator".to_owned(),
        incident: None,
        cluster: None,
        namespaces: Vec::new(),
        messages: 0,
        started_at: now(),
        updated_at: now(),
    };
    store.begin_conversation(&conversation).await.unwrap();
    let mut chat = run("orchestrator", 0);
    chat.summary.conversation = Some(conversation.id.clone());
    let other = run("orchestrator", 1);
    store.keep_run(&chat, &[message(1, "a")]).await.unwrap();
    store.keep_run(&other, &[message(1, "b")]).await.unwrap();
    let of = RunFilter { conversation: Some(conversation.id.clone()), ..RunFilter::default() };
    assert_eq!(ids(&store, &of).await, [chat.summary.id.clone()]);
    assert!(store.remove_conversation(&conversation.id).await.unwrap());
    assert_eq!(ids(&store, &RunFilter::default()).await, [other.summary.id]);
    assert_eq!(store.run_messages(&chat.summary.id).await.unwrap(), []);
    assert!(store.keep_run(&chat, &[]).await.is_err(), "what was removed does not come back");
}

pub(crate) async fn old_runs_and_those_beyond_the_count_are_removed_but_never_one_at_work(site: &Site) {
    let store = site.open().await;
    let mut all: Vec<KeptRun> = (0..6).map(|minutes| run("diagnostic", minutes)).collect();
    for one in &mut all[1..] {
        one.summary.state = RunState::Finished;
    }
    for one in &all {
        store.keep_run(one, &[message(1, "a")]).await.unwrap();
    }
    let id = |at: usize| all[at].summary.id.clone();
    let long_ago = now() - 24.hours();
    let generous = RunRetention { since: long_ago, most: 100, alive_since: long_ago };
    assert_eq!(store.tidy_runs(generous).await.unwrap(), Tidied::default());

    let since = all[2].summary.updated_at;
    let tidied = store.tidy_runs(RunRetention { since, ..generous }).await.unwrap();
    assert_eq!(tidied, Tidied { removed: 1, interrupted: 0 });
    assert_eq!(ids(&store, &RunFilter::default()).await, [id(5), id(4), id(3), id(2), id(0)]);

    let tidied = store.tidy_runs(RunRetention { most: 2, ..generous }).await.unwrap();
    assert_eq!(tidied, Tidied { removed: 2, interrupted: 0 });
    assert_eq!(ids(&store, &RunFilter::default()).await, [id(5), id(4), id(0)]);
    assert_eq!(store.run_messages(&id(2)).await.unwrap(), []);

    // The first one has been silent for longer than a run may take.
    let tidied = store.tidy_runs(RunRetention { alive_since: since, ..generous }).await.unwrap();
    assert_eq!(tidied, Tidied { removed: 0, interrupted: 1 });
    assert_eq!(store.run(&id(0)).await.unwrap().unwrap().state, RunState::Interrupted);
}
