//! From a scope to a [`Snapshot`]: what is read, in which order.
//!
//! 1. everything in the scope's namespace (or on its node), and the nodes;
//! 2. what the alert means among these; more of exactly that, where a list was too long;
//! 3. logs, metrics and log store, at the same time;
//! 4. the namespaces that the focus turns out to depend on, and their failing containers' logs.
//!
//! Within each step everything runs in parallel, each read under its own deadline.

mod detail;
mod scope;

use std::collections::BTreeSet;

use futures::future::{BoxFuture, join_all};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::Client;

use super::bound::bound;
use super::changes::changes;
use super::cluster::{Limits, Part, Reader, append};
use super::gaps::Gaps;
use super::logs::{Patterns, Target};
use super::readings::Readings;
use super::versions;
use super::{LogExcerpt, Objects, Observer, ReadError, Recorded, Snapshot};
use crate::incident::{ObjectRef, Scope, Signal, SignalState};

/// Most further namespaces that are read: of dependencies, or of a node's pods.
const MAX_NAMESPACES: usize = 3;

/// Reads what can be seen about `scope`.
pub(super) async fn snapshot(observer: &Observer, scope: &Scope, signals: &[Signal]) -> Snapshot {
    let mut survey = Survey::new(observer, scope, signals);
    survey.look().await;
    survey.find_focus().await;
    survey.look_closer().await;
    survey.look_around().await;
    survey.into_snapshot()
}

/// An alert fires this long after what it tells of began: its rule waits, and looks at rates over minutes.
const ALERT_DELAY: SignedDuration = SignedDuration::from_mins(10);

/// A Snapshot in the making.
struct Survey<'a> {
    observer: &'a Observer,
    client: Client,
    scope: &'a Scope,
    signals: &'a [Signal],
    taken_at: Timestamp,
    /// The scope's namespace, if it names a valid one.
    namespace: Option<String>,
    focus: Option<ObjectRef>,
    objects: Objects,
    controller_revisions: Vec<ControllerRevision>,
    /// Resources that were read in full lately.
    asked: BTreeSet<String>,
    /// Those of step 1: in the scope's namespace where they live in one.
    known: BTreeSet<String>,
    /// Kinds of which there were more than were read.
    capped: BTreeSet<&'static str>,
    logs: Vec<LogExcerpt>,
    read: Vec<Target>,
    patterns: Patterns,
    stored_patterns: Patterns,
    readings: Readings,
    gaps: Gaps,
}

impl<'a> Survey<'a> {
    fn new(observer: &'a Observer, scope: &'a Scope, signals: &'a [Signal]) -> Self {
        Self {
            observer,
            client: observer.client(),
            scope,
            signals,
            taken_at: Timestamp::now(),
            namespace: None,
            focus: None,
            objects: Objects::default(),
            controller_revisions: Vec::new(),
            asked: BTreeSet::new(),
            known: BTreeSet::new(),
            capped: BTreeSet::new(),
            logs: Vec::new(),
            read: Vec::new(),
            patterns: Patterns::around(onset(signals)),
            stored_patterns: Patterns::default(),
            readings: Readings::default(),
            gaps: Gaps::default(),
        }
    }

    fn limits(&self) -> Limits {
        let settings = self.observer.settings();
        Limits { objects: settings.max_objects_per_kind, deadline: settings.collector_deadline }
    }

    /// Reads from watches where they are current, else through the client.
    fn reader<'c>(&self, client: &'c Client) -> Reader<'c>
    where
        'a: 'c,
    {
        Reader { client, watches: self.observer.watches(), limits: self.limits() }
    }

    /// Runs collectors in parallel and takes in what they bring.
    async fn run(&mut self, collectors: Vec<BoxFuture<'_, Part>>) {
        for part in join_all(collectors).await {
            self.take_in(part);
        }
    }

    fn take_in(&mut self, part: Part) {
        append(&mut self.objects, part.objects);
        self.asked.extend(part.asked.iter().map(|resource| (*resource).to_owned()));
        for (collector, error) in part.failures {
            if matches!(error, ReadError::Capped { .. }) {
                self.capped.insert(collector);
            }
            self.gaps.add_failure(collector, &error);
        }
    }

    /// When the first alert that still fires began, by its sender's clock.
    fn first_alert(&self) -> Timestamp {
        let firing = self.signals.iter().filter(|signal| signal.state == SignalState::Firing);
        firing.map(|signal| signal.starts_at).min().unwrap_or(self.taken_at).min(self.taken_at)
    }

    fn into_snapshot(mut self) -> Snapshot {
        let window =
            SignedDuration::try_from(self.observer.settings().change_window).unwrap_or(SignedDuration::MAX);
        let since = self.first_alert().checked_sub(window).unwrap_or(Timestamp::MIN);
        versions::note(&mut self.objects, self.taken_at);
        let changes = changes(&self.objects, &self.controller_revisions, since);
        for (collector, count) in bound(&mut self.objects, self.focus.as_ref()) {
            self.known.remove(collector);
            self.gaps.add(
                collector,
                format!("{count} of them, those that matter least, were left out to keep the snapshot small"),
            );
        }
        self.patterns.merge(self.stored_patterns);
        Snapshot {
            cluster: self.observer.name().to_owned(),
            taken_at: self.taken_at,
            scope: self.scope.clone(),
            focus: self.focus,
            signals: self.signals.to_vec(),
            objects: self.objects,
            changes,
            logs: self.logs,
            log_patterns: self.patterns.into_ranked(),
            readings: self.readings.readings,
            gaps: self.gaps.into_vec(),
            recorded: Recorded {
                asked: self.known,
                namespaces: self.namespace.into_iter().collect(),
                ..Recorded::default()
            },
        }
    }
}

/// About when the trouble began of which alerts tell that still fire.
fn onset(signals: &[Signal]) -> Option<Timestamp> {
    let firing = signals.iter().filter(|signal| signal.state == SignalState::Firing);
    firing.map(|signal| signal.starts_at).min()?.checked_sub(ALERT_DELAY).ok()
}
