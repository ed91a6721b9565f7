//! The Model Context Protocol, both ways, with rmcp's own client and server at the other end.

mod foreign;
mod offered;
mod stdio;
mod tickets;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, RunningService, ServiceError};
use serde_json::Value;

/// A connected client.
type Connected = RunningService<RoleClient, ClientConfig>;

fn client() -> ClientConfig {
    ClientConfig::new(ClientCapabilities::default(), Implementation::new("a test", "1"))
}

/// The revision without sessions, and the one with `initialize`.
fn lifecycles() -> [ClientLifecycleMode; 2] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [ClientLifecycleMode::Discover { preferred_versions }, ClientLifecycleMode::Initialize]
}

async fn call(connected: &Connected, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
    let arguments = arguments.as_object().unwrap().clone();
    connected.call_tool(CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)).await
}

/// The text of an answer.
fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.as_str()).collect()
}

/// What every list of kubewright's tools must hold to.
async fn assert_offer(connected: &Connected) {
    let tools = connected.list_all_tools().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    for name in ["diagnose", "search", "incidents_list", "incident_show", "kubernetes_get", "kubectl"] {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
    for name in ["propose_plan", "run_analyzers", "search_knowledge"] {
        assert!(!names.contains(&name), "{name} is offered");
    }
    for tool in &tools {
        let hints = tool.annotations.clone().unwrap_or_default();
        assert_eq!(hints.read_only_hint, Some(true), "{}", tool.name);
    }
}
