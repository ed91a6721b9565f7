//! A dump in the making: files come in one after the other, a [`Snapshot`] comes out.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::super::changes::changes;
use super::super::cluster::{resolve, top_owner};
use super::super::gaps::Gaps;
use super::super::logs::{Patterns, printable};
use super::super::{LogExcerpt, Objects, Recorded, Snapshot};
use super::documents::documents;
use super::gathered::{Section, sections};
use super::notes::{self, Notes};
use super::objects::{PLURALS, Taken, kind_of, plural};
use super::place::Place;
use super::recorded::Info;
use super::{DumpError, DumpLimits, DumpRequest, alerts, recorded, times};
use crate::incident::{Gap, ObjectRef, Scope, Signal, SignalState};

/// Changes are told this far back from the first alert, or from the moment of the dump.
const CHANGES: SignedDuration = SignedDuration::from_hours(24);

/// What nobody can do without: its absence is a gap.
const ESSENTIAL: [&str; 6] = ["pods", "events", "deployments", "replicasets", "services", "nodes"];

/// Most gaps about single files; the rest are counted.
const MOST_GAPS: usize = 50;

/// What was read so far.
pub(super) struct Reading<'l> {
    limits: &'l DumpLimits,
    taken: Taken,
    /// Resources that were read to their end, whether they hold anything or not.
    whole: BTreeSet<String>,
    /// Resources of which a part could not be read.
    torn: BTreeSet<String>,
    recorded: Recorded,
    alerts: Option<String>,
    notes: Option<Notes>,
    logs: Vec<LogExcerpt>,
    log_bytes: usize,
    collected_at: Option<Timestamp>,
    gaps: Gaps,
    gap_count: usize,
    passed_over: usize,
    over: bool,
}

impl<'l> Reading<'l> {
    pub(super) fn new(limits: &'l DumpLimits) -> Self {
        Self {
            limits,
            taken: Taken::default(),
            whole: BTreeSet::new(),
            torn: BTreeSet::new(),
            recorded: Recorded::default(),
            alerts: None,
            notes: None,
            logs: Vec::new(),
            log_bytes: 0,
            collected_at: None,
            gaps: Gaps::default(),
            gap_count: 0,
            passed_over: 0,
            over: false,
        }
    }

    /// Adds a gap; from some number on they are only counted.
    pub(super) fn gap(&mut self, collector: &str, reason: String) {
        self.gap_count += 1;
        if self.gap_count <= MOST_GAPS {
            self.gaps.add(collector, reason);
        }
    }

    /// Counts a file that is nothing which is read here.
    pub(super) fn passed_over(&mut self) {
        self.passed_over += 1;
    }

    /// Notes that a file was left out for its size.
    pub(super) fn too_large(&mut self, path: &str, place: &Place, most: u64) {
        self.tear(place);
        self.gap(
            collector(place),
            format!("{path} was left out: with it, more than {} MiB would be read", most >> 20),
        );
    }

    fn tear(&mut self, place: &Place) {
        if let Place::Objects { resource } = place {
            self.torn.insert(resource.clone());
        }
    }

    /// Takes in a file. `cut`: only its end was read.
    pub(super) fn file(&mut self, path: &str, place: &Place, bytes: Vec<u8>, cut: bool) {
        if let Place::Log { namespace, pod, container, previous } = place {
            return self.log(namespace, pod, container, *previous, &bytes, cut);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.gap(
                    collector(place),
                    format!("{path} is not UTF-8 everywhere; what is not was replaced"),
                );
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        match place {
            Place::PodLogs { namespace, pod } => self.pod_logs(namespace, pod, &text),
            Place::Info => self.info(path, &text),
            Place::CollectedAt => self.collected_at = times::written(&text).or(self.collected_at),
            Place::Notes => self.notes(path, &text),
            Place::Part("alerts") => self.alerts = Some(text),
            Place::Part(name) => self.part(path, name, &text),
            Place::Objects { resource } => self.objects(path, resource, &text),
            Place::Log { .. } | Place::Other => {}
        }
    }

    fn info(&mut self, path: &str, text: &str) {
        match serde_json::from_str::<Info>(text) {
            Ok(info) => {
                self.collected_at =
                    info.collected_at.as_deref().and_then(times::written).or(self.collected_at);
                self.recorded.namespaces.extend(info.namespaces);
            }
            Err(error) => self.gap("dump", format!("{path} cannot be read, at line {}", error.line())),
        }
    }

    fn notes(&mut self, path: &str, text: &str) {
        if text.len() > notes::MOST {
            return self
                .gap("dump", format!("{path} is larger than {} MiB and was left out", notes::MOST >> 20));
        }
        match serde_json::from_str(text) {
            Ok(notes) => self.notes = Some(notes),
            Err(error) => self.gap("dump", format!("{path} cannot be read, at line {}", error.line())),
        }
    }

    fn part(&mut self, path: &str, name: &'static str, text: &str) {
        match recorded::part(name, text, &mut self.recorded) {
            Ok(0) => {}
            Ok(skipped) => {
                self.gap(name, format!("{skipped} entries of {path} cannot be read and were skipped"));
            }
            Err(reason) => self.gap(name, format!("{path} cannot be read: {reason}")),
        }
    }

    fn log(&mut self, namespace: &str, pod: &str, container: &str, previous: bool, bytes: &[u8], cut: bool) {
        let from = bytes.len().saturating_sub(self.limits.log_bytes);
        let kept = bytes.get(from..).unwrap_or_default();
        let truncated = cut || from > 0;
        // Not to begin in the middle of a line.
        let kept =
            if truncated { kept.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or(kept) } else { kept };
        if self.log_bytes + kept.len() > self.limits.all_log_bytes {
            return self.gap(
                "logs",
                format!("the log of {namespace}/{pod} was left out: there is too much of all logs"),
            );
        }
        if kept.is_empty() {
            return;
        }
        self.log_bytes += kept.len();
        self.logs.push(LogExcerpt {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            text: printable(kept),
            truncated,
        });
    }

    fn pod_logs(&mut self, namespace: &str, pod: &str, text: &str) {
        let (logs, between) = sections(text);
        for Section { namespace, pod, container, text } in &logs {
            self.log(namespace, pod, container, false, text.as_bytes(), false);
        }
        // A pod with one container may come without headlines.
        if let (true, [only]) = (logs.is_empty(), between.as_slice()) {
            self.log(namespace, pod, "", false, only.as_bytes(), false);
        }
    }

    fn objects(&mut self, path: &str, resource: &str, text: &str) {
        let (logs, texts) = if text.contains("==== START logs for container ") {
            sections(text)
        } else {
            (Vec::new(), vec![text])
        };
        for Section { namespace, pod, container, text } in logs {
            self.log(namespace, pod, container, false, text.as_bytes(), false);
        }
        for text in texts {
            self.documents(path, resource, text);
        }
    }

    fn documents(&mut self, path: &str, resource: &str, text: &str) {
        let found = documents(text);
        let known = kind_of(resource);
        let mut held: BTreeSet<&'static str> = known.and_then(plural).into_iter().collect();
        held.extend(found.lists.iter().filter_map(|list| plural(list.strip_suffix("List")?)));
        held.extend(found.items.iter().filter_map(|item| plural(&item.kind)));
        // A file of something else: notes, settings.
        let foreign =
            known.is_none() && found.lists.is_empty() && found.items.iter().all(|item| item.kind.is_empty());
        if foreign {
            return self.passed_over();
        }
        match &found.broken {
            Some(reason) => {
                let collector = held.first().copied().unwrap_or("dump");
                let kept = found.items.len();
                self.gap(
                    collector,
                    format!("{path} cannot be read to its end: {reason}; {kept} objects were kept"),
                );
                self.torn.extend(held.iter().map(|resource| (*resource).to_owned()));
            }
            None => self.whole.extend(held.iter().map(|resource| (*resource).to_owned())),
        }
        for mut item in found.items {
            if self.taken.count >= self.limits.objects {
                if !self.over {
                    self.over = true;
                    let most = self.limits.objects;
                    self.gap("dump", format!("there are more than {most} objects; the rest was left out"));
                }
                self.torn.extend(held.iter().map(|resource| (*resource).to_owned()));
                return;
            }
            if item.kind.is_empty() {
                item.kind = known.unwrap_or_default().to_owned();
            }
            self.taken.take(item);
        }
    }

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
        let objects = self.taken.objects;
        let firing = signals.iter().filter(|signal| signal.state == SignalState::Firing);
        let onset = firing.map(|signal| signal.starts_at).min().unwrap_or(taken_at).min(taken_at);
        let since = onset.checked_sub(CHANGES).unwrap_or(Timestamp::MIN);
        let mut patterns = Patterns::default();
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

fn collector(place: &Place) -> &str {
    match place {
        Place::Log { .. } | Place::PodLogs { .. } => "logs",
        Place::Objects { resource } => kind_of(resource).and_then(plural).unwrap_or("dump"),
        Place::Part(name) => name,
        Place::Info | Place::CollectedAt | Place::Notes | Place::Other => "dump",
    }
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
