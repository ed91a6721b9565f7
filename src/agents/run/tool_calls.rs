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
        // Models number their calls as they like; beside the agent and the turn it names the call within the whole.
        let id = format!("{}-{}-{}", self.agent.name, self.record.turns, call.id);
        let tool = call.function.name.to_string();
        if let Some(raw) = &call.function.invalid_arguments {
            let why =
                format!("the arguments are no JSON object: {}", raw.chars().take(SHOWN).collect::<String>());
            return call.error_result(vec![ToolResultContent::text(self.shared.session.trusted(&why))]);
        }
        let arguments = Value::Object(call.function.arguments.clone());
        self.say_started(&id, &tool, &arguments).await;
        let started = Instant::now();
        let shared = self.shared;
        let (ok, cited, text) = match self.tools.call(&tool, arguments, &shared.context).await {
            Ok(output) => self.shown_to_model(&tool, output).await,
            Err(error) => (false, 0, shared.session.untrusted(&tool, &error.to_string())),
        };
        self.say_finished(&id, &tool, ok, summary(&text, cited), started).await;
        let content = vec![ToolResultContent::text(text)];
        if ok { call.result(content) } else { call.error_result(content) }
    }

    /// A tool's answer for the model: what can be cited, by number, then the text, all of it scrubbed and fenced. Before
    /// it, that there is one, and how many lines of it say what can be cited.
    async fn shown_to_model(&self, tool: &str, output: ToolOutput) -> (bool, usize, String) {
        let shared = self.shared;
        let entered = shared.ledger.enter(output.observations);
        for evidence in &entered {
            let event = RunEvent::Evidence {
                id: Some(evidence.id),
                object: evidence.object.clone(),
                statement: shared.session.for_people(&evidence.statement),
            };
            shared.progress.say(event, PATIENCE).await;
        }
        let citable: Vec<String> = entered.iter().map(citable).collect();
        let mut text = String::new();
        if !citable.is_empty() {
            text = format!("Citable:\n{}\n", citable.join("\n"));
        }
        let cited = text.lines().count();
        text.push_str(&output.text);
        let fenced = shared.session.untrusted(tool, &text);
        let shown = match output.cut {
            Some(cut) => format!("{fenced}\n[{}]", shared.session.trusted(&cut)),
            None => fenced,
        };
        (true, cited, shown)
    }

    async fn say_started(&self, call: &str, tool: &str, arguments: &Value) {
        let event = RunEvent::ToolStarted {
            call: call.to_owned(),
            agent: self.agent.name.clone(),
            tool: tool.to_owned(),
            arguments: self.shared.session.for_people(&arguments.to_string()),
        };
        self.shared.progress.say(event, PATIENCE).await;
    }

    async fn say_finished(&self, call: &str, tool: &str, ok: bool, summary: &str, started: Instant) {
        let summary: String = self.shared.session.restore(summary).chars().take(SHOWN).collect();
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

/// What people are shown of fenced text: what is within, after the lines of what can be cited.
fn summary(fenced: &str, cited: usize) -> &str {
    let mut rest = fenced;
    for _ in 0..=cited {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.rsplit_once("\n<<<end untrusted ").map_or(rest, |(within, _)| within)
}

fn citable(evidence: &Evidence) -> String {
    format!("[{}] {}: {}", evidence.id, evidence.object, evidence.statement)
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn people_are_shown_what_is_within_the_fence() {
        let fenced = "<<<untrusted 00ff logs>>>\nCitable:\n[E1] Pod shop/a: it ends\nline 1\nline 2\n<<<end untrusted 00ff>>>";
        assert_eq!(summary(fenced, 2), "line 1\nline 2");
        assert_eq!(summary("<<<untrusted 00ff logs>>>\nnot found\n<<<end untrusted 00ff>>>", 0), "not found");
    }
}
