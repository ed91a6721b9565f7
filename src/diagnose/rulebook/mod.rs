//! Rules as data: causes that TOML files describe, those of the program and those of its users.
//!
//! `raw` is a file as it is written, `read` checks it and tells every problem at once, `rule` is what comes of it; `propose`
//! asks a rule of a diagnosis, with `path` for the way along the graph, `scene` for what is looked up and `statement` for
//! the words. A rule judges Evidence that analyzers have found; it cannot look where they do not. `folder` reads the
//! users' files, once, at the start; nothing else here does I/O. The format is described in docs/RULES.md.

mod folder;
mod glob;
mod path;
mod problem;
mod propose;
mod raw;
mod read;
mod rule;
mod scene;
mod statement;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, LazyLock};

pub use problem::RuleProblem;
pub use rule::Rule;

use super::facts::Facts;
use super::rules::Candidate;
use super::{Diagnosis, diagnose_by};
use crate::incident::Execution;
use crate::observe::Snapshot;

/// The rules of the program that read better as data than as code.
const BUILT_IN: &str = include_str!("builtin.toml");

/// How the built-in file is called in messages.
const BUILT_IN_NAME: &str = "built-in";

static BUILT_IN_RULES: LazyLock<Vec<Arc<Rule>>> = LazyLock::new(|| read::rules(BUILT_IN_NAME, BUILT_IN).0);

/// The rules that a diagnosis works with, beside those that are code.
#[derive(Debug, Clone)]
pub struct RuleBook {
    rules: Vec<Arc<Rule>>,
}

impl Default for RuleBook {
    fn default() -> Self {
        Self::built_in()
    }
}

impl RuleBook {
    /// The program's own rules.
    #[must_use]
    pub fn built_in() -> Self {
        Self { rules: BUILT_IN_RULES.clone() }
    }

    /// The program's own rules and those of the `*.toml` files in a folder. What cannot be used is left out and told: one
    /// rule for its own mistakes, a file that cannot be parsed or is too large, the folder. Blocks: it reads files.
    #[must_use]
    pub fn with_folder(folder: &Path) -> (Self, Vec<RuleProblem>) {
        let (files, mut problems) = folder::files(folder);
        let mut book = Self::built_in();
        for (name, text) in files {
            problems.extend(book.add(&name, &text));
        }
        (book, problems)
    }

    /// Adds the rules of a file; `name` is how messages call it. Gives what is wrong with it.
    pub fn add(&mut self, name: &str, text: &str) -> Vec<RuleProblem> {
        let (rules, mut problems) = read::rules(name, text);
        let room = folder::MOST_RULES.saturating_sub(self.rules.len());
        if rules.len() > room {
            let message = format!(
                "more than {} rules in all; those from here on are left out, so take some away",
                folder::MOST_RULES
            );
            problems.push(RuleProblem::of_file(name, message));
        }
        self.rules.extend(rules.into_iter().take(room));
        problems
    }

    /// The rules, the program's own first.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(AsRef::as_ref)
    }

    /// Finds what is wrong in a Snapshot and why, by these rules and those that are code: as [`super::diagnose`].
    #[must_use]
    pub fn diagnose(&self, snapshot: &Snapshot, failed: &[Execution]) -> Diagnosis {
        diagnose_by(self, snapshot, failed)
    }

    /// What the rules propose.
    pub(super) fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let scene = scene::Scene::new(facts);
        self.rules.iter().flat_map(|rule| propose::candidates(rule, &scene)).collect()
    }
}
