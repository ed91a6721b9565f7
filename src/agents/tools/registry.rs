//! [`Tools`]: the tools of an agent, called by name.
//!
//! Owns what every call has in common: a name that is known, arguments that are an object, a deadline, cancellation, a
//! panic that ends nothing but the call, a bound on the answer, metrics and a span.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::{Map, Value};
use tracing::{Instrument, error, info_span, warn};

use super::{Tool, ToolContext, ToolError, ToolOutput};
use crate::telemetry::metrics;

/// Longest call.
const DEADLINE: Duration = Duration::from_secs(30);

/// Longest arguments, bytes.
const LONGEST_ARGUMENTS: usize = 64 << 10;

/// What a model is told of one tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The name to call.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// Tools by name. Cheap to clone.
#[derive(Clone)]
pub struct Tools {
    by_name: Arc<BTreeMap<String, Arc<dyn Tool>>>,
    deadline: Duration,
}

impl Tools {
    /// All of `tools`. Where two have one name the first holds: what is added later cannot take another's place.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        let mut by_name: BTreeMap<String, Arc<dyn Tool>> = BTreeMap::new();
        for tool in tools {
            let name = tool.name().to_owned();
            if by_name.contains_key(&name) {
                warn!(tool = name, "a second tool of this name is left out");
                continue;
            }
            by_name.insert(name, tool);
        }
        Self { by_name: Arc::new(by_name), deadline: DEADLINE }
    }

    /// Only the tools of these names; names that nobody has are left out.
    #[must_use]
    pub fn subset<S: AsRef<str>>(&self, names: &[S]) -> Self {
        let known = names.iter().filter_map(|name| self.by_name.get_key_value(name.as_ref()));
        let by_name = known.map(|(name, tool)| (name.clone(), tool.clone())).collect();
        Self { by_name: Arc::new(by_name), deadline: self.deadline }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// What a model is told of them, in order.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        let definition = |tool: &Arc<dyn Tool>| Definition {
            name: tool.name().to_owned(),
            description: tool.description().to_owned(),
            parameters: tool.schema(),
        };
        self.by_name.values().map(definition).collect()
    }

    /// Calls a tool. Arguments may be JSON in a string, as some models send them.
    ///
    /// # Errors
    /// [`ToolError`]; its text is feedback for the model.
    pub async fn call(
        &self,
        name: &str,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let Some(tool) = self.by_name.get(name) else {
            // The name comes from a model: it is no label.
            metrics::tool_called("unknown", "not_found", Duration::ZERO);
            return Err(self.unknown(name));
        };
        let span = info_span!(
            "execute_tool",
            otel.name = format!("execute_tool {}", tool.name()),
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = tool.name(),
            outcome = tracing::field::Empty,
        );
        let began = Instant::now();
        let answer = self.bounded(tool.as_ref(), arguments, context).instrument(span.clone()).await;
        let outcome = outcome(&answer);
        span.record("outcome", outcome);
        metrics::tool_called(tool.name(), outcome, began.elapsed());
        answer
    }

    fn unknown(&self, name: &str) -> ToolError {
        let shown: String = name.chars().take(60).collect();
        let known: Vec<&str> = self.names().collect();
        ToolError::NotFound(format!("there is no tool {shown:?}; there are {}", known.join(", ")))
    }

    async fn bounded(
        &self,
        tool: &dyn Tool,
        given: Value,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let given = object(given)?;
        // The block also holds what a tool does before its first await.
        let call = AssertUnwindSafe(async { tool.call(given, context).await }).catch_unwind();
        let answered = tokio::select! {
            biased;
            () = context.cancel.cancelled() => {
                return Err(ToolError::Unavailable("the run was stopped".to_owned()));
            }
            answered = tokio::time::timeout(self.deadline, call) => answered,
        };
        match answered {
            Ok(Ok(answer)) => answer.map(within_bounds),
            Ok(Err(_)) => {
                error!(tool = tool.name(), "a tool panicked");
                Err(ToolError::Unavailable(
                    "the tool itself failed; use another, or other arguments".to_owned(),
                ))
            }
            Err(_) => Err(ToolError::Unavailable(format!(
                "no answer within {} s; ask for less, or use another tool",
                self.deadline.as_secs_f64()
            ))),
        }
    }
}

/// Every tool bounds its answer; one that forgets is bounded here.
fn within_bounds(output: ToolOutput) -> ToolOutput {
    let ToolOutput { text, observations, cut } = output;
    let bounded = ToolOutput::bounded(text, "ask for less");
    ToolOutput { cut: bounded.cut.or(cut), observations, text: bounded.text }
}

fn outcome(answer: &Result<ToolOutput, ToolError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(ToolError::Arguments(_)) => "arguments",
        Err(ToolError::Denied(_)) => "denied",
        Err(ToolError::NotFound(_)) => "not_found",
        Err(ToolError::Unavailable(_)) => "unavailable",
    }
}

/// The arguments as an object: none at all are an empty one, and text is read as JSON, twice where it was encoded twice.
fn object(mut given: Value) -> Result<Value, ToolError> {
    for _ in 0..3 {
        given = match given {
            Value::Object(_) => return Ok(given),
            Value::Null => return Ok(Value::Object(Map::new())),
            Value::String(text) if text.len() > LONGEST_ARGUMENTS => {
                return Err(ToolError::Arguments(format!("they are longer than {LONGEST_ARGUMENTS} bytes")));
            }
            Value::String(text) if text.trim().is_empty() => return Ok(Value::Object(Map::new())),
            Value::String(text) => serde_json::from_str(text.trim())
                .map_err(|error| ToolError::Arguments(format!("they are no JSON: {error}")))?,
            _ => break,
        };
    }
    Err(ToolError::Arguments("they must be one JSON object, as in {\"namespace\": \"shop\"}".to_owned()))
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
