//! A rule as it is written, before it is checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// The tables of a rule that are read by themselves, so that a mistake in one does not hide those in another.
pub(super) const CONDITIONS: [&str; 4] = ["requires", "unless", "supports", "contradicts"];

/// Everything of a rule but its conditions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) code: String,
    pub(super) meaning: Option<String>,
    pub(super) confidence: Option<f64>,
    pub(super) level: Option<RawLevel>,
    #[serde(default)]
    pub(super) about: RawSubject,
    pub(super) statement: Option<String>,
    pub(super) blame: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) explains: Vec<String>,
    pub(super) runbook: Option<String>,
    pub(super) playbook: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawLevel {
    Symptom,
    Trigger,
    Mechanism,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawSubject {
    #[default]
    Workload,
    Object,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCondition {
    pub(super) along: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) kind: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) namespace: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) name: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) object: BTreeMap<String, String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) findings: Vec<String>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) says: Option<String>,
    pub(super) log: Option<String>,
    pub(super) times: Option<f64>,
}

/// One text, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}
