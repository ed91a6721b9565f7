//! From a scope to a [`Snapshot`]: what is read, in which order.
//!
//! 1. everything in the scope's namespace (or on its node), and the nodes;
//! 2. what the alert means among these; more of exactly that, where a list was too long;
//! 3. logs, metrics and log store, at the same time;
//! 4. the namespaces that the focus turns out to depend on, and their failing containers' logs.
//!
//! Within each step everything runs in parallel, each read under its own deadline.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{BoxFuture, join_all};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::api::ListParams;
use kube::{Client, Resource as _, ResourceExt as _};

use super::bound::bound;
use super::changes::changes;
use super::cluster::{
    Asked, Limits, Part, Reader, append, is_label, is_subdomain, list, pods_of, resolve, selector_text,
    template_of, top_owner,
};
use super::dependencies::{Host, hosts_of_pod, hosts_of_service, hosts_of_text};
use super::gaps::Gaps;
use super::logs::{self, Patterns, Target, targets};
use super::loki::LogSearch;
use super::readings::{self, Readings, Subject, pod_names};
use super::{LogExcerpt, Objects, Observer, ReadError, Snapshot};
use crate::incident::{ObjectRef, Scope, Signal, SignalState};

/// Most further namespaces that are read: of dependencies, or of a node's pods.
const MAX_NAMESPACES: usize = 3;

/// How far the log store is searched back from the first alert, and at least and at most from now.
const LOG_LEAD: SignedDuration = SignedDuration::from_mins(15);
const LOG_SPAN: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(30), SignedDuration::from_hours(6));

/// Reads what can be seen about `scope`.
pub(super) async fn snapshot(observer: &Observer, scope: &Scope, signals: &[Signal]) -> Snapshot {
    let mut survey = Survey::new(observer, scope, signals);
    survey.look().await;
    survey.find_focus().await;
    survey.look_closer().await;
    survey.look_around().await;
    survey.into_snapshot()
}

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
    /// Kinds of which there were more than were read.
    capped: BTreeSet<String>,
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
            capped: BTreeSet::new(),
            logs: Vec::new(),
            read: Vec::new(),
            patterns: Patterns::default(),
            stored_patterns: Patterns::default(),
            readings: Readings::default(),
            gaps: Gaps::default(),
        }
    }

    fn limits(&self) -> Limits {
        let settings = self.observer.settings();
        Limits { objects: settings.max_objects_per_kind, deadline: settings.collector_deadline }
    }

    /// Runs collectors in parallel and takes in what they bring.
    async fn run(&mut self, collectors: Vec<BoxFuture<'_, Part>>) {
        for part in join_all(collectors).await {
            self.take_in(part);
        }
    }

    fn take_in(&mut self, part: Part) {
        append(&mut self.objects, part.objects);
        for (collector, error) in part.failures {
            if matches!(error, ReadError::Capped { .. }) {
                self.capped.insert(collector.clone());
            }
            self.gaps.add_failure(&collector, &error);
        }
    }

    /// A name of the scope, if Kubernetes could have it: names come from alerts, and go into URLs.
    fn valid(&mut self, what: &str, name: Option<&String>, is_valid: fn(&str) -> bool) -> Option<String> {
        let name = name?;
        if is_valid(name) {
            return Some(name.clone());
        }
        let shown = super::read_error::quote(name);
        self.gaps.add(
            "scope",
            format!(
                "the alert's {what} \"{shown}\" is no name that Kubernetes allows; check the alert's labels"
            ),
        );
        None
    }

    /// Step 1.
    async fn look(&mut self) {
        let of_workload = self.scope.workload.as_ref().map(|workload| &workload.namespace);
        let namespace =
            self.scope.namespace.as_ref().or(of_workload.filter(|namespace| !namespace.is_empty()));
        let namespace = self.valid("namespace", namespace, is_label);
        let node = self.valid("node", self.scope.node.as_ref(), is_subdomain);
        if namespace.is_none() && node.is_none() {
            let reason = "the alert names neither a namespace nor a node, so only the nodes were read; add a namespace label to its rule";
            self.gaps.add("scope", reason.to_owned());
        }
        let client = self.client.clone();
        let reader = Reader { client: &client, limits: self.limits() };
        let mut collectors = reader.cluster_wide();
        if let Some(namespace) = &namespace {
            collectors.extend(reader.namespace(namespace));
        }
        // A workload's own node is not looked at as a whole.
        if let Some(node) = node.filter(|_| self.scope.workload.is_none() && self.scope.pod.is_none()) {
            collectors.push(
                reader.select::<Pod>(None, ListParams::default().fields(&format!("spec.nodeName={node}"))),
            );
            let about = format!("involvedObject.kind=Node,involvedObject.name={node}");
            collectors.push(reader.select::<Event>(Some("default"), ListParams::default().fields(&about)));
        }
        self.run(collectors).await;
        self.namespace = namespace;
    }

    /// Step 2.
    async fn find_focus(&mut self) {
        if let Some(pod) =
            self.valid("pod", self.scope.pod.as_ref(), is_subdomain).filter(|_| self.capped.contains("pods"))
        {
            self.more::<Pod>(ListParams::default().fields(&format!("metadata.name={pod}"))).await;
        }
        self.focus = resolve(self.scope, &self.objects);
        let Some(focus) = self.focus.clone() else { return };
        if focus.kind == "Node" {
            self.owners_on_node(&focus).await;
        }
        let selector = template_of(&self.objects, &focus).and_then(|(_, selector)| selector_text(selector?));
        if let Some(selector) = selector {
            let of_focus = || ListParams::default().labels(&selector);
            if self.capped.contains("pods") {
                self.more::<Pod>(of_focus()).await;
            }
            if self.capped.contains("replicasets") {
                self.more::<ReplicaSet>(of_focus()).await;
            }
        }
        if self.capped.contains("events") {
            self.more::<Event>(ListParams::default().fields(&format!("involvedObject.name={}", focus.name)))
                .await;
        }
        self.read_controller_revisions().await;
    }

    /// Reads more of one kind from the scope's namespace.
    async fn more<K>(&mut self, params: ListParams)
    where
        K: super::cluster::Kept
            + kube::Resource<DynamicType = ()>
            + serde::de::DeserializeOwned
            + Send
            + 'static,
    {
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        let reader = Reader { client: &client, limits: self.limits() };
        let part = reader.select::<K>(namespace.as_deref(), params).await;
        self.take_in(part);
    }

    /// The owners of a node's pods, in the namespaces that have most pods there.
    async fn owners_on_node(&mut self, node: &ObjectRef) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for pod in pods_of(&self.objects, node) {
            *counts.entry(pod.namespace().unwrap_or_default()).or_default() += 1;
        }
        let mut namespaces: Vec<(String, usize)> = counts.into_iter().collect();
        namespaces.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if namespaces.len() > MAX_NAMESPACES {
            let left_out = namespaces.split_off(MAX_NAMESPACES);
            let names = left_out.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            self.gaps.add(
                "owners",
                format!("{node} has pods of more namespaces; their workloads were not read: {names}"),
            );
        }
        let client = self.client.clone();
        let reader = Reader { client: &client, limits: self.limits() };
        let collectors = namespaces.iter().flat_map(|(namespace, _)| reader.owners(namespace)).collect();
        self.run(collectors).await;
    }

    /// The revisions of StatefulSets and DaemonSets, where there are any.
    async fn read_controller_revisions(&mut self) {
        let Some(namespace) = self.namespace.clone() else { return };
        if self.objects.stateful_sets.is_empty() && self.objects.daemon_sets.is_empty() {
            return;
        }
        let resource = "controllerrevisions.apps".to_owned();
        let asked = Asked { verb: "list", resource, namespace: Some(namespace.clone()) };
        let path = ControllerRevision::url_path(&(), Some(&namespace));
        let listing = list(&self.client, &path, ListParams::default(), &asked, self.limits()).await;
        self.controller_revisions = listing.items;
        // A server that does not serve the kind has none.
        if let Some(error) = listing.error.filter(|error| error.code() != Some(404)) {
            self.gaps.add_failure("controllerrevisions", &error);
        }
    }

    /// Step 3.
    async fn look_closer(&mut self) {
        let chosen = self.log_targets();
        let (logs, readings, stored) = tokio::join!(
            logs::read(&self.client, chosen.clone(), self.observer.settings()),
            self.metrics(),
            self.stored_logs()
        );
        self.read.extend(chosen);
        self.take_in_logs(logs);
        for reason in &readings.reasons {
            self.gaps.add("prometheus", reason.clone());
        }
        self.readings = readings;
        match stored {
            Ok(patterns) => self.stored_patterns = patterns,
            Err(error) => self.gaps.add("loki", error.to_string()),
        }
    }

    /// Containers that are worth reading and were not read yet.
    fn log_targets(&self) -> Vec<Target> {
        let limit = self.observer.settings().max_log_containers;
        let mut chosen = targets(&self.objects, self.focus.as_ref(), limit + self.read.len());
        chosen.retain(|target| !self.read.contains(target));
        chosen.truncate(limit.saturating_sub(self.read.len()));
        chosen
    }

    fn take_in_logs(&mut self, logs: logs::Logs) {
        for (target, excerpt) in logs.excerpts {
            self.patterns.add_text(&target.source, &excerpt.text);
            self.logs.push(excerpt);
        }
        for error in logs.errors {
            self.gaps.add_failure("logs", &error);
        }
    }

    async fn metrics(&self) -> Readings {
        let (Some(prometheus), Some(namespace)) = (self.observer.prometheus(), &self.namespace) else {
            return Readings::default();
        };
        let subject = Subject::new(&self.objects, namespace, self.focus.as_ref());
        let deadline = self.observer.settings().collector_deadline;
        readings::read(prometheus, &subject, &self.objects, self.focus.as_ref(), deadline).await
    }

    async fn stored_logs(&self) -> Result<Patterns, ReadError> {
        let (Some(loki), Some(namespace)) = (self.observer.loki(), &self.namespace) else {
            return Ok(Patterns::default());
        };
        let search = LogSearch {
            namespace: namespace.clone(),
            pods: self.focus.as_ref().and_then(|focus| pod_names(&self.objects, focus)),
            from: self.logs_since(),
            until: self.taken_at,
        };
        let mut patterns = Patterns::default();
        for stream in loki.trouble(&search).await? {
            let source = self.source_of(stream.pod.as_deref(), namespace);
            for (at, line) in stream.lines {
                patterns.add_line(&source, &line, Some(at));
            }
        }
        Ok(patterns)
    }

    fn logs_since(&self) -> Timestamp {
        let (least, most) = LOG_SPAN;
        (self.first_alert() - LOG_LEAD).clamp(self.taken_at - most, self.taken_at - least)
    }

    /// When the first alert that still fires began, by its sender's clock.
    fn first_alert(&self) -> Timestamp {
        let firing = self.signals.iter().filter(|signal| signal.state == SignalState::Firing);
        firing.map(|signal| signal.starts_at).min().unwrap_or(self.taken_at).min(self.taken_at)
    }

    /// Who logs as `pod`: its workload, the focus where the pod is gone, or the pod itself.
    fn source_of(&self, pod: Option<&str>, namespace: &str) -> ObjectRef {
        let is_it = |live: &&Pod| {
            Some(live.name_any().as_str()) == pod && live.namespace().as_deref() == Some(namespace)
        };
        let owner = self.objects.pods.iter().find(is_it).map(|live| top_owner(&self.objects, live));
        owner
            .or_else(|| self.focus.clone())
            .unwrap_or_else(|| ObjectRef::new("Pod", namespace, pod.unwrap_or_default()))
    }

    /// Step 4.
    async fn look_around(&mut self) {
        let client = self.client.clone();
        let reader = Reader { client: &client, limits: self.limits() };
        let namespaces = self.dependencies(reader).await;
        if namespaces.is_empty() {
            return;
        }
        self.run(namespaces.iter().flat_map(|namespace| reader.neighbours(namespace)).collect()).await;
        let chosen = self.log_targets();
        let logs = logs::read(&self.client, chosen.clone(), self.observer.settings()).await;
        self.read.extend(chosen);
        self.take_in_logs(logs);
    }

    /// The namespaces of Services that the focus names and that exist.
    async fn dependencies(&self, reader: Reader<'_>) -> BTreeSet<String> {
        let (certain, possible): (Vec<Host>, Vec<Host>) =
            self.hosts().into_iter().partition(|host| host.certain);
        let mut namespaces: BTreeSet<String> =
            certain.into_iter().map(|host| host.namespace).take(MAX_NAMESPACES).collect();
        for host in possible.into_iter().take(MAX_NAMESPACES) {
            let named = ListParams::default().fields(&format!("metadata.name={}", host.service));
            let found = reader.select::<Service>(Some(&host.namespace), named).await;
            if namespaces.len() < MAX_NAMESPACES && !found.objects.services.is_empty() {
                namespaces.insert(host.namespace);
            }
        }
        namespaces
    }

    /// Hosts in namespaces that were not read, named by the focus's pods, their logs, or Services of the namespace.
    fn hosts(&self) -> BTreeSet<Host> {
        let Some(focus) = self.focus.as_ref().filter(|focus| focus.kind != "Node") else {
            return BTreeSet::new();
        };
        let pods = pods_of(&self.objects, focus).into_iter().filter_map(|pod| pod.spec.as_ref()).take(1);
        let template = template_of(&self.objects, focus).and_then(|(template, _)| template.spec.as_ref());
        pods.chain(template)
            .flat_map(hosts_of_pod)
            .chain(self.objects.services.iter().flat_map(hosts_of_service))
            .chain(self.logs.iter().flat_map(|log| hosts_of_text(&log.text)))
            .filter(|host| Some(&host.namespace) != self.namespace.as_ref())
            .collect()
    }

    fn into_snapshot(mut self) -> Snapshot {
        let window =
            SignedDuration::try_from(self.observer.settings().change_window).unwrap_or(SignedDuration::MAX);
        let since = self.first_alert().checked_sub(window).unwrap_or(Timestamp::MIN);
        let changes = changes(&self.objects, &self.controller_revisions, since);
        for (collector, count) in bound(&mut self.objects, self.focus.as_ref()) {
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
        }
    }
}
