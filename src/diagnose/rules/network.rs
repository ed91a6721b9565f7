//! NetworkPolicies between a caller and what it cannot reach.

use super::candidate::Candidate;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::dependency;
use crate::diagnose::index::object_ref;
use crate::incident::{Evidence, ObjectRef};

/// `network.policy_denies` about a policy that keeps a caller from what it complains about. Programs that work complain now
/// and then: it counts where the caller is in trouble, asked about, or complains again and again.
pub(super) fn denied(facts: &Facts<'_>) -> Vec<Candidate> {
    facts.with(&[codes::POLICY_DENIES]).filter_map(|piece| candidate(facts, piece)).collect()
}

/// A caller, or what it calls, whose rollout changed the labels of its pods after the policy was written: the policy names
/// whom it always did.
fn relabelled(facts: &Facts<'_>, piece: &Evidence, caller: &ObjectRef) -> Option<Candidate> {
    let mut policies = facts.index.snapshot.objects.network_policies.iter();
    let policy = policies.find(|policy| object_ref(*policy) == piece.object)?;
    let written = policy.metadata.creation_timestamp.as_ref()?.0;
    let behind = dependency(piece).map(|called| facts.index.behind(&called)).unwrap_or_default();
    let (workload, shown) = [caller].into_iter().chain(&behind).find_map(|workload| {
        let (change, shown) = facts.recent_rollout(workload)?;
        let relabels = change.fields.iter().any(|field| field.path.starts_with("labels["));
        (relabels && written < change.at).then(|| (workload.clone(), shown))
    })?;
    let statement = format!("The rollout of {workload} gave its pods other labels, and {}", piece.statement);
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, workload, statement).because([piece]);
    Some(candidate.because_of(shown).explaining([caller.clone()]).explaining(behind))
}

fn candidate(facts: &Facts<'_>, piece: &Evidence) -> Option<Candidate> {
    let caller = stated::workload(piece)?;
    // Where the policy explains that something is called unavailable, that is said of it again and again.
    let unavailable = facts.about(&caller, &[codes::LOG_UNAVAILABLE]).into_iter();
    let unavailable = unavailable.filter(|found| dependency(found) == dependency(piece));
    let complaints: Vec<_> = facts
        .about(&caller, &[codes::LOG_TIMEOUT, codes::LOG_DNS, codes::LOG_UNREACHABLE])
        .into_iter()
        .chain(unavailable)
        .chain(
            facts
                .with(&[codes::SERVICE_UNREACHABLE])
                .filter(|found| Some(&found.object) == dependency(piece).as_ref()),
        )
        .collect();
    let again = complaints.iter().any(|complaint| complaint.strength.value() >= 0.5);
    if !(facts.in_trouble(&caller) || facts.is_asked_about(&caller) || again) {
        return None;
    }
    let called = dependency(piece);
    if let Some(relabelled) = relabelled(facts, piece, &caller) {
        return Some(relabelled.because(complaints).explaining(called));
    }
    let behind = called.iter().flat_map(|called| facts.index.behind(called)).collect::<Vec<_>>();
    // Without names nothing can be called: whatever else it complains about is explained as well.
    let others = complaints.iter().filter_map(|complaint| dependency(complaint));
    let others: Vec<_> = if piece.fields.get("complaint").map(String::as_str) == Some(codes::LOG_DNS.name) {
        others.collect()
    } else {
        Vec::new()
    };
    let also = others.iter().flat_map(|called| facts.index.behind(called)).collect::<Vec<_>>();
    let candidate =
        Candidate::new(confidence::NETWORK_DENIED, piece.object.clone(), piece.statement.as_str())
            .times(piece.strength.value() / codes::POLICY_DENIES.strength);
    let candidate = candidate.because([piece]).because(complaints).explaining([caller]);
    Some(candidate.explaining(called).explaining(behind).explaining(others).explaining(also))
}
