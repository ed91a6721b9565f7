//! A possible cause on its way to becoming a Hypothesis.

use std::collections::BTreeSet;

use crate::diagnose::confidence::Cause;
use crate::incident::{Evidence, EvidenceId, Hypothesis, ObjectRef, Proposer, Score};

/// What a rule of a file says about its cause that the table of causes does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::diagnose) struct Told {
    /// Stable code of the cause.
    pub(in crate::diagnose) code: String,
    /// A runbook that the rule names.
    pub(in crate::diagnose) runbook: Option<String>,
    /// The built-in cause whose repair fits as well.
    pub(in crate::diagnose) playbook: Option<String>,
}

/// What a rule proposes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::diagnose) struct Candidate {
    /// The kind of cause.
    pub(in crate::diagnose) cause: Cause,
    /// The object at fault.
    pub(in crate::diagnose) object: ObjectRef,
    /// What happened.
    pub(in crate::diagnose) statement: String,
    /// Confidence before ranking.
    pub(in crate::diagnose) confidence: f64,
    /// Evidence that supports it.
    pub(in crate::diagnose) supporting: BTreeSet<EvidenceId>,
    /// Evidence that contradicts it.
    pub(in crate::diagnose) contradicting: BTreeSet<EvidenceId>,
    /// The workloads (and other objects) whose trouble it explains, its own object included.
    pub(in crate::diagnose) explains: BTreeSet<ObjectRef>,
    /// Whether it only passes on what callers say of the object, so that whatever is found wrong there is nearer the cause.
    pub(in crate::diagnose) hearsay: bool,
    /// What the rule says of its cause, where it stands in a file.
    told: Option<Told>,
}

impl Candidate {
    /// A cause with its starting confidence.
    pub(in crate::diagnose) fn new(cause: Cause, object: ObjectRef, statement: impl Into<String>) -> Self {
        let explains = BTreeSet::from([object.clone()]);
        Self {
            cause,
            object,
            statement: statement.into(),
            confidence: cause.confidence,
            supporting: BTreeSet::new(),
            contradicting: BTreeSet::new(),
            explains,
            hearsay: false,
            told: None,
        }
    }

    /// Names the cause as a rule of a file does.
    pub(in crate::diagnose) fn told(mut self, told: Told) -> Self {
        self.told = Some(told);
        self
    }

    /// Stable code of the cause.
    pub(in crate::diagnose) fn code(&self) -> &str {
        self.told.as_ref().map_or(self.cause.code, |told| &told.code)
    }

    /// The cause by whose playbook it is repaired: its own, unless its rule names another.
    pub(in crate::diagnose) fn playbook(&self) -> &str {
        let told = self.told.as_ref().and_then(|told| told.playbook.as_deref());
        told.unwrap_or_else(|| self.code())
    }

    /// Adds support.
    pub(in crate::diagnose) fn because<'e>(
        mut self,
        evidence: impl IntoIterator<Item = &'e Evidence>,
    ) -> Self {
        self.supporting.extend(evidence.into_iter().map(|piece| piece.id));
        self
    }

    /// Adds support by number, where there is one.
    pub(in crate::diagnose) fn because_of(mut self, evidence: Option<EvidenceId>) -> Self {
        self.supporting.extend(evidence);
        self
    }

    /// Adds contradictions; each lowers the confidence once, by the factor.
    pub(in crate::diagnose) fn despite<'e>(
        mut self,
        evidence: impl IntoIterator<Item = &'e Evidence>,
        factor: f64,
    ) -> Self {
        let before = self.contradicting.len();
        self.contradicting.extend(evidence.into_iter().map(|piece| piece.id));
        if self.contradicting.len() > before {
            self.confidence *= factor;
        }
        self
    }

    /// Adds objects whose trouble it explains.
    pub(in crate::diagnose) fn explaining(mut self, objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        self.explains.extend(objects);
        self
    }

    /// Multiplies the confidence.
    pub(in crate::diagnose) fn times(mut self, factor: f64) -> Self {
        self.confidence *= factor;
        self
    }

    /// Replaces the confidence.
    pub(in crate::diagnose) fn confident(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// Takes over what another candidate explains and cites.
    pub(in crate::diagnose) fn absorb(&mut self, other: &Self) {
        self.explains.extend(other.explains.iter().cloned());
        self.supporting.extend(&other.supporting);
    }

    pub(in crate::diagnose) fn into_hypothesis(self) -> Hypothesis {
        let against = self.contradicting.difference(&self.supporting).copied().collect();
        let code = self.code().to_owned();
        let (runbook, playbook) = self.told.map(|told| (told.runbook, told.playbook)).unwrap_or_default();
        Hypothesis {
            proposer: Proposer::Rule(code.clone()),
            code,
            object: self.object,
            statement: crate::diagnose::mask::clean(&self.statement),
            // Two digits: more would claim a precision that nobody has.
            confidence: Score::new((self.confidence * 100.0).round() / 100.0),
            evidence_for: self.supporting.into_iter().collect(),
            evidence_against: against,
            runbook,
            playbook,
        }
    }
}
