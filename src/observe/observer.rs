//! The [`Observer`]: one cluster with its metrics and logs, to be read.

use std::sync::Arc;

use kube::Client;

use super::loki::Loki;
use super::read::CatalogCache;
use super::{Connection, ObserveError, Prometheus, Snapshot, collect, probe};
use crate::incident::{Scope, Signal};
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
            }),
        })
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

    /// Tries every connection and the permissions that reading and repairing need, for `kubewright check`.
    pub async fn probe(&self) -> Vec<Connection> {
        probe::probe(self).await
    }
}
