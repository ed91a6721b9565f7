//! Everything that talks to a provider of language models.
//!
//! Owns the wires (through rig), the transport with its limits, retries, fall-back, circuits, and what an answer cost.
//! Does not know prompts, tools or budgets: [`Chain::ask`] is one question with one answer. Whatever a caller puts into a
//! question, no string leaves unscrubbed: the transport scrubs every request once more, and refuses what it cannot read.

mod answer;
mod ask;
mod attempt;
mod chain;
mod circuit;
mod clean;
mod entry;
mod error;
mod fault;
mod joined;
mod learned;
mod models;
mod outgoing;
mod overflow;
mod patience;
mod provider;
mod spent;
mod transport;

pub use answer::Answer;
pub use ask::Ask;
pub use chain::Chain;
pub use clean::Scrub;
pub use error::ModelError;
pub use models::Models;
pub use patience::Patience;
pub use spent::{Spent, estimate_tokens};
