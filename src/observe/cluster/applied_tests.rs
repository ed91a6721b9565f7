use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ResourceQuota, Service, ServiceAccount};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{CHANGED, LAST_APPLIED, changed_since_applied, note};

/// The fields that differ, each with its values.
fn changes<K: Resource + Serialize + DeserializeOwned>(applied: &Value, live: Value) -> Vec<String> {
    let mut live = live;
    live["metadata"]["annotations"][LAST_APPLIED] = Value::from(applied.to_string());
    let mut object: K = serde_json::from_value(live).unwrap();
    note(&mut object);
    let annotations = object.meta().annotations.clone().unwrap_or_default();
    assert!(!annotations.contains_key(LAST_APPLIED));
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let changes = changed_since_applied(object.meta()).into_iter();
    changes
        .map(|change| format!("{}: {} > {}", change.field, shown(change.applied), shown(change.now)))
        .collect()
}

fn service(port: Value, selector: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "labels": {"app": "cart"}},
        "spec": {"selector": {"app": selector}, "ports": [{"port": 80, "targetPort": port}]}})
}

#[test]
fn what_was_edited_is_named_and_what_the_server_fills_in_is_not() {
    let mut live = service(json!("metrics"), "carts");
    live["spec"]["clusterIP"] = json!("10.0.0.1");
    live["spec"]["ports"][0]["protocol"] = json!("TCP");
    live["metadata"]["labels"] = json!({"team": "shop"});
    let expected = [
        "metadata.labels.app: cart > -",
        "spec.ports[0].targetPort: 8080 > metrics",
        "spec.selector.app: cart > carts",
    ];
    assert_eq!(changes::<Service>(&service(json!(8080), "cart"), live), expected);
    let same = service(json!(8080), "cart");
    assert!(changes::<Service>(&same, same.clone()).is_empty());
}

#[test]
fn amounts_are_compared_as_amounts_and_nothing_is_no_change() {
    let quota = |amount: &str| {
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
            "spec": {"hard": {"requests.cpu": amount}, "scopes": []}})
    };
    assert!(changes::<ResourceQuota>(&quota("1000m"), quota("1")).is_empty());
    assert_eq!(changes::<ResourceQuota>(&quota("8"), quota("2500m")), ["spec.hard.requests.cpu: 8 > 2500m"]);
}

#[test]
fn what_was_taken_away_is_named() {
    let account = |secrets: Value| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "runner", "annotations": {"cloud.example/role": "reader"}}, "imagePullSecrets": secrets})
    };
    let mut live = account(json!([]));
    live["metadata"]["annotations"] = json!({"other": "x"});
    let expected = ["imagePullSecrets[registry]: - > -", "metadata.annotations.cloud.example/role: - > -"];
    assert_eq!(changes::<ServiceAccount>(&account(json!([{"name": "registry"}])), live), expected);
}

#[test]
fn values_that_may_be_secrets_are_not_told() {
    let deployment = |password: &str, image: &str, probe: u16| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}}, "template": {"spec": {"containers": [
                {"name": "app", "image": image, "args": [password], "env": [{"name": "PASSWORD", "value": password}],
                 "readinessProbe": {"tcpSocket": {"port": probe}}}]}}}})
    };
    let found =
        changes::<Deployment>(&deployment("hunter2", "cart:1", 80), deployment("hunter3", "cart:2", 81));
    let container = "spec.template.spec.containers[app]";
    let expected = [
        format!("{container}.args[0]: - > -"),
        format!("{container}.env[PASSWORD].value: - > -"),
        format!("{container}.image: cart:1 > cart:2"),
        format!("{container}.readinessProbe.tcpSocket.port: 80 > 81"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn manifests_of_ill_will_change_nothing() {
    for manifest in ["", "{", "[]", "null", r#"{"kind":"Pod","apiVersion":"v1"}"#, r#"{"spec":7}"#] {
        let mut live = service(json!(80), "cart");
        live["metadata"]["annotations"] = json!({LAST_APPLIED: manifest, "note": "kept"});
        let mut object: Service = serde_json::from_value(live).unwrap();
        note(&mut object);
        let annotations = object.metadata.annotations.clone().unwrap();
        assert_eq!(annotations.keys().collect::<Vec<_>>(), ["note"], "{manifest}");
    }
}

#[test]
fn a_long_list_of_changes_is_cut() {
    let many = |value: &str| {
        let labels: serde_json::Map<String, Value> =
            (0..100).map(|number| (format!("label-{number:03}"), Value::from(value))).collect();
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "labels": labels}})
    };
    let found = changes::<Service>(&many("before"), many("after"));
    assert!((3..20).contains(&found.len()), "{}", found.len());
    let mut object: Service = serde_json::from_value(many("after")).unwrap();
    object.metadata.annotations = Some([(CHANGED.to_owned(), "no list".to_owned())].into());
    assert!(changed_since_applied(&object.metadata).is_empty());
}
