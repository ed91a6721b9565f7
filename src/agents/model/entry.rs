//! One configured model, ready to be asked.

use std::sync::Arc;
use std::time::Duration;

use rig_core::DynModel;
use rig_core::completion::{CompletionRequest, GenerationOptions, OnUnsupported};
use rig_core::message::ToolChoice;
use rig_core::operation::Completion;
use rig_core::providers::ollama::extension::OllamaOptions;
use rig_core::schemars::Schema;
use serde_json::json;
use tokio::time::Instant;

use super::Ask;
use super::circuit::Circuit;
use super::clean::Clean;
use super::fault::Reader;
use super::learned::{Learned, Sent};
use crate::settings::{ModelSettings, ProviderKind};

/// Where a question leaves less room in the window, that much is asked for nevertheless, tokens: its size is an estimate.
const SHORTEST_ANSWER: u64 = 256;

/// A model with its way to the provider.
pub(super) struct Entry {
    /// Its name in the settings.
    pub(super) name: String,
    pub(super) settings: ModelSettings,
    pub(super) kind: ProviderKind,
    /// Deadline of one answer.
    pub(super) timeout: Duration,
    pub(super) model: DynModel<Completion>,
    pub(super) clean: Clean,
    pub(super) learned: Learned,
    /// Opened by a key or a quota that is refused.
    pub(super) circuit: Circuit,
    /// Shared by the models of the provider; opened by an outage.
    pub(super) provider_circuit: Arc<Circuit>,
}

impl Entry {
    /// How long it is left alone, and why.
    pub(super) fn resting(&self) -> Option<(Duration, String)> {
        let now = Instant::now();
        let open = |circuit: &Circuit| circuit.open_for(now).map(|rest| (rest, circuit.reason()));
        open(&self.circuit).max(open(&self.provider_circuit))
    }

    /// How much it can read at once, tokens: what the settings say, or less where it has said so itself.
    pub(super) fn window(&self) -> u64 {
        self.learned
            .window()
            .map_or(self.settings.context_tokens, |learned| learned.min(self.settings.context_tokens))
    }

    /// The longest answer to a question of `read` tokens, tokens.
    pub(super) fn longest_answer(&self, ask: &Ask, read: u64) -> u64 {
        let most = ask.max_tokens.unwrap_or(u64::MAX).min(self.settings.answer_tokens);
        most.min(self.window().saturating_sub(read).max(SHORTEST_ANSWER))
    }

    /// The question as this model takes it, with an answer of at most `longest` tokens; and what of it may be refused.
    pub(super) fn request(&self, ask: &Ask, longest: u64) -> (CompletionRequest, Sent) {
        let tool_choice = self.tool_choice(ask);
        let temperature = ask.temperature.filter(|_| !self.learned.no_temperature.is_known());
        let schema = ask.schema.clone().filter(|_| !self.learned.no_schema.is_known());
        let schema = schema.and_then(|schema| Schema::try_from(schema).ok());
        let sent = Sent {
            temperature: temperature.is_some(),
            schema: schema.is_some(),
            forced_tool: matches!(tool_choice, Some(ToolChoice::Required | ToolChoice::Specific { .. })),
            streamed: !self.learned.whole_only.is_known(),
            max_tokens: !self.learned.completion_limit.is_known(),
        };
        let mut request = CompletionRequest::from(ask.messages.clone())
            .tools(ask.tools.clone())
            .temperature(temperature)
            .output_schema(schema)
            // Servers that copy OpenAI's wire have reasons of their own to end.
            .accept_unknown_finish_reasons(!self.kind.needs_key());
        if !ask.stop.is_empty() {
            let options = GenerationOptions::default().stop(ask.stop.clone());
            request = request.options(options.on_unsupported(OnUnsupported::Ignore));
        }
        if let Some(choice) = tool_choice {
            request = request.tool_choice(choice);
        }
        request = if sent.max_tokens {
            request.max_tokens(longest)
        } else {
            request.additional_params(json!({"max_completion_tokens": longest}))
        };
        if self.kind == ProviderKind::Ollama {
            // Without them Ollama reads a few thousand tokens, and silently drops the beginning of what is longer.
            let context = u32::try_from(self.settings.context_tokens).unwrap_or(u32::MAX);
            request = request
                .provider_option(OllamaOptions::default().num_ctx(context))
                .additional_params(json!({"truncate": false, "shift": false}));
        }
        (request, sent)
    }

    /// What the wire can force: all tools instead of one where it knows no other, nothing where it forces nothing.
    fn tool_choice(&self, ask: &Ask) -> Option<ToolChoice> {
        let choice = ask.tool_choice.clone().filter(|_| !ask.tools.is_empty())?;
        let forces = !matches!(choice, ToolChoice::Auto | ToolChoice::None);
        let cannot = self.learned.no_forced_tool.is_known()
            || self.kind == ProviderKind::Ollama
            || self.model.capabilities().completion.rejects_forced_tool_choice;
        match choice {
            _ if forces && cannot => None,
            ToolChoice::Specific { .. } if self.kind == ProviderKind::LlamaCpp => Some(ToolChoice::Required),
            choice => Some(choice),
        }
    }

    pub(super) fn reader(&self, sent: Sent) -> Reader<'_> {
        Reader { sent, learned: &self.learned, clean: &self.clean }
    }
}
