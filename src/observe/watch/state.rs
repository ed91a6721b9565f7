//! Whether what a watch keeps may be used.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::telemetry::metrics::{WatchPhase, watch_phase};

/// What was current when its watch began to fail may be used for this long: as old may be what a list says while a
/// diagnosis runs.
const STALE: Duration = Duration::from_secs(60);

/// How one watch does.
#[derive(Debug)]
pub(super) struct State {
    resource: &'static str,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: WatchPhase,
    /// When what is kept was last known to be current; `None` before it was ever read whole.
    current_until: Option<Instant>,
}

impl State {
    pub(super) fn new(resource: &'static str) -> Self {
        watch_phase(None, Some(WatchPhase::Starting));
        Self { resource, inner: Mutex::new(Inner { phase: WatchPhase::Starting, current_until: None }) }
    }

    /// Whether what is kept may be used.
    pub(super) fn is_fit(&self) -> bool {
        self.is_fit_at(Instant::now())
    }

    fn is_fit_at(&self, now: Instant) -> bool {
        let inner = self.lock();
        match inner.phase {
            WatchPhase::Current => true,
            WatchPhase::Failing => {
                inner.current_until.is_some_and(|until| now.saturating_duration_since(until) < STALE)
            }
            WatchPhase::Starting | WatchPhase::Refused | WatchPhase::Full | WatchPhase::Unserved => false,
        }
    }

    /// Whether the server said, not long ago, that it does not know the kind.
    pub(super) fn is_unserved(&self) -> bool {
        self.lock().phase == WatchPhase::Unserved
    }

    /// Everything was read, and changes are followed.
    pub(super) fn current(&self) {
        if self.enter(WatchPhase::Current) {
            info!(resource = self.resource, "watched; diagnoses need no lists of it");
        }
    }

    /// Reading or following failed.
    pub(super) fn failing(&self, why: &str) {
        if self.enter(WatchPhase::Failing) {
            warn!(
                resource = self.resource,
                why, "a watch fails and is tried again; meanwhile lists are read"
            );
        }
    }

    /// The API server does not allow it.
    pub(super) fn refused(&self) {
        if self.enter(WatchPhase::Refused) {
            let resource = self.resource;
            warn!(
                resource,
                "may not be watched: grant list and watch (deploy/rbac.yaml), or set observe.watch.enabled = false"
            );
        }
    }

    /// The API server does not know the kind: there is none of it.
    pub(super) fn unserved(&self) {
        if self.enter(WatchPhase::Unserved) {
            info!(resource = self.resource, "not served by this cluster; asked for again now and then");
        }
    }

    /// There was no room for it; what was kept is gone.
    pub(super) fn full(&self) {
        if self.enter(WatchPhase::Full) {
            let resource = self.resource;
            warn!(
                resource,
                "there is more than observe.watch.max_objects or max_bytes allow; its lists are read for each diagnosis"
            );
        }
        self.lock().current_until = None;
    }

    /// Enters a phase; true where it is a new one.
    fn enter(&self, phase: WatchPhase) -> bool {
        let mut inner = self.lock();
        if inner.phase == WatchPhase::Current {
            inner.current_until = Some(Instant::now());
        }
        let before = std::mem::replace(&mut inner.phase, phase);
        watch_phase(Some(before), Some(phase));
        before != phase
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        watch_phase(Some(self.lock().phase), None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{STALE, State};

    #[test]
    fn what_was_current_stays_fit_for_a_minute_after_its_watch_began_to_fail() {
        let began = Instant::now();
        let state = State::new("pods");
        assert!(!state.is_fit_at(began));
        state.failing("no route to host");
        assert!(!state.is_fit_at(began), "nothing was read yet");
        state.current();
        assert!(state.is_fit_at(began + 2 * STALE), "it is followed all the time");
        state.failing("connection reset");
        state.failing("connection refused");
        assert!(state.is_fit_at(began + STALE - Duration::from_secs(1)));
        assert!(!state.is_fit_at(Instant::now() + STALE));
        state.current();
        assert!(state.is_fit_at(Instant::now() + STALE));
    }

    #[test]
    fn what_is_refused_or_has_no_room_is_not_fit() {
        let state = State::new("secrets");
        state.current();
        state.full();
        assert!(!state.is_fit());
        state.failing("timed out");
        assert!(!state.is_fit(), "what was kept is gone");
        state.current();
        state.refused();
        assert!(!state.is_fit() && !state.is_unserved());
    }

    #[test]
    fn what_is_not_served_is_known_until_something_else_is_heard() {
        let state = State::new("runtimeclasses");
        state.unserved();
        assert!(state.is_unserved() && !state.is_fit());
        state.failing("timed out");
        assert!(!state.is_unserved());
    }
}
