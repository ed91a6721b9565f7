//! Reading: get, list, lists as of a revision, and the stream of changes.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use super::{Change, Gone, ObjectStore};
use crate::sim::kinds::Kind;

impl ObjectStore {
    /// One object, as a copy to work on; the namespace of cluster-wide kinds is empty.
    pub fn get(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Value> {
        self.get_shared(kind, namespace, name).map(|object| Value::clone(&object))
    }

    /// One object, shared.
    pub fn get_shared(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.state().get(kind, namespace, name).cloned()
    }

    /// All objects of a kind (in one namespace, or in all), ordered by namespace and name, and the store's revision.
    pub fn list(&self, kind: &'static Kind, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let state = self.state();
        let objects = match namespace {
            Some(namespace) => state.in_namespace(kind, namespace).cloned().collect(),
            None => state.of_kind(kind).map(|(_, object)| object.clone()).collect(),
        };
        (objects, state.revision())
    }

    /// The same as of an earlier revision.
    ///
    /// # Errors
    /// [`Gone`] when changes since then are no longer remembered.
    pub fn list_at(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<Arc<Value>>, Gone> {
        let objects = self.state().at(kind, revision)?;
        let wanted = |ns: &str| namespace.is_none_or(|wanted| wanted == ns);
        Ok(objects.into_iter().filter(|((ns, _), _)| wanted(ns)).map(|(_, object)| object).collect())
    }

    /// The revision of the last change.
    pub fn revision(&self) -> u64 {
        self.state().revision()
    }

    /// The oldest revision that a watch can still start from.
    pub fn oldest_revision(&self) -> u64 {
        self.state().compacted()
    }

    /// Every change from now on. A receiver that lags must list again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.state().subscribe()
    }

    /// The changes of a kind after a revision.
    ///
    /// # Errors
    /// [`Gone`] when they are no longer all remembered.
    pub fn history_since(&self, kind: &'static Kind, revision: u64) -> Result<Vec<Change>, Gone> {
        self.state().history_since(kind, revision)
    }

    /// The changes of a kind after a revision and a receiver for all that follow, with no gap between them.
    ///
    /// # Errors
    /// [`Gone`] as for [`Self::history_since`].
    pub fn watch_from(
        &self,
        kind: &'static Kind,
        revision: u64,
    ) -> Result<(Vec<Change>, broadcast::Receiver<Change>), Gone> {
        let state = self.state();
        Ok((state.history_since(kind, revision)?, state.subscribe()))
    }

    /// The objects of a kind now, their revision, and a receiver for all changes after it.
    pub fn list_and_watch(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
    ) -> (Vec<Arc<Value>>, u64, broadcast::Receiver<Change>) {
        let state = self.state();
        let objects = match namespace {
            Some(namespace) => state.in_namespace(kind, namespace).cloned().collect(),
            None => state.of_kind(kind).map(|(_, object)| object.clone()).collect(),
        };
        (objects, state.revision(), state.subscribe())
    }

    /// Forgets the changes up to a revision, as etcd's compaction does: older watches then answer 410.
    pub fn compact(&self, revision: u64) {
        self.state().compact(revision);
    }
}
