//! The clusters by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;

use crate::observe::Observer;
use crate::settings::{ClusterSettings, Settings};

/// One cluster as the steps see it.
pub(super) struct Cluster {
    pub(super) observer: Observer,
    pub(super) settings: ClusterSettings,
}

/// Every configured cluster by its name.
#[derive(Clone)]
pub struct Clusters(Arc<BTreeMap<String, Cluster>>);

impl Clusters {
    /// Makes a client for each configured cluster. Nothing is asked over the network yet: an unreachable cluster shows
    /// as gaps in the evidence, not as a server that doesn't start.
    ///
    /// # Errors
    /// When a kubeconfig cannot be read or a certificate not parsed.
    pub async fn connect(settings: &Settings) -> anyhow::Result<Self> {
        let mut clusters = BTreeMap::new();
        for cluster in &settings.clusters {
            clusters.insert(cluster.name.clone(), connect(cluster, settings).await?);
        }
        Ok(Self(Arc::new(clusters)))
    }

    /// The means to read each cluster, by its name, for whoever only reads.
    #[must_use]
    pub fn observers(&self) -> BTreeMap<String, Observer> {
        self.0.iter().map(|(name, cluster)| (name.clone(), cluster.observer.clone())).collect()
    }

    /// The cluster that an incident is about.
    ///
    /// # Errors
    /// When no such cluster is configured; the message names those that are.
    pub(super) fn named(&self, name: &str) -> Result<&Cluster, UnknownCluster> {
        self.0.get(name).ok_or_else(|| UnknownCluster {
            name: name.to_owned(),
            known: self.0.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

async fn connect(cluster: &ClusterSettings, settings: &Settings) -> anyhow::Result<Cluster> {
    let observer = Observer::connect(cluster, &settings.observe)
        .await
        .with_context(|| format!("cluster {}", cluster.name))?;
    Ok(Cluster { observer, settings: cluster.clone() })
}

/// An alert names a cluster that the settings don't.
#[derive(Debug, thiserror::Error)]
#[error(
    "No cluster named \"{name}\" is configured (configured: {known}). Add [[clusters]] name = \"{name}\" to the \
     configuration, or correct the alert's cluster label."
)]
pub(super) struct UnknownCluster {
    name: String,
    known: String,
}
