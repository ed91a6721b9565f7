//! What is wrong with a rule file.

use std::fmt;

use serde::Serialize;

/// One thing to mend, with its file, rule and field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleProblem {
    /// Where: `cache.toml: rule 2 (cache.too_small): when.says`.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl RuleProblem {
    pub(super) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { place: file.to_owned(), message: message.into() }
    }
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
