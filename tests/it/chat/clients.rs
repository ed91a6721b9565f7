//! Real clients: OpenAI's Python library, and our own command line.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::script::{Script, Then};
use crate::http::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);

/// Python with OpenAI's library; `scripts/setup.sh test` makes it.
const PYTHON: &str = "kubewright-openai-python";

async fn serve(stage: &Stage) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = stage.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Runs the script of one case and returns what it prints as JSON.
async fn python(case: &str, server: SocketAddr, key: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chat/clients/openai_client.py");
    let mut command = Command::new(PYTHON);
    command
        .arg(script)
        .arg(case)
        .arg(format!("http://{server}/v1"))
        .arg(key)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    let ran = tokio::time::timeout(LIMIT, command.output()).await.expect("the client ends");
    let output = ran.unwrap_or_else(|error| panic!("{PYTHON}: {error}; run scripts/setup.sh test TOOLS_DIR"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openai_client_lists_models_and_chats_whole_and_streamed() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let server = serve(&stage).await;
    let models = python("models", server, "any").await;
    assert_eq!(models[0], "kubewright");
    assert_eq!(models.as_array().unwrap().len(), 6);
    let whole = python("whole", server, "any").await;
    assert!(whole["text"].as_str().unwrap().starts_with("It crashes [1]. Roll it back."), "{whole}");
    assert_eq!((&whole["finish"], &whole["total_tokens"]), (&json!("stop"), &json!(17)));
    let streamed = python("streamed", server, "any").await;
    assert_eq!(streamed["text"], whole["text"]);
    assert_eq!((&streamed["finish"], &streamed["total_tokens"]), (&json!("stop"), &json!(17)));
    assert!(streamed["chunks"].as_u64().unwrap() >= 4, "{streamed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openai_client_raises_its_own_errors() {
    let stage = Stage::with_talk(Script::new(Then::Fails)).await;
    let server = serve(&stage).await;
    assert_eq!(python("unknown_model", server, "any").await, json!(["NotFoundError", "model_not_found"]));
    assert_eq!(python("wrong_role", server, "any").await, json!(["BadRequestError", "invalid_value"]));
    assert_eq!(python("broken_stream", server, "any").await, json!(["APIError", "model_unavailable"]));
    let guarded = Stage::with_token("s3cret").await;
    let server = serve(&guarded).await;
    assert_eq!(
        python("wrong_key", server, "broken").await,
        json!(["AuthenticationError", "invalid_api_key"])
    );
    assert_eq!(python("models", server, "s3cret").await[0], "kubewright");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openai_client_is_answered_without_a_model() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    let answer = python("streamed", server, "any").await;
    assert!(answer["text"].as_str().unwrap().contains("No language model is configured"), "{answer}");
}

fn command(server: SocketAddr, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    command.args(args).env_clear().env("KUBEWRIGHT_SERVER", format!("http://{server}")).env("HOME", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(server: SocketAddr, home: &Path, args: &[&str], typed: &str) -> Output {
    let mut child = command(server, home, args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).await.unwrap();
    drop(stdin);
    tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("the command ends").unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ask_prints_the_answer_and_its_sources_and_tools_aside() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let (server, home) = (serve(&stage).await, tempfile::tempdir().unwrap());
    let output = run(server, home.path(), &["ask", "why", "is", "it", "down?"], "").await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (shown, aside) = (text(&output.stdout), text(&output.stderr));
    assert!(
        shown.starts_with("It crashes [1]. Roll it back.\n\nSources\n  [1] A runbook  http://"),
        "{shown}"
    );
    assert_eq!(aside, "· kubernetes_get {}\n");
    let json = run(server, home.path(), &["ask", "-o", "json", "why?"], "").await;
    let done: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(done["text"], "It crashes [1]. Roll it back.");
    let unknown = run(server, home.path(), &["ask", "--agent", "wizard", "why?"], "").await;
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("there is no agent wizard"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_answer_is_a_failed_command() {
    let stage = Stage::with_talk(Script::new(Then::Fails)).await;
    let (server, home) = (serve(&stage).await, tempfile::tempdir().unwrap());
    let output = run(server, home.path(), &["ask", "why?"], "").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("all providers are away"), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_obeys_its_commands_and_goes_on_with_its_conversation() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let id = stage.crash().await;
    let (server, home) = (serve(&stage).await, tempfile::tempdir().unwrap());
    let typed = format!(
        "/incidents\n/incident {id}\nwhy?\n/agent security\nand now?\n/agent bogus\n/sing\n/conversations\n/new\nagain?\n/quit\nnever\n"
    );
    let output = run(server, home.path(), &["chat"], &typed).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("there is no command /sing") && shown.contains("A new conversation."), "{shown}");
    assert!(shown.matches(id.as_str()).count() >= 3, "{shown}");
    let complaint = text(&output.stderr);
    assert!(complaint.contains("there is no agent bogus; there are orchestrator, diagnostic"), "{complaint}");
    let asked = script.asked.lock().unwrap();
    let turns: Vec<(usize, &str, bool)> =
        asked.iter().map(|turn| (turn.messages.len(), turn.agent.as_str(), turn.about.is_some())).collect();
    assert_eq!(turns, [(1, "orchestrator", true), (3, "security", true), (1, "security", true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_resumes_what_was_said_and_explains_its_commands() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let (server, home) = (serve(&stage).await, tempfile::tempdir().unwrap());
    run(server, home.path(), &["chat"], "why?\n").await;
    let page = stage.get("/api/v1/chat/conversations").await.json();
    let id = page["conversations"][0]["id"].as_str().unwrap().to_owned();
    let typed = format!("/help\n/resume\n/resume cnv-nothing\n/resume {id}\nand now?\n");
    let output = run(server, home.path(), &["chat"], &typed).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("/resume ID        go on with one of them") && shown.contains("say which: /resume ID")
    );
    assert!(shown.contains("you> why?\n\nIt crashes [1]. Roll it back.\n\n"), "{shown}");
    assert!(
        text(&output.stderr).contains("there is no conversation cnv-nothing"),
        "{}",
        text(&output.stderr)
    );
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked.last().unwrap().messages.len(), 3);
}
