//! The [`Observer`]: one cluster with its metrics and logs, to be read.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use kube::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dump::firing;
use super::loki::Loki;
use super::read::CatalogCache;
use super::watch::Watches;
use super::{Connection, ObserveError, Prometheus, ReadError, Snapshot, collect, probe};
use crate::incident::{Gap, Scope, Signal};
use crate::settings::{ClusterSettings, ObserveSettings};

/// Reads one cluster. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Observer {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    environment: String,
    client: Client,
    prometheus: Option<Prometheus>,
    loki: Option<Loki>,
    settings: ObserveSettings,
    /// Which kinds the cluster serves, for reading single things.
    catalog: CatalogCache,
    /// Objects kept current, once [`Observer::watch`] was called.
    watches: OnceLock<Watches>,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Observer {
    /// Prepares to read a cluster. Reads the kubeconfig or service account; sends nothing yet. Must be called inside a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`ObserveError`] when the settings cannot work: no such context, bad certificates, invalid headers.
    pub async fn connect(
        cluster: &ClusterSettings,
        settings: &ObserveSettings,
    ) -> Result<Self, ObserveError> {
        let client = super::cluster::connect(&cluster.api).await?;
        Self::with_client(client, cluster, settings)
    }

    /// Like [`Self::connect`], with a Kubernetes client that stands already.
    ///
    /// # Errors
    /// [`ObserveError`] when the clients for metrics and logs cannot be built.
    pub fn with_client(
        client: Client,
        cluster: &ClusterSettings,
        settings: &ObserveSettings,
    ) -> Result<Self, ObserveError> {
        let timeout = settings.collector_deadline;
        let prometheus = cluster.prometheus.as_ref().map(|endpoint| Prometheus::new(endpoint, timeout));
        let loki = cluster.loki.as_ref().map(|endpoint| Loki::new(endpoint, timeout));
        Ok(Self {
            inner: Arc::new(Inner {
                name: cluster.name.clone(),
                environment: cluster.environment.clone(),
                client,
                prometheus: prometheus.transpose()?,
                loki: loki.transpose()?,
                settings: settings.clone(),
                catalog: CatalogCache::default(),
                watches: OnceLock::new(),
            }),
        })
    }

    /// Begins to watch what Snapshots hold, unless the settings say not to; until `shutdown`. From then on Snapshots are made
    /// of what the watches keep wherever that is current, and of lists elsewhere. A second call changes nothing.
    pub fn watch(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let (client, settings) = (&self.inner.client, &self.inner.settings.watch);
        if settings.enabled {
            self.inner.watches.get_or_init(|| Watches::start(client, settings, tasks, shutdown));
        }
    }

    /// Whether Snapshots need no lists now.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watches().is_some_and(Watches::all_current)
    }

    pub(super) fn watches(&self) -> Option<&Watches> {
        self.inner.watches.get()
    }

    /// The cluster's name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// `production`, `staging`, …
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.inner.environment
    }

    /// The Kubernetes client. It does not repeat requests by itself.
    #[must_use]
    pub fn client(&self) -> Client {
        self.inner.client.clone()
    }

    /// The cluster's Prometheus, if it has one.
    #[must_use]
    pub fn prometheus(&self) -> Option<&Prometheus> {
        self.inner.prometheus.as_ref()
    }

    /// The cluster's Loki, if it has one.
    #[must_use]
    pub fn loki(&self) -> Option<&Loki> {
        self.inner.loki.as_ref()
    }

    /// The limits of what is read.
    pub(super) fn settings(&self) -> &ObserveSettings {
        &self.inner.settings
    }

    pub(super) fn catalog(&self) -> &CatalogCache {
        &self.inner.catalog
    }

    /// Reads what can be seen about `scope`. Never fails: what could not be read is a gap. Takes at most about four times
    /// `collector_deadline`.
    pub async fn snapshot(&self, scope: &Scope, signals: &[Signal]) -> Snapshot {
        // Boxed: it holds many collectors, and callers hold it in futures of their own.
        Box::pin(collect::snapshot(self, scope, signals)).await
    }

    /// Like [`Self::snapshot`] of a namespace, with the alerts that Prometheus has firing about it, so that they can be kept
    /// with it. Where there is no Prometheus nothing is known of alerts.
    pub async fn snapshot_with_alerts(&self, scope: &Scope) -> Snapshot {
        let (Some(prometheus), Some(namespace)) = (self.prometheus(), &scope.namespace) else {
            return self.snapshot(scope, &[]).await;
        };
        let deadline = self.settings().collector_deadline;
        let told = tokio::time::timeout(deadline, prometheus.alerts()).await;
        let told = match told {
            Ok(told) => told.map_err(|error| error.to_string()),
            Err(_) => Err(ReadError::TimedOut { after: deadline }.to_string()),
        };
        match told {
            Ok(alerts) => {
                let signals = firing(alerts, self.name(), namespace, Timestamp::now());
                let mut snapshot = self.snapshot(scope, &signals).await;
                snapshot.recorded.asked.insert("alerts".to_owned());
                snapshot
            }
            Err(reason) => {
                let mut snapshot = self.snapshot(scope, &[]).await;
                snapshot.gaps.push(Gap { collector: "alerts".to_owned(), reason });
                snapshot
            }
        }
    }

    /// Tries every connection and the permissions that reading and repairing need, for `kubewright check`.
    pub async fn probe(&self) -> Vec<Connection> {
        probe::probe(self).await
    }
}
