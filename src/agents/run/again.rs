//! Going on with a run that an earlier process has left, and answering again what had been answered.

use rig_core::message::{AssistantContent, Message, ToolCall, UserContent};
use serde::de::DeserializeOwned;

use super::kept::Keeping;
use super::records::Earlier;
use super::{History, Run, Shared, typed};
use crate::agents::model::Chain;
use crate::agents::roster::Agent;
use crate::incident::AgentRun;
use crate::store::{RunState, RunSummary};

/// The tool whose answer is not only text: what it drafts must be there again.
const DRAFTS: &str = "propose_plan";

/// What a model has said last, where nothing followed it.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
}

impl Said {
    /// Of the last message, if a model said it.
    pub(super) fn last(messages: &[Message]) -> Option<Self> {
        let Some(Message::Assistant(answer)) = messages.last() else { return None };
        let mut said = Self { text: String::new(), calls: Vec::new() };
        for part in &answer.content {
            match part {
                AssistantContent::Text(text) => said.text.push_str(&text.text),
                AssistantContent::ToolCall(call) => said.calls.push(call.clone()),
                _ => {}
            }
        }
        Some(said)
    }
}

impl<'a> Run<'a> {
    /// A run that goes on where it stopped; `None` where not all of it was kept, or nothing can be read of it.
    pub(crate) fn again(
        agent: &'a Agent,
        chain: Chain,
        shared: &'a Shared,
        earlier: Earlier,
    ) -> Option<Self> {
        let (keeping, record, messages) = Keeping::again(&shared.records, earlier)?;
        let unanswered = Said::last(&messages);
        // Its task is what it was given; the rest it has said and read itself.
        let history = History::new(messages, 1);
        Some(Self { unanswered, ..Self::with(agent, chain, shared, history, record, keeping) })
    }
}

impl Earlier {
    /// The typed answer that it had ended with.
    pub(crate) fn answer<T: DeserializeOwned>(&self) -> Option<T> {
        if self.run.summary.state != RunState::Finished {
            return None;
        }
        let last: Message = serde_json::from_value(self.messages.last()?.body.clone()).ok()?;
        let said = Said::last(&[last])?;
        typed::answer(&said.text, &said.calls)
    }

    /// For the record of the incident; texts are as people see them.
    pub(crate) fn agent_run(&self, question: String, outcome: String) -> AgentRun {
        let RunSummary { id, agent, models, prompt, turns, tools, .. } = self.run.summary.clone();
        let RunSummary { input_tokens, output_tokens, cost, took_ms, .. } = self.run.summary;
        AgentRun {
            id: Some(id.to_string()),
            agent,
            question,
            models,
            prompt,
            turns,
            tools,
            input_tokens,
            output_tokens,
            cost,
            took_ms,
            outcome,
        }
    }

    /// Drafts again what it had drafted: against the cluster as it is now, for a draft is not text.
    pub(crate) async fn draft_again(&self, agent: &Agent, shared: &Shared) {
        let tools = shared.tools.subset(&agent.tools);
        for call in self.drafts() {
            let arguments = serde_json::Value::Object(call.function.arguments);
            if let Err(error) = tools.call(DRAFTS, arguments, &shared.context).await {
                tracing::warn!(run = %self.run.summary.id, %error, "what was drafted before cannot be drafted again");
            }
        }
    }

    /// The calls that had drafted something.
    fn drafts(&self) -> Vec<ToolCall> {
        let messages: Vec<Message> = self
            .messages
            .iter()
            .filter_map(|message| serde_json::from_value(message.body.clone()).ok())
            .collect();
        let accepted = messages.iter().flat_map(accepted).collect::<Vec<_>>();
        let asked = messages.iter().filter_map(|message| Said::last(std::slice::from_ref(message)));
        let calls = asked.flat_map(|said| said.calls);
        calls.filter(|call| *call.function.name == *DRAFTS && accepted.contains(&call.id)).collect()
    }
}

/// The calls whose results in this message are no errors.
fn accepted(message: &Message) -> Vec<rig_core::message::CallId> {
    let Message::User { content } = message else { return Vec::new() };
    let result = |part: &UserContent| match part {
        UserContent::ToolResult(result) if !result.is_error => Some(result.call.clone()),
        _ => None,
    };
    content.iter().filter_map(result).collect()
}
