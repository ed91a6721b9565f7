//! The way to one server: connected when it is needed, again when it broke, not too often when it fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::ServiceError;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use super::answer;
use super::connect::Connection;
use super::listing::{Listed, Listing};
use crate::agents::tools::{ToolError, ToolOutput};
use crate::egress::Egress;
use crate::settings::McpSettings;

/// From the first byte to the list of tools. A server of an older revision may leave the first question unanswered, and
/// is asked in its own way after ten seconds.
const CONNECT: Duration = Duration::from_secs(15);

/// Longest pause after a connection that failed; the first is a second, and each is twice the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One server.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) settings: McpSettings,
    egress: Egress,
    /// Held while connecting: whoever comes meanwhile waits for the same connection.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<Failure>,
}

/// A connection with what may be called over it.
pub(super) struct Session {
    connection: Connection,
    pub(super) listing: Listing,
}

#[derive(Clone)]
struct Failure {
    at: Instant,
    times: u32,
    why: String,
}

impl Failure {
    fn pause(&self) -> Duration {
        let doubled =
            Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(self.times.saturating_sub(1)));
        doubled.min(LONGEST_PAUSE)
    }
}

impl Link {
    pub(super) fn new(name: String, settings: McpSettings, egress: Egress) -> Self {
        Self { name, settings, egress, state: Mutex::default() }
    }

    /// The connection, made now if there is none.
    ///
    /// # Errors
    /// Why there is none, for people and models.
    pub(super) async fn session(&self) -> Result<Arc<Session>, String> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| !session.connection.is_closed()) {
            return Ok(session.clone());
        }
        state.session = None;
        if let Some(failed) = &state.failed
            && failed.at.elapsed() < failed.pause()
        {
            return Err(failed.why.clone());
        }
        match tokio::time::timeout(CONNECT, self.connect()).await {
            Ok(Ok(session)) => {
                let session = Arc::new(session);
                *state = State { session: Some(session.clone()), failed: None };
                Ok(session)
            }
            Ok(Err(error)) => Err(self.failed(&mut state, format!("{error:#}"))),
            Err(_) => Err(self.failed(&mut state, format!("no answer within {} s", CONNECT.as_secs()))),
        }
    }

    async fn connect(&self) -> anyhow::Result<Session> {
        let connection = Connection::open(&self.settings).await?;
        let tools = connection.tools().await?;
        let listing = Listing::new(&self.name, &self.settings, &self.egress, &tools);
        info!(
            server = self.name,
            taken = listing.taken.len(),
            left = listing.left.len(),
            "MCP server connected"
        );
        Ok(Session { connection, listing })
    }

    fn failed(&self, state: &mut State, why: String) -> String {
        let times = state.failed.as_ref().map_or(1, |failed| failed.times.saturating_add(1));
        let why = format!("{} is not connected: {}", self.name, self.egress.scrub(&why));
        warn!(server = self.name, times, "{why}");
        state.failed = Some(Failure { at: Instant::now(), times, why: why.clone() });
        why
    }

    /// Calls one tool of the session.
    ///
    /// # Errors
    /// [`ToolError`], feedback for a model.
    pub(super) async fn call(
        &self,
        session: &Arc<Session>,
        listed: &Listed,
        arguments: Map<String, Value>,
    ) -> Result<ToolOutput, ToolError> {
        let arguments = arguments.into_iter().map(|(key, value)| (key, self.scrubbed(value))).collect();
        let params = CallToolRequestParams::new(listed.remote.clone()).with_arguments(arguments);
        let called = session.connection.peer().call_tool_once(params);
        match tokio::time::timeout(self.settings.timeout, called).await {
            Ok(Ok(CallToolResponse::Complete(result))) => answer::output(&self.name, &result),
            Ok(Ok(_)) => {
                let text =
                    format!("{} wants to be told more by a person, which is not possible here", self.name);
                Err(ToolError::Unavailable(text))
            }
            Ok(Err(error)) => Err(self.broken(session, &error).await),
            Err(_) => Err(ToolError::Unavailable(format!(
                "no answer from {} within {} s; ask for less, or use another tool",
                self.name,
                self.settings.timeout.as_secs_f64()
            ))),
        }
    }

    async fn broken(&self, session: &Arc<Session>, error: &ServiceError) -> ToolError {
        if let ServiceError::McpError(error) = error {
            let text: String = error.message.chars().take(500).collect();
            let text = format!("{} refuses with code {}: {text}", self.name, error.code.0);
            return ToolError::Unavailable(text);
        }
        debug!(
            server = self.name,
            error = self.egress.scrub(&error.to_string()),
            "a call of a foreign tool failed"
        );
        let mut state = self.state.lock().await;
        if state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            state.session = None;
        }
        ToolError::Unavailable(format!(
            "the connection to {} broke; try once more, or go on without it",
            self.name
        ))
    }

    /// What a model says leaves for another program: the guard looks at it like at all that leaves.
    fn scrubbed(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.egress.scrub(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.scrubbed(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, value)| (key, self.scrubbed(value))).collect::<Map<_, _>>().into()
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Failure;

    #[test]
    fn the_pause_doubles_and_ends_at_a_minute() {
        let pause = |times| Failure { at: Instant::now(), times, why: String::new() }.pause();
        assert_eq!(
            [1, 2, 3, 40, u32::MAX].map(pause).map(|pause: Duration| pause.as_secs()),
            [1, 2, 4, 60, 60]
        );
    }
}
