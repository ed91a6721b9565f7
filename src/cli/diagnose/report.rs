//! A diagnosis as a person reads it: causes with what proves them, what is out of the question, what could not be seen. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::diagnose::{Diagnosis, RuleProblem};
use crate::incident::{Evidence, EvidenceId, Gap, Hypothesis, ObjectRef};
use crate::observe::{Objects, Snapshot};
use crate::remediate::playbook_for;

/// At this strength a piece of Evidence by itself says that something is wrong.
const ABNORMAL: f64 = 0.5;

/// Most pieces of Evidence shown for a cause.
const MOST_EVIDENCE: usize = 6;

/// A diagnosis for people and programs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// What it is about.
    pub(super) subject: String,
    /// When what it says was read.
    pub(super) taken_at: Timestamp,
    /// One line: the first cause, that nothing is wrong, or that not enough could be seen.
    pub(super) headline: String,
    /// Whether nothing abnormal was found and nothing that matters was out of sight.
    pub(super) healthy: bool,
    /// Root causes, the most likely first.
    pub(super) causes: Vec<Cause>,
    /// What is not the cause, and why.
    pub(super) ruled_out: Vec<Excluded>,
    /// What could not be seen and matters.
    pub(super) not_seen: Vec<String>,
    /// Everything that could not be read.
    pub(super) gaps: Vec<Gap>,
    /// Rules that were left out, with what is wrong with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rules_left_out: Vec<String>,
    /// How many objects were looked at.
    pub(super) objects: usize,
    /// How long the diagnosis took, ms.
    pub(super) took_ms: f64,
}

/// One root cause.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cause {
    pub(super) code: String,
    pub(super) object: ObjectRef,
    /// 0 to 1.
    pub(super) confidence: f64,
    pub(super) statement: String,
    pub(super) evidence: Vec<Evidence>,
    /// Further pieces of Evidence that are not shown.
    pub(super) more: usize,
    pub(super) against: Vec<Evidence>,
    /// What to read: what its rule names, else the built-in runbook of its code.
    pub(super) runbook: Option<String>,
    /// What kubewright would do about it; `None`: it tells people what they can do.
    pub(super) playbook: Option<&'static str>,
}

/// Something that is not the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Excluded {
    pub(super) what: String,
    pub(super) why: String,
    /// How many of a kind were looked at and are in order; `None` where it is no kind of object.
    #[serde(skip)]
    pub(super) looked_at: Option<usize>,
}

impl Report {
    pub(super) fn of(snapshot: &Snapshot, diagnosis: &Diagnosis, took: Duration) -> Self {
        Self {
            subject: subject(snapshot),
            taken_at: snapshot.taken_at,
            headline: headline(diagnosis),
            healthy: diagnosis.healthy,
            causes: diagnosis.hypotheses.iter().map(|hypothesis| cause(hypothesis, diagnosis)).collect(),
            ruled_out: ruled_out(snapshot, diagnosis),
            not_seen: diagnosis.blind.clone(),
            gaps: snapshot.gaps.clone(),
            rules_left_out: Vec::new(),
            objects: snapshot.objects.count(),
            took_ms: (took.as_secs_f64() * 10_000.0).round() / 10.0,
        }
    }
}

impl Report {
    /// Says which rules were left out.
    pub(super) fn without(self, problems: &[RuleProblem]) -> Self {
        Self { rules_left_out: problems.iter().map(ToString::to_string).collect(), ..self }
    }

    /// Links each cause whose rule names no runbook to that of its code.
    pub(super) fn link(&mut self, runbook: impl Fn(&str) -> Option<String>) {
        for cause in self.causes.iter_mut().filter(|cause| cause.runbook.is_none()) {
            cause.runbook = runbook(&cause.code);
        }
    }
}

fn subject(snapshot: &Snapshot) -> String {
    let object = snapshot.focus.clone().or_else(|| snapshot.scope.subject());
    let namespace = || snapshot.scope.namespace.as_ref().map(|namespace| format!("namespace {namespace}"));
    let what =
        object.map(|object| object.to_string()).or_else(namespace).unwrap_or_else(|| "everything".to_owned());
    format!("{what} in {}", snapshot.cluster)
}

fn headline(diagnosis: &Diagnosis) -> String {
    match diagnosis.hypotheses.first() {
        Some(first) => first.statement.clone(),
        None if diagnosis.healthy => "Nothing is wrong, as far as can be seen.".to_owned(),
        None if !diagnosis.blind.is_empty() => {
            "No cause was found, but not everything that matters could be seen.".to_owned()
        }
        None => "Something is unusual, but nothing that was seen explains it.".to_owned(),
    }
}

fn cause(hypothesis: &Hypothesis, diagnosis: &Diagnosis) -> Cause {
    let mut evidence = cited(&hypothesis.evidence_for, diagnosis);
    evidence.sort_by(|a, b| b.strength.value().total_cmp(&a.strength.value()));
    let all = evidence.len();
    // Replicas fail alike: one of them is enough to see.
    let mut seen = BTreeSet::new();
    evidence.retain(|piece| seen.insert((piece.code.clone(), piece.object.kind.clone())));
    evidence.truncate(MOST_EVIDENCE);
    let more = all - evidence.len();
    Cause {
        code: hypothesis.code.clone(),
        object: hypothesis.object.clone(),
        confidence: hypothesis.confidence.value(),
        statement: hypothesis.statement.clone(),
        evidence,
        more,
        against: cited(&hypothesis.evidence_against, diagnosis),
        runbook: hypothesis.runbook.clone(),
        playbook: playbook_for(hypothesis.playbook.as_ref().unwrap_or(&hypothesis.code)),
    }
}

fn cited(ids: &[EvidenceId], diagnosis: &Diagnosis) -> Vec<Evidence> {
    diagnosis.evidence.iter().filter(|piece| ids.contains(&piece.id)).cloned().collect()
}

/// Kinds by what they are called together, with how many there are of them and the resource that they come from.
fn groups(objects: &Objects) -> [(&'static str, &'static str, &'static str, usize); 12] {
    [
        ("nodes", "Node", "nodes", objects.nodes.len()),
        ("Services", "Service", "services", objects.services.len()),
        ("volume claims", "PersistentVolumeClaim", "persistentvolumeclaims", objects.claims.len()),
        ("quotas", "ResourceQuota", "resourcequotas", objects.quotas.len()),
        ("limit ranges", "LimitRange", "limitranges", objects.limit_ranges.len()),
        ("network policies", "NetworkPolicy", "networkpolicies", objects.network_policies.len()),
        ("autoscalers", "HorizontalPodAutoscaler", "horizontalpodautoscalers", objects.autoscalers.len()),
        ("Ingresses", "Ingress", "ingresses", objects.ingresses.len()),
        ("Jobs", "Job", "jobs", objects.jobs.len()),
        ("StatefulSets", "StatefulSet", "statefulsets", objects.stateful_sets.len()),
        ("DaemonSets", "DaemonSet", "daemonsets", objects.daemon_sets.len()),
        ("ConfigMaps", "ConfigMap", "configmaps", objects.config_maps.len()),
    ]
}

/// Kinds of object that were read and show nothing abnormal, and causes that something speaks against.
fn ruled_out(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Vec<Excluded> {
    let mut abnormal: BTreeMap<&str, usize> = BTreeMap::new();
    for piece in diagnosis.evidence.iter().filter(|piece| piece.strength.value() >= ABNORMAL) {
        *abnormal.entry(&piece.object.kind).or_default() += 1;
    }
    let groups = groups(&snapshot.objects).into_iter();
    let quiet = groups.filter(|(_, kind, ..)| !abnormal.contains_key(kind)).filter_map(
        |(what, _, resource, count)| {
            let known = snapshot.recorded.knows(resource);
            let why = match count {
                0 if known => "there are none".to_owned(),
                0 => return None,
                1 => "1 was looked at; nothing about it is abnormal".to_owned(),
                count => format!("{count} were looked at; nothing about them is abnormal"),
            };
            Some(Excluded { looked_at: Some(count), ..excluded(what, why) })
        },
    );
    let doubted = diagnosis.hypotheses.iter().skip(1).filter_map(|hypothesis| {
        let against = cited(&hypothesis.evidence_against, diagnosis).into_iter().next()?;
        let what = format!("{} at {}", hypothesis.code, hypothesis.object);
        Some(excluded(&what, format!("less likely, since {} ({})", against.statement, against.id)))
    });
    doubted.chain(quiet).collect()
}

fn excluded(what: &str, why: String) -> Excluded {
    Excluded { what: what.to_owned(), why, looked_at: None }
}
