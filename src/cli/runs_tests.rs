use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{kind, list, show, state};
use crate::agents::runs::{RunCall, RunResult, RunSaid, RunSpeaker};
use crate::http::RunDetail;
use crate::incident::IncidentId;
use crate::store::{RunId, RunKind, RunPage, RunState, RunSummary};

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn run() -> RunSummary {
    RunSummary {
        id: RunId::from_text("run-7h2kq0m4x9ta"),
        kind: RunKind::Investigation,
        agent: "diagnostic".to_owned(),
        state: RunState::Finished,
        incident: Some(IncidentId::from_text("inc-0000q0m4x9ta")),
        conversation: None,
        parent: Some(RunId::from_text("run-1111q0m4x9ta")),
        cycle: 1,
        question: "What failed first, and why?".to_owned(),
        prompt: "00ff00ff00ff00ff".to_owned(),
        models: vec!["main".to_owned()],
        tools: BTreeMap::from([("kubernetes_logs".to_owned(), 2)]),
        outcome: Some("checkout has a wrong image.\u{1b}[2J".to_owned()),
        turns: 3,
        input_tokens: 12_345,
        output_tokens: 678,
        cost: 0.021_34,
        took_ms: 12_400,
        messages: 5,
        messages_dropped: 0,
        started_at: at("03:12:00"),
        updated_at: at("03:12:12"),
        finished_at: Some(at("03:12:12")),
    }
}

fn said(seq: u32, by: RunSpeaker) -> RunSaid {
    let (text, thoughts) = (String::new(), String::new());
    RunSaid { seq, at: at("03:12:04"), by, text, thoughts, calls: Vec::new(), results: Vec::new() }
}

fn call(tool: &str, arguments: &str) -> RunCall {
    RunCall { id: "c1".to_owned(), tool: tool.to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn a_run_is_readable_at_three_in_the_morning() {
    let result = RunResult {
        id: "c1".to_owned(),
        tool: "kubernetes_logs".to_owned(),
        ok: true,
        took_ms: Some(120),
        summary: "panic: no such table".to_owned(),
        evidence: vec!["E12".to_owned()],
        text: "a long text".to_owned(),
    };
    let failed =
        RunResult { ok: false, evidence: Vec::new(), summary: "not found".to_owned(), ..result.clone() };
    let messages = vec![
        RunSaid { text: "the whole prompt".to_owned(), ..said(1, RunSpeaker::User) },
        RunSaid {
            text: "I will look at the logs.".to_owned(),
            calls: vec![call("kubernetes_logs", "{\"pod\":\"checkout-1\"}")],
            ..said(2, RunSpeaker::Model)
        },
        RunSaid { results: vec![result, failed], ..said(3, RunSpeaker::Tools) },
        RunSaid { calls: vec![call("submit", "{\"summary\":\"…\"}")], ..said(4, RunSpeaker::Model) },
    ];
    insta::assert_snapshot!(
        anstream::adapter::strip_str(&show(&RunDetail { run: run(), messages })).to_string()
    );
}

#[test]
fn a_list_shows_what_each_run_brought_and_cost() {
    let failed = RunSummary {
        id: RunId::from_text("run-2222q0m4x9ta"),
        state: RunState::Interrupted,
        incident: None,
        kind: RunKind::Wordings,
        outcome: None,
        ..run()
    };
    let page = RunPage { runs: vec![run(), failed], next_cursor: Some("abc".to_owned()) };
    insta::assert_snapshot!(list(&page, at("03:20:00")));
    assert_eq!(list(&RunPage { runs: Vec::new(), next_cursor: None }, at("03:20:00")), "No runs.\n");
}

#[test]
fn states_and_kinds_are_told_where_a_name_is_none() {
    assert_eq!(state("interrupted"), Ok(RunState::Interrupted));
    assert!(state("sleeping").unwrap_err().contains("cancelled"));
    assert!(kind("sleeping").unwrap_err().contains("wordings"));
}
