//! The object store: what etcd and the registry of an API server are to a real cluster.
//!
//! It owns identity (uid, resourceVersion, generation), conflicts, deletion with garbage collection, and the stream
//! of changes. It knows nothing of HTTP, nor of what controllers and kubelets do with the objects.

/// Which non-GET requests came in, for tests.
pub mod audit;
mod defaults;
mod delete;
mod error;
/// Reading and writing object metadata.
pub mod meta;
mod read;
mod state;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::broadcast;

pub use delete::{Deletion, Propagation};
pub use error::{ApiError, FieldCause};
pub use write::Write;

use super::kinds::Kind;
use state::State;

/// Changes remembered for watches that resume; older ones answer 410.
const HISTORY: usize = 8_192;
/// Changes a subscriber may lag behind before it must list again.
const CHANNEL: usize = 4_096;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One committed change.
#[derive(Debug, Clone)]
pub struct Change {
    /// The kind of the object.
    pub kind: &'static Kind,
    /// What happened.
    pub event: Event,
    /// The object after the change; its last state when deleted.
    pub object: Arc<Value>,
    /// The object before the change, none when added.
    pub prior: Option<Arc<Value>>,
    /// The store's revision that this change made.
    pub revision: u64,
}

/// The revision asked for is no longer remembered: list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub struct Gone {
    /// The revision asked for.
    pub asked: u64,
    /// The oldest revision that can still be watched from.
    pub oldest: u64,
}

impl From<Gone> for ApiError {
    fn from(gone: Gone) -> Self {
        Self::too_old(gone.asked, gone.oldest)
    }
}

/// Where the store reads the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A shared handle on the objects of one simulated cluster.
#[derive(Clone)]
pub struct ObjectStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("revision", &self.revision()).finish()
    }
}

impl Default for ObjectStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectStore {
    /// A store on the wall clock with the four namespaces every cluster starts with.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(Timestamp::now))
    }

    /// A store that reads the time elsewhere.
    pub fn with_clock(clock: Clock) -> Self {
        Self::with_history(clock, HISTORY)
    }

    /// A store that remembers only so many changes, so that watches expire early.
    pub fn with_history(clock: Clock, capacity: usize) -> Self {
        let (changes, _) = broadcast::channel(CHANNEL);
        let store =
            Self { shared: Arc::new(Shared { state: Mutex::new(State::new(changes, capacity)), clock }) };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let namespace =
                serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            if let Err(error) = store.create(&super::kinds::NAMESPACES, namespace) {
                tracing::error!(%error, name, "a fresh store refused a namespace");
            }
        }
        store
    }

    /// The time as this cluster sees it.
    pub fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
