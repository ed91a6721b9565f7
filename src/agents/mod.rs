//! Agents: what a language model adds to the deterministic path.
//!
//! Owns everything that talks to a model: providers, prompts, budgets, the loop of one run, the tools that a model may
//! call, the orchestrator with its specialists, chat, and MCP. Agents read; nothing here changes a cluster. What they
//! conclude becomes Evidence, Hypotheses or a drafted Plan, and goes the way of every other. All text that leaves goes
//! through [`crate::egress`].

pub mod chat;
pub mod model;
pub mod progress;
pub mod tools;
