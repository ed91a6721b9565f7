//! Scenarios: what a simulated cluster is in health, what goes wrong, and what would heal it. Declared in TOML.
//!
//! A scenario may build on a world file (nodes, applications, traffic) that several scenarios share; a file loaded from
//! a path may hold everything itself. This module only describes; the engine and the kubelets act.

mod fault;
mod load;
mod program;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

pub use fault::{Fault, PasswordChange, SetField, Step, Target, TrafficChange};
pub(crate) use load::manifests;
pub use load::{ScenarioError, names};
pub use program::{Connection, Database, Failure, FailureKind, Format, Program, Route, When};

/// A whole story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name, such as `bad-deploy`.
    pub name: String,
    /// One line.
    pub title: String,
    /// What happens, for people.
    pub description: String,
    /// The world file this builds on, if any.
    #[serde(default)]
    pub world: Option<String>,
    /// The healthy state, in the order in which it came to be.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
    /// What images need and do.
    #[serde(default)]
    pub programs: Vec<Program>,
    /// Databases that check passwords.
    #[serde(default)]
    pub databases: Vec<Database>,
    /// Requests and which services they pass through.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What goes wrong.
    pub fault: Fault,
    /// When the world counts as healed.
    pub heals_when: HealsWhen,
    /// The alert rules.
    pub alerts: Vec<AlertRule>,
    /// What a responder is expected to make of it.
    pub expected: Expected,
}

/// Part of the healthy state that came to be at one time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// How long before the start of the simulation.
    #[serde(deserialize_with = "load::duration")]
    pub age: Duration,
    /// Kubernetes manifests in YAML; an object that exists already is replaced.
    pub manifests: String,
}

/// A declarative condition; everything given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealsWhen {
    /// Workloads whose rollout is complete and whose replicas are all available.
    #[serde(default)]
    pub available: Vec<Target>,
    /// PromQL expressions that must yield nothing.
    #[serde(default)]
    pub silent: Vec<String>,
}

/// An alert rule of the simulated Prometheus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// The alert's name.
    pub name: String,
    /// The PromQL expression.
    pub expr: String,
    /// For how long it must hold before the alert fires.
    #[serde(default, rename = "for", deserialize_with = "load::duration")]
    pub hold: Duration,
    /// Labels added to those of the expression's result.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations; `{{ $labels.x }}` and `{{ $value }}` are replaced.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Fire although the expression is false: an alert about nothing. The value is the labels that it carries.
    #[serde(default)]
    pub stale: Option<BTreeMap<String, String>>,
}

/// How the story ends when a responder does well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The responder repairs it.
    Repaired,
    /// There is nothing to repair, and the responder says so.
    NothingWrong,
    /// The responder can't repair it, names the cause and hands over to people.
    Escalated,
}

/// What a responder is expected to find and do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// How the story ends.
    pub outcome: Outcome,
    /// Code of the root cause, if there is one.
    #[serde(default)]
    pub cause: Option<String>,
    /// The object at fault.
    #[serde(default)]
    pub object: Option<Target>,
    /// The kind of action that repairs it.
    #[serde(default)]
    pub action: Option<String>,
}

impl Scenario {
    /// The names of nodes, services and so on of a story without any: for tests of single parts.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self {
            name: "empty".to_owned(),
            title: String::new(),
            description: String::new(),
            world: None,
            chapters: Vec::new(),
            programs: Vec::new(),
            databases: Vec::new(),
            routes: Vec::new(),
            fault: Fault { age: Duration::ZERO, steps: Vec::new() },
            heals_when: HealsWhen::default(),
            alerts: Vec::new(),
            expected: Expected { outcome: Outcome::NothingWrong, cause: None, object: None, action: None },
        }
    }

    /// The program behind an image reference, and whether its tag exists.
    pub(crate) fn program(&self, image: &str) -> Option<&Program> {
        let (repository, _) = split_image(image);
        self.programs.iter().find(|program| program.image == repository)
    }
}

/// An image reference as repository and tag; without a tag it is `latest`.
pub(crate) fn split_image(image: &str) -> (&str, &str) {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}
