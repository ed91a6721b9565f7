//! How much of an alert is kept. An alert that is too large is cut, never refused: it may be the one that matters.

use std::collections::BTreeMap;

use super::text::{block, line};

/// Most labels, and most annotations, kept of one alert.
const MAX_PAIRS: usize = 64;

/// Longest kept name of a label or annotation, bytes.
const MAX_NAME: usize = 256;

/// Longest kept value of a label, bytes.
const MAX_LABEL: usize = 1024;

/// Longest kept value of an annotation, bytes.
const MAX_ANNOTATION: usize = 4096;

/// The annotation that says what was cut.
pub(super) const TRUNCATED: &str = "kubewright/truncated";

/// Labels that are kept before others: those that this program reads, and those that people look for.
const FIRST_LABELS: [&str; 30] = [
    "alertname",
    "severity",
    "priority",
    "cluster",
    "kubernetes_cluster",
    "cluster_name",
    "k8s_cluster_name",
    "namespace",
    "exported_namespace",
    "kubernetes_namespace",
    "deployment",
    "statefulset",
    "daemonset",
    "cronjob",
    "job_name",
    "replicaset",
    "horizontalpodautoscaler",
    "hpa",
    "workload",
    "workload_type",
    "pod",
    "exported_pod",
    "container",
    "node",
    "instance",
    "nodename",
    "service",
    "app",
    "job",
    "reason",
];

/// Annotations that are kept before others.
const FIRST_ANNOTATIONS: [&str; 5] = ["summary", "description", "message", "runbook_url", "dashboard_url"];

/// Labels and annotations as they are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// Cuts to size, and says in an annotation what was cut.
pub(super) fn keep(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Kept {
    let kept_labels = choose(labels, &FIRST_LABELS, |value| line(value, MAX_LABEL));
    let mut kept_annotations = choose(annotations, &FIRST_ANNOTATIONS, |value| block(value, MAX_ANNOTATION));
    let cut = [
        left_out(labels.len(), kept_labels.len(), "labels"),
        left_out(annotations.len(), kept_annotations.len(), "annotations"),
        shortened(labels, MAX_LABEL, "label values"),
        shortened(annotations, MAX_ANNOTATION, "annotation values"),
    ];
    let cut: Vec<String> = cut.into_iter().flatten().collect();
    if !cut.is_empty() {
        kept_annotations.insert(TRUNCATED.to_owned(), cut.join(", "));
    }
    Kept { labels: kept_labels, annotations: kept_annotations }
}

fn choose(
    all: &BTreeMap<String, String>,
    first: &[&str],
    fit: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let wanted = first.iter().filter_map(|name| all.get_key_value(*name));
    let others = all.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    wanted.chain(others).take(MAX_PAIRS).map(|(name, value)| (line(name, MAX_NAME), fit(value))).collect()
}

fn left_out(sent: usize, kept: usize, what: &str) -> Option<String> {
    (sent > kept).then(|| format!("{} of {sent} {what} left out", sent - kept))
}

fn shortened(sent: &BTreeMap<String, String>, limit: usize, what: &str) -> Option<String> {
    let long = sent.values().filter(|value| value.len() > limit).count();
    (long > 0).then(|| format!("{long} {what} longer than {limit} bytes"))
}
