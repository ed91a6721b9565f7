//! Conversations that are longer than what the model can read: nothing is dropped without a word, and what was taken out can
//! be read again.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use kubewright::agents::chat::{ChatAnswer, ChatError, ChatMessage, ChatTurn, Role};
use kubewright::agents::progress::Progress;
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
use tokio_util::sync::CancellationToken;

/// Answers 12 KB, and says which part of the log it is.
struct Log;

impl Tool for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn description(&self) -> &'static str {
        "Reads a part of a log. It is long."
    }

    fn schema(&self) -> Value {
        json!({"type": "object", "properties": {"part": {"type": "integer"}}, "additionalProperties": false})
    }

    fn call<'a>(&'a self, given: Value, _: &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let part = &given["part"];
            let line = |n: usize| match n {
                150 => format!("part {part} needle token=hunter2hunter2hunter2 the disk is full\n"),
                n => format!("part {part} line {n}: all is quiet, nothing to see, go on reading\n"),
            };
            Ok(ToolOutput::bounded((1..=200).map(line).collect(), "no more"))
        })
    }
}

struct Stage {
    agents: Agents,
    _folder: TempDir,
}

/// Agents with these models, each `(name, context_tokens, url)`.
async fn stage(models: &[(&str, u64, String)], more: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"nowhere\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    let settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
    let models: String = models
        .iter()
        .map(|(name, context, url)| {
            format!(
                "[providers.{name}]\nkind = \"openai_compatible\"\nurl = \"{url}\"\n[models.{name}]\n\
                 provider = \"{name}\"\nmodel = \"{name}\"\ncontext_tokens = {context}\n"
            )
        })
        .collect();
    let agents = format!("{models}[agents.orchestrator]\ntools = [\"log\"]\n{more}");
    let clusters = Clusters::connect(&settings).await.unwrap();
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
        more_tools: vec![(Arc::new(Log) as Arc<dyn Tool>).into()],
    });
    Stage { agents: agents.unwrap(), _folder: folder }
}

async fn talk(stage: &Stage, messages: Vec<(Role, String)>) -> Result<ChatAnswer, ChatError> {
    let messages = messages.into_iter().map(|(role, text)| ChatMessage::new(role, text)).collect();
    let turn = ChatTurn {
        agent: "orchestrator".to_owned(),
        messages,
        about: None,
        conversation: None,
        cluster: None,
        access: Access::Everything,
        stop: Vec::new(),
        max_tokens: None,
        temperature: None,
        progress: Progress::none(),
        cancel: CancellationToken::new(),
    };
    stage.agents.talk(turn).await
}

fn question() -> Vec<(Role, String)> {
    vec![(Role::User, "why is checkout slow?".to_owned())]
}

/// About how many tokens a request has.
fn tokens(body: &Value) -> usize {
    let part = |name: &str| body.get(name).map_or(0, |part| part.to_string().len());
    (part("messages") + part("tools")).div_ceil(4)
}

/// A model that refuses what is longer than its window, by OpenAI's words, and else replies as `decide` says.
async fn small(window: usize, decide: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> ScriptedModel {
    ScriptedModel::obedient(move |body| {
        if tokens(body) > window {
            let message = format!("This model's maximum context length is {window} tokens.");
            return Reply::Fail(Fault::Status { status: 400, retry_after: None, message });
        }
        decide(&Asked::new(body))
    })
    .await
    .unwrap()
}

/// Reads so many parts of the log, one after the other, then looks into the first once more, then answers.
fn reads(parts: usize) -> impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static {
    move |asked| {
        let results = asked.results();
        if results.len() < parts {
            return Reply::call("log", json!({"part": results.len()}));
        }
        if results.len() == parts {
            let named = results.first().and_then(|first| first.split_once("id \"")).map(|(_, rest)| rest);
            let id = named.and_then(|rest| rest.split('"').next()).unwrap_or("none");
            return Reply::call("earlier_result", json!({"id": id, "grep": "NEEDLE"}));
        }
        Reply::say(results.last().cloned().unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_answers_of_tools_leave_the_conversation_and_can_be_read_again() {
    let model = small(12_000, reads(6)).await;
    let stage = stage(&[("main", 12_000, model.url())], "").await;
    let answer = talk(&stage, question()).await.unwrap();
    let requests = model.requests();
    assert_eq!(requests.len(), 8);
    let fullest = requests.iter().map(|request| tokens(&request.body)).max().unwrap();
    assert!((6_000..=12_000).contains(&fullest), "used, and never more than there is: {fullest}");
    assert!(
        answer.text.contains("part 0 needle") && answer.text.contains("the disk is full"),
        "{}",
        answer.text
    );
    let last = Asked::new(&requests[6].body);
    let first = &last.results()[0];
    assert!(first.starts_with("[Taken out of the conversation to save room: 200 lines"), "{first}");
    assert!(first.contains("It began:\n<<<untrusted ") && first.contains("part 0 line 1:"), "{first}");
    assert!(last.results()[5].contains("part 5 line 199:"), "the newest stays whole");
    let offered = |at: usize| Asked::new(&requests[at].body).tools().contains(&"earlier_result");
    assert!(!offered(0) && offered(6), "it is offered where there is something to read again");
    let everything: String = requests.iter().map(|request| request.body.to_string()).collect();
    assert!(!everything.contains("hunter2"), "what was kept has no secrets either");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_that_is_longer_than_the_window_is_cut_and_says_so() {
    let model = small(4_096, |asked| match asked.results().len() {
        0 => Reply::Call(
            (0..3).map(|part| Call { tool: "log".to_owned(), arguments: json!({"part": part}) }).collect(),
        ),
        _ => Reply::say("enough"),
    })
    .await;
    let stage = stage(&[("main", 4_096, model.url())], "").await;
    assert!(talk(&stage, question()).await.unwrap().text.starts_with("enough\n"));
    let requests = model.requests();
    assert_eq!(requests.len(), 2, "nothing was refused");
    let results = Asked::new(&requests[1].body).results();
    assert!(results[0].starts_with("[Taken out") && results[1].starts_with("[Taken out"), "{results:#?}");
    let last = &results[2];
    assert!(last.contains("part 2 line 1:") && last.contains("[Cut to save room: "), "{last}");
    assert!(
        last.contains("of 200 lines shown") && last.contains("call earlier_result with id \"res-"),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_smaller_than_the_settings_say_is_learnt() {
    let (small, large) = (small(6_000, reads(3)).await, small(64_000, reads(3)).await);
    let models = [("main", 64_000, small.url()), ("spare", 128_000, large.url())];
    let stage = stage(&models, "").await;
    let answer = talk(&stage, question()).await.unwrap();
    assert_eq!(answer.model.as_deref(), Some("main"), "{}", answer.text);
    let refused = small.requests().iter().filter(|request| tokens(&request.body) > 6_000).count();
    assert_eq!((refused, large.requests().len()), (1, 0), "one refusal is enough to learn from");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shortened_is_for_a_larger_model_or_for_none() {
    let long = vec![(Role::User, format!("what is wrong here?\n{}", "a line of a log\n".repeat(2_000)))];
    let (first, second) =
        (small(4_096, |_| Reply::say("small")).await, small(64_000, |_| Reply::say("large")).await);
    let both = [("main", 4_096, first.url()), ("spare", 64_000, second.url())];
    assert_eq!(talk(&stage(&both, "").await, long.clone()).await.unwrap().text, "large");
    let alone = talk(&stage(&both[..1], "").await, long).await;
    assert!(matches!(&alone, Err(ChatError::NotAsked(why)) if why.contains("larger than any")), "{alone:?}");
    assert_eq!(first.requests().len(), 0, "a hopeless question is not sent");
}

/// Twenty exchanges, then a question.
fn long_chat() -> Vec<(Role, String)> {
    let mut messages = Vec::new();
    for n in 0..20 {
        messages.push((Role::User, format!("question {n}: {}", "what about it? ".repeat(40))));
        messages.push((Role::Assistant, format!("answer {n}: {}", "nothing of note. ".repeat(40))));
    }
    messages.push((Role::User, "and now the last question".to_owned()));
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_chat_the_oldest_messages_keep_their_beginnings() {
    let model = small(4_096, |_| Reply::say("fine")).await;
    let stage = stage(&[("main", 4_096, model.url())], "").await;
    assert_eq!(talk(&stage, long_chat()).await.unwrap().text, "fine");
    let requests = model.requests();
    assert_eq!(requests.len(), 1);
    let text = Asked::new(&requests[0].body).text();
    assert!(text.contains("[The conversation became too long. Of its "), "{text}");
    for part in [
        "You are kubewright",
        "- user: question 0: what about",
        "- you: answer 3:",
        "and now the last question",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(
        text.contains(&format!("answer 19: {}", "nothing of note. ".repeat(40))),
        "the newest stay whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_prompt_for_it_is_named_a_model_summarises() {
    let model = small(16_000, |asked| match asked.prompt().starts_with("Shorten") {
        true => Reply::say("They spoke of twenty things."),
        false => Reply::say("fine"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let prompt = folder.path().join("mine.md");
    std::fs::write(&prompt, "Shorten this.\n{{fence}}\n{{question}}").unwrap();
    let more = format!(
        "models = [\"main\"]\n[agents.summary]\nprompt = \"{}\"\nmodels = [\"other\"]\n",
        prompt.display()
    );
    let models = [("main", 4_096, model.url()), ("other", 16_000, model.url())];
    let stage = stage(&models, &more).await;
    let answer = talk(&stage, long_chat()).await.unwrap();
    let requests = model.requests();
    assert_eq!((answer.text.as_str(), requests.len()), ("fine", 2));
    assert!(Asked::new(&requests[0].body).text().contains("user: question 0:"));
    let text = Asked::new(&requests[1].body).text();
    assert!(text.contains("oldest messages, which became too long]\nThey spoke of twenty things."), "{text}");
    assert!(!text.contains("question 0") && text.contains("and now the last question"), "{text}");
}
