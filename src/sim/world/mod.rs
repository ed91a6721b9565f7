//! The world that controllers, kubelets and metrics share: objects, logs, the clock and the switches of a fault.
//!
//! Everything that moves the world runs in one engine, step by step; this is the state that outlives a step and that
//! others may look at meanwhile.

mod events;
/// Reading and writing fields of objects held as JSON.
pub(crate) mod fields;
/// Kubernetes quantities.
pub(crate) mod quantity;
mod switches;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use events::{Report, Severity};
pub(crate) use switches::Switches;

use super::clock::Clock;
use super::kinds::Kind;
use super::logbook::LogBook;
use super::objects::{ObjectStore, Write, meta};
use super::scenarios::Scenario;

/// The shared state of one simulated cluster.
#[derive(Debug)]
pub(crate) struct World {
    /// The cluster's objects.
    pub(crate) store: ObjectStore,
    /// What containers wrote.
    pub(crate) logs: LogBook,
    /// The time.
    pub(crate) clock: Clock,
    /// The story that is told here.
    pub(crate) scenario: Arc<Scenario>,
    switches: Mutex<Switches>,
}

impl World {
    /// An empty world at the beginning of a scenario.
    pub(crate) fn new(scenario: Arc<Scenario>, clock: Clock) -> Self {
        let hands = clock.clone();
        let store = ObjectStore::with_clock(Arc::new(move || hands.now()));
        let switches = Mutex::new(Switches::new(&scenario));
        Self { store, logs: LogBook::new(), clock, scenario, switches }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a fault has switched.
    pub(crate) fn switches(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All objects of a kind, of all namespaces.
    pub(crate) fn all(&self, kind: &'static Kind) -> Vec<Arc<Value>> {
        self.store.list(kind, None).0
    }

    /// All objects of a kind in one namespace.
    pub(crate) fn within(&self, kind: &'static Kind, namespace: &str) -> Vec<Arc<Value>> {
        self.store.list(kind, Some(namespace)).0
    }

    /// The objects of a kind that one owner controls.
    pub(crate) fn controlled(&self, kind: &'static Kind, owner: &Value) -> Vec<Arc<Value>> {
        let mut objects = self.within(kind, meta::namespace(owner));
        objects.retain(|object| fields::controller_uid(object) == meta::uid(owner));
        objects
    }

    /// Changes an object as it is now. One that is gone meanwhile is nobody's loss, and one that somebody else changed
    /// at the same moment is looked at again in the next round, as real controllers do on a conflict.
    pub(crate) fn modify(&self, kind: &'static Kind, object: &Value, change: impl FnOnce(&mut Value)) {
        let (namespace, name) = (meta::namespace(object), meta::name(object));
        let Some(current) = self.store.get_shared(kind, namespace, name) else { return };
        let mut next = Value::clone(&current);
        change(&mut next);
        if next == *current {
            return;
        }
        if let Err(error) = self.store.update(kind, next, Write::Whole) {
            tracing::debug!(%error, "an object changed before a controller could change it");
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Small worlds for the tests of controllers.

    use super::*;

    /// A world without a story, whose clock stands at a fixed time.
    pub(crate) fn empty_world() -> World {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        World::new(Arc::new(Scenario::empty()), Clock::replaying(at, 1.0))
    }

    /// Lets simulated seconds pass.
    pub(crate) fn pass(world: &World, seconds: u64) {
        let later = super::super::clock::after(world.now(), std::time::Duration::from_secs(seconds));
        world.clock.set(later);
    }

    /// Stores an object written as JSON.
    pub(crate) fn given(world: &World, object: Value) -> Value {
        let kind = super::super::kinds::of(&object).unwrap();
        world.store.create(kind, object).unwrap()
    }
}
