//! From labels to the place in the world that an alert points at.
//!
//! Labels of the exporter that saw the trouble (`pod="kube-state-metrics-…"`, `job`, `instance`, `service`) stand beside
//! labels of the object in trouble and look just like them. The exporter's are told apart by their values.

use std::collections::BTreeMap;

use super::pod_name;
use super::text::line;
use crate::incident::{ObjectRef, Scope};

/// Longest name of a Kubernetes object.
const MAX_NAME: usize = 253;

const CLUSTER: [&str; 5] =
    ["cluster", "kubernetes_cluster", "cluster_name", "k8s_cluster_name", "k8s_cluster"];
const NAMESPACE: [&str; 6] = [
    // Where the exporter's own namespace took the name, the object's is the exported one.
    "exported_namespace",
    "namespace",
    "kubernetes_namespace",
    "k8s_namespace_name",
    "kube_namespace",
    "destination_workload_namespace",
];
const POD: [&str; 5] = ["exported_pod", "pod", "pod_name", "kubernetes_pod_name", "k8s_pod_name"];
const CONTAINER: [&str; 4] = ["exported_container", "container", "container_name", "k8s_container_name"];
const NODE: [&str; 5] = ["node", "exported_node", "kubernetes_node", "nodename", "k8s_node_name"];

/// Labels that name a workload, with its kind, most telling first.
const WORKLOAD: [(&str, &str); 13] = [
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("cronjob", "CronJob"),
    ("exported_cronjob", "CronJob"),
    ("job_name", "Job"),
    ("exported_job", "Job"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("k8s_deployment_name", "Deployment"),
    ("k8s_statefulset_name", "StatefulSet"),
    ("k8s_daemonset_name", "DaemonSet"),
    ("destination_workload", "Deployment"),
];

/// Pairs of labels that name a workload and its kind.
const TYPED_WORKLOAD: [(&str, &str); 3] =
    [("workload", "workload_type"), ("owner_name", "owner_kind"), ("created_by_name", "created_by_kind")];

/// Programs that report about other objects than themselves.
const EXPORTERS: [&str; 5] = ["kube-state-metrics", "node-exporter", "kubelet", "cadvisor", "blackbox"];

/// Where an alert with these labels points. `alert` is its name.
pub(super) fn scope(alert: &str, labels: &BTreeMap<String, String>, default_cluster: &str) -> Scope {
    let labels = Labels { all: labels, alert };
    let node = labels.node();
    let about_node = node.is_some() && labels.workload_label("").is_none() && labels.pod().is_none();
    let namespace = labels.first(&NAMESPACE).filter(|_| !about_node);
    let pod = labels.pod();
    Scope {
        cluster: labels.cluster().unwrap_or_else(|| default_cluster.to_owned()),
        workload: labels.workload(namespace.unwrap_or_default(), pod).filter(|_| !about_node),
        namespace: namespace.map(str::to_owned),
        pod: pod.map(str::to_owned),
        container: labels.container().filter(|_| !about_node).map(str::to_owned),
        node,
    }
}

struct Labels<'a> {
    all: &'a BTreeMap<String, String>,
    alert: &'a str,
}

impl<'a> Labels<'a> {
    fn cluster(&self) -> Option<String> {
        let value =
            CLUSTER.iter().find_map(|name| self.all.get(*name).filter(|value| !value.trim().is_empty()))?;
        Some(line(value, MAX_NAME))
    }

    /// A label that can be the name of a Kubernetes object; anything else would only make requests go astray.
    fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.all.get(name)?.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let usable = !value.is_empty()
            && value.len() <= MAX_NAME
            && value.bytes().all(plain)
            && !value.starts_with('.');
        usable.then_some(value)
    }

    fn first(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The exporter that the series came from, if it is one that reports about others.
    fn exporter(&self) -> Option<&'static str> {
        let job = self.all.get("job").map(String::as_str).unwrap_or_default();
        EXPORTERS.into_iter().find(|name| job.contains(name))
    }

    fn is_exporters_own(&self, value: &str) -> bool {
        self.exporter().is_some_and(|exporter| value.contains(exporter))
    }

    /// The pod in trouble. The exporter's own pod counts only when nothing else is named: then it is in trouble itself.
    fn pod(&self) -> Option<&'a str> {
        let pod = self.first(&POD)?;
        let other = self.workload_label("").is_some() || self.node_label().is_some() || self.is_node_alert();
        (!(other && self.is_exporters_own(pod))).then_some(pod)
    }

    fn container(&self) -> Option<&'a str> {
        let container = self.first(&CONTAINER)?;
        let own_pod = self.pod().is_some_and(|pod| self.is_exporters_own(pod));
        (own_pod || !self.is_exporters_own(container)).then_some(container)
    }

    fn workload(&self, namespace: &str, pod: Option<&str>) -> Option<ObjectRef> {
        self.workload_label(namespace)
            .or_else(|| pod_name::owner(namespace, pod?))
            .or_else(|| self.by_service(namespace, pod))
    }

    fn workload_label(&self, namespace: &str) -> Option<ObjectRef> {
        let named = WORKLOAD.iter().find_map(|(label, kind)| {
            let name = self.get(label)?;
            (!self.is_exporters_own(name)).then(|| ObjectRef::new(*kind, namespace, name))
        });
        let typed = || {
            TYPED_WORKLOAD.iter().find_map(|(name, kind)| {
                Some(ObjectRef::new(canonical_kind(self.get(kind)?)?, namespace, self.get(name)?))
            })
        };
        named.or_else(typed).or_else(|| self.replica_set(namespace))
    }

    /// A ReplicaSet is named after its Deployment and a hash.
    fn replica_set(&self, namespace: &str) -> Option<ObjectRef> {
        let (name, _) = self.get("replicaset")?.rsplit_once('-')?;
        (!name.is_empty()).then(|| ObjectRef::new("Deployment", namespace, name))
    }

    /// What an application's own metrics say of it; an exporter's `service` is the exporter's.
    fn by_service(&self, namespace: &str, pod: Option<&str>) -> Option<ObjectRef> {
        if pod.is_some() || self.exporter().is_some() || self.node().is_some() {
            return None;
        }
        let service = self.first(&["service", "destination_service_name", "k8s_service_name"]);
        let app = || self.first(&["app", "app_kubernetes_io_name", "label_app_kubernetes_io_name"]);
        service
            .map(|name| ObjectRef::new("Service", namespace, name))
            .or_else(|| app().map(|name| ObjectRef::new("Deployment", namespace, name)))
    }

    fn node_label(&self) -> Option<&'a str> {
        self.first(&NODE)
    }

    fn is_node_alert(&self) -> bool {
        self.exporter() == Some("node-exporter")
            || self.alert.starts_with("Node")
            || self.alert.starts_with("Host")
    }

    /// The node, or for alerts about nodes the host that was scraped, without its port.
    fn node(&self) -> Option<String> {
        if let Some(node) = self.node_label() {
            return Some(node.to_owned());
        }
        let host = self.is_node_alert().then(|| self.all.get("instance").map(|text| host(text.trim())))??;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
        (!host.is_empty() && host.len() <= MAX_NAME && host.bytes().all(plain)).then(|| host.to_owned())
    }
}

fn host(instance: &str) -> &str {
    if let Some((address, _)) = instance.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match instance.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => instance,
    }
}

/// The API's spelling of a kind that people and exporters write in many ways.
pub(super) fn canonical_kind(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "deployment" | "deployments" | "deploy" => Some("Deployment"),
        "statefulset" | "statefulsets" | "sts" => Some("StatefulSet"),
        "daemonset" | "daemonsets" | "ds" => Some("DaemonSet"),
        "cronjob" | "cronjobs" | "cj" => Some("CronJob"),
        "job" | "jobs" => Some("Job"),
        "horizontalpodautoscaler" | "horizontalpodautoscalers" | "hpa" => Some("HorizontalPodAutoscaler"),
        "service" | "services" | "svc" => Some("Service"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
