//! `agents.toml` as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::settings::secret::SecretRef;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) providers: BTreeMap<String, Provider>,
    pub(super) models: BTreeMap<String, Model>,
    pub(super) agents: BTreeMap<String, Agent>,
    pub(super) assess: Assess,
    pub(super) limits: Limits,
    pub(super) tenants: BTreeMap<String, Tenant>,
    pub(super) runs: Runs,
    pub(super) conversations: Runs,
    pub(super) mcp: BTreeMap<String, Mcp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) kind: String,
    pub(super) url: Option<String>,
    pub(super) key: Option<SecretRef>,
    pub(super) api_version: Option<String>,
    pub(super) timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) context_tokens: Option<u64>,
    pub(super) answer_tokens: Option<u64>,
    pub(super) input_price: Option<f64>,
    pub(super) output_price: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) models: Option<Vec<String>>,
    pub(super) prompt: Option<PathBuf>,
    pub(super) chat_prompt: Option<PathBuf>,
    pub(super) returns: Option<PathBuf>,
    pub(super) tools: Option<Vec<String>>,
    pub(super) max_turns: Option<u32>,
    pub(super) max_tokens: Option<u64>,
    pub(super) max_cost: Option<f64>,
    pub(super) temperature: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Assess {
    pub(super) confidence: Option<f64>,
    pub(super) margin: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) tokens: Option<u64>,
    pub(super) cost: Option<f64>,
    pub(super) deadline: Option<String>,
    pub(super) cycles: Option<u32>,
    pub(super) parallel: Option<usize>,
    pub(super) turns: Option<u32>,
    pub(super) incident: Option<Allowance>,
    pub(super) day: Option<Allowance>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Allowance {
    pub(super) tokens: Option<u64>,
    pub(super) cost: Option<f64>,
    pub(super) turns: Option<u64>,
    pub(super) time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tenant {
    pub(super) namespaces: Vec<String>,
    pub(super) tokens: Option<u64>,
    pub(super) cost: Option<f64>,
    pub(super) turns: Option<u64>,
    pub(super) time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Runs {
    pub(super) keep_for: Option<String>,
    pub(super) keep_at_most: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mcp {
    pub(super) command: Option<PathBuf>,
    pub(super) args: Vec<String>,
    pub(super) environment: BTreeMap<String, SecretRef>,
    pub(super) url: Option<String>,
    pub(super) token: Option<SecretRef>,
    pub(super) tools: Option<Vec<String>>,
    pub(super) trusted: Vec<String>,
    pub(super) agents: Option<Vec<String>>,
    pub(super) timeout: Option<String>,
}
