//! Reading the Kubernetes API.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::super::{Change, ChangeKind, FieldChange, LogExcerpt, Observer};
use super::{
    Answer, Asked, PATIENT, SHORT, client, cluster, gaps, list, observer, scope, settings, shop, signal,
    status,
};
use crate::incident::{ObjectRef, Scope};
use crate::settings::ClusterApi;

#[tokio::test]
async fn a_crashing_workload_is_found_with_its_logs_and_what_changed() {
    let (client, _) = client(shop);
    let snapshot =
        observer(client, PATIENT).snapshot(&scope(Some("checkout")), &[signal("2026-03-01T11:05:00Z")]).await;

    assert_eq!(snapshot.focus, Some(ObjectRef::new("Deployment", "shop", "checkout")));
    assert_eq!(gaps(&snapshot), [""; 0]);
    let change = Change {
        kind: ChangeKind::Rollout,
        object: ObjectRef::new("Deployment", "shop", "checkout"),
        at: "2026-03-01T11:00:00Z".parse().unwrap(),
        revision: Some(2),
        previous_revision: Some(1),
        fields: vec![FieldChange {
            path: "containers[app].image".to_owned(),
            before: Some("checkout:1.4".to_owned()),
            after: Some("checkout:1.5".to_owned()),
        }],
    };
    assert_eq!(snapshot.changes, [change]);
    let excerpt = |previous, text: &str| LogExcerpt {
        namespace: "shop".to_owned(),
        pod: "checkout-b-x2x4z".to_owned(),
        container: "app".to_owned(),
        previous,
        text: text.to_owned(),
        truncated: false,
    };
    let traceback =
        "boot\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'DB_URL'\n";
    assert_eq!(
        snapshot.logs,
        [excerpt(false, "ERROR \u{fffd} cannot start: key DB_URL is not set\n"), excerpt(true, traceback)]
    );
    let templates: Vec<&str> =
        snapshot.log_patterns.iter().map(|pattern| pattern.template.as_str()).collect();
    assert_eq!(templates, ["KeyError: 'DB_URL'", "\u{fffd} cannot start: key DB_URL is not set"]);
}

#[tokio::test]
async fn alerts_with_absurd_times_do_no_harm() {
    for starts_at in ["-009999-01-03T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let (client, _) = client(shop);
        let stores = cluster(None, Some("http://127.0.0.1:1"));
        let observer = Observer::with_client(client, &stores, &settings(PATIENT)).unwrap();
        let snapshot = observer.snapshot(&scope(Some("checkout")), &[signal(starts_at)]).await;
        assert_eq!(snapshot.logs.len(), 2, "{starts_at}");
    }
}

#[tokio::test]
async fn values_of_secrets_are_nowhere_in_a_snapshot() {
    let (client, _) = client(shop);
    let snapshot = observer(client, PATIENT).snapshot(&scope(None), &[]).await;
    let text = format!("{snapshot:?} {}", serde_json::to_string(&snapshot).unwrap());
    assert_eq!(snapshot.objects.secrets[0].keys, ["password"]);
    assert!(!text.contains("aHVudGVyMg") && !text.contains("kube-controller-manager"), "{text}");
}

#[tokio::test]
async fn the_namespace_of_a_dependency_is_read_too() {
    let (client, seen) = client(shop);
    observer(client, PATIENT).snapshot(&scope(Some("checkout")), &[]).await;
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter().any(|uri| uri.starts_with("/apis/apps/v1/namespaces/data/statefulsets")),
        "{seen:#?}"
    );
    assert!(!seen.iter().any(|uri| uri.contains("/namespaces/data/jobs")), "{seen:#?}");
}

#[tokio::test]
async fn a_denied_read_is_a_gap_that_names_the_grant_and_the_rest_is_read() {
    let (client, _) = client(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/shop/secrets" | "/api/v1/nodes" => status(403, "denied"),
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers" => status(401, "who?"),
        "/api/v1/namespaces/shop/pods/checkout-b-x2x4z/log" => status(403, "denied"),
        _ => shop(asked),
    });
    let snapshot = observer(client, PATIENT).snapshot(&scope(Some("checkout")), &[]).await;
    let mut told = gaps(&snapshot);
    told.sort();
    assert_eq!(
        told,
        [
            "horizontalpodautoscalers: unauthorized (401): the credentials are not accepted; renew the token or \
             certificate in the settings",
            "logs: forbidden: grant \"get pods/log\" in namespace shop",
            "nodes: forbidden: grant \"list nodes\" in the whole cluster",
            "secrets: forbidden: grant \"list secrets\" in namespace shop",
        ]
    );
    assert_eq!(snapshot.focus, Some(ObjectRef::new("Deployment", "shop", "checkout")));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_deadline_and_not_the_incident() {
    let (client, _) = client(|_| Answer::Hang);
    let began = Instant::now();
    let snapshot = observer(client, SHORT).snapshot(&scope(Some("checkout")), &[]).await;
    assert!(began.elapsed() < PATIENT, "{:?}", began.elapsed());
    let told = gaps(&snapshot);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("kubernetes (nodes, ") && told[0].contains("no answer within 0.1 s"),
        "{told:?}"
    );
    assert_eq!(snapshot.focus, None);
}

#[tokio::test]
async fn a_log_that_hangs_does_not_take_the_others_with_it() {
    let (client, _) = client(|asked| match asked.query("previous") {
        "true" => Answer::Hang,
        _ => shop(asked),
    });
    let mut patient = settings(PATIENT);
    patient.collector_deadline = std::time::Duration::from_secs(2);
    let observer = Observer::with_client(client, &cluster(None, None), &patient).unwrap();
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    assert_eq!(snapshot.logs.len(), 1);
    let told = gaps(&snapshot);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("logs: no answer within 2.0 s"), "{told:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_one_gap_with_advice() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut gone = cluster(None, None);
    gone.api = ClusterApi::Url(url.parse().unwrap());
    let observer = Observer::connect(&gone, &settings(PATIENT)).await.unwrap();
    let told = gaps(&observer.snapshot(&scope(None), &[]).await);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("kubernetes (nodes, ") && told[0].contains("connection refused"), "{told:?}");
}

#[tokio::test]
async fn garbage_becomes_gaps_and_quotes_no_secret() {
    let (client, _) = client(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/shop/secrets" => {
            Answer::Raw(200, br#"{"items":[{"metadata":{},"data":"hunter2"}]}"#.to_vec())
        }
        "/api/v1/namespaces/shop/pods" => Answer::Raw(200, b"<html>welcome".to_vec()),
        "/api/v1/namespaces/shop/services" => Answer::Json(json!({"items": [{"spec": "hunter2"}]})),
        "/api/v1/namespaces/shop/events" => Answer::Raw(500, b"<h1>\xff oops".to_vec()),
        "/api/v1/nodes" => Answer::Json(json!({"items": null})),
        _ => shop(asked),
    });
    let snapshot = observer(client, PATIENT).snapshot(&scope(None), &[]).await;
    let mut told = gaps(&snapshot);
    told.sort();
    let collectors: Vec<&str> = told.iter().filter_map(|gap| gap.split(':').next()).collect();
    assert_eq!(collectors, ["events", "pods", "secrets", "services"], "{told:#?}");
    assert!(told[0].contains("HTTP 500: <h1>\u{fffd} oops"), "{told:?}");
    assert!(told[1..].iter().all(|gap| gap.contains("the answer is not what was expected")), "{told:?}");
    assert!(!format!("{snapshot:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_is_overloaded_for_a_moment_is_asked_again() {
    let refusals = AtomicUsize::new(0);
    let (client, _) = client(move |asked| {
        let is_pods = asked.path.ends_with("/shop/pods");
        if is_pods && refusals.fetch_add(1, Ordering::SeqCst) < 2 {
            status(429, "slow down")
        } else {
            shop(asked)
        }
    });
    let snapshot = observer(client, PATIENT).snapshot(&scope(None), &[]).await;
    assert_eq!((snapshot.objects.pods.len(), gaps(&snapshot)), (1, Vec::new()));
}

fn numbered(range: std::ops::Range<usize>) -> Vec<Value> {
    let app = |index: usize| if index > 90 { "checkout" } else { "other" };
    let pod = |index: usize| json!({"metadata": {"namespace": "shop", "name": format!("pod-{index}"), "labels": {"app": app(index)}}});
    range.map(pod).collect()
}

/// 100 pods, in pages; the last ones are of `checkout`.
fn crowd(asked: &Asked) -> Answer {
    if asked.path != "/api/v1/namespaces/shop/pods" {
        return shop(asked);
    }
    if asked.query("labelSelector") == "app=checkout" {
        return list(&numbered(91..95));
    }
    let from: usize = asked.query("continue").parse().unwrap_or(0);
    let until = (from + asked.query("limit").parse::<usize>().unwrap().min(4)).min(100);
    let next = if until < 100 { until.to_string() } else { String::new() };
    Answer::Json(json!({"metadata": {"continue": next}, "items": numbered(from..until)}))
}

#[tokio::test]
async fn a_crowded_namespace_stays_within_the_cap_and_the_focus_is_read_nevertheless() {
    let (client, _) = client(crowd);
    let snapshot = observer(client, PATIENT).snapshot(&scope(Some("checkout")), &[]).await;
    let names: Vec<_> = snapshot.objects.pods.iter().filter_map(|pod| pod.metadata.name.clone()).collect();
    let expected: Vec<String> = (0..10).chain(91..95).map(|index| format!("pod-{index}")).collect();
    assert_eq!(names, expected);
    assert_eq!(
        gaps(&snapshot),
        ["pods: there are more than 10 objects; the rest was not read (observe.max_objects_per_kind)"]
    );
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_pieces() {
    let (client, seen) = client(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/shop/configmaps" if asked.query("limit").parse::<u32>().unwrap() > 2 => {
            Answer::Raw(200, vec![b' '; 17 * 1024 * 1024])
        }
        "/api/v1/namespaces/shop/configmaps" => list(&[json!({"metadata": {"name": "small"}})]),
        "/api/v1/namespaces/shop/services" => Answer::Raw(200, vec![b' '; 17 * 1024 * 1024]),
        _ => shop(asked),
    });
    let mut roomy = settings(PATIENT);
    roomy.max_objects_per_kind = 2000;
    let observer = Observer::with_client(client, &cluster(None, None), &roomy).unwrap();
    let snapshot = observer.snapshot(&scope(None), &[]).await;
    assert_eq!(snapshot.objects.config_maps.len(), 1, "{:#?}", seen.lock().unwrap());
    let told = gaps(&snapshot);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("services: the answer is larger than 16777216 bytes"), "{told:?}");
}

#[tokio::test]
async fn a_log_longer_than_the_limit_keeps_its_newest_whole_lines() {
    let (client, seen) = client(|asked| {
        if !asked.path.ends_with("/log") {
            return shop(asked);
        }
        let lines: usize = asked.query("tailLines").parse().unwrap();
        let text: String = (1000 - lines..1000).map(|n| format!("{n} {}\n", "x".repeat(95))).collect();
        let limit: usize = asked.query("limitBytes").parse().unwrap();
        Answer::Raw(200, text.into_bytes().into_iter().take(limit).collect())
    });
    let snapshot = observer(client, PATIENT).snapshot(&scope(Some("checkout")), &[]).await;
    let log = &snapshot.logs[0];
    assert!(log.text.ends_with(&format!("999 {}\n", "x".repeat(95))), "{:#?}", seen.lock().unwrap());
    assert!(log.text.len() <= 4096 && log.text.starts_with("960 ") && log.truncated, "{}", log.text);
}

#[tokio::test]
async fn a_namespace_that_is_no_name_is_never_sent() {
    for namespace in ["../../api/v1/secrets", "shop/pods?x=", "SHOP", ""] {
        let (client, seen) = client(shop);
        let hostile = Scope { namespace: Some(namespace.to_owned()), ..scope(None) };
        let snapshot = observer(client, PATIENT).snapshot(&hostile, &[]).await;
        let told = gaps(&snapshot);
        assert!(told[0].contains("is no name that Kubernetes allows"), "{told:?}");
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|uri| !uri.contains("/namespaces/")), "{seen:#?}");
    }
}

#[tokio::test]
async fn a_node_is_read_with_its_pods_and_their_workloads() {
    let (client, _) = client(|asked| match (asked.path.as_str(), asked.query("fieldSelector")) {
        ("/api/v1/nodes", _) => list(&[json!({"metadata": {"name": "node-1"}})]),
        ("/api/v1/pods", "spec.nodeName=node-1") => list(&[json!({
            "metadata": {"namespace": "shop", "name": "checkout-b-x2x4z"}, "spec": {"nodeName": "node-1", "containers": []}})]),
        ("/api/v1/namespaces/default/events", "involvedObject.kind=Node,involvedObject.name=node-1") => {
            list(&[
                json!({"metadata": {"name": "e"}, "reason": "NodeNotReady", "involvedObject": {"name": "node-1"}}),
            ])
        }
        ("/api/v1/pods", _) => status(400, "all pods of the cluster were asked for"),
        _ => shop(asked),
    });
    let node = Scope { namespace: None, node: Some("node-1".to_owned()), ..scope(None) };
    let snapshot = observer(client, PATIENT).snapshot(&node, &[]).await;
    assert_eq!(snapshot.focus, Some(ObjectRef::cluster_wide("Node", "node-1")));
    assert_eq!(gaps(&snapshot), [""; 0]);
    let counts =
        (snapshot.objects.pods.len(), snapshot.objects.deployments.len(), snapshot.objects.events.len());
    assert_eq!(counts, (1, 1, 1));
}

#[tokio::test]
async fn a_probe_tells_the_version_and_what_is_not_allowed() {
    let (client, _) = client(|asked| match asked.path.as_str() {
        "/version" => {
            Answer::Json(json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}))
        }
        _ => Answer::Json(json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "spec": {}, "status": {"allowed": false}})),
    });
    let probed = observer(client, PATIENT).probe().await;
    assert_eq!((probed[0].ok, probed[0].detail.as_str()), (true, "version v1.36.0"));
    let logs = probed.iter().find(|connection| connection.what == "RBAC get pods/log").unwrap();
    assert_eq!(
        (logs.ok, logs.detail.as_str()),
        (false, "forbidden: grant \"get pods/log\" in the whole cluster")
    );
}
