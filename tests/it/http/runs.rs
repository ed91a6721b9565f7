//! Runs of agents: list and show.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubewright::store::{
    KeptRun, MessageDetail, RunId, RunKind, RunMessage, RunState, RunSummary, ToolRecord,
};
use serde_json::{Value, json};

use super::stage::Stage;

/// Keeps a run of `agent` about an incident and returns its name.
pub(crate) async fn keep(stage: &Stage, agent: &str, state: RunState) -> RunId {
    let incident = stage.crash().await;
    let now = Timestamp::now();
    let summary = RunSummary {
        id: RunId::random(),
        kind: RunKind::Investigation,
        agent: agent.to_owned(),
        state,
        incident: Some(incident),
        conversation: None,
        parent: None,
        cycle: 1,
        question: "What failed first?".to_owned(),
        prompt: "00ff00ff00ff00ff".to_owned(),
        models: vec!["main".to_owned()],
        tools: BTreeMap::from([("kubernetes_logs".to_owned(), 1)]),
        outcome: Some("checkout has a wrong image.".to_owned()),
        turns: 2,
        input_tokens: 1_200,
        output_tokens: 34,
        cost: 0.25,
        took_ms: 1_500,
        messages: 3,
        messages_dropped: 0,
        started_at: now,
        updated_at: now,
        finished_at: Some(now),
    };
    let id = summary.id.clone();
    let run = KeptRun {
        summary,
        step: None,
        task: String::new(),
        repairs: 0,
        memory: json!({"marker": "0123456789abcdef0123456789abcdef"}),
        ground: None,
    };
    stage.store.keep_run(&run, &messages(now)).await.unwrap();
    id
}

/// A prompt, a call, and its answer.
fn messages(now: Timestamp) -> Vec<RunMessage> {
    let call = json!({"type": "toolcall", "id": {"provider": "c1"},
        "function": {"name": "kubernetes_logs", "arguments": {"pod": "checkout-1"}}});
    let result = json!({"type": "toolresult", "call": {"provider": "c1"}, "name": "kubernetes_logs", "is_error": false,
        "content": [{"type": "text", "text": "<<<untrusted 0123456789abcdef0123456789abcdef kubernetes_logs>>>\npanic by <email:1>"}]});
    let record = ToolRecord {
        id: "c1".to_owned(),
        tool: "kubernetes_logs".to_owned(),
        arguments: "{\"pod\":\"checkout-1\"}".to_owned(),
        ok: true,
        took_ms: 12,
        summary: "panic by <email:1>".to_owned(),
        evidence: vec!["E7".to_owned()],
    };
    let bodies = [
        json!({"role": "user", "content": [{"type": "text", "text": "You are a diagnostician."}]}),
        json!({"role": "assistant", "content": [call]}),
        json!({"role": "user", "content": [result]}),
    ];
    (1..)
        .zip(bodies)
        .map(|(seq, body)| {
            let calls = if seq == 3 { vec![record.clone()] } else { Vec::new() };
            RunMessage { seq, at: now, body, detail: MessageDetail { calls, seen: Vec::new() } }
        })
        .collect()
}

#[tokio::test]
async fn runs_are_listed_and_chosen_as_incidents_are() {
    let stage = Stage::new().await;
    let first = keep(&stage, "diagnostic", RunState::Finished).await;
    let second = keep(&stage, "judge", RunState::Failed).await;
    let page = stage.get("/api/v1/runs?limit=1").await.json();
    assert_eq!(page["runs"][0]["id"], second.as_str());
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = stage.get(&format!("/api/v1/runs?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&next["runs"][0]["id"], next.get("next_cursor")), (&json!(first.as_str()), None));
    let incident = page["runs"][0]["incident"].as_str().unwrap().to_owned();
    let count = async |query: String| {
        stage.get(&format!("/api/v1/runs?{query}")).await.json()["runs"].as_array().unwrap().len()
    };
    assert_eq!(
        count(format!("incident={}&agent=judge&state=failed&kind=investigation", &incident[..8])).await,
        1
    );
    for none in ["agent=nobody", "state=running", "kind=chat", "conversation=cnv-none"] {
        assert_eq!(count(none.to_owned()).await, 0, "{none}");
    }
}

#[tokio::test]
async fn a_run_is_shown_with_what_was_said_and_called() {
    let stage = Stage::new().await;
    let id = keep(&stage, "diagnostic", RunState::Finished).await;
    let shown = stage.get(&format!("/api/v1/runs/{}", &id.as_str()[4..10])).await.json();
    assert_eq!((&shown["run"]["id"], &shown["run"]["cost"]), (&json!(id.as_str()), &json!(0.25)));
    let [asked, called, answered] = shown["messages"].as_array().unwrap().as_slice() else {
        panic!("{shown:#}")
    };
    assert_eq!((&asked["by"], &asked["text"]), (&json!("user"), &json!("You are a diagnostician.")));
    assert_eq!(called["calls"][0]["arguments"], "{\"pod\":\"checkout-1\"}");
    let result = &answered["results"][0];
    assert_eq!(
        (&result["took_ms"], &result["evidence"], &result["ok"]),
        (&json!(12), &json!(["E7"]), &json!(true))
    );
    assert_eq!(result["text"], "<<<untrusted kubernetes_logs>>>\npanic by <email:1>");
    assert!(!shown.to_string().contains("0123456789abcdef"), "nobody learns the marker");
}

#[tokio::test]
async fn what_is_no_run_and_no_filter_is_refused() {
    let stage = Stage::new().await;
    keep(&stage, "diagnostic", RunState::Finished).await;
    keep(&stage, "judge", RunState::Finished).await;
    let refused: [(&str, (u16, &str)); 8] = [
        ("/api/v1/runs/run-none", (404, "not_found")),
        ("/api/v1/runs/run-", (400, "ambiguous_id")),
        ("/api/v1/runs/%00", (404, "not_found")),
        ("/api/v1/runs?state=sleeping", (400, "bad_query")),
        ("/api/v1/runs?colour=red", (400, "bad_query")),
        ("/api/v1/runs?limit=201", (400, "bad_query")),
        ("/api/v1/runs?cursor=zz", (400, "bad_cursor")),
        ("/api/v1/runs?incident=inc-none", (404, "not_found")),
    ];
    for (path, (status, code)) in refused {
        assert_eq!(stage.get(path).await.error(), (status, code.to_owned()), "{path}");
    }
    let locked = Stage::with_token("t").await;
    for path in ["/api/v1/runs", "/api/v1/runs/run-x"] {
        assert_eq!(locked.get(path).await.error().0, 401, "{path}");
    }
    let document: Value = stage.get("/openapi.json").await.json();
    assert!(document["paths"]["/api/v1/runs/{id}"]["get"]["operationId"] == "show_run");
}
