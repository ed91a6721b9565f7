//! The maps behind the lock: objects by kind and name, and the ring of recent changes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use super::{Change, Event, Gone, meta};
use crate::sim::kinds::{KINDS, Kind};

/// Namespace and name, in the order of etcd's keys; the namespace of cluster-wide objects is empty.
pub(super) type Key = (String, String);

pub(super) struct State {
    objects: HashMap<&'static str, BTreeMap<Key, Arc<Value>>>,
    revision: u64,
    history: VecDeque<Change>,
    capacity: usize,
    compacted: u64,
    changes: broadcast::Sender<Change>,
    /// Counts the cluster IPs and node ports handed out.
    pub(super) addresses: u32,
}

impl State {
    pub(super) fn new(changes: broadcast::Sender<Change>, capacity: usize) -> Self {
        let objects = KINDS.iter().map(|kind| (kind.plural, BTreeMap::new())).collect();
        // A real cluster has written a few hundred times before anybody looks.
        let revision = 100;
        let history = VecDeque::new();
        Self { objects, revision, history, capacity, compacted: revision, changes, addresses: 0 }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(super) fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        // A BTreeMap of pairs of Strings cannot be searched by pairs of &str.
        let key = (namespace.to_owned(), name.to_owned());
        self.objects.get(kind.plural)?.get(&key)
    }

    pub(super) fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.get(kind.plural).into_iter().flatten()
    }

    pub(super) fn in_namespace<'a>(
        &'a self,
        kind: &Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Value>> {
        let from = (namespace.to_owned(), String::new());
        self.objects
            .get(kind.plural)
            .into_iter()
            .flat_map(move |map| map.range(from.clone()..))
            .take_while(move |((ns, _), _)| ns == namespace)
            .map(|(_, object)| object)
    }

    /// Every object of every kind.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static Kind, &Arc<Value>)> {
        KINDS.iter().flat_map(|kind| self.of_kind(kind).map(|(_, object)| (*kind, object)))
    }

    /// Stores an object under the next revision and tells every watcher.
    pub(super) fn put(&mut self, kind: &'static Kind, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        meta::set(&mut object, "resourceVersion", self.revision.to_string());
        let object = Arc::new(object);
        let key = (meta::namespace(&object).to_owned(), meta::name(&object).to_owned());
        let prior = self.objects.entry(kind.plural).or_default().insert(key, object.clone());
        let event = if prior.is_some() { Event::Modified } else { Event::Added };
        self.record(Change { kind, event, object: object.clone(), prior, revision: self.revision });
        object
    }

    /// Takes an object out under the next revision and tells every watcher.
    pub(super) fn take(&mut self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let key = (namespace.to_owned(), name.to_owned());
        let prior = self.objects.get_mut(kind.plural)?.remove(&key)?;
        self.revision += 1;
        let mut last = Value::clone(&prior);
        meta::set(&mut last, "resourceVersion", self.revision.to_string());
        let object = Arc::new(last);
        let change = Change {
            kind,
            event: Event::Deleted,
            object: object.clone(),
            prior: Some(prior),
            revision: self.revision,
        };
        self.record(change);
        Some(object)
    }

    fn record(&mut self, change: Change) {
        self.history.push_back(change.clone());
        while self.history.len() > self.capacity {
            if let Some(dropped) = self.history.pop_front() {
                self.compacted = dropped.revision;
            }
        }
        // Nobody listening is no failure.
        let _ = self.changes.send(change);
    }

    /// Forgets every change up to a revision, as etcd's compaction does.
    pub(super) fn compact(&mut self, revision: u64) {
        let revision = revision.min(self.revision);
        self.history.retain(|change| change.revision > revision);
        self.compacted = self.compacted.max(revision);
    }

    fn check_remembered(&self, revision: u64) -> Result<(), Gone> {
        if revision < self.compacted { Err(Gone { asked: revision, oldest: self.compacted }) } else { Ok(()) }
    }

    pub(super) fn history_since(&self, kind: &Kind, revision: u64) -> Result<Vec<Change>, Gone> {
        self.check_remembered(revision)?;
        Ok(self.history.iter().filter(|c| c.revision > revision && c.kind == kind).cloned().collect())
    }

    /// The objects of a kind as they were at a revision: today's, with every later change undone.
    pub(super) fn at(&self, kind: &Kind, revision: u64) -> Result<BTreeMap<Key, Arc<Value>>, Gone> {
        self.check_remembered(revision)?;
        let mut objects = self.objects.get(kind.plural).cloned().unwrap_or_default();
        for change in self.history.iter().rev().filter(|c| c.kind == kind) {
            if change.revision <= revision {
                break;
            }
            let key = (meta::namespace(&change.object).to_owned(), meta::name(&change.object).to_owned());
            match &change.prior {
                Some(prior) => objects.insert(key, prior.clone()),
                None => objects.remove(&key),
            };
        }
        Ok(objects)
    }
}
