//! Programs that do not trust any more what they call, since the certificates of the authorities that they trust were written
//! anew. The server has not changed; whoever wrote them has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use regex::Regex;

use super::candidate::Candidate;
use super::{database, dependency};
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::diagnose::index::{Index, config_references};
use crate::incident::{Evidence, ObjectRef};

/// How libraries say that they do not know the authority behind a certificate.
static UNTRUSTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)unknown authority|UnknownIssuer|UntrustedRoot|self.signed certificate|issuer certificate|unable to verify the first certificate|PKIX path building failed|CERTIFICATE_VERIFY_FAILED").ok()
});

/// The other side says that it does not trust the one that writes.
const BY_THE_OTHER: [&str; 2] = ["remote error", " alert "];

/// What variables and options with the authorities to trust are called.
const TRUST: [&str; 16] = [
    "ssl_cert",
    "ca_bundle",
    "ca-bundle",
    "ca_cert",
    "cacert",
    "ca-cert",
    "ca_file",
    "ca-file",
    "cafile",
    "ca_path",
    "trust",
    "root_ca",
    "root-ca",
    "rootca",
    "root_cert",
    "root-cert",
];

/// Where libraries look for them by themselves.
const PLACES: [&str; 4] =
    ["/etc/ssl/certs", "/etc/pki", "/usr/local/share/ca-certificates", "/usr/share/ca-certificates"];

/// What was written longer ago has been there while all was well.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// What comes with a workload is written about when it is.
const TOGETHER: SignedDuration = SignedDuration::from_mins(10);

/// `config.bad_change` about the ConfigMap or Secret with the authorities that callers trust.
pub(super) fn withdrawn(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut told: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::LOG_TLS]).filter(|piece| says_untrusted(piece)) {
        if let Some(dependency) = dependency::named(piece) {
            told.entry(dependency).or_default().push(piece);
        }
    }
    told.iter().filter_map(|(dependency, told)| candidate(facts, dependency, told)).collect()
}

/// Whether a complaint is explained so.
pub(super) fn explains(facts: &Facts<'_>, piece: &Evidence) -> bool {
    let Some(dependency) = dependency::named(piece).filter(|_| says_untrusted(piece)) else { return false };
    let about = dependency::about(facts, &dependency).into_iter().filter(|piece| says_untrusted(piece));
    candidate(facts, &dependency, &about.collect::<Vec<_>>()).is_some()
}

fn says_untrusted(piece: &Evidence) -> bool {
    piece.code == codes::LOG_TLS.name
        && UNTRUSTED.as_ref().is_some_and(|untrusted| untrusted.is_match(&piece.statement))
        && !BY_THE_OTHER.iter().any(|words| piece.statement.contains(words))
}

fn candidate(facts: &Facts<'_>, dependency: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let callers: BTreeSet<_> = told.iter().map(|piece| facts.index.workload_of(&piece.object)).collect();
    let suffers = |caller: &ObjectRef| facts.in_trouble(caller) || facts.is_asked_about(caller);
    if !(callers.iter().any(suffers) || told.iter().any(|piece| database::insists(piece)))
        || serves_new_certificate(facts, dependency)
    {
        return None;
    }
    // Who trusts others and complains as well has nothing to do with what was written: then it is the server.
    let mut trusted = callers.iter().map(|caller| roots(facts.index, caller));
    let first = trusted.next()?;
    let shared = trusted.fold(first, |shared, more| shared.intersection(&more).cloned().collect());
    let is_new = |object: &ObjectRef, at: Timestamp| {
        let before = |caller: &ObjectRef| {
            facts.index.created_at(caller).is_some_and(|made| at.duration_since(made) > TOGETHER)
        };
        facts.index.keys(object).is_some() && callers.iter().all(before)
    };
    let (object, at) = shared.into_iter().find_map(|object| {
        let at = facts.index.written_within(&object, LATELY).filter(|at| is_new(&object, *at))?;
        Some((object, at))
    })?;
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!(
        "{object}, by which callers of {dependency} trust it, was written at {at}; since then: {said}"
    );
    let written = facts.with(&[codes::CONFIGURATION]).filter(|piece| piece.object == object);
    let candidate = Candidate::new(confidence::CONFIG_CHANGED, object.clone(), statement).times(1.15);
    Some(
        candidate
            .because(told.iter().copied())
            .because(written)
            .explaining(callers)
            .explaining([dependency.clone()]),
    )
}

/// Whether what the dependency reads was written lately as well: then it may be the server that changed.
fn serves_new_certificate(facts: &Facts<'_>, dependency: &ObjectRef) -> bool {
    let behind = facts.index.behind(dependency);
    let mut read = behind.iter().flat_map(|server| facts.graph.targets(server, EdgeKind::Mounts));
    let rolled_out = behind.iter().any(|server| facts.recent_rollout(server).is_some());
    rolled_out
        || read.any(|object| object.kind == "Secret" && facts.index.written_within(&object, LATELY).is_some())
}

/// The ConfigMaps and Secrets with the authorities that a workload trusts.
fn roots(index: &Index<'_>, workload: &ObjectRef) -> BTreeSet<ObjectRef> {
    let Some(spec) = index.spec_of(workload) else { return BTreeSet::new() };
    let volumes: BTreeSet<&str> = spec.containers.iter().flat_map(|own| trusted(own)).collect();
    sources(spec, &volumes, &workload.namespace)
}

fn sources(spec: &PodSpec, volumes: &BTreeSet<&str>, namespace: &str) -> BTreeSet<ObjectRef> {
    let paths: BTreeSet<_> = volumes.iter().map(|name| format!("volumes[{name}]")).collect();
    let references = config_references(spec).into_iter().filter(|found| paths.contains(&found.path));
    references.map(|found| found.object(namespace)).collect()
}

/// The volumes in which a container looks for the authorities that it trusts.
fn trusted(container: &Container) -> BTreeSet<&str> {
    let variables = container.env.iter().flatten();
    let variables =
        variables.filter_map(|variable| Some(format!("{}={}", variable.name, variable.value.as_deref()?)));
    let words = container.command.iter().chain(&container.args).flatten().cloned();
    let settings: Vec<_> = variables.chain(words).filter(|text| is_about_trust(text)).collect();
    let mounts = container.volume_mounts.iter().flatten();
    let looks = |path: &str| {
        let path = path.trim_end_matches('/');
        PLACES.iter().any(|place| path.starts_with(place)) || settings.iter().any(|text| leads_to(text, path))
    };
    mounts.filter(|mount| looks(&mount.mount_path)).map(|mount| mount.name.as_str()).collect()
}

fn is_about_trust(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    TRUST.iter().any(|word| text.contains(word))
}

fn leads_to(text: &str, path: &str) -> bool {
    let rest = text.split_once(path).map(|(_, rest)| rest);
    !path.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ', ':']))
}
