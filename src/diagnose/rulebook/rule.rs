//! A rule that was read and checked.

use std::collections::BTreeMap;

use regex::Regex;

use super::glob::Globs;
use super::path::Path;
use super::statement::Statement;
use crate::diagnose::confidence::Specificity;

/// A cause, and what shows it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The file it stands in, as messages call it.
    pub file: String,
    /// Stable code of the cause; playbooks and runbooks are keyed by it.
    pub code: String,
    /// What the cause means, for lists and people.
    pub meaning: String,
    /// Starting confidence, 0 to 1.
    pub confidence: f64,
    /// How much the cause says.
    pub level: Specificity,
    /// A runbook that the rule itself names: a URL or a path.
    pub runbook: Option<String>,
    /// The built-in cause whose repair fits as well; `None`: that of its own code, where there is one.
    pub playbook: Option<String>,
    pub(super) subject: Subject,
    pub(super) statement: Statement,
    pub(super) blame: Path,
    pub(super) explains: Vec<Path>,
    pub(super) when: Condition,
    pub(super) requires: Vec<Condition>,
    pub(super) unless: Vec<Condition>,
    pub(super) supports: Vec<Weighed>,
    pub(super) contradicts: Vec<Weighed>,
}

impl Rule {
    /// Whether it is one of the program's own.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.file == super::BUILT_IN_NAME
    }

    /// The cause whose playbook repairs it.
    #[must_use]
    pub fn repaired_like(&self) -> &str {
        self.playbook.as_deref().unwrap_or(&self.code)
    }
}

/// What the pieces of Evidence that fit `when` are gathered by; each such subject is one Hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The workload whose pod or ReplicaSet it is about; anything else stands for itself.
    Workload,
    /// The very object.
    Object,
}

/// Something that holds about an object or does not. What is left out fits everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    /// From the subject to the object that is looked at.
    pub(super) along: Path,
    pub(super) kind: Globs,
    pub(super) namespace: Globs,
    pub(super) name: Globs,
    /// Labels of the object, or of its pods.
    pub(super) labels: BTreeMap<String, Regex>,
    /// Fields of the object as the API has it, by dotted path.
    pub(super) object: BTreeMap<String, Regex>,
    /// Codes of Evidence about the object.
    pub(super) findings: Globs,
    /// Fields of that Evidence.
    pub(super) fields: BTreeMap<String, Regex>,
    /// What that Evidence says.
    pub(super) says: Option<Regex>,
    /// What the object's containers wrote.
    pub(super) log: Option<Regex>,
}

impl Condition {
    /// Whether it asks for Evidence, and not only for an object.
    pub(super) fn asks_for_evidence(&self) -> bool {
        !self.findings.is_empty() || !self.fields.is_empty() || self.says.is_some()
    }
}

/// A condition that changes the confidence where it holds.
#[derive(Debug, Clone)]
pub(super) struct Weighed {
    pub(super) condition: Condition,
    /// Factor for the confidence.
    pub(super) times: f64,
}
