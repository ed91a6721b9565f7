//! What is asked about an incident.

use std::collections::BTreeSet;

use crate::incident::{Evidence, EvidenceSource, Hypothesis, Incident, Signal};

/// Alerts, findings and causes that enter the question; further ones say the same once more.
const SIGNALS: usize = 4;
const FINDINGS: usize = 6;
const CAUSES: usize = 2;

/// Longest part of a question, characters.
const LONGEST_PART: usize = 500;

/// Where alerting rules describe what is going on.
const DESCRIPTIONS: [&str; 2] = ["description", "message"];

/// What is seen of an incident: what an answer should be about.
#[derive(Debug, Clone, Copy)]
pub struct Symptoms<'a> {
    /// The incident with its alerts.
    pub incident: &'a Incident,
    /// What was found, the strongest first.
    pub evidence: &'a [Evidence],
    /// Possible causes, best first.
    pub hypotheses: &'a [Hypothesis],
    /// The version of Kubernetes, where known.
    pub k8s_version: Option<&'a str>,
}

impl<'a> Symptoms<'a> {
    /// What the incident itself knows.
    #[must_use]
    pub fn of(incident: &'a Incident) -> Self {
        Self { incident, evidence: &incident.evidence, hypotheses: &incident.hypotheses, k8s_version: None }
    }

    /// The question: names of alerts, what they say, what was found, what is held for the cause; expressions last.
    pub(super) fn question(&self) -> String {
        let signals = || self.incident.signals.iter().take(SIGNALS);
        let said = signals().flat_map(said);
        let causes = self.hypotheses.iter().take(CAUSES).map(|cause| cause.statement.as_str());
        let found = findings(self.evidence).take(FINDINGS).map(|finding| finding.statement.as_str());
        let expressions = signals().filter_map(|signal| signal.expression.as_deref());
        let mut told = BTreeSet::new();
        let parts = said.chain(causes).chain(found).chain(expressions).filter(|part| told.insert(*part));
        parts.map(|part| line(part, LONGEST_PART)).collect::<Vec<_>>().join("\n")
    }
}

fn said(signal: &Signal) -> impl Iterator<Item = &str> {
    let described = DESCRIPTIONS.iter().filter_map(|name| signal.annotations.get(*name));
    [signal.name.as_str(), signal.summary.as_str()].into_iter().chain(described.map(String::as_str))
}

/// What was seen in the cluster, without what was remembered about it.
pub(super) fn findings(evidence: &[Evidence]) -> impl Iterator<Item = &Evidence> {
    let remembered = [EvidenceSource::Document, EvidenceSource::PastIncident];
    evidence.iter().filter(move |seen| !remembered.contains(&seen.source))
}

/// Text of the outside world as one line of at most `longest` characters.
pub(super) fn line(text: &str, longest: usize) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let whole = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match whole.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default().trim_end()),
        None => whole,
    }
}
