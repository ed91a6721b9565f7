//! From everything that was read of a dump to a [`Snapshot`], with what was skipped and what is missing.

use std::collections::HashMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::super::changes::changes;
use super::super::cluster::{resolve, top_owner};
use super::super::logs::Patterns;
use super::super::versions;
use super::super::{LogExcerpt, Objects, Recorded, Snapshot};
use super::notes::Notes;
use super::objects::{PLURALS, plural};
use super::reading::{MOST_GAPS, Reading};
use super::{DumpError, DumpRequest, alerts, times};
use crate::incident::{Gap, ObjectRef, Scope, Signal, SignalState};

/// Changes are told this far back from the first alert, or from the moment of the dump.
const CHANGES: SignedDuration = SignedDuration::from_hours(24);

/// What nobody can do without: its absence is a gap.
const ESSENTIAL: [&str; 6] = ["pods", "events", "deployments", "replicasets", "services", "nodes"];

impl Reading<'_> {
    /// The Snapshot of everything that was read.
    pub(super) fn into_snapshot(mut self, path: &Path, request: &DumpRequest) -> Result<Snapshot, DumpError> {
        self.taken.tidy();
        self.tell_what_was_skipped();
        if self.taken.objects.count() == 0 && self.whole.is_empty() {
            let first = self.gaps.into_vec().into_iter().next();
            let first = first.map(|gap| format!(" ({})", gap.reason)).unwrap_or_default();
            return Err(DumpError::Empty { path: path.to_owned(), first });
        }
        let newest = times::newest(&self.taken.objects, request.now);
        let taken_at = self.collected_at.or(newest).unwrap_or(request.now);
        self.whole.retain(|resource| PLURALS.contains(&resource.as_str()) && !self.torn.contains(resource));
        self.tell_what_is_missing();
        self.recorded.asked.append(&mut self.whole);
        let signals = self.signals(request, taken_at);
        let scope = scope(request, &self.recorded, self.notes.as_ref());
        Ok(self.assemble(request, scope, signals, taken_at))
    }

    fn assemble(
        self,
        request: &DumpRequest,
        scope: Scope,
        signals: Vec<Signal>,
        taken_at: Timestamp,
    ) -> Snapshot {
        let mut objects = self.taken.objects;
        versions::note(&mut objects, taken_at);
        let firing = signals.iter().filter(|signal| signal.state == SignalState::Firing);
        let alerted = firing.map(|signal| signal.starts_at).min().filter(|alerted| *alerted <= taken_at);
        let since = alerted.unwrap_or(taken_at).checked_sub(CHANGES).unwrap_or(Timestamp::MIN);
        let mut patterns = Patterns::around(alerted);
        let pods = by_name(&objects);
        for log in &self.logs {
            patterns.add_text(&source(&objects, &pods, log), &log.text);
        }
        let mut snapshot = Snapshot {
            cluster: request.cluster.clone(),
            taken_at,
            focus: scope.subject().and_then(|_| resolve(&scope, &objects)),
            scope,
            signals,
            changes: changes(&objects, &self.taken.controller_revisions, since),
            objects,
            logs: self.logs,
            log_patterns: patterns.into_ranked(),
            readings: Vec::new(),
            gaps: self.gaps.into_vec(),
            recorded: self.recorded,
        };
        if let Some(notes) = self.notes {
            recall(notes, &mut snapshot);
        }
        snapshot
    }

    fn signals(&mut self, request: &DumpRequest, taken_at: Timestamp) -> Vec<Signal> {
        let Some(text) = self.alerts.take() else { return Vec::new() };
        match alerts::signals(&text, &request.cluster, taken_at, &mut self.recorded) {
            Ok((signals, 0)) => signals,
            Ok((signals, skipped)) => {
                self.gap("alerts", format!("{skipped} alerts cannot be read and were skipped"));
                signals
            }
            Err(reason) => {
                self.gap("alerts", format!("alerts.json cannot be read: {reason}"));
                Vec::new()
            }
        }
    }

    fn tell_what_was_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.taken.skipped);
        for ((kind, reason), count) in skipped {
            let resource = plural(&kind);
            self.torn.extend(resource.map(str::to_owned));
            let kind = if kind.is_empty() { "no kind".to_owned() } else { name(&kind) };
            self.gap(resource.unwrap_or("dump"), format!("{count} objects of {kind} were skipped: {reason}"));
        }
        let mended = std::mem::take(&mut self.taken.mended);
        for (kind, count) in mended {
            let (collector, kind) = (plural(&kind).unwrap_or("dump"), name(&kind));
            self.gap(
                collector,
                format!("fields of {count} objects of {kind} do not fit their type and were dropped"),
            );
        }
        let unused = std::mem::take(&mut self.taken.unused);
        if !unused.is_empty() {
            let kinds: Vec<String> =
                unused.iter().take(20).map(|(kind, count)| format!("{} ({count})", name(kind))).collect();
            self.gap(
                "dump",
                format!("objects of kinds that are not read here were passed over: {}", kinds.join(", ")),
            );
        }
        if self.passed_over > 0 {
            let count = self.passed_over;
            self.gap("dump", format!("{count} files that hold neither objects nor logs were passed over"));
        }
        if let Some(more @ 1..) = self.gap_count.checked_sub(MOST_GAPS) {
            self.gaps.add("dump", format!("{more} more things could not be read"));
        }
    }

    fn tell_what_is_missing(&mut self) {
        for resource in ESSENTIAL {
            if !self.whole.contains(resource) && !self.torn.contains(resource) {
                let reason = "not in the dump: add the answer of `kubectl get ";
                self.gaps.add(resource, format!("{reason}{resource} -A -o json`"));
            }
        }
    }
}

/// A kind as it is shown: it comes from the file.
fn name(kind: &str) -> String {
    kind.chars().filter(|character| !character.is_control()).take(60).collect()
}

/// What was asked about: by the request, or the one namespace that was collected.
fn scope(request: &DumpRequest, recorded: &Recorded, notes: Option<&Notes>) -> Scope {
    if let (None, None, Some(notes)) = (&request.namespace, &request.workload, notes) {
        return Scope { cluster: request.cluster.clone(), ..notes.scope.clone() };
    }
    let mut namespaces = recorded.namespaces.iter();
    let only = namespaces.next().filter(|_| namespaces.next().is_none());
    let scope = Scope::about(&request.cluster, request.namespace.as_deref(), request.workload.as_ref());
    Scope { namespace: scope.namespace.clone().or_else(|| only.cloned()), ..scope }
}

/// What was noted when the dump was made was read from more than the dump holds.
fn recall(notes: Notes, snapshot: &mut Snapshot) {
    if snapshot.scope.workload == notes.scope.workload && snapshot.scope.namespace == notes.scope.namespace {
        snapshot.focus = snapshot.focus.take().or(notes.focus);
    }
    snapshot.changes = notes.changes;
    snapshot.log_patterns = notes.log_patterns;
    snapshot.readings = notes.readings;
    let gaps: Vec<Gap> = notes.gaps.into_iter().filter(|gap| !snapshot.gaps.contains(gap)).collect();
    snapshot.gaps.extend(gaps);
}

/// Pods by namespace and name.
type Pods<'a> = HashMap<(&'a str, &'a str), &'a Pod>;

fn by_name(objects: &Objects) -> Pods<'_> {
    let pods = objects.pods.iter();
    pods.filter_map(|pod| Some(((pod.metadata.namespace.as_deref()?, pod.metadata.name.as_deref()?), pod)))
        .collect()
}

/// Who logs: the pod's workload; the pod itself where it is not in the dump.
fn source(objects: &Objects, pods: &Pods<'_>, log: &LogExcerpt) -> ObjectRef {
    let pod = pods.get(&(log.namespace.as_str(), log.pod.as_str()));
    let itself = || ObjectRef::new("Pod", log.namespace.clone(), log.pod.clone());
    pod.map_or_else(itself, |pod| top_owner(objects, pod))
}
