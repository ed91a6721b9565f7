//! Objects kept current by watches, so that a Snapshot asks the API server for logs alone.
//!
//! `serve` starts a reflector for each kind that a Snapshot holds. `door` is what its answers pass before anything sees them:
//! sizes are bounded, and values of ConfigMaps and Secrets are taken out. `room` is the memory that all kinds share, `shelf`
//! holds one kind, `keeper` follows its watch, `state` says whether what is kept may be used, `stored` what of an object is
//! kept. Wherever a shelf is not fit for use (not read yet, stale, without room, refused) the lists are read as if there were
//! no watches. The kinds of the Gateway API have no types here and are always listed.

mod door;
mod keeper;
mod room;
mod shelf;
mod state;
mod stored;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::ListParams;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cluster::{EachKind, Kept, KeyedMap, KeyedSecret, Listing, Served, each_kind};
use crate::settings::WatchSettings;
use room::Room;
use shelf::{Shelf, Source};
use state::State;
pub(super) use stored::Stored;
use stored::Watched;

/// Kinds that are read from dumps and never listed: EndpointSlices say the same.
const ONLY_IN_DUMPS: [&str; 1] = ["endpoints"];

/// The shelves of one cluster, one a kind.
pub(super) struct Watches {
    shelves: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    states: Vec<Arc<State>>,
}

impl Watches {
    /// Starts a reflector for every kind that is kept; each runs until `shutdown`.
    pub(super) fn start(
        client: &Client,
        settings: &WatchSettings,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        let source = Source {
            client: client.clone(),
            namespaces: settings.namespaces.clone(),
            room: Arc::new(Room::new(settings)),
        };
        let watches = Self { shelves: HashMap::new(), states: Vec::new() };
        let mut starting = Starting { watches, source, tasks, shutdown };
        each_kind(&mut starting);
        starting.start::<ControllerRevision, ControllerRevision>();
        starting.start::<ConfigMap, KeyedMap>();
        starting.start::<Secret, KeyedSecret>();
        starting.watches
    }

    /// The objects that a list with these parameters would bring; `None` where it has to be read.
    pub(super) fn list<K: Served, T: Stored>(
        &self,
        namespace: Option<&str>,
        params: &ListParams,
    ) -> Option<Listing<T>> {
        let shelf: &Shelf<K, T> = self.shelves.get(&TypeId::of::<Watched<K, T>>())?.downcast_ref()?;
        shelf.list(namespace, params)
    }

    /// Whether every kind can be used now.
    pub(super) fn all_current(&self) -> bool {
        self.states.iter().all(|state| state.is_fit() || state.is_unserved())
    }
}

/// Watches on their way.
struct Starting<'a> {
    watches: Watches,
    source: Source,
    tasks: &'a TaskTracker,
    shutdown: &'a CancellationToken,
}

impl Starting<'_> {
    fn start<K: Served, T: Stored>(&mut self) {
        let shelf = Shelf::<K, T>::start(&self.source, self.tasks, self.shutdown);
        self.watches.states.extend(shelf.states());
        self.watches.shelves.insert(TypeId::of::<Watched<K, T>>(), Box::new(shelf));
    }
}

impl EachKind for Starting<'_> {
    fn kind<K: Kept + Served + Stored>(&mut self) {
        if !ONLY_IN_DUMPS.contains(&K::URL_PATH_SEGMENT) {
            self.start::<K, K>();
        }
    }
}
