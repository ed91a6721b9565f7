//! The slots of the prompts of one investigation, filled.

use std::collections::BTreeMap;

use super::specialists::Reported;
use super::{Groundwork, words};
use crate::agents::run::Shared;
use crate::egress::Session;
use crate::incident::Incident;

/// What stays the same during an investigation, already scrubbed and fenced.
pub(super) struct Scene {
    incident: String,
    evidence: String,
    hypotheses: String,
    unseen: String,
    /// What the smallest model of the agents can read, tokens.
    window: u64,
}

impl Scene {
    /// For models that can read `window` tokens.
    pub(super) fn new(incident: &Incident, groundwork: &Groundwork, session: &Session, window: u64) -> Self {
        Self {
            incident: words::incident(incident, session, window),
            evidence: words::evidence(&groundwork.evidence, session, window),
            hypotheses: words::hypotheses(&groundwork.hypotheses, session, window),
            unseen: words::unseen(&groundwork.gaps, session, window),
            window,
        }
    }

    /// The values of all slots.
    pub(super) fn values(
        &self,
        question: &str,
        reports: &[Reported],
        shared: &Shared,
    ) -> BTreeMap<&'static str, String> {
        let reports: Vec<String> = reports.iter().map(|report| report.words(shared)).collect();
        let reports = if reports.is_empty() { "none".to_owned() } else { reports.join("\n\n") };
        BTreeMap::from([
            ("codes", words::codes(self.window)),
            ("evidence", self.evidence.clone()),
            ("fence", shared.session.preamble()),
            ("hypotheses", self.hypotheses.clone()),
            ("incident", self.incident.clone()),
            ("question", shared.session.trusted(question)),
            ("reports", reports),
            ("specialists", words::specialists()),
            ("unseen", self.unseen.clone()),
        ])
    }
}
