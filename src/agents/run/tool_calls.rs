//! Calling what the model asks for: every call of a turn gets an answer, at most a few at a time.

use std::time::Instant;

use futures::StreamExt;
use rig_core::message::{Message, ToolCall, ToolResult, ToolResultContent};
use serde_json::Value;

use super::{PATIENCE, Run};
use crate::agents::progress::RunEvent;
use crate::agents::tools::ToolOutput;
use crate::incident::Evidence;

/// Calls under way at the same time.
const AT_ONCE: usize = 4;

/// Calls of one turn that are answered; a model that asks for more is told.
const MOST_CALLS: usize = 12;

/// Length of what people are shown of an answer, characters.
const SHOWN: usize = 200;

impl Run<'_> {
    /// Calls the tools and puts their results into the conversation.
    pub(crate) async fn call_tools(&mut self, calls: Vec<ToolCall>) {
        for call in &calls {
            *self.record.tools.entry(call.function.name.to_string()).or_default() += 1;
        }
        let this = &*self;
        let answered =
            futures::stream::iter(calls.into_iter().enumerate()).map(|(number, call)| async move {
                if number < MOST_CALLS {
                    return this.call(call).await;
                }
                let excess = format!("not called: at most {MOST_CALLS} tools are called at a time");
                call.error_result(vec![ToolResultContent::text(excess)])
            });
        let results: Vec<ToolResult> = answered.buffered(AT_ONCE).collect().await;
        self.history.push(Message::tool_results(results));
    }

    async fn call(&self, call: ToolCall) -> ToolResult {
        let (id, tool) = (call.id.to_string(), call.function.name.to_string());
        if let Some(raw) = &call.function.invalid_arguments {
            let why =
                format!("the arguments are no JSON object: {}", raw.chars().take(SHOWN).collect::<String>());
            return call.error_result(vec![ToolResultContent::text(self.shared.session.trusted(&why))]);
        }
        let arguments = Value::Object(call.function.arguments.clone());
        self.say_started(&id, &tool, &arguments).await;
        let started = Instant::now();
        let shared = self.shared;
        let (ok, text) = match self.tools.call(&tool, arguments, &shared.context).await {
            Ok(output) => (true, self.shown_to_model(&tool, output).await),
            Err(error) => (false, shared.session.untrusted(&tool, &error.to_string())),
        };
        self.say_finished(&id, &tool, ok, &text, started).await;
        let content = vec![ToolResultContent::text(text)];
        if ok { call.result(content) } else { call.error_result(content) }
    }

    /// A tool's answer for the model: what can be cited, by number, then the text, all of it scrubbed and fenced.
    async fn shown_to_model(&self, tool: &str, output: ToolOutput) -> String {
        let shared = self.shared;
        let entered = shared.ledger.enter(output.observations);
        for evidence in &entered {
            let event = RunEvent::Evidence {
                id: Some(evidence.id),
                object: evidence.object.clone(),
                statement: shared.session.restore(&shared.session.trusted(&evidence.statement)),
            };
            shared.progress.say(event, PATIENCE).await;
        }
        let citable: Vec<String> = entered.iter().map(citable).collect();
        let mut text = String::new();
        if !citable.is_empty() {
            text = format!("Citable:\n{}\n", citable.join("\n"));
        }
        text.push_str(&output.text);
        let fenced = shared.session.untrusted(tool, &text);
        match output.cut {
            Some(cut) => format!("{fenced}\n[{}]", shared.session.trusted(&cut)),
            None => fenced,
        }
    }

    async fn say_started(&self, call: &str, tool: &str, arguments: &Value) {
        let event = RunEvent::ToolStarted {
            call: call.to_owned(),
            agent: self.agent.name.clone(),
            tool: tool.to_owned(),
            arguments: self.shared.session.restore(&self.shared.session.trusted(&arguments.to_string())),
        };
        self.shared.progress.say(event, PATIENCE).await;
    }

    async fn say_finished(&self, call: &str, tool: &str, ok: bool, text: &str, started: Instant) {
        let summary: String = self.shared.session.restore(text).chars().take(SHOWN).collect();
        let event = RunEvent::ToolFinished {
            call: call.to_owned(),
            tool: tool.to_owned(),
            ok,
            summary,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.shared.progress.say(event, PATIENCE).await;
    }
}

fn citable(evidence: &Evidence) -> String {
    format!("[{}] {}: {}", evidence.id, evidence.object, evidence.statement)
}
