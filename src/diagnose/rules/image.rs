//! Images that cannot be pulled.

use jiff::SignedDuration;

use super::candidate::Candidate;
use super::pull_node;
use super::pulls;
use super::rollout::Rollout;
use super::stated;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::onset;
use crate::incident::{Evidence, ObjectRef};

/// A pull secret that was written this long after its workload was not made together with it.
const LATER: SignedDuration = SignedDuration::from_mins(10);

/// What shows that an image cannot be pulled.
pub(super) const PULLS: &[Code] = &[
    codes::IMAGE_NOT_FOUND,
    codes::IMAGE_UNAUTHORIZED,
    codes::IMAGE_REGISTRY_UNREACHABLE,
    codes::IMAGE_REGISTRY_NAME,
    codes::IMAGE_INVALID_NAME,
    codes::IMAGE_PLATFORM,
    codes::IMAGE_RATE_LIMITED,
    codes::IMAGE_REGISTRY_TLS,
    codes::IMAGE_NEVER_PULLED,
    codes::IMAGE_PULL_FAILED,
];

/// `image.pull_failed`, which says why, and whether a rollout brought the image.
pub(super) fn pull_failed(facts: &Facts<'_>) -> Vec<Candidate> {
    // What a webhook added is its fault and has a rule of its own.
    let injected: Vec<_> = facts.with(&[codes::INJECTED_CONTAINER]).filter_map(stated::workload).collect();
    let cuts = pull_node::cut_off(facts);
    let explained = |workload: &ObjectRef| {
        injected.contains(workload) || cuts.iter().any(|cut| cut.workloads.contains(workload))
    };
    let failing = facts.by_workload(PULLS).into_iter().filter(|(workload, _)| !explained(workload));
    let own: Vec<_> = failing.map(|(workload, evidence)| candidate(facts, &workload, &evidence)).collect();
    own.into_iter().chain(cuts.into_iter().map(pull_node::Cut::candidate)).collect()
}

fn candidate(facts: &Facts<'_>, workload: &ObjectRef, evidence: &[&Evidence]) -> Candidate {
    let image =
        evidence.first().and_then(|piece| piece.fields.get("image")).map_or("of a container", String::as_str);
    let why = evidence.first().map_or("", |piece| why(&piece.code));
    let rollout = Rollout::behind(facts, workload, evidence);
    let brought = rollout.as_ref().map(|rollout| {
        format!(" {} brought it: {}.", rollout.name(), rollout.what(|field| field.path.ends_with("image")))
    });
    let statement =
        format!("Image {image} of {workload} cannot be pulled: {why}.{}", brought.unwrap_or_default());
    let secret = new_secret(facts, workload)
        .filter(|_| evidence.iter().all(|piece| piece.code == codes::IMAGE_UNAUTHORIZED.name));
    let statement = match &secret {
        Some(secret) => {
            format!("{statement} The credentials are those of {secret}, which was written lately.")
        }
        None => statement,
    };
    let account = pulls::account_without_secret(facts, workload, evidence)
        .filter(|_| evidence.iter().any(|piece| piece.code == codes::IMAGE_UNAUTHORIZED.name));
    let statement = match &account {
        Some(account) => {
            format!("{statement} {account} gives new pods no pull secret, as it did those before.")
        }
        None => statement,
    };
    let object = account.or(secret).unwrap_or_else(|| workload.clone());
    Candidate::new(confidence::IMAGE_PULL_FAILED, object, statement)
        .explaining([workload.clone()])
        .because(evidence.iter().copied())
        .because_of(rollout.and_then(|rollout| rollout.shown))
}

/// The one pull secret of a workload, where it exists, holds what a registry wants, and was written shortly before the trouble
/// and long after the workload: then it is what has changed.
fn new_secret(facts: &Facts<'_>, workload: &ObjectRef) -> Option<ObjectRef> {
    let index = facts.index;
    let spec = index.spec_of(workload)?;
    let mut named = spec.image_pull_secrets.iter().flatten();
    let only = named.next().filter(|_| named.next().is_none())?;
    let secret = ObjectRef::new("Secret", workload.namespace.as_str(), only.name.as_str());
    let holds = index.keys(&secret)?.iter().any(|key| key == ".dockerconfigjson" || key == ".dockercfg");
    let written = index.written_at(&secret)?;
    let later = written.duration_since(index.created_at(workload)?) > LATER;
    (holds && later && onset::is_recent(written, facts.onset(workload))).then_some(secret)
}

fn why(code: &str) -> &'static str {
    match code {
        code if code == codes::IMAGE_REGISTRY_NAME.name => "the registry's host name cannot be resolved",
        code if code == codes::IMAGE_NOT_FOUND.name => "the registry does not know it (not found)",
        code if code == codes::IMAGE_UNAUTHORIZED.name => {
            "the registry refuses the credentials (unauthorized)"
        }
        code if code == codes::IMAGE_REGISTRY_UNREACHABLE.name => "the registry is unreachable",
        code if code == codes::IMAGE_INVALID_NAME.name => "its name is not a valid image reference",
        code if code == codes::IMAGE_PLATFORM.name => "it does not exist for the architecture of the node",
        code if code == codes::IMAGE_RATE_LIMITED.name => {
            "the registry answers no more pulls for now (rate limit)"
        }
        code if code == codes::IMAGE_REGISTRY_TLS.name => "TLS with the registry fails",
        code if code == codes::IMAGE_NEVER_PULLED.name => {
            "it is not on the node, and imagePullPolicy Never forbids to pull it"
        }
        _ => "the registry gives another reason",
    }
}
