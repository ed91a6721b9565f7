//! The command line against a running server.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use jiff::SignedDuration;
use kubewright::store::RunState;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::http::stage::Stage;

const LIMIT: Duration = Duration::from_secs(30);

async fn serve(stage: &Stage) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = stage.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn command(server: SocketAddr, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    command.args(args).env_clear().env("KUBEWRIGHT_SERVER", format!("http://{server}")).env("USER", "ada");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(server: SocketAddr, args: &[&str]) -> Output {
    tokio::time::timeout(LIMIT, command(server, args).output()).await.expect("the command ends").unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn incidents_are_listed_as_a_table_and_as_json() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    assert_eq!(stdout(&run(server, &["incidents", "list"]).await), "No incidents.\n");
    let id = stage.crash().await;
    let table = stdout(&run(server, &["incidents", "list", "--open"]).await);
    let columns: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().take(4).collect();
    assert_eq!(columns, [id.as_str(), "triage", "critical", "prod-eu"]);
    let json: Value =
        serde_json::from_slice(&run(server, &["-o", "json", "incidents", "list"]).await.stdout).unwrap();
    assert_eq!(json["incidents"][0]["id"], id.as_str());
}

#[tokio::test]
async fn an_incident_is_shown_closed_and_its_runbook_printed() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    let id = stage.crash().await;
    let shown = stdout(&run(server, &["incidents", "show", id.as_str()]).await);
    assert!(shown.starts_with(&format!("{id} triage: ")) && shown.contains("What happened\n"), "{shown}");
    let runbook = stdout(&run(server, &["incidents", "runbook", id.as_str()]).await);
    assert!(runbook.contains("kubectl -n shop get pods -o wide\n"), "{runbook}");
    let closed = run(server, &["incidents", "close", id.as_str(), "--comment", "by hand"]).await;
    assert!(
        closed.status.success() && stdout(&closed).contains("Closed by ada: by hand"),
        "{}",
        stdout(&closed)
    );
}

#[tokio::test]
async fn runs_are_listed_and_shown_in_words_and_as_json() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    assert_eq!(stdout(&run(server, &["runs", "list"]).await), "No runs.\n");
    let id = crate::http::runs::keep(&stage, "diagnostic", RunState::Finished).await;
    let table = stdout(&run(server, &["runs", "list", "--agent", "diagnostic", "--state", "finished"]).await);
    let columns: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().take(3).collect();
    assert_eq!(columns, [id.as_str(), "finished", "diagnostic"]);
    let shown = stdout(&run(server, &["runs", "show", id.as_str(), "-o", "text"]).await);
    let expected = format!("{id} finished: checkout has a wrong image.\n");
    assert!(
        shown.starts_with(&expected) && shown.contains("kubernetes_logs said after 12 ms [E7]"),
        "{shown}"
    );
    let json: Value =
        serde_json::from_slice(&run(server, &["runs", "show", id.as_str(), "-o", "json"]).await.stdout)
            .unwrap();
    assert_eq!(json["messages"].as_array().unwrap().len(), 3);
    let none = run(server, &["runs", "show", "run-none"]).await;
    assert!(
        !none.status.success() && stderr(&none).contains("there is no run run-none"),
        "{}",
        stderr(&none)
    );
    assert_eq!(run(server, &["runs", "list", "--state", "sleeping"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn watching_ends_with_the_incident() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    let id = stage.crash().await;
    let mut watching = command(server, &["incidents", "watch", id.as_str()]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(first.contains("triage") && first.contains("opened by KubePodCrashLooping"), "{first}");
    let close = serde_json::json!({ "by": "ada" });
    stage.post(&format!("/api/v1/incidents/{id}/close"), &close).await;
    let second = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(second.contains("closed, closed by person: Closed by ada"), "{second}");
    assert!(tokio::time::timeout(LIMIT, watching.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn nobody_approves_without_being_asked_or_saying_yes() {
    let stage = Stage::new().await;
    let server = serve(&stage).await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let id = incident.id.as_str();
    let unasked = run(server, &["approvals", "approve", id]).await;
    assert_eq!(unasked.status.code(), Some(1));
    assert!(stdout(&unasked).contains("+image: shop:1"), "the diff is shown first: {}", stdout(&unasked));
    assert!(stderr(&unasked).contains("--yes"), "{}", stderr(&unasked));
    let other = run(server, &["approvals", "approve", id, "--yes", "--digest", "0000"]).await;
    assert!(stderr(&other).contains("the plan has changed"), "{}", stderr(&other));
    let waiting = stage.store.incident(&incident.id).await.unwrap().unwrap();
    assert_eq!(waiting.phase.as_str(), "await_approval");
    assert!(run(server, &["approvals", "approve", id, "--yes"]).await.status.success());
    let approved = stage.store.incident(&incident.id).await.unwrap().unwrap();
    assert_eq!(approved.approval.unwrap().answered_by.as_deref(), Some("ada"));
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let stage = Stage::with_token("s3cret").await;
    let server = serve(&stage).await;
    let without = run(server, &["incidents", "list"]).await;
    assert_eq!(without.status.code(), Some(1));
    assert!(stderr(&without).contains("--token-file FILE or set KUBEWRIGHT_TOKEN"), "{}", stderr(&without));
    let mut with = command(server, &["incidents", "list"]);
    assert!(with.env("KUBEWRIGHT_TOKEN", "s3cret").output().await.unwrap().status.success());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = run(nobody, &["incidents", "list"]).await;
    assert!(stderr(&unreachable).contains("start it with `kubewright serve`"), "{}", stderr(&unreachable));
}

#[tokio::test]
async fn a_configuration_is_checked_with_every_problem_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubewright.toml");
    std::fs::write(&file, "[server]\nlisten = \"here\"\n[automation]\nlevel = 9\n").unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let checked = run(nobody, &["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!(checked.status.code(), Some(1));
    let shown = stdout(&checked);
    for key in ["server.listen", "automation.level", "clusters"] {
        assert!(shown.contains(key), "{key} is missing from:\n{shown}");
    }
}

#[tokio::test]
async fn wrong_tools_prompts_and_models_are_told_beside_what_the_configuration_is_wrong_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubewright.toml");
    std::fs::write(&file, "[automation]\nlevel = 9\n[[clusters]]\nname = 5\n").unwrap();
    let agents = "[providers.o]\nkind = \"opnai\"\n[providers.p]\nkind = \"openai\"\nurl = \"http://far.example\"\n\
                  key = { env = \"USER\" }\n[agents.security]\nmodels = [\"mian\"]\ntemperature = 9\n\
                  tools = [\"kubernetes_gett\", \"tickets_find\"]\nprompt = \"gone.md\"\n\
                  [mcp.away]\nurl = \"http://127.0.0.1:1/mcp\"\n[mcp.tickets]\nurl = \"nowhere\"\n";
    std::fs::write(folder.path().join("agents.toml"), agents).unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let checked = run(nobody, &["check", "-o", "json", "--config", file.to_str().unwrap()]).await;
    let tried: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let told: Vec<&str> = tried
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| tried["what"].as_str().unwrap().rsplit(": ").next().unwrap())
        .collect();
    let expected = [
        "clusters[0].name",
        "automation.level",
        "providers.o.kind",
        "agents.security.models",
        "agents.security.temperature",
        "mcp.tickets.url",
        "agents.security.tools",
        "agents.security.prompt",
        "models",
        "MCP server away",
    ];
    assert_eq!(told, expected, "{tried:#}");
}

#[tokio::test]
async fn the_document_and_completions_need_no_server() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let document: Value = serde_json::from_slice(&run(nobody, &["openapi"]).await.stdout).unwrap();
    assert_eq!(document["info"]["title"], "kubewright");
    assert!(stdout(&run(nobody, &["completions", "bash"]).await).contains("_kubewright"));
}
