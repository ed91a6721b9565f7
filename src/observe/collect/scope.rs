//! Steps 1 and 2: the scope's namespace or node, and what the alert means there.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::ListParams;

use super::super::cluster::{
    Kept, Served, is_label, is_subdomain, pods_of, resolve, selector_text, template_of,
};
use super::super::read_error::quote;
use super::super::watch::Stored;
use super::{MAX_NAMESPACES, Survey};
use crate::incident::ObjectRef;

impl Survey<'_> {
    /// A name of the scope, if Kubernetes could have it: names come from alerts, and go into URLs.
    fn valid(&mut self, what: &str, name: Option<&String>, is_valid: fn(&str) -> bool) -> Option<String> {
        let name = name?;
        if is_valid(name) {
            return Some(name.clone());
        }
        let shown = quote(name);
        self.gaps.add(
            "scope",
            format!(
                "the alert's {what} \"{shown}\" is no name that Kubernetes allows; check the alert's labels"
            ),
        );
        None
    }

    /// Step 1.
    pub(super) async fn look(&mut self) {
        let of_workload = self.scope.workload.as_ref().map(|workload| &workload.namespace);
        let namespace =
            self.scope.namespace.as_ref().or(of_workload.filter(|namespace| !namespace.is_empty()));
        let namespace = self.valid("namespace", namespace, is_label);
        let node = self.valid("node", self.scope.node.as_ref(), is_subdomain);
        if namespace.is_none() && node.is_none() {
            let reason = "the alert names neither a namespace nor a node, so only the nodes were read; \
                          add a namespace label to its rule";
            self.gaps.add("scope", reason.to_owned());
        }
        let client = self.client.clone();
        let reader = self.reader(&client);
        let mut collectors = reader.cluster_wide();
        if let Some(namespace) = &namespace {
            collectors.extend(reader.namespace(namespace));
        }
        // A workload's own node is not looked at as a whole.
        if let Some(node) = node.filter(|_| self.scope.workload.is_none() && self.scope.pod.is_none()) {
            collectors.push(
                reader.select::<Pod>(None, ListParams::default().fields(&format!("spec.nodeName={node}"))),
            );
            let about = format!("involvedObject.kind=Node,involvedObject.name={node}");
            collectors.push(reader.select::<Event>(Some("default"), ListParams::default().fields(&about)));
        }
        self.run(collectors).await;
        self.known = std::mem::take(&mut self.asked);
        self.namespace = namespace;
    }

    /// Step 2.
    pub(super) async fn find_focus(&mut self) {
        if let Some(pod) =
            self.valid("pod", self.scope.pod.as_ref(), is_subdomain).filter(|_| self.capped.contains("pods"))
        {
            self.more::<Pod>(ListParams::default().fields(&format!("metadata.name={pod}"))).await;
        }
        self.focus = resolve(self.scope, &self.objects);
        let Some(focus) = self.focus.clone() else { return };
        if focus.kind == "Node" {
            self.owners_on_node(&focus).await;
        }
        let selector = template_of(&self.objects, &focus).and_then(|(_, selector)| selector_text(selector?));
        if let Some(selector) = selector {
            let of_focus = || ListParams::default().labels(&selector);
            if self.capped.contains("pods") {
                self.more::<Pod>(of_focus()).await;
            }
            if self.capped.contains("replicasets") {
                self.more::<ReplicaSet>(of_focus()).await;
            }
        }
        if self.capped.contains("events") {
            self.more::<Event>(ListParams::default().fields(&format!("involvedObject.name={}", focus.name)))
                .await;
        }
        self.read_controller_revisions().await;
    }

    /// Reads more of one kind from the scope's namespace.
    async fn more<K>(&mut self, params: ListParams)
    where
        K: Kept + Served + Stored,
    {
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        let reader = self.reader(&client);
        let part = reader.select::<K>(namespace.as_deref(), params).await;
        self.take_in(part);
    }

    /// The owners of a node's pods, in the namespaces that have most pods there.
    async fn owners_on_node(&mut self, node: &ObjectRef) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for pod in pods_of(&self.objects, node) {
            *counts.entry(pod.namespace().unwrap_or_default()).or_default() += 1;
        }
        let mut namespaces: Vec<(String, usize)> = counts.into_iter().collect();
        namespaces.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if namespaces.len() > MAX_NAMESPACES {
            let left_out = namespaces.split_off(MAX_NAMESPACES);
            let names = left_out.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            self.gaps.add(
                "owners",
                format!("{node} has pods of more namespaces; their workloads were not read: {names}"),
            );
        }
        let client = self.client.clone();
        let reader = self.reader(&client);
        let collectors = namespaces.iter().flat_map(|(namespace, _)| reader.owners(namespace)).collect();
        self.run(collectors).await;
    }

    /// The revisions of StatefulSets and DaemonSets, where there are any.
    async fn read_controller_revisions(&mut self) {
        let Some(namespace) = self.namespace.clone() else { return };
        if self.objects.stateful_sets.is_empty() && self.objects.daemon_sets.is_empty() {
            return;
        }
        let reader = self.reader(&self.client);
        let listing = reader
            .listing::<ControllerRevision, ControllerRevision>(Some(&namespace), ListParams::default())
            .await;
        self.controller_revisions = listing.items;
        // A server that does not serve the kind has none.
        if let Some(error) = listing.error.filter(|error| error.code() != Some(404)) {
            self.gaps.add_failure("controllerrevisions", &error);
        }
    }
}
