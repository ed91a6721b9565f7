//! Labels as real alerting rules and exporters send them.

use std::collections::BTreeMap;

use super::*;

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split(", ")
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// `cluster namespace kind/name pod container node`, `-` for what is unknown.
fn scoped(alert: &str, text: &str) -> String {
    let scope = scope(alert, &labels(text), "home");
    let workload = scope.workload.map(|workload| format!("{}/{}", workload.kind, workload.name));
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [Some(scope.cluster), scope.namespace, workload, scope.pod, scope.container, scope.node]
        .map(or_dash)
        .join(" ")
}

#[test]
fn a_pod_alert_points_at_the_workload_behind_the_pod() {
    let text = "cluster=prod-eu, namespace=shop, pod=checkout-7d9f8b6c5-abcde, container=app, job=kube-state-metrics";
    assert_eq!(
        scoped("KubePodCrashLooping", text),
        "prod-eu shop Deployment/checkout checkout-7d9f8b6c5-abcde app -"
    );
}

#[test]
fn the_pod_of_the_exporter_is_not_the_subject() {
    let text = "namespace=shop, deployment=checkout, job=kube-state-metrics, service=kube-state-metrics, \
                pod=kube-state-metrics-5f6d7c8b94-x2x9k, container=kube-state-metrics, instance=10.0.0.1:8080";
    assert_eq!(scoped("KubeDeploymentReplicasMismatch", text), "home shop Deployment/checkout - - -");
}

#[test]
fn the_container_of_the_exporter_is_not_the_pods() {
    let text = "namespace=shop, pod=postgres-0, container=kube-state-metrics, job=kube-state-metrics";
    assert_eq!(scoped("KubePodNotReady", text), "home shop StatefulSet/postgres postgres-0 - -");
}

#[test]
fn an_exporter_in_trouble_itself_is_the_subject() {
    let text = "namespace=monitoring, pod=kube-state-metrics-5f6d7c8b94-x2x9k, container=kube-state-metrics, \
                job=kube-state-metrics";
    assert_eq!(
        scoped("KubePodCrashLooping", text),
        "home monitoring Deployment/kube-state-metrics kube-state-metrics-5f6d7c8b94-x2x9k kube-state-metrics -"
    );
}

#[test]
fn exported_labels_win_over_those_of_the_scrape() {
    let text = "namespace=monitoring, pod=kube-state-metrics-0, exported_namespace=shop, exported_pod=cart-0, \
                exported_container=app, job=kube-state-metrics";
    assert_eq!(scoped("KubePodNotReady", text), "home shop StatefulSet/cart cart-0 app -");
}

#[test]
fn a_node_alert_points_at_the_node_and_not_at_the_exporter() {
    let state_metrics = "node=worker-2, condition=Ready, namespace=monitoring, job=kube-state-metrics, \
                         pod=kube-state-metrics-5f6d7c8b94-x2x9k, container=kube-state-metrics";
    assert_eq!(scoped("KubeNodeNotReady", state_metrics), "home - - - - worker-2");
    let node_exporter = "instance=10.0.0.5:9100, job=node-exporter, namespace=monitoring, \
                         pod=node-exporter-x7k2p, container=node-exporter, service=node-exporter";
    assert_eq!(scoped("NodeFilesystemAlmostOutOfSpace", node_exporter), "home - - - - 10.0.0.5");
    assert_eq!(scoped("NodeDown", "instance=[fe80::1]:9100"), "home - - - - fe80::1");
}

#[test]
fn workloads_are_named_in_many_ways() {
    let cases = [
        ("namespace=shop, statefulset=db", "StatefulSet/db"),
        ("namespace=shop, daemonset=agent", "DaemonSet/agent"),
        ("namespace=shop, job_name=import-1, job=kube-state-metrics", "Job/import-1"),
        ("namespace=shop, cronjob=nightly", "CronJob/nightly"),
        ("namespace=shop, horizontalpodautoscaler=checkout", "HorizontalPodAutoscaler/checkout"),
        ("namespace=shop, hpa=checkout", "HorizontalPodAutoscaler/checkout"),
        ("namespace=shop, workload=checkout, workload_type=deployment", "Deployment/checkout"),
        ("namespace=shop, replicaset=checkout-7d9f8b6c5", "Deployment/checkout"),
        ("namespace=shop, service=checkout, job=checkout", "Service/checkout"),
        ("namespace=shop, app=checkout", "Deployment/checkout"),
        ("namespace=shop, job=checkout", "-"),
        ("namespace=kube-system, service=prometheus-kubelet, job=kubelet", "-"),
    ];
    for (text, workload) in cases {
        let seen = scoped("Anything", text);
        assert_eq!(seen.split(' ').nth(2), Some(workload), "{text}");
    }
}

#[test]
fn an_alert_that_names_only_a_namespace_or_nothing_is_still_scoped() {
    assert_eq!(scoped("QuotaAlmostFull", "namespace=shop"), "home shop - - - -");
    assert_eq!(scoped("Watchdog", "severity=none"), "home - - - - -");
    assert_eq!(scoped("Watchdog", "cluster= , namespace="), "home - - - - -");
}

#[test]
fn names_that_no_object_can_have_are_not_names() {
    for garbage in ["../../secrets", "a b", "a\u{0}b", "x/y", "$(id)", &"a".repeat(254), "ä"] {
        let labels = BTreeMap::from([
            ("namespace".to_owned(), garbage.to_owned()),
            ("pod".to_owned(), garbage.to_owned()),
            ("deployment".to_owned(), garbage.to_owned()),
            ("node".to_owned(), garbage.to_owned()),
            ("instance".to_owned(), garbage.to_owned()),
        ]);
        let expected = Scope { cluster: "home".to_owned(), ..Scope::default() };
        assert_eq!(scope("NodeDown", &labels, "home"), expected, "{garbage:.20}");
    }
}
