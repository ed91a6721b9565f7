//! What a fault can switch outside of the cluster's objects: dead nodes, database passwords, traffic.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sim::scenarios::Scenario;

/// The switches of one world.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    /// Nodes whose kubelet is dead, and since when.
    pub(crate) down: BTreeMap<String, Timestamp>,
    /// The password that each database accepts.
    pub(crate) passwords: BTreeMap<String, String>,
    /// By how much the requests to a service, `namespace/name`, are multiplied.
    pub(crate) traffic: BTreeMap<String, f64>,
}

impl Switches {
    /// Everything in its healthy position.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let password = |db: &crate::sim::scenarios::Database| (db.name.clone(), db.password.clone());
        Self { passwords: scenario.databases.iter().map(password).collect(), ..Self::default() }
    }

    /// Whether a node's kubelet runs.
    pub(crate) fn is_up(&self, node: &str) -> bool {
        !self.down.contains_key(node)
    }
}
