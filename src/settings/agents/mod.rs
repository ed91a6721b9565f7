//! `agents.toml`: which language models there are, what they may cost, and which agent uses what.
//!
//! Without a file, or without a provider in it, there is no model: a normal state. Keys are never in the file, only the
//! name of a variable or of a file that holds them. Whether tools, prompts and schemas exist is checked where they are
//! known, in `agents`.

mod quotas;
mod raw;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use quotas::{Allowance, OTHERS, Quotas, TenantSettings};
use secrecy::SecretString;
use url::Url;

/// Everything that `agents.toml` says.
#[derive(Debug, Clone)]
pub struct AgentsSettings {
    /// The file, for messages; `None`: the built-in one.
    pub file: Option<PathBuf>,
    /// Providers by name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Models by name.
    pub models: BTreeMap<String, ModelSettings>,
    /// The names of the models as the file lists them: the order in which they are tried.
    pub model_order: Vec<String>,
    /// The agents that differ from, or are added to, the built-in ones, by name.
    pub agents: BTreeMap<String, AgentSettings>,
    /// When the model is left out because the rules are sure enough.
    pub assess: AssessSettings,
    /// What one run may use: one investigation, one chat turn.
    pub limits: RunLimits,
    /// What may be used beyond that: by an incident, in a day, by a tenant.
    pub quotas: Quotas,
    /// How long the runs of agents are kept.
    pub runs: RunsSettings,
    /// How long conversations are kept, from the last thing that was said.
    pub conversations: RunsSettings,
    /// Servers of the Model Context Protocol whose tools agents may call.
    pub mcp: BTreeMap<String, McpSettings>,
}

impl Default for AgentsSettings {
    fn default() -> Self {
        Self {
            file: None,
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
            model_order: Vec::new(),
            agents: BTreeMap::new(),
            assess: AssessSettings::default(),
            limits: RunLimits::default(),
            quotas: Quotas::default(),
            runs: RunsSettings::default(),
            conversations: RunsSettings::of_conversations(),
            mcp: BTreeMap::new(),
        }
    }
}

impl AgentsSettings {
    /// Whether any model can be asked.
    #[must_use]
    pub fn has_models(&self) -> bool {
        !self.models.is_empty()
    }

    /// The models in the order in which they are tried; what the order does not name comes last.
    pub fn models_in_order(&self) -> impl Iterator<Item = (&str, &ModelSettings)> {
        let listed = self.model_order.iter().filter_map(|name| self.models.get_key_value(name));
        let others = self.models.iter().filter(|(name, _)| !self.model_order.contains(name));
        listed.chain(others).map(|(name, model)| (name.as_str(), model))
    }
}

/// The wire that a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI itself.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Azure OpenAI.
    Azure,
    /// Ollama.
    Ollama,
    /// The server of llama.cpp.
    LlamaCpp,
    /// Anything that speaks OpenAI's chat completions.
    OpenAiCompatible,
}

impl ProviderKind {
    /// All of them with their names in the file.
    pub const ALL: [(&'static str, Self); 7] = [
        ("openai", Self::OpenAi),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("azure", Self::Azure),
        ("ollama", Self::Ollama),
        ("llamacpp", Self::LlamaCpp),
        ("openai_compatible", Self::OpenAiCompatible),
    ];

    /// The name in the file, in metrics and in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("unknown", |(name, _)| name)
    }

    /// Whether a provider of this kind cannot be asked without a key.
    #[must_use]
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::OpenAi | Self::Anthropic | Self::Gemini | Self::Azure)
    }

    /// Whether its key goes over a public network, so that it must be reached over https.
    #[must_use]
    pub const fn needs_tls(self) -> bool {
        self.needs_key()
    }

    /// Whether its server says nothing while it reads a question, which takes minutes where there is no graphics card.
    #[must_use]
    pub const fn reads_in_silence(self) -> bool {
        matches!(self, Self::Ollama | Self::LlamaCpp)
    }

    /// The name in traces, OpenTelemetry's where it has one.
    #[must_use]
    pub fn telemetry_name(self) -> &'static str {
        match self {
            Self::Gemini => "gcp.gemini",
            Self::Azure => "azure.ai.openai",
            _ => self.name(),
        }
    }

    /// Whether the file must say where it is.
    #[must_use]
    pub const fn needs_url(self) -> bool {
        matches!(self, Self::Azure | Self::LlamaCpp | Self::OpenAiCompatible)
    }
}

/// Where models are asked.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// The wire.
    pub kind: ProviderKind,
    /// Base URL; `None`: the provider's own.
    pub url: Option<Url>,
    /// The key.
    pub key: Option<SecretString>,
    /// Azure's `api-version`.
    pub api_version: Option<String>,
    /// Deadline of one answer, from the request to its last byte.
    pub timeout: Duration,
}

/// A model with what it holds and costs.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// The provider's name in the file.
    pub provider: String,
    /// The model's name at the provider.
    pub model: String,
    /// How much it can read at once, tokens.
    pub context_tokens: u64,
    /// Most tokens of one answer.
    pub answer_tokens: u64,
    /// US dollars for a million tokens read.
    pub input_price: f64,
    /// US dollars for a million tokens written.
    pub output_price: f64,
}

/// What is said about one agent; `None` leaves what is built in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentSettings {
    /// Models in the order in which they are tried.
    pub models: Vec<String>,
    /// The prompt's file, relative to `agents.toml`.
    pub prompt: Option<PathBuf>,
    /// The prompt's file for chat.
    pub chat_prompt: Option<PathBuf>,
    /// The JSON Schema's file of what it must return.
    pub returns: Option<PathBuf>,
    /// The tools that it may call.
    pub tools: Option<Vec<String>>,
    /// Most calls of the model in one run.
    pub max_turns: Option<u32>,
    /// Most tokens of one run, read and written.
    pub max_tokens: Option<u64>,
    /// Most money of one run, US dollars.
    pub max_cost: Option<f64>,
    /// Randomness, 0 to 2.
    pub temperature: Option<f64>,
}

/// When the deterministic answer is good enough to leave the model out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AssessSettings {
    /// Least confidence of the best Hypothesis, 0 to 1.
    pub confidence: f64,
    /// Least distance to the next one, 0 to 1.
    pub margin: f64,
}

impl Default for AssessSettings {
    fn default() -> Self {
        Self { confidence: 0.8, margin: 0.15 }
    }
}

/// What one run may use, all its agents together: one investigation, one chat turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunLimits {
    /// Tokens, read and written.
    pub tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// From the first request to the last answer.
    pub deadline: Duration,
    /// How often the orchestrator may dispatch specialists.
    pub cycles: u32,
    /// Specialists at work at the same time.
    pub parallel: usize,
    /// Questions to a model.
    pub turns: u32,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            tokens: 200_000,
            cost: 1.0,
            deadline: Duration::from_secs(300),
            cycles: 3,
            parallel: 4,
            turns: 100,
        }
    }
}

/// How long the runs of agents, or conversations, are kept, with everything that was said in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunsSettings {
    /// Those that ended, or in which nothing was said, for longer are removed.
    pub keep_for: Duration,
    /// Most of them; the oldest beyond are removed.
    pub keep_at_most: u64,
}

impl Default for RunsSettings {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(30 * 24 * 3600), keep_at_most: 10_000 }
    }
}

impl RunsSettings {
    /// How long conversations are kept unless it is set.
    #[must_use]
    pub const fn of_conversations() -> Self {
        Self { keep_for: Duration::from_secs(90 * 24 * 3600), keep_at_most: 10_000 }
    }
}

/// A server of the Model Context Protocol.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// How it is reached.
    pub transport: McpTransport,
    /// The tools that are taken over; `None`: all that say they only read.
    pub tools: Option<Vec<String>>,
    /// Tools that a person has marked as safe to call though the server does not say that they only read.
    pub trusted: Vec<String>,
    /// The agents that get all of its tools, beside those that name some in their own list.
    pub agents: Vec<String>,
    /// Deadline of one call; 30 s is the most that any tool has.
    pub timeout: Duration,
}

/// How a server of the Model Context Protocol is reached.
#[derive(Debug, Clone)]
pub enum McpTransport {
    /// A program, spoken to on its standard input and output.
    Program {
        /// The program.
        command: PathBuf,
        /// Its arguments.
        args: Vec<String>,
        /// Every variable that it gets: those of the file, and this process's `PATH` and `HOME` unless the file sets
        /// them.
        environment: BTreeMap<String, SecretString>,
    },
    /// Streamable HTTP.
    Http {
        /// Where.
        url: Url,
        /// Sent as a bearer token.
        token: Option<SecretString>,
    },
}
