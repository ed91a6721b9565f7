//! Calling what the model asks for: every call of a turn gets an answer, at most a few at a time.

use std::time::Instant;

use futures::StreamExt;
use rig_core::message::{Message, ToolCall, ToolResult, ToolResultContent};
use serde_json::Value;

use super::{DRAFTING, PATIENCE, Run, repeated};
use crate::agents::orchestrator::words;
use crate::agents::progress::RunEvent;
use crate::agents::tools::ToolOutput;
use crate::incident::Evidence;
use crate::store::{MessageDetail, ToolRecord};

/// Calls under way at the same time.
const AT_ONCE: usize = 4;

/// Calls of one turn that are answered; a model that asks for more is told.
const MOST_CALLS: usize = 12;

/// Length of what people are shown of an answer, characters.
const SHOWN: usize = 200;

/// Length of arguments that are kept beside the message that has them whole, characters.
const LONGEST_KEPT: usize = 2_000;

/// A call with its answer.
struct Called {
    result: ToolResult,
    record: ToolRecord,
    seen: Vec<Evidence>,
}

/// A tool's answer as the model reads it.
struct Shown {
    text: String,
    /// How many of its lines say what can be cited.
    cited: usize,
    seen: Vec<Evidence>,
}

impl Shown {
    fn error(text: String) -> Self {
        Self { text, cited: 0, seen: Vec::new() }
    }
}

impl Run<'_> {
    /// Calls the tools and puts their results into the conversation.
    pub(crate) async fn call_tools(&mut self, calls: Vec<ToolCall>) {
        // What the model asked for is durable before anything is done about it.
        self.save().await;
        for call in &calls {
            *self.record.tools.entry(call.function.name.to_string()).or_default() += 1;
        }
        let refused: Vec<Option<String>> = calls
            .iter()
            .enumerate()
            .map(|(number, call)| {
                let excess = || format!("not called: at most {MOST_CALLS} tools are called at a time");
                (number >= MOST_CALLS)
                    .then(excess)
                    .or_else(|| self.record.repeated.is_known(call).then(|| repeated::KNOWN.to_owned()))
            })
            .collect();
        let this = &*self;
        let answered =
            futures::stream::iter(calls.into_iter().zip(refused)).map(|(call, refused)| async move {
                match refused {
                    None => this.call(call).await,
                    Some(why) => this.uncalled(call, why),
                }
            });
        let called: Vec<Called> = answered.buffered(AT_ONCE).collect().await;
        let looks = |called: &Called| called.record.ok && !DRAFTING.contains(&called.record.tool.as_str());
        self.record.looked |= called.iter().any(looks);
        let mut results = Vec::with_capacity(called.len());
        let mut detail = MessageDetail::default();
        for Called { result, record, seen } in called {
            results.push(result);
            detail.calls.push(record);
            detail.seen.extend(seen);
        }
        self.push(Message::tool_results(results), detail);
    }

    /// The answer to a call that was not made.
    fn uncalled(&self, call: ToolCall, why: String) -> Called {
        let record = self.record_of(&call);
        let record = ToolRecord { summary: why.chars().take(SHOWN).collect(), ..record };
        Called { result: call.error_result(vec![ToolResultContent::text(why)]), record, seen: Vec::new() }
    }

    /// A call as it is kept, not answered yet. Its arguments are the model's, scrubbed.
    fn record_of(&self, call: &ToolCall) -> ToolRecord {
        let arguments = match &call.function.invalid_arguments {
            Some(raw) => raw.clone(),
            None => Value::Object(call.function.arguments.clone()).to_string(),
        };
        let arguments: String = arguments.chars().take(LONGEST_KEPT).collect();
        ToolRecord {
            id: call.id.to_string(),
            tool: call.function.name.to_string(),
            arguments: self.shared.session.trusted(&arguments),
            ok: false,
            took_ms: 0,
            summary: String::new(),
            evidence: Vec::new(),
        }
    }

    async fn call(&self, call: ToolCall) -> Called {
        // Models number their calls as they like; beside the agent and the turn it names the call within the whole.
        let id = format!("{}-{}-{}", self.agent.name, self.record.turns, call.id);
        let tool = call.function.name.to_string();
        if let Some(raw) = &call.function.invalid_arguments {
            let why =
                format!("the arguments are no JSON object: {}", raw.chars().take(SHOWN).collect::<String>());
            return self.uncalled(call, self.shared.session.trusted(&why));
        }
        let record = self.record_of(&call);
        let arguments = Value::Object(call.function.arguments.clone());
        self.say_started(&id, &tool, &arguments).await;
        let started = Instant::now();
        let shared = self.shared;
        let (shown, ok) = match self.tools.call(&tool, arguments, &shared.context).await {
            Ok(output) => (self.shown_to_model(&tool, output).await, true),
            Err(error) => (Shown::error(shared.session.untrusted(&tool, &error.to_string())), false),
        };
        let Shown { text, cited, seen } = shown;
        let summary: String = summary(&text, cited).chars().take(SHOWN).collect();
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.say_finished(&id, &tool, ok, &summary, took_ms).await;
        let evidence = seen.iter().map(|evidence| evidence.id.to_string()).collect();
        let record = ToolRecord { ok, took_ms, summary, evidence, ..record };
        let seen = seen.into_iter().map(|evidence| words::to_keep(evidence, &shared.session)).collect();
        let content = vec![ToolResultContent::text(text)];
        let result = if ok { call.result(content) } else { call.error_result(content) };
        Called { result, record, seen }
    }

    /// A tool's answer for the model: what can be cited, by number, then the text, all of it scrubbed and fenced.
    async fn shown_to_model(&self, tool: &str, output: ToolOutput) -> Shown {
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
        let text = match output.cut {
            Some(cut) => format!("{fenced}\n[{}]", shared.session.trusted(&cut)),
            None => fenced,
        };
        Shown { text, cited, seen: entered }
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

    async fn say_finished(&self, call: &str, tool: &str, ok: bool, summary: &str, took_ms: u64) {
        let summary = self.shared.session.restore(summary);
        let event =
            RunEvent::ToolFinished { call: call.to_owned(), tool: tool.to_owned(), ok, summary, took_ms };
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
