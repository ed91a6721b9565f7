//! A small server of somebody else's: tickets.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What its clients must show.
pub(super) const TOKEN: &str = "the-token-of-tickets";

#[derive(Clone)]
struct Tickets;

impl ServerHandler for Tickets {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |name: &'static str, reads: bool| {
            let schema = json!({"type": "object", "properties": {"id": {"type": "string"}}});
            Tool::new(name, "Does something with tickets.", Arc::new(schema.as_object().unwrap().clone()))
                .with_annotations(ToolAnnotations::new().read_only(reads))
        };
        let tools = vec![
            tool("find", true),
            tool("hang", true),
            tool("flood", true),
            tool("fail", true),
            tool("close", false),
            tool("comment", false),
        ];
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let say = |text: String| Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
        let arguments = request.arguments.unwrap_or_default();
        match request.name.as_ref() {
            "find" | "comment" => say(format!("{} with {}", request.name, serde_json::json!(arguments))),
            "flood" => say("a line of a ticket\n".repeat(50_000)),
            "fail" => Ok(CallToolResult::error(vec![ContentBlock::text("no such ticket")]).into()),
            "hang" => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                say(String::new())
            }
            other => Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        }
    }
}

async fn require_token(request: Request, next: Next) -> Response {
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if shown == Some(&format!("Bearer {TOKEN}")) {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

/// The server on a port of its own, until it is dropped.
pub(super) struct Running {
    pub(super) port: u16,
    task: JoinHandle<()>,
}

impl Running {
    /// Serves on `port`; 0 takes a free one.
    pub(super) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = StreamableHttpServerConfig::default().with_legacy_session_mode(true);
        let service =
            StreamableHttpService::new(|| Ok(Tickets), Arc::new(LocalSessionManager::default()), config);
        let router = Router::new().route_service("/mcp", service).layer(from_fn(require_token));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, task }
    }

    /// Ends it with all its connections.
    pub(super) async fn die(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
