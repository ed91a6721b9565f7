//! The names of what lives in a cluster, so that what people say can be matched with what exists.

use std::collections::BTreeSet;

use futures::future::join_all;
use kube::api::ListParams;
use serde::Deserialize;

use super::cluster::{Asked, Limits, is_label, list};
use super::gaps::Gaps;
use super::{Observer, ReadError};
use crate::incident::{Gap, ObjectRef};

/// A kind whose names are read: its name, its place in the API, and whether it lives in namespaces.
struct Kind {
    name: &'static str,
    group: &'static str,
    plural: &'static str,
    namespaced: bool,
}

const KINDS: [Kind; 9] = [
    Kind { name: "Namespace", group: "", plural: "namespaces", namespaced: false },
    Kind { name: "Node", group: "", plural: "nodes", namespaced: false },
    Kind { name: "Deployment", group: "apps", plural: "deployments", namespaced: true },
    Kind { name: "StatefulSet", group: "apps", plural: "statefulsets", namespaced: true },
    Kind { name: "DaemonSet", group: "apps", plural: "daemonsets", namespaced: true },
    Kind { name: "CronJob", group: "batch", plural: "cronjobs", namespaced: true },
    Kind { name: "Job", group: "batch", plural: "jobs", namespaced: true },
    Kind { name: "Service", group: "", plural: "services", namespaced: true },
    Kind { name: "Pod", group: "", plural: "pods", namespaced: true },
];

/// The names of what lives in a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Namespaces, nodes, workloads, services and pods, by kind in that order.
    pub objects: Vec<ObjectRef>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// An object of which only the name is kept.
#[derive(Deserialize)]
struct Named {
    metadata: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

impl Observer {
    /// Reads the names of what lives in the cluster, or in these namespaces only (then no cluster-wide names but
    /// theirs). Never fails: what could not be read is a gap.
    pub async fn directory(&self, only: Option<&BTreeSet<String>>) -> Directory {
        let mut directory = Directory::default();
        let mut gaps = Gaps::default();
        for (kind, listed) in
            KINDS.iter().zip(join_all(KINDS.iter().map(|kind| self.names(kind, only))).await)
        {
            let (objects, error) = listed;
            directory.objects.extend(objects);
            if let Some(error) = error {
                gaps.add_failure(kind.plural, &error);
            }
        }
        directory.gaps = gaps.into_vec();
        directory
    }

    async fn names(
        &self,
        kind: &Kind,
        only: Option<&BTreeSet<String>>,
    ) -> (Vec<ObjectRef>, Option<ReadError>) {
        match (only, kind.namespaced) {
            (None, _) => self.list_names(kind, None).await,
            (Some(namespaces), true) => {
                // Names come from clients, and go into URLs.
                let fit = namespaces.iter().filter(|name| is_label(name));
                let lists = join_all(fit.map(|name| self.list_names(kind, Some(name)))).await;
                lists.into_iter().fold((Vec::new(), None), |(mut all, error), (found, failure)| {
                    all.extend(found);
                    (all, error.or(failure))
                })
            }
            (Some(namespaces), false) if kind.name == "Namespace" => {
                (namespaces.iter().map(|name| ObjectRef::cluster_wide(kind.name, name)).collect(), None)
            }
            (Some(_), false) => (Vec::new(), None),
        }
    }

    async fn list_names(&self, kind: &Kind, namespace: Option<&str>) -> (Vec<ObjectRef>, Option<ReadError>) {
        let settings = self.settings();
        let limits = Limits { objects: settings.max_objects_per_kind, deadline: settings.collector_deadline };
        let root =
            if kind.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}/v1", kind.group) };
        let within = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        let path = format!("{root}{within}/{}", kind.plural);
        let group = if kind.group.is_empty() { String::new() } else { format!(".{}", kind.group) };
        let resource = format!("{}{group}", kind.plural);
        let asked = Asked { verb: "list", resource, namespace: namespace.map(str::to_owned) };
        let listing = list::<Named>(&self.client(), &path, ListParams::default(), &asked, limits).await;
        let named = |found: Named| ObjectRef::new(kind.name, found.metadata.namespace, found.metadata.name);
        (listing.items.into_iter().map(named).collect(), listing.error)
    }
}
