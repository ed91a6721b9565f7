//! [`Sources`]: what is read to answer a person, an incident or another assistant.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnose::RuleBook;
use crate::observe::Observer;
use crate::recall::Recall;
use crate::store::Store;

/// What tools and composed answers read from. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    /// The clusters by name.
    pub observers: BTreeMap<String, Observer>,
    /// The cluster that is meant where none is named; none where there are no clusters.
    pub default_cluster: Option<String>,
    /// What a fresh look at a cluster is diagnosed by.
    pub rules: Arc<RuleBook>,
    /// Documents and past incidents.
    pub recall: Recall,
    /// The truth.
    pub store: Store,
}

impl Sources {
    /// The cluster of that name, or the one that is meant where none is named.
    pub(in crate::agents) fn observer(&self, name: Option<&str>) -> Option<&Observer> {
        self.observers.get(name.or(self.default_cluster.as_deref())?)
    }

    /// The names of the clusters, for a message.
    pub(in crate::agents) fn clusters(&self) -> String {
        self.observers.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}
