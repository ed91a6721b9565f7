//! `kubewright mcp` as assistants start it: a process of its own.

use std::process::Stdio;
use std::time::Duration;

use rmcp::service::ClientServiceExt as _;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{assert_offer, call, client, lifecycles, text};
use crate::support::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);

/// The program with a configuration that names `cluster`.
fn start(folder: &TempDir, cluster: &str) -> Child {
    let file = folder.path().join("kubewright.toml");
    let database = folder.path().join("kubewright.db");
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[knowledge]\nenabled = false\n{cluster}\n",
        database.display()
    );
    std::fs::write(&file, text).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    program.args(["mcp", "-c"]).arg(file).kill_on_drop(true);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn an_assistant_starts_the_program_lists_and_calls_its_tools() {
    let cluster = Stage::broken("bad-deploy").await;
    for lifecycle in lifecycles() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(&folder, &cluster.cluster(&cluster.kubernetes_url()));
        let pipes = AsyncRwTransport::new_client(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let connected = client().serve_with_lifecycle(pipes, lifecycle).await.unwrap();
        assert_offer(&connected).await;
        let result = call(&connected, "diagnose", json!({"namespace": "shop"})).await.unwrap();
        assert!(
            text(&result).contains("Possible causes, most likely first:\n- deploy."),
            "{}",
            text(&result)
        );
        connected.cancel().await.unwrap();
        let ended =
            tokio::time::timeout(LIMIT, child.wait()).await.expect("it ends with its client").unwrap();
        assert!(ended.success());
    }
}

#[tokio::test]
async fn garbage_on_standard_input_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(&folder, "[[clusters]]\nname = \"northwind\"\nurl = \"http://127.0.0.1:1\"\n");
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a test", "version": "1"}}});
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    input.write_all(format!("{hello}\n{ready}\n").as_bytes()).await.unwrap();
    input.write_all(b"\xff\xfe not json\n").await.unwrap();
    input.write_all(format!("{}\n{list}\n", "x".repeat(2 << 20)).as_bytes()).await.unwrap();
    let mut lines = BufReader::new(output).lines();
    let answered = tokio::time::timeout(LIMIT, async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let message: Value = serde_json::from_str(&line).expect("only messages on standard output");
            if message["id"] == 2 {
                return message;
            }
        }
        panic!("it ended without an answer");
    });
    let message = answered.await.unwrap();
    assert!(message["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 10), "{message}");
}
