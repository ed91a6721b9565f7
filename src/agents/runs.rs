//! Runs as people look at them afterwards, and keeping them within bounds.
//!
//! Owns how a stored message is shown. It holds placeholders where secrets and private data were, and nothing puts them
//! back; the marker of its fence, which nobody who writes what models read may learn, is taken out.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use regex::Regex;
use rig_core::message::{AssistantContent, Message, ToolResult, ToolResultContent, UserContent};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Agents;
use crate::settings::RunsSettings;
use crate::store::{ConversationRetention, RunMessage, RunRetention, ToolRecord};

/// How often old runs are looked for.
const PACE: Duration = Duration::from_secs(600);

/// How much longer than its deadline a run may be silent before its process is taken for dead.
const SILENCE: Duration = Duration::from_secs(120);

/// Who said something in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunSpeaker {
    /// kubewright, before everything else.
    System,
    /// kubewright, or the person who asked.
    User,
    /// The model.
    Model,
    /// Tools, to the model.
    Tools,
}

/// A message of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSaid {
    /// Its place in the run, from 1.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: RunSpeaker,
    /// What; placeholders stand for secrets and private data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The thoughts that a model showed before its answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thoughts: String,
    /// The tools that a model calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<RunCall>,
    /// The answers of tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<RunResult>,
}

/// A call that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCall {
    /// Names the call within the run.
    pub id: String,
    /// The tool; `submit` gives the answer.
    pub tool: String,
    /// Its arguments as JSON, or as the model wrote them.
    pub arguments: String,
}

/// The answer of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunResult {
    /// The call that it answers.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Whether it had an answer.
    pub ok: bool,
    /// How long it took, ms; none where the call was not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The beginning of the answer, or why there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The Evidence that it brought, `E12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// All that the model read of it.
    pub text: String,
}

/// A stored message as it is shown.
#[must_use]
pub fn said(kept: RunMessage) -> RunSaid {
    let RunMessage { seq, at, body, detail } = kept;
    let mut said = RunSaid {
        seq,
        at,
        by: RunSpeaker::System,
        text: String::new(),
        thoughts: String::new(),
        calls: Vec::new(),
        results: Vec::new(),
    };
    match serde_json::from_value::<Message>(body) {
        Ok(message) => fill(&mut said, message, &detail.calls),
        Err(error) => said.text = format!("[it was written by another version and cannot be read: {error}]"),
    }
    said
}

fn fill(said: &mut RunSaid, message: Message, records: &[ToolRecord]) {
    match message {
        Message::System { content } => said.text = unmarked(&content),
        Message::User { content } => {
            said.by = RunSpeaker::User;
            for part in content {
                match part {
                    UserContent::Text(text) => said.text.push_str(&unmarked(&text.text)),
                    UserContent::ToolResult(result) => {
                        said.by = RunSpeaker::Tools;
                        said.results.push(answered(&result, records));
                    }
                    _ => {}
                }
            }
        }
        Message::Assistant(answer) => {
            said.by = RunSpeaker::Model;
            for part in answer.content {
                spoken(said, part);
            }
        }
    }
}

fn spoken(said: &mut RunSaid, part: AssistantContent) {
    match part {
        AssistantContent::Text(text) => said.text.push_str(&unmarked(&text.text)),
        AssistantContent::Reasoning(thought) => said.thoughts.push_str(&unmarked(&thought.text)),
        AssistantContent::ToolCall(call) => {
            let arguments = call
                .function
                .invalid_arguments
                .unwrap_or_else(|| serde_json::Value::Object(call.function.arguments).to_string());
            let (id, tool) = (call.id.to_string(), call.function.name.to_string());
            said.calls.push(RunCall { id, tool, arguments: unmarked(&arguments) });
        }
        _ => {}
    }
}

fn answered(result: &ToolResult, records: &[ToolRecord]) -> RunResult {
    let id = result.call.to_string();
    let record = records.iter().find(|record| record.id == id);
    let text = |part: &ToolResultContent| match part {
        ToolResultContent::Text(text) => unmarked(&text.text),
        ToolResultContent::Json { value } => unmarked(&value.to_string()),
        ToolResultContent::Image(_) => "[an image]".to_owned(),
    };
    RunResult {
        tool: result.name.to_string(),
        ok: !result.is_error,
        took_ms: record.map(|record| record.took_ms),
        summary: record.map(|record| unmarked(&record.summary)).unwrap_or_default(),
        evidence: record.map(|record| record.evidence.clone()).unwrap_or_default(),
        text: result.content.iter().map(text).collect::<Vec<_>>().join("\n"),
        id,
    }
}

static MARKER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("untrusted [0-9a-f]{32} ?").ok());

/// Without the marker of the fence.
fn unmarked(text: &str) -> String {
    match &*MARKER {
        Some(marker) => marker.replace_all(text, "untrusted ").into_owned(),
        None => "[it cannot be shown]".to_owned(),
    }
}

impl Agents {
    /// Removes old runs and conversations and marks runs whose process has died, until `shutdown`.
    pub async fn tidy(&self, shutdown: CancellationToken) {
        loop {
            match self.inner.sources.store.tidy_runs(self.retention(Timestamp::now())).await {
                Ok(tidied) if tidied == Default::default() => {}
                Ok(tidied) => tracing::info!(
                    removed = tidied.removed,
                    interrupted = tidied.interrupted,
                    "runs of agents were tidied"
                ),
                Err(error) => tracing::warn!(%error, "runs of agents could not be tidied; tried again later"),
            }
            self.tidy_conversations().await;
            if shutdown.run_until_cancelled(tokio::time::sleep(PACE)).await.is_none() {
                return;
            }
        }
    }

    async fn tidy_conversations(&self) {
        let RunsSettings { keep_for, keep_at_most } = self.inner.settings.conversations;
        let since = Timestamp::now().checked_sub(keep_for).unwrap_or(Timestamp::MIN);
        match self
            .inner
            .sources
            .store
            .tidy_conversations(ConversationRetention { since, most: keep_at_most })
            .await
        {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old conversations were removed"),
            Err(error) => tracing::warn!(%error, "conversations could not be tidied; tried again later"),
        }
    }

    fn retention(&self, now: Timestamp) -> RunRetention {
        let settings = &self.inner.settings;
        let before = |span: Duration| now.checked_sub(span).unwrap_or(Timestamp::MIN);
        RunRetention {
            since: before(settings.runs.keep_for),
            most: settings.runs.keep_at_most,
            alive_since: before(settings.limits.deadline.saturating_add(SILENCE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rig_core::message::{AssistantContent, AssistantMessage, Message, ToolName, ToolResultContent};
    use serde_json::json;

    use super::{RunSpeaker, said};
    use crate::store::{MessageDetail, RunMessage, ToolRecord};

    fn kept(message: &Message, calls: Vec<ToolRecord>) -> RunMessage {
        let body = serde_json::to_value(message).unwrap();
        RunMessage {
            seq: 3,
            at: Timestamp::UNIX_EPOCH,
            body,
            detail: MessageDetail { calls, seen: Vec::new() },
        }
    }

    #[test]
    fn a_call_and_its_answer_are_shown_without_the_marker() {
        let name = ToolName::new("kubernetes_logs").unwrap();
        let call = AssistantContent::tool_call("c1", name, json!({"pod": "a"}));
        let AssistantContent::ToolCall(asked) = call.clone() else { panic!("a call") };
        let shown = said(kept(&Message::Assistant(AssistantMessage::new(vec![call])), Vec::new()));
        assert_eq!((shown.by, shown.calls[0].arguments.as_str()), (RunSpeaker::Model, "{\"pod\":\"a\"}"));

        let fenced = "<<<untrusted 0123456789abcdef0123456789abcdef logs>>>\nline\n<<<end untrusted 0123456789abcdef0123456789abcdef>>>";
        let record = ToolRecord {
            id: asked.id.to_string(),
            tool: "kubernetes_logs".to_owned(),
            arguments: "{}".to_owned(),
            ok: true,
            took_ms: 7,
            summary: "line".to_owned(),
            evidence: vec!["E3".to_owned()],
        };
        let results = Message::tool_results(vec![asked.result(vec![ToolResultContent::text(fenced)])]);
        let shown = said(kept(&results, vec![record]));
        let result = &shown.results[0];
        assert_eq!((shown.by, result.ok, result.took_ms), (RunSpeaker::Tools, true, Some(7)));
        assert_eq!(result.text, "<<<untrusted logs>>>\nline\n<<<end untrusted >>>");
        assert_eq!(result.evidence, ["E3"]);
    }

    #[test]
    fn what_cannot_be_read_is_said_so() {
        let broken = RunMessage { body: json!({"role": 7}), ..kept(&Message::user("x"), Vec::new()) };
        assert!(said(broken).text.contains("cannot be read"));
    }
}
