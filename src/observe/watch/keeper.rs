//! What follows one watch: it reads everything, takes in the changes, and begins anew when that fails.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::Resource as _;
use kube::api::Api;
use kube::runtime::reflector::Lookup as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};

use super::super::cluster::Served;
use super::room::{Room, Share};
use super::state::State;
use super::stored::{Stored, Watched};
use crate::telemetry::metrics::watched;

/// After so long, seconds, the server ends a watch and it is taken up again: before the client would miss the server's voice.
const RENEWED: u32 = 60;

/// Objects asked for at once.
const PAGE: u32 = 250;

/// What failed is tried again after this long, then twice as long, up to the second.
const RETRIES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// What was refused or had no room is tried again after this long: permissions and clusters change.
const SECOND_CHANCE: Duration = Duration::from_secs(300);

/// Events are kept for this long after they were last seen, and looked through this often. Servers keep them for an hour
/// unless told otherwise.
const EVENTS: (SignedDuration, Duration) = (SignedDuration::from_hours(2), Duration::from_secs(60));

/// Follows one watch and writes what it says to the store.
pub(super) struct Keeper<K: Served, T: Stored> {
    api: Api<Watched<K, T>>,
    writer: Writer<Watched<K, T>>,
    state: Arc<State>,
    room: Arc<Room>,
    /// What is in the store.
    share: Share,
    /// What is being read anew, beside the store.
    coming: Share,
    /// What of the room is taken for both; what comes takes the place of what is there.
    held: Share,
}

/// Why a watch is not followed any more.
enum End {
    Failed(watcher::Error),
    NoRoom,
}

impl<K: Served, T: Stored> Keeper<K, T> {
    pub(super) fn new(
        api: Api<Watched<K, T>>,
        writer: Writer<Watched<K, T>>,
        state: Arc<State>,
        room: Arc<Room>,
    ) -> Self {
        let none = Share::default();
        Self { api, writer, state, room, share: none, coming: none, held: none }
    }

    /// Goes on until it is dropped.
    pub(super) async fn run(mut self) {
        let retries = || {
            let (least, most) = RETRIES;
            let retries =
                ExponentialBuilder::default().with_jitter().with_min_delay(least).with_max_delay(most);
            retries.without_max_times().build()
        };
        let mut pauses = retries();
        loop {
            let (end, was_current) = self.follow().await;
            if was_current {
                pauses = retries();
            }
            let pause = match end {
                End::NoRoom => {
                    self.clear();
                    self.state.full();
                    SECOND_CHANCE
                }
                End::Failed(error) => {
                    self.failed(&error).unwrap_or_else(|| pauses.next().unwrap_or(SECOND_CHANCE))
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Says what failed; the pause where it makes no sense to try again soon.
    fn failed(&self, error: &watcher::Error) -> Option<Duration> {
        match answered(error) {
            Some(403) => self.state.refused(),
            Some(404) => self.state.unserved(),
            _ => {
                self.state.failing(told(error));
                return None;
            }
        }
        Some(SECOND_CHANCE)
    }

    /// Reads everything and follows the changes until that fails; whether it was ever current.
    async fn follow(&mut self) -> (End, bool) {
        let config = watcher::Config::default().timeout(RENEWED).page_size(PAGE);
        let mut events = pin!(watcher(self.api.clone(), config));
        let mut sweeps = tokio::time::interval(EVENTS.1);
        let mut was_current = false;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = sweeps.tick() => {
                    self.sweep(Timestamp::now());
                    continue;
                }
            };
            match event {
                Some(Ok(event)) => {
                    let whole = matches!(event, Event::InitDone);
                    if !self.take_in(&event) {
                        return (End::NoRoom, was_current);
                    }
                    if whole {
                        was_current = true;
                        self.state.current();
                    }
                }
                Some(Err(error)) => return (End::Failed(error), was_current),
                None => return (End::Failed(watcher::Error::NoResourceVersion), was_current),
            }
        }
    }

    /// Writes what happened to the store; false where there is no room for it.
    fn take_in(&mut self, event: &Event<Watched<K, T>>) -> bool {
        let nameless = match event {
            Event::InitApply(object) | Event::Apply(object) | Event::Delete(object) => {
                object.meta().name.is_none()
            }
            Event::Init | Event::InitDone => false,
        };
        // The store would panic at it.
        if nameless {
            return true;
        }
        let (share, coming) = match event {
            Event::Init => (self.share, Share::default()),
            // One that is too old stays outside.
            Event::InitApply(object) | Event::Apply(object) if is_old(&object.object, Timestamp::now()) => {
                return true;
            }
            Event::InitApply(object) => (self.share, self.coming.with(Share::of(object.weight))),
            Event::InitDone => (self.coming, Share::default()),
            Event::Apply(object) => {
                (self.share.without(self.known(object)).with(Share::of(object.weight)), self.coming)
            }
            Event::Delete(object) => (self.share.without(self.known(object)), self.coming),
        };
        let fits = self.hold(share, coming);
        if fits {
            self.writer.apply_watcher_event(event);
        }
        fits
    }

    /// The share of what is in the store by that name.
    fn known(&self, object: &Watched<K, T>) -> Share {
        let known = self.writer.as_reader().get(&object.to_object_ref(()));
        known.map_or_else(Share::default, |known| Share::of(known.weight))
    }

    fn hold(&mut self, share: Share, coming: Share) -> bool {
        let wanted = share.max(coming);
        if !self.room.exchange(self.held, wanted) {
            return false;
        }
        watched(K::URL_PATH_SEGMENT, (self.share.objects, share.objects), (self.share.bytes, share.bytes));
        (self.share, self.coming, self.held) = (share, coming, wanted);
        true
    }

    /// Drops events that are too old to matter.
    fn sweep(&mut self, now: Timestamp) {
        for kept in self.writer.as_reader().state_filter(|kept| is_old(&kept.object, now)) {
            self.take_in(&Event::Delete((*kept).clone()));
        }
    }

    /// Drops everything.
    fn clear(&mut self) {
        self.hold(Share::default(), Share::default());
        self.writer.apply_watcher_event(&Event::Init);
        self.writer.apply_watcher_event(&Event::InitDone);
    }
}

impl<K: Served, T: Stored> Drop for Keeper<K, T> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn is_old(object: &impl Stored, now: Timestamp) -> bool {
    object.last_seen().is_some_and(|seen| now.duration_since(seen) > EVENTS.0)
}

/// The HTTP status of an answer that says what is wrong.
fn answered(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// What failed, without a word of the server's: its text may be anything.
const fn told(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(_) => "the list could not be read",
        watcher::Error::WatchStartFailed(_) => "the watch could not be started",
        watcher::Error::WatchError(_) => "the server ended the watch with an error",
        watcher::Error::WatchFailed(_) => "the watch was cut off",
        watcher::Error::NoResourceVersion => "the server does not say how current its answer is",
    }
}
