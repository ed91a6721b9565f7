use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::agents::tools::{Access, MOST_BYTES, Proposals, sources};
use crate::observe::Observer;
use crate::recall::Recall;
use crate::settings::{ClusterApi, ClusterSettings, ObserveSettings, StoreSettings};
use crate::store::Store;

/// Does what its argument `do` says.
struct Trained(&'static str);

impl Tool for Trained {
    fn name(&self) -> &str {
        self.0
    }

    fn description(&self) -> &str {
        self.0
    }

    fn schema(&self) -> Value {
        json!({"type": "object"})
    }

    fn call<'a>(
        &'a self,
        given: Value,
        _context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        assert_ne!(given["do"], "panic at once", "as it was told");
        Box::pin(async move {
            match given["do"].as_str() {
                Some("panic") => panic!("as it was told"),
                Some("hang") => std::future::pending().await,
                Some("babble") => Ok(ToolOutput { text: "é".repeat(MOST_BYTES), ..ToolOutput::default() }),
                _ => Ok(ToolOutput { text: format!("{}{given}", self.0), ..ToolOutput::default() }),
            }
        })
    }
}

fn tools() -> Tools {
    Tools::new([Arc::new(Trained("a")) as Arc<dyn Tool>, Arc::new(Trained("b"))])
}

/// A context whose cluster nobody asks.
async fn context(folder: &TempDir) -> ToolContext {
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url("http://127.0.0.1:9".parse().unwrap()),
        environment: "test".to_owned(),
        prometheus: None,
        loki: None,
    };
    let settings = ObserveSettings {
        collector_deadline: Duration::from_secs(1),
        max_log_bytes: 1024,
        max_log_containers: 1,
        max_objects_per_kind: 10,
        change_window: Duration::from_secs(3600),
        ..ObserveSettings::default()
    };
    let url = format!("sqlite://{}", folder.path().join("kubewright.db").display());
    ToolContext {
        observer: Observer::connect(&cluster, &settings).await.unwrap(),
        access: Access::Everything,
        rules: Arc::default(),
        recall: Recall::new(None).await,
        store: Store::open(&StoreSettings { url: url.into() }).await.unwrap(),
        incident: None,
        now: Timestamp::now(),
        cancel: CancellationToken::new(),
        proposals: Proposals::default(),
        keeps: None,
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_answered_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    let context = context(&folder).await;
    let only = tools().subset(&["b", "c"]);
    for name in ["a", "c", "kubectl delete", ""] {
        let refusal = only.call(name, json!({}), &context).await.unwrap_err().to_string();
        assert!(refusal.ends_with("there are b"), "{refusal}");
    }
    assert_eq!(only.names().collect::<Vec<_>>(), ["b"]);
    assert_eq!(only.definitions().len(), 1);
}

#[tokio::test]
async fn arguments_are_an_object_also_where_they_come_as_text() {
    let folder = TempDir::new().unwrap();
    let context = context(&folder).await;
    let twice = Value::String(Value::String(r#"{"x":1}"#.to_owned()).to_string());
    for (given, expected) in [
        (json!({"x": 1}), r#"a{"x":1}"#),
        (json!(r#" {"x":1} "#), r#"a{"x":1}"#),
        (twice, r#"a{"x":1}"#),
        (json!(null), "a{}"),
        (json!(""), "a{}"),
    ] {
        assert_eq!(tools().call("a", given, &context).await.unwrap().text, expected);
    }
    for garbage in [
        json!([]),
        json!(7),
        json!("{x"),
        json!("[1]"),
        json!("x".repeat(70_000)),
        json!("\"\\\"\\\\\\\"{}\\\\\\\"\\\"\""),
    ] {
        let refusal = tools().call("a", garbage.clone(), &context).await;
        assert!(matches!(refusal, Err(ToolError::Arguments(_))), "{garbage:.60}: {refusal:?}");
    }
}

#[tokio::test]
async fn a_panic_ends_nothing_but_the_call() {
    let folder = TempDir::new().unwrap();
    let context = context(&folder).await;
    for when in ["panic", "panic at once"] {
        let refusal = tools().call("a", json!({"do": when}), &context).await;
        assert!(matches!(refusal, Err(ToolError::Unavailable(_))), "{refusal:?}");
    }
    assert!(tools().call("a", json!({}), &context).await.is_ok());
}

#[tokio::test]
async fn a_call_that_hangs_ends_at_its_deadline_or_with_the_run() {
    let folder = TempDir::new().unwrap();
    let context = context(&folder).await;
    let hasty = Tools { deadline: Duration::from_millis(20), ..tools() };
    let late = hasty.call("a", json!({"do": "hang"}), &context).await.unwrap_err().to_string();
    assert!(late.contains("no answer within 0.02 s"), "{late}");
    let patient = tools();
    let hanging = patient.call("a", json!({"do": "hang"}), &context);
    context.cancel.cancel();
    let stopped = hanging.await.unwrap_err().to_string();
    assert!(stopped.contains("stopped"), "{stopped}");
}

#[tokio::test]
async fn an_answer_that_a_tool_forgot_to_bound_is_bounded() {
    let folder = TempDir::new().unwrap();
    let output = tools().call("a", json!({"do": "babble"}), &context(&folder).await).await.unwrap();
    assert!(output.text.len() <= MOST_BYTES && output.cut.is_some(), "{}", output.text.len());
}

#[test]
fn a_second_tool_cannot_take_the_place_of_the_first() {
    struct Impostor(AtomicBool);
    impl Tool for Impostor {
        fn name(&self) -> &'static str {
            "a"
        }
        fn description(&self) -> &'static str {
            self.0.store(true, Ordering::SeqCst);
            "impostor"
        }
        fn schema(&self) -> Value {
            Value::Null
        }
        fn call<'a>(&'a self, _: Value, _: &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
            Box::pin(async { Ok(ToolOutput::default()) })
        }
    }
    let impostor: Arc<dyn Tool> = Arc::new(Impostor(AtomicBool::new(false)));
    let tools = Tools::new([Arc::new(Trained("a")) as Arc<dyn Tool>, impostor]);
    assert_eq!(tools.definitions()[0].description, "a");
}

#[tokio::test]
async fn calls_are_counted_by_tool_and_outcome_and_unknown_names_are_no_label() {
    let recorder = crate::telemetry::metrics::recorder().unwrap();
    let handle = recorder.handle();
    let folder = TempDir::new().unwrap();
    let context = context(&folder).await;
    let _recording = ::metrics::set_default_local_recorder(&recorder);
    tools().call("a", json!({}), &context).await.unwrap();
    tools().call("a", json!(7), &context).await.unwrap_err();
    tools().call("made up", json!({}), &context).await.unwrap_err();
    let page = handle.render();
    for line in [
        r#"kubewright_agent_tool_calls_total{tool="a",outcome="ok"} 1"#,
        r#"kubewright_agent_tool_calls_total{tool="a",outcome="arguments"} 1"#,
        r#"kubewright_agent_tool_calls_total{tool="unknown",outcome="not_found"} 1"#,
        r#"kubewright_agent_tool_duration_seconds_count{tool="a"} 2"#,
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains("made up"));
}

#[test]
fn every_source_has_a_name_of_its_own() {
    let names: Vec<String> = sources().iter().map(|tool| tool.name().to_owned()).collect();
    assert_eq!(Tools::new(sources()).names().count(), names.len(), "{names:?}");
}
