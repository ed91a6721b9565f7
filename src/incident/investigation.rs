//! What agents did about an incident, for the record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an investigation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvestigationEnd {
    /// The rules were sure enough; no model was asked.
    Skipped,
    /// The agents came to a conclusion.
    Concluded,
    /// They could not tell; people should look.
    Escalated,
    /// Tokens, money, cycles or time ran out; what was there until then stands.
    BudgetSpent,
    /// No model answered, or nothing of use; the deterministic result stands.
    FellBack,
}

/// One run of one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentRun {
    /// Its name, `run-…`, under which everything that was said in it is kept; none where it could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The agent's name.
    pub agent: String,
    /// What it was asked.
    pub question: String,
    /// The models that answered, by their names in `agents.toml`.
    pub models: Vec<String>,
    /// SHA-256 of the prompt's text, hex, the first 16 digits.
    pub prompt: String,
    /// Calls of the model.
    pub turns: u32,
    /// How often each tool was called.
    pub tools: BTreeMap<String, u32>,
    /// Tokens read, estimated where the provider does not count.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// How long it took, ms.
    pub took_ms: u64,
    /// What came of it, one sentence, or why nothing did.
    pub outcome: String,
}

/// One investigation by agents: what they did, and what was thought of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Investigation {
    /// How it ended.
    pub end: InvestigationEnd,
    /// Why, one sentence for people.
    pub reason: String,
    /// How often specialists were dispatched.
    pub cycles: u32,
    /// The runs, in the order in which they ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<AgentRun>,
    /// Claims that were dropped, with the reason: they cited nothing, or what nobody has seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// What a specialist recommends to people where the catalog has no Action for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
    /// Texts that looked like instructions to a model, by rule and source. Not empty: everything that the agents
    /// concluded is tainted, and every Action that follows from it asks people first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

impl Investigation {
    /// Adds what was done later.
    pub fn extend(&mut self, later: &Self) {
        self.end = later.end;
        self.reason.clone_from(&later.reason);
        self.runs.extend(later.runs.iter().cloned());
        self.dropped.extend(later.dropped.iter().cloned());
        self.flags.extend(later.flags.iter().cloned());
        if later.recommendation.is_some() {
            self.recommendation.clone_from(&later.recommendation);
        }
    }

    /// The names of its runs, where they were kept.
    pub fn run_ids(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().filter_map(|run| run.id.as_deref())
    }

    /// Whether something that the agents read tried to instruct them.
    #[must_use]
    pub fn is_tainted(&self) -> bool {
        !self.flags.is_empty()
    }
}
