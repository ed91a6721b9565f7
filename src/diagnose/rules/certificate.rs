//! Certificates that are not valid any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::candidate::Candidate;
use super::{database, dependency};
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

static EXPIRED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:certificate|cert)\b.{0,60}(?:expired|not yet valid)|CERT_HAS_EXPIRED|NotTimeValid|CertificateExpired|notAfter|NotAfter").ok()
});

/// The key of a Secret of the kind `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";

/// `tls.certificate_expired` about the Secret with the certificate that the dependency serves, else about the dependency.
pub(super) fn expired(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut told: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::LOG_TLS]).filter(|piece| says_expired(piece)) {
        let caller = facts.index.workload_of(&piece.object);
        let suffers = facts.in_trouble(&caller) || facts.is_asked_about(&caller);
        // Programs that look at what others serve outside find much that expired.
        let counts = |named: &ObjectRef| suffers || (named.kind == "Service" && database::insists(piece));
        if let Some(dependency) = dependency::named(piece).filter(counts) {
            told.entry(dependency).or_default().push(piece);
        }
    }
    told.into_iter().map(|(dependency, told)| candidate(facts, &dependency, told)).collect()
}

/// Whether a complaint is about the dates of a certificate.
pub(super) fn says_expired(piece: &Evidence) -> bool {
    EXPIRED.as_ref().is_some_and(|expired| expired.is_match(&piece.statement))
}

fn candidate(facts: &Facts<'_>, dependency: &ObjectRef, told: Vec<&Evidence>) -> Candidate {
    let behind = facts.index.behind(dependency);
    let served = behind.iter().flat_map(|workload| {
        let mut read = facts.graph.targets(workload, EdgeKind::Mounts);
        read.extend(facts.graph.targets(workload, EdgeKind::ReadsConfig));
        read
    });
    let holds = |object: &ObjectRef| {
        let keys = facts.index.keys(object).unwrap_or_default();
        object.kind == "Secret" && keys.iter().any(|key| key == CERTIFICATE)
    };
    let secrets: BTreeSet<_> = served.filter(holds).collect();
    let server = behind.iter().next().unwrap_or(dependency);
    let object = secrets.first().filter(|_| secrets.len() == 1).unwrap_or(server).clone();
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!("The certificate of {dependency} ({object}) is not valid: {said}");
    let callers: Vec<_> = told.iter().map(|piece| facts.index.workload_of(&piece.object)).collect();
    Candidate::new(confidence::CERTIFICATE_EXPIRED, object, statement)
        .because(told)
        .explaining(callers)
        .explaining([dependency.clone()])
}
