//! Tools of other programs: which are taken over, and what a server that misbehaves can do (nothing).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kubewright::agents::examine;
use kubewright::agents::mcp::{Added, Reached, reach};
use kubewright::agents::tools::{
    Access, MOST_BYTES, Proposals, Tool, ToolContext, ToolError, ToolOutput, Tools,
};
use kubewright::egress::Egress;
use kubewright::observe::Observer;
use kubewright::recall::Recall;
use kubewright::settings::{AgentsSettings, EgressSettings, Environment, Settings};
use kubewright::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::tickets::{Running, TOKEN};
use crate::support::{eventually, free_port, http_client};

/// What tools are called with; these look at none of it.
struct Caller {
    context: ToolContext,
    _folder: TempDir,
}

async fn caller() -> Caller {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"northwind\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    let settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
    let context = ToolContext {
        observer: Observer::connect(&settings.clusters[0], &settings.observe).await.unwrap(),
        access: Access::Everything,
        rules: Arc::default(),
        recall: Recall::new(None).await,
        store: Store::open(&settings.store).await.unwrap(),
        incident: None,
        now: Timestamp::now(),
        cancel: CancellationToken::new(),
        proposals: Proposals::default(),
        keeps: None,
    };
    Caller { context, _folder: folder }
}

impl Caller {
    async fn call(&self, added: &[Added], tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        let tools = Tools::new(added.iter().map(|added| added.tool.clone()));
        tools.call(tool, arguments, &self.context).await
    }
}

fn settings(text: &str) -> AgentsSettings {
    let environment =
        [("TOKEN", TOKEN), ("WRONG", "another"), ("PATH", "/usr/bin:/bin"), ("HOME", "/nowhere")];
    let environment: Environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AgentsSettings::parse(text, Path::new("agents.toml"), &environment).unwrap()
}

fn tickets(port: u16, more: &str) -> AgentsSettings {
    settings(&format!(
        "[mcp.tickets]\nurl = \"http://127.0.0.1:{port}/mcp\"\ntoken = {{ env = \"TOKEN\" }}\n{more}\n"
    ))
}

fn egress() -> Egress {
    Egress::new(&EgressSettings::default()).unwrap()
}

async fn reached(settings: &AgentsSettings) -> Reached {
    http_client();
    reach(settings, &egress()).await
}

fn names(reached: &Reached) -> Vec<&str> {
    reached.added.iter().map(|added| added.tool.name()).collect()
}

#[tokio::test]
async fn tools_that_only_read_are_taken_over_and_others_when_a_person_trusts_them() {
    let server = Running::start(0).await;
    let all = reached(&tickets(server.port, "trusted = [\"comment\"]")).await;
    let expected = ["tickets_comment", "tickets_fail", "tickets_find", "tickets_flood", "tickets_hang"];
    assert_eq!(names(&all), expected);
    assert_eq!(all.reports[0].taken, Ok(5));
    let [(name, why)] = all.reports[0].left.as_slice() else { panic!("{:?}", all.reports) };
    assert!(name == "close" && why.contains("mcp.tickets.trusted"), "{why}");
    assert_eq!(all.added[0].agents, ["orchestrator", "diagnostic"]);
    let few = reached(&tickets(server.port, "tools = [\"find\"]\nagents = [\"security\"]")).await;
    assert_eq!(
        (names(&few), few.added[0].agents.clone()),
        (vec!["tickets_find"], vec!["security".to_owned()])
    );
    let caller = caller().await;
    let found = caller.call(&all.added, "tickets_find", json!({"id": "T-1"})).await.unwrap();
    assert_eq!(found.text, "find with {\"id\":\"T-1\"}");
    let failed = caller.call(&all.added, "tickets_fail", json!({})).await.unwrap_err().to_string();
    assert!(failed.contains("tickets answers with an error: no such ticket"), "{failed}");
}

#[tokio::test]
async fn a_writing_tool_is_refused_even_where_an_agent_names_it() {
    let server = Running::start(0).await;
    let settings = tickets(server.port, "[agents.security]\ntools = [\"tickets_close\", \"tickets_find\"]");
    let reached = reached(&settings).await;
    assert!(examine(&settings, &egress(), &reached.added).is_empty());
    let left: Vec<&str> = reached.reports[0].left.iter().map(|(name, _)| name.as_str()).collect();
    assert!(left.contains(&"tickets_close"), "{left:?}");
    let error = caller().await.call(&reached.added, "tickets_close", json!({})).await.unwrap_err();
    assert!(matches!(&error, ToolError::Denied(why) if why.contains("only reads")), "{error}");
}

#[tokio::test]
async fn secrets_in_arguments_do_not_leave() {
    let server = Running::start(0).await;
    let reached = reached(&tickets(server.port, "")).await;
    let secret = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let told = caller().await.call(&reached.added, "tickets_find", json!({"id": secret})).await.unwrap();
    assert!(told.text.starts_with("find with") && !told.text.contains(&secret), "{}", told.text);
}

#[tokio::test]
async fn a_tool_that_hangs_runs_out_of_time_and_one_that_floods_is_cut() {
    let server = Running::start(0).await;
    let reached = reached(&tickets(server.port, "timeout = \"300ms\"")).await;
    let caller = caller().await;
    let began = Instant::now();
    let hung = caller.call(&reached.added, "tickets_hang", json!({})).await.unwrap_err().to_string();
    assert!(hung.contains("no answer from tickets within 0.3 s"), "{hung}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let flood = caller.call(&reached.added, "tickets_flood", json!({})).await.unwrap();
    assert!(flood.text.len() <= MOST_BYTES && flood.cut.is_some(), "{} bytes", flood.text.len());
}

#[tokio::test]
async fn a_server_that_dies_is_said_to_be_away_and_used_again_when_it_is_back() {
    let server = Running::start(0).await;
    let port = server.port;
    let reached = reached(&tickets(port, "timeout = \"2s\"")).await;
    let caller = caller().await;
    caller.call(&reached.added, "tickets_find", json!({})).await.unwrap();
    server.die().await;
    let away = eventually("the death is noticed", Duration::from_secs(20), async || {
        caller.call(&reached.added, "tickets_find", json!({})).await.err()
    });
    let away = away.await;
    assert!(matches!(away, ToolError::Unavailable(_)), "{away}");
    let _back = Running::start(port).await;
    let again = eventually("it is used again", Duration::from_secs(30), async || {
        caller.call(&reached.added, "tickets_find", json!({})).await.ok()
    });
    assert_eq!(again.await.text, "find with {}");
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_stops_nothing_and_its_named_tools_come_alive() {
    let port = free_port();
    let settings = tickets(port, "tools = [\"find\"]\n[agents.security]\ntools = [\"tickets_fail\"]");
    let reached = reached(&settings).await;
    assert!(reached.reports[0].taken.as_ref().is_err_and(|why| why.contains("tickets is not connected")));
    assert_eq!(names(&reached), ["tickets_fail", "tickets_find"]);
    assert!(examine(&settings, &egress(), &reached.added).is_empty());
    let caller = caller().await;
    let away = caller.call(&reached.added, "tickets_find", json!({})).await.unwrap_err();
    assert!(matches!(away, ToolError::Unavailable(_)), "{away}");
    let _server = Running::start(port).await;
    let found = eventually("it comes alive", Duration::from_secs(30), async || {
        caller.call(&reached.added, "tickets_find", json!({"id": "T-2"})).await.ok()
    });
    assert_eq!(found.await.text, "find with {\"id\":\"T-2\"}");
    let find: &Arc<dyn Tool> = &reached.added[1].tool;
    assert!(find.description().contains("Does something with tickets."), "{}", find.description());
    assert_eq!(find.schema()["properties"]["id"]["type"], "string");
}

#[tokio::test]
async fn a_wrong_token_is_told_without_the_token() {
    let server = Running::start(0).await;
    let settings = settings(&format!(
        "[mcp.tickets]\nurl = \"http://127.0.0.1:{}/mcp\"\ntoken = {{ env = \"WRONG\" }}\n",
        server.port
    ));
    let reached = reached(&settings).await;
    let why = reached.reports[0].taken.clone().unwrap_err();
    assert!(why.contains("refused the token") && !why.contains("another"), "{why}");
}

#[tokio::test]
async fn a_program_gets_its_own_variables_only_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("environment");
    let settings = settings(&format!(
        "[mcp.tickets]\ncommand = \"sh\"\nargs = [\"-c\", \"env > {}\"]\nenvironment = {{ KEY = {{ env = \"TOKEN\" }} }}\n",
        seen.display()
    ));
    let reached = reached(&settings).await;
    let why = reached.reports[0].taken.clone().unwrap_err();
    assert!(why.contains("tickets is not connected"), "{why}");
    let environment = std::fs::read_to_string(&seen).unwrap();
    let own = ["PWD", "SHLVL", "_", "OLDPWD"];
    let names = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let mut names: Vec<&str> = names.filter(|name| !own.contains(name)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "KEY", "PATH"]);
}

#[tokio::test]
async fn another_kubewright_is_a_server_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubewright.toml");
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[knowledge]\nenabled = false\n[[clusters]]\nname = \"northwind\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    std::fs::write(&file, text).unwrap();
    let settings = settings(&format!(
        "[mcp.other]\ncommand = {:?}\nargs = [\"mcp\", \"-c\", {:?}]\n",
        env!("CARGO_BIN_EXE_kubewright"),
        file.to_str().unwrap()
    ));
    let reached = reached(&settings).await;
    assert!(names(&reached).contains(&"other_diagnose"), "{:?}", reached.reports);
    let caller = caller().await;
    let told = caller.call(&reached.added, "other_incidents_list", json!({})).await.unwrap();
    assert!(told.text.contains("There are no such incidents."), "{}", told.text);
}

#[tokio::test]
async fn check_tells_of_every_server_and_every_mistake_in_agents_toml() {
    let server = Running::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[knowledge]\nenabled = false\n[[clusters]]\nname = \"northwind\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    let file = folder.path().join("kubewright.toml");
    std::fs::write(&file, text).unwrap();
    let check = async |agents: String| -> Vec<Value> {
        std::fs::write(folder.path().join("agents.toml"), agents).unwrap();
        let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_kubewright"));
        check.args(["check", "-o", "json", "-c"]).arg(&file).env("TOKEN", TOKEN);
        let tried: Value = serde_json::from_slice(&check.output().await.unwrap().stdout).unwrap();
        tried.as_array().unwrap().iter().filter(|one| one["area"] == "agents").cloned().collect()
    };
    let servers = format!(
        "[mcp.tickets]\nurl = \"http://127.0.0.1:{}/mcp\"\ntoken = {{ env = \"TOKEN\" }}\n[mcp.away]\nurl = \"http://127.0.0.1:1/mcp\"\n",
        server.port
    );
    let shape = |tried: &[Value]| -> Vec<(String, bool, bool)> {
        let text = |one: &Value| one["what"].as_str().unwrap().rsplit(": ").next().unwrap().to_owned();
        tried.iter().map(|one| (text(one), one["ok"] == true, one["limited"] == true)).collect()
    };
    let told = |what: &str, ok, limited| (what.to_owned(), ok, limited);
    let tried = check(servers.clone()).await;
    assert_eq!(
        shape(&tried),
        [
            told("models", true, true),
            told("MCP server away", false, false),
            told("MCP server tickets", true, false),
            told("close", true, true),
            told("comment", true, true),
        ]
    );
    assert!(tried[0]["detail"].as_str().unwrap().contains("no model is configured"), "{tried:?}");
    let wrong = "[agents.security]\ntools = [\"kubernetes_delete\"]\nprompt = \"gone.md\"\n";
    let tried = check(format!("{servers}{wrong}")).await;
    let failed: Vec<String> =
        shape(&tried).into_iter().filter(|(_, ok, _)| !ok).map(|(what, _, _)| what).collect();
    assert_eq!(failed, ["agents.security.tools", "agents.security.prompt", "MCP server away"]);
}
