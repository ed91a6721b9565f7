//! What a search is narrowed to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::facets::{ANY_VERSION, KEYS, asked_version, is_version, normal};
use crate::{Category, Severity};

/// What past incidents are labelled with.
pub const LABELS: [&str; 5] = ["cluster", "namespace", "workload", "outcome", "incident"];

/// `key=value` conditions: values of one key are alternatives, keys must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter(BTreeMap<String, Vec<String>>);

/// A condition that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// No `=`.
    #[error("the filter {0:?} is not of the form key=value")]
    Shape(String),
    /// Nobody has such a key.
    #[error("there is no filter {0:?}; there are {keys}", keys = known())]
    Key(String),
    /// No document can have that value.
    #[error("no document has {key} {value:?}; {possible}")]
    Value {
        /// The key.
        key: String,
        /// What was asked for.
        value: String,
        /// What can be asked for, in words.
        possible: String,
    },
}

fn known() -> String {
    KEYS.iter().chain(&LABELS).copied().collect::<Vec<_>>().join(", ")
}

/// What can be asked for instead, where a key cannot have this value.
fn impossible(key: &str, value: &str) -> Option<String> {
    match key {
        "category" if Category::named(value).is_none() => {
            Some(format!("categories are {}", Category::ALL.map(Category::name).join(", ")))
        }
        "severity" if Severity::named(value).is_none() => {
            Some(format!("severities are {}", Severity::ALL.map(Severity::name).join(", ")))
        }
        "k8s_version" if !is_version(value) => Some("a version is like 1.31".to_owned()),
        _ => None,
    }
}

impl Filter {
    /// From `key=value` words.
    ///
    /// # Errors
    /// When a word has no `=`, an unknown key, or a value that the key cannot have.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for word in words.iter().map(AsRef::as_ref) {
            let (key, value) = word.split_once('=').ok_or_else(|| FilterError::Shape(word.to_owned()))?;
            filter = filter.with(key.trim(), value)?;
        }
        Ok(filter)
    }

    /// With one more condition.
    ///
    /// # Errors
    /// When the key is unknown, or cannot have the value.
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, FilterError> {
        if !KEYS.contains(&key) && !LABELS.contains(&key) {
            return Err(FilterError::Key(key.to_owned()));
        }
        if let Some(possible) = impossible(key, value) {
            return Err(FilterError::Value { key: key.to_owned(), value: value.to_owned(), possible });
        }
        self.0.entry(key.to_owned()).or_default().push(value.trim().to_owned());
        Ok(self)
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The facets: of each group one must be there.
    pub(crate) fn groups(&self) -> Vec<Vec<String>> {
        let group = |(key, values): (&String, &Vec<String>)| {
            if key == "k8s_version" {
                let asked = values.iter().map(|value| format!("{key}={}", asked_version(value)));
                return asked.chain([format!("{key}={ANY_VERSION}")]).collect();
            }
            values.iter().map(|value| normal(key, value)).collect()
        };
        self.0.iter().map(group).collect()
    }

    /// As a condition on the table's `facets` column.
    #[cfg(feature = "vectors")]
    pub(crate) fn sql(&self) -> Option<String> {
        let group = |facets: Vec<String>| {
            let any: Vec<String> = facets
                .iter()
                .map(|facet| format!("array_has(facets, {})", crate::truth::quoted(facet)))
                .collect();
            format!("({})", any.join(" OR "))
        };
        let groups: Vec<String> = self.groups().into_iter().map(group).collect();
        (!groups.is_empty()).then(|| groups.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn values_of_one_key_are_alternatives_and_a_version_admits_documents_of_any_version() {
        let filter =
            Filter::parse(&["category=Runbook", "category=security", "k8s_version=v1.31.2"]).unwrap();
        assert_eq!(
            filter.groups(),
            [vec!["category=runbook", "category=security"], vec!["k8s_version=1.31", "k8s_version=any"]]
        );
    }

    #[test]
    fn a_condition_that_cannot_be_understood_says_what_can() {
        let error = Filter::parse(&["colour=red"]).unwrap_err().to_string();
        assert!(error.contains("colour") && error.contains("category"), "{error}");
        assert!(Filter::parse(&["runbook"]).is_err());
    }

    #[test]
    fn a_value_that_no_document_can_have_is_refused_with_those_that_it_can() {
        for (word, possible) in [
            ("severity=bananas", "info, warning, critical"),
            ("category=bogus", "troubleshooting, configuration"),
            ("k8s_version=abc", "like 1.31"),
            ("k8s_version=", "like 1.31"),
        ] {
            let error = Filter::parse(&[word]).unwrap_err().to_string();
            assert!(error.contains(possible), "{error}");
        }
        assert!(Filter::parse(&["severity=Critical", "k8s_version=v1.31.2-gke.7", "tag=anything"]).is_ok());
    }
}
