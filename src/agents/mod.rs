//! Agents: what a language model adds to the deterministic path.
//!
//! Owns everything that talks to a model: providers, prompts, budgets, the loop of one run, the tools that a model may
//! call, the orchestrator with its specialists, chat, and MCP. Agents read; nothing here changes a cluster. What they
//! conclude becomes Evidence, Hypotheses or a drafted Plan, and goes the way of every other. All text that leaves goes
//! through [`crate::egress`].

pub mod chat;
pub mod progress;
pub mod tools;

/// Everybody who can be asked: the orchestrator, which dispatches, and the specialists.
pub const NAMES: [&str; 6] =
    [ORCHESTRATOR, "diagnostic", "remediation", "security", "performance", "learning"];

/// Who is asked where nobody is named.
pub const ORCHESTRATOR: &str = "orchestrator";
