//! One kind of object, kept current, and asked as a server is asked for a list.

use std::any::TypeId;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, ListParams};
use kube::runtime::reflector::{self, Store};
use kube::{Client, Resource as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::ReadError;
use super::super::cluster::{Listing, Served};
use super::door;
use super::keeper::Keeper;
use super::room::Room;
use super::state::State;
use super::stored::{Stored, Watched};

/// The fields that [`Stored::field`] knows.
const FIELDS: [&str; 5] =
    ["metadata.name", "metadata.namespace", "spec.nodeName", "involvedObject.kind", "involvedObject.name"];

/// Where the objects come from and how much of them may be kept.
pub(super) struct Source {
    pub(super) client: Client,
    /// Empty: all.
    pub(super) namespaces: Vec<String>,
    pub(super) room: Arc<Room>,
}

/// All objects of a kind.
pub(super) struct Shelf<K: Served, T: Stored> {
    plots: Vec<Plot<K, T>>,
}

/// Those of one namespace, or of all.
struct Plot<K: Served, T: Stored> {
    namespace: Option<String>,
    store: Store<Watched<K, T>>,
    state: Arc<State>,
}

impl<K: Served, T: Stored> Shelf<K, T> {
    pub(super) fn start(source: &Source, tasks: &TaskTracker, shutdown: &CancellationToken) -> Self {
        let namespaced =
            TypeId::of::<<K as k8s_openapi::Resource>::Scope>() == TypeId::of::<NamespaceResourceScope>();
        let named = source.namespaces.iter().filter(|_| namespaced).cloned().map(Some);
        let mut namespaces: Vec<Option<String>> = named.collect();
        if namespaces.is_empty() {
            namespaces.push(None);
        }
        let plot = |namespace: Option<String>| {
            let (store, writer) = reflector::store();
            let state = Arc::new(State::new(K::URL_PATH_SEGMENT));
            let client = door::through::<T>(source.client.clone());
            let api = match &namespace {
                Some(namespace) => Api::namespaced(client, namespace),
                None => Api::all(client),
            };
            let keeper = Keeper::new(api, writer, state.clone(), source.room.clone());
            let stop = shutdown.clone();
            tasks.spawn(async move { stop.run_until_cancelled(Box::pin(keeper.run())).await });
            Plot { namespace, store, state }
        };
        Self { plots: namespaces.into_iter().map(plot).collect() }
    }

    pub(super) fn states(&self) -> impl Iterator<Item = Arc<State>> {
        self.plots.iter().map(|plot| plot.state.clone())
    }

    /// What a list would bring; `None` where it has to be read.
    pub(super) fn list(&self, namespace: Option<&str>, params: &ListParams) -> Option<Listing<T>> {
        let whole = |plot: &&Plot<K, T>| plot.namespace.is_none() || plot.namespace.as_deref() == namespace;
        let plot = self.plots.iter().find(whole)?;
        if plot.state.is_unserved() {
            let error = ReadError::from_status(404, "the server does not serve it");
            return Some(Listing { items: Vec::new(), error: Some(error) });
        }
        let items = plot.state.is_fit().then(|| plot.items(namespace, params)).flatten()?;
        Some(Listing { items, error: None })
    }
}

impl<K: Served, T: Stored> Plot<K, T> {
    /// What is kept of a namespace and fits a selector; `None` where only the server knows.
    fn items(&self, namespace: Option<&str>, params: &ListParams) -> Option<Vec<T>> {
        let fields = equals(params)?;
        let wanted = |kept: &Watched<K, T>| {
            let there = namespace.is_none_or(|namespace| kept.meta().namespace.as_deref() == Some(namespace));
            there && fields.iter().all(|(path, value)| kept.object.field(path) == Some(value))
        };
        let mut found = self.store.state_filter(wanted);
        // As servers list them.
        found.sort_by(|left, right| name(left).cmp(&name(right)));
        Some(found.into_iter().map(|kept| kept.object.clone()).collect())
    }
}

fn name<K: Served, T: Stored>(kept: &Watched<K, T>) -> (Option<&str>, Option<&str>) {
    (kept.meta().namespace.as_deref(), kept.meta().name.as_deref())
}

/// The pairs of a field selector; `None` for what only a server can answer.
fn equals(params: &ListParams) -> Option<Vec<(&str, &str)>> {
    if params.label_selector.is_some() {
        return None;
    }
    let pairs =
        params.field_selector.as_deref().unwrap_or_default().split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').filter(|(path, _)| FIELDS.contains(path))).collect()
}
