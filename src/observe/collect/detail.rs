//! Steps 3 and 4: logs, metrics and log store about the focus, and what it depends on.

use std::collections::BTreeSet;
use std::time::Instant;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::api::ListParams;
use tokio::time::timeout;

use super::super::ReadError;
use super::super::cluster::{Reader, pods_of, template_of, top_owner};
use super::super::dependencies::{Host, hosts_of_pod, hosts_of_service, hosts_of_text};
use super::super::logs::{self, Patterns, Target, targets};
use super::super::loki::LogSearch;
use super::super::promql::{Subject, pod_names};
use super::super::readings::{self, Readings};
use super::{MAX_NAMESPACES, Survey, onset};
use crate::incident::ObjectRef;
use crate::telemetry::metrics::collector_finished;

/// How far the log store is searched back from the first alert.
const LOG_LEAD: SignedDuration = SignedDuration::from_mins(15);

/// How far it is searched back from now, at least and at most.
const LOG_SPAN: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(30), SignedDuration::from_hours(6));

impl Survey<'_> {
    /// Step 3.
    pub(super) async fn look_closer(&mut self) {
        let chosen = self.log_targets();
        let (logs, readings, stored) = tokio::join!(
            timed("logs", |logs: &logs::Logs| logs.errors.is_empty(), self.pod_logs(&chosen)),
            timed("prometheus", |readings: &Readings| readings.reasons.is_empty(), self.metrics()),
            timed("loki", Result::is_ok, self.stored_logs())
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

    async fn pod_logs(&self, chosen: &[Target]) -> logs::Logs {
        logs::read(&self.client, chosen.to_vec(), self.observer.settings()).await
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
        let deadline = self.observer.settings().collector_deadline;
        let streams = timeout(deadline, loki.trouble(&search)).await;
        let mut patterns = Patterns::around(onset(self.signals));
        for stream in streams.unwrap_or(Err(ReadError::TimedOut { after: deadline }))? {
            let source = self.source_of(stream.pod.as_deref(), namespace);
            for (at, line) in stream.lines {
                patterns.add_line(&source, &line, Some(at));
            }
        }
        Ok(patterns)
    }

    fn logs_since(&self) -> Timestamp {
        let (least, most) = LOG_SPAN;
        let wanted = self.first_alert().checked_sub(LOG_LEAD).unwrap_or(Timestamp::MIN);
        wanted.clamp(self.taken_at - most, self.taken_at - least)
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
    pub(super) async fn look_around(&mut self) {
        let client = self.client.clone();
        let reader = self.reader(&client);
        let namespaces = self.dependencies(reader).await;
        if namespaces.is_empty() {
            return;
        }
        self.run(namespaces.iter().flat_map(|namespace| reader.neighbours(namespace)).collect()).await;
        let chosen = self.log_targets();
        let logs = self.pod_logs(&chosen).await;
        self.read.extend(chosen);
        self.take_in_logs(logs);
    }

    /// The namespaces of Services that the focus depends on. Those named by its pods come before those that only its
    /// log, which is untrusted, names.
    async fn dependencies(&self, reader: Reader<'_>) -> Vec<String> {
        let (mut hosts, possible): (Vec<Host>, Vec<Host>) =
            self.hosts().into_iter().partition(|host| host.certain);
        hosts.extend(existing(reader, possible).await);
        hosts.extend(self.logs.iter().flat_map(|log| hosts_of_text(&log.text)));
        let mut namespaces: Vec<String> = Vec::new();
        for host in hosts {
            let is_read = self.namespace.as_ref() == Some(&host.namespace);
            if !is_read && !namespaces.contains(&host.namespace) {
                namespaces.push(host.namespace);
            }
        }
        namespaces.truncate(MAX_NAMESPACES);
        namespaces
    }

    /// Hosts in other namespaces that the focus's pods or Services of the namespace name.
    fn hosts(&self) -> BTreeSet<Host> {
        let Some(focus) = self.focus.as_ref().filter(|focus| focus.kind != "Node") else {
            return BTreeSet::new();
        };
        let pods = pods_of(&self.objects, focus).into_iter().filter_map(|pod| pod.spec.as_ref()).take(1);
        let template = template_of(&self.objects, focus).and_then(|(template, _)| template.spec.as_ref());
        pods.chain(template)
            .flat_map(hosts_of_pod)
            .chain(self.objects.services.iter().flat_map(hosts_of_service))
            .filter(|host| Some(&host.namespace) != self.namespace.as_ref())
            .collect()
    }
}

/// Those of the possible hosts that are Services: `db.data` may also be a domain of the internet.
async fn existing(reader: Reader<'_>, mut possible: Vec<Host>) -> Vec<Host> {
    possible.truncate(MAX_NAMESPACES);
    let looks = possible.iter().map(|host| {
        let named = ListParams::default().fields(&format!("metadata.name={}", host.service));
        reader.select::<Service>(Some(&host.namespace), named)
    });
    let exists: Vec<bool> =
        join_all(looks).await.iter().map(|part| !part.objects.services.is_empty()).collect();
    possible.into_iter().zip(exists).filter(|(_, exists)| *exists).map(|(host, _)| host).collect()
}

/// Runs a collector and records how long it took.
async fn timed<T>(
    collector: &'static str,
    succeeded: impl FnOnce(&T) -> bool,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    let result = work.await;
    collector_finished(collector, succeeded(&result), began.elapsed());
    result
}
