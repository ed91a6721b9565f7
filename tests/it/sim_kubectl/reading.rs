//! get, describe, logs, and what kubectl asks before it does anything.

use super::stage::Stage;
use kubewright::sim::api::Denial;

fn rows(table: Vec<Vec<String>>) -> Vec<String> {
    table.into_iter().map(|row| row.join(" ")).collect()
}

/// Drops what depends on the time of the test.
fn without_last(table: Vec<Vec<String>>) -> Vec<String> {
    rows(
        table
            .into_iter()
            .map(|mut row| {
                row.pop();
                row
            })
            .collect(),
    )
}

#[tokio::test]
async fn get_prints_kubectls_own_columns() {
    let stage = Stage::start().await;
    let (pods, wide, all, events) = tokio::join!(
        stage.kubectl.table("get pods"),
        stage.kubectl.table("get deployments -o wide"),
        stage.kubectl.table("get services,configmaps --no-headers"),
        stage.kubectl.table("get events -o custom-columns=R:.reason,N:.involvedObject.name,C:.count"),
    );
    let pods: Vec<_> = pods.into_iter().map(|row| row.get(..3).unwrap().join(" ")).collect();
    assert_eq!(pods, ["NAME READY STATUS", "web-1-good 1/1 Running", "web-1-sick 0/1 CrashLoopBackOff"]);
    let wide: Vec<_> = wide
        .into_iter()
        .map(|mut row| {
            row.remove(4);
            row.join(" ")
        })
        .collect();
    assert_eq!(
        wide,
        [
            "NAME READY UP-TO-DATE AVAILABLE CONTAINERS IMAGES SELECTOR",
            "web 1/2 2 1 web registry.example/web:1.0 app=web"
        ]
    );
    assert_eq!(
        without_last(all),
        ["service/web ClusterIP 10.96.0.80 <none> 80/TCP", "configmap/web-config 1"]
    );
    assert_eq!(rows(events), ["R N C", "BackOff web-1-sick 4"]);
}

#[tokio::test]
async fn selectors_and_chunks_narrow_and_split_a_list_without_losing_anything() {
    let stage = Stage::start().await;
    let (labels, none, fields, chunks) = tokio::join!(
        stage.kubectl.ok("get pods -l app=web,tier!=back -o name"),
        stage.kubectl.ok("get pods -l app=db -o name"),
        stage.kubectl.ok("get pods --field-selector status.phase=Running,metadata.name!=web-1-sick -o name"),
        stage.kubectl.ok("get namespaces --chunk-size=2 -o name"),
    );
    assert_eq!(labels, "pod/web-1-good\npod/web-1-sick\n");
    assert_eq!(none, "");
    assert_eq!(fields, "pod/web-1-good\n");
    assert_eq!(
        chunks,
        "namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\nnamespace/shop\n"
    );
    let refused = stage.kubectl.refused("get pods --field-selector spec.image=x").await;
    assert!(refused.ends_with("field label not supported: spec.image"), "{refused}");
}

#[tokio::test]
async fn describe_tells_the_story_of_a_crashing_pod() {
    let stage = Stage::start().await;
    let (pod, service, node) = tokio::join!(
        stage.kubectl.ok("describe pod web-1-sick"),
        stage.kubectl.ok("describe service web"),
        stage.kubectl.ok("describe node node-1"),
    );
    let pod = pod.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Controlled By: ReplicaSet/web-1",
        "Reason: CrashLoopBackOff",
        "Restart Count: 2",
        "Back-off restarting",
    ] {
        assert!(pod.contains(part), "{part} is not in\n{pod}");
    }
    assert!(service.contains("10.96.0.80"), "{service}");
    assert!(node.contains("web-1-good"), "{node}");
}

#[tokio::test]
async fn logs_are_cut_to_what_is_asked_and_refused_as_the_kubelet_refuses() {
    let stage = Stage::start().await;
    let (all, tail, stamped, previous, refused, missing) = tokio::join!(
        stage.kubectl.ok("logs web-1-good"),
        stage.kubectl.ok("logs web-1-good --tail=1"),
        stage.kubectl.ok("logs web-1-good --tail=1 --timestamps"),
        stage.kubectl.ok("logs web-1-sick --previous"),
        stage.kubectl.refused("logs web-1-good --previous"),
        stage.kubectl.refused("logs nobody"),
    );
    assert_eq!(all, "listening on 8080\nGET /ready 200\n");
    assert_eq!(tail, "GET /ready 200\n");
    assert!(stamped.starts_with("20") && stamped.ends_with("Z GET /ready 200\n"), "{stamped}");
    assert_eq!(previous, "panic: LOG_LEVEL is not set\n");
    assert_eq!(
        refused,
        "Error from server (BadRequest): previous terminated container \"web\" in pod \"web-1-good\" not found"
    );
    assert!(missing.contains("pods \"nobody\" not found"), "{missing}");
}

#[tokio::test]
async fn what_is_not_there_is_said_as_by_a_real_cluster() {
    let stage = Stage::start().await;
    let (object, kind, metrics, explained, version) = tokio::join!(
        stage.kubectl.refused("get pods nosuch"),
        stage.kubectl.refused("get nosuchkind"),
        stage.kubectl.refused("top nodes"),
        stage.kubectl.ok("explain deployment.spec.template.spec.containers.resources"),
        stage.kubectl.ok("get --raw /version"),
    );
    assert_eq!(object, "Error from server (NotFound): pods \"nosuch\" not found");
    assert_eq!(kind, "error: the server doesn't have a resource type \"nosuchkind\"");
    assert_eq!(metrics, "error: Metrics API not available");
    assert!(explained.contains("limits"), "{explained}");
    assert!(version.contains("v1.36"), "{version}");
}

#[tokio::test]
async fn injected_refusals_read_like_missing_rbac_rules() {
    let rule = Denial {
        verbs: vec!["list".into()],
        resources: vec!["pods".into()],
        namespaces: vec!["shop".into()],
    };
    let stage = Stage::denying(vec![rule]).await;
    let (list, get, may, may_not, who) = tokio::join!(
        stage.kubectl.refused("get pods"),
        stage.kubectl.ok("get pod web-1-good -o name"),
        stage.kubectl.ok("auth can-i delete pods"),
        stage.kubectl.refused("auth can-i list pods -q"),
        stage.kubectl.ok("auth whoami"),
    );
    assert_eq!(
        list,
        "Error from server (Forbidden): pods is forbidden: User \"kubewright\" cannot list resource \"pods\" in API \
         group \"\" in the namespace \"shop\""
    );
    assert_eq!((get.as_str(), may.as_str(), may_not.as_str()), ("pod/web-1-good\n", "yes\n", ""));
    assert!(who.contains("kubewright"), "{who}");
}
