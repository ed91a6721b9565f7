//! From a [`Snapshot`] to ranked Hypotheses: pure, deterministic, replayable.
//!
//! The way through, one direction: `index` looks things up, `analyzers` report what is abnormal, `evidence` numbers and
//! bounds it, `graph` connects the objects, `rules` (code) and `rulebook` (data) propose causes, `ranking` orders them.
//! Nothing here asks for the time or trusts that a field is there, and nothing but reading the users' rules does I/O.

mod access;
pub mod analyzers;
pub mod codes;
pub mod confidence;
pub mod evidence;
mod facts;
mod finding;
pub mod graph;
pub mod index;
mod labels;
pub mod mask;
mod named;
mod network;
mod onset;
mod ranking;
mod rulebook;
mod rules;
mod schedule;
#[cfg(test)]
mod tests;
mod visibility;
#[cfg(test)]
mod world;

use serde::Serialize;

pub use facts::Facts;
pub use finding::Finding;
pub use graph::EvidenceGraph;
pub use index::Index;
pub use rulebook::{Rule, RuleBook, RuleProblem};

use crate::incident::{Evidence, Execution, Hypothesis};
use crate::observe::Snapshot;

/// What the deterministic pass makes of a Snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// What is abnormal, strongest first, numbered from E1; at most [`evidence::MAX_EVIDENCE`] pieces.
    pub evidence: Vec<Evidence>,
    /// Possible root causes, most likely first; empty where nothing explains anything.
    pub hypotheses: Vec<Hypothesis>,
    /// The objects and how they depend on each other. Serialized as node-link JSON.
    #[serde(serialize_with = "graph::serialize")]
    pub graph: EvidenceGraph,
    /// What was not visible and matters, one sentence each.
    pub blind: Vec<String>,
    /// True only where nothing abnormal was found and nothing that matters was out of sight.
    pub healthy: bool,
}

/// Finds what is wrong in a Snapshot and why. `failed` are repairs already made for this incident that did not help:
/// they count against the hypotheses that they followed from.
///
/// The rules are the program's own; [`RuleBook::diagnose`] works with those of a folder as well.
#[must_use]
pub fn diagnose(snapshot: &Snapshot, failed: &[Execution]) -> Diagnosis {
    RuleBook::built_in().diagnose(snapshot, failed)
}

fn diagnose_by(book: &RuleBook, snapshot: &Snapshot, failed: &[Execution]) -> Diagnosis {
    let index = Index::new(snapshot);
    let findings = analyzers::findings(&index, failed);
    let evidence = evidence::number(findings, &index);
    let graph = EvidenceGraph::build(&index, &evidence);
    let blind = visibility::blind_spots(&index);
    let facts = Facts::new(&index, &evidence, &graph);
    let candidates = rules::candidates(&facts).into_iter().chain(book.candidates(&facts)).collect();
    let hypotheses = ranking::rank(candidates, &facts);
    let healthy = hypotheses.is_empty() && blind.is_empty() && !facts.anything_abnormal();
    Diagnosis { evidence, hypotheses, graph, blind, healthy }
}
