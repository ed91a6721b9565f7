//! Programs that the Kubernetes API refuses.

use super::candidate::Candidate;
use super::stated;
use crate::diagnose::analyzers::ACCESS;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::incident::{Evidence, ObjectRef};

/// Where no binding or role could be found at fault, the account is named: nearer than nothing, but not the repair.
const UNEXPLAINED: f64 = 0.85;

/// `access.forbidden` about the binding or role at fault, else about the account that lacks a right.
pub(super) fn forbidden(facts: &Facts<'_>) -> Vec<Candidate> {
    facts.with(&ACCESS).filter_map(|piece| candidate(facts, piece)).collect()
}

/// Programs ask for more than they need now and then: it counts where one is in trouble, asked about, or newly refused.
fn candidate(facts: &Facts<'_>, piece: &Evidence) -> Option<Candidate> {
    let caller = stated::workload(piece)?;
    if !(facts.in_trouble(&caller) || facts.is_asked_about(&caller) || is_trouble(piece)) {
        return None;
    }
    let account = ObjectRef::new(
        "ServiceAccount",
        piece.fields.get("account_namespace")?.as_str(),
        piece.fields.get("account")?.as_str(),
    );
    let unexplained = piece.code == codes::ACCESS_REFUSED.name || piece.code == codes::ACCOUNT_UNBOUND.name;
    let sure = if unexplained { UNEXPLAINED } else { 1.0 };
    let candidate =
        Candidate::new(confidence::ACCESS_FORBIDDEN, piece.object.clone(), piece.statement.as_str());
    let said = facts.about(&caller, &[codes::LOG_FORBIDDEN]);
    Some(candidate.times(sure).because([piece]).because(said).explaining([caller, account]))
}
