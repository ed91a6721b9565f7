//! The runner and one file per step: how an incident moves by itself.
//!
//! Owns the loop "take the phase, call its step, save the events" with leases, heartbeats, retries and metrics. What a
//! step decides lives in `diagnose` and `remediate`; what an event means lives in `incident`.

mod backoff;
mod clusters;
mod drive;
mod lease;
mod memory;
mod meter;
mod runner;
mod step;
mod steps;

use std::sync::Arc;

pub use clusters::Clusters;

use crate::agents::Agents;
use crate::diagnose::RuleBook;
use crate::recall::Recall;
use crate::remediate::Policy;
use crate::settings::Settings;
use crate::store::Store;

/// What every step works with.
#[derive(Clone)]
pub struct Workflow {
    store: Store,
    clusters: Clusters,
    policy: Arc<Policy>,
    recall: Recall,
    agents: Agents,
    rules: Arc<RuleBook>,
    settings: Arc<Settings>,
    /// Who holds the leases: unique for this process.
    owner: Arc<str>,
}

impl Workflow {
    /// Puts the parts together. `owner` must differ between processes that share a store.
    #[must_use]
    pub fn new(
        store: Store,
        clusters: Clusters,
        policy: Arc<Policy>,
        recall: Recall,
        agents: Agents,
        settings: Arc<Settings>,
        owner: &str,
    ) -> Self {
        let rules = Arc::new(RuleBook::built_in());
        Self { store, clusters, policy, recall, agents, rules, settings, owner: Arc::from(owner) }
    }

    /// Diagnoses by these rules instead of the built-in ones alone.
    #[must_use]
    pub fn with_rules(self, rules: Arc<RuleBook>) -> Self {
        Self { rules, ..self }
    }
}
