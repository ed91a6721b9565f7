//! Images that cannot be pulled.

use super::candidate::Candidate;
use super::rollout::Rollout;
use crate::diagnose::analyzers::job_origin;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

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
    let failing = facts.by_workload(PULLS).into_iter();
    failing.map(|(workload, evidence)| candidate(facts, &workload, &evidence)).collect()
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
    // What a CronJob's Jobs pull is the CronJob's to say.
    let origin = job_origin(facts.index, workload);
    Candidate::new(confidence::IMAGE_PULL_FAILED, origin, statement)
        .explaining([workload.clone()])
        .because(evidence.iter().copied())
        .because_of(rollout.and_then(|rollout| rollout.shown))
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
