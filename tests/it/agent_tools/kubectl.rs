//! The kubectl tool against the simulated API.

use serde_json::json;

use super::stage::{Stage, words};

async fn run(stage: &Stage, line: &str) -> String {
    stage.shown("kubectl", json!({"command": format!("kubectl {line}")})).await
}

#[tokio::test]
async fn get_prints_what_kubectl_prints() {
    let stage = Stage::new().await;
    let pods = words(&run(&stage, "get pods -n shop").await);
    assert_eq!(pods[0], "NAME READY STATUS RESTARTS AGE");
    assert!(pods[1].starts_with("web-2-good 1/1 Running 0"), "{pods:?}");
    let wide = words(&run(&stage, "get deploy web -n shop -o wide").await);
    assert!(
        wide[0].ends_with("CONTAINERS IMAGES SELECTOR") && wide[1].ends_with("web web:1.1 app=web"),
        "{wide:?}"
    );
    let several = run(&stage, "get svc,cm -n shop").await;
    assert!(
        several.contains("service/web")
            && several.contains("\n\n")
            && several.contains("configmap/web-config"),
        "{several}"
    );
    assert_eq!(run(&stage, "get pods -n shop -o name").await, "pod/web-2-good\npod/web-2-sick");
    assert_eq!(run(&stage, "get pod web-2-sick -o jsonpath='{.spec.nodeName}'").await, "node-1");
    assert_eq!(run(&stage, "get pods -n shop --no-headers | grep -c Running").await, "1");
    assert_eq!(run(&stage, "get pods -n shop -l app=db").await, "No resources found in shop namespace.");
    let all = run(&stage, "get all -n shop").await;
    assert!(all.contains("pod/web-2-sick") && all.contains("deployment.apps/web"), "{all}");
    let labels =
        run(&stage, "get pods -n shop --show-labels --field-selector metadata.name=web-2-good").await;
    assert!(labels.contains("app=web") && !labels.contains("web-2-sick"), "{labels}");
    let yaml = run(&stage, "get pods -n shop -o yaml").await;
    assert!(yaml.contains("kind: List") && yaml.contains("web-2-good"), "{yaml}");
}

#[tokio::test]
async fn the_other_verbs_answer_from_the_same_reads() {
    let stage = Stage::new().await;
    for (line, parts) in [
        ("describe pod web-2-sick -n shop", vec!["CrashLoopBackOff", "exit code 2", "BackOff"]),
        ("describe pods -l app=web -n shop | grep 'restart count'", vec!["restart count 2"]),
        ("logs web-2-good -n shop --tail=2", vec!["4998 ok", "4999 ok"]),
        ("logs deploy/web -n shop -p | grep -i PANIC", vec!["panic: LOG_LEVEL is not set"]),
        ("logs -l app=web -n shop --all-containers --tail=1", vec!["[web-2-good/web] 4999 ok"]),
        ("events -n shop --for pod/web-2-sick", vec!["BackOff", "kubelet"]),
        ("get events -n shop --sort-by=.lastTimestamp", vec!["BackOff"]),
        ("rollout history deploy/web -n shop", vec!["2 (current)", "web:1.0 -> web:1.1"]),
        ("rollout history deploy/web -n shop --revision=1", vec!["revision #1", "web:1.0"]),
        ("rollout status deploy/web -n shop", vec!["1 of 2 updated replicas are available"]),
        ("api-resources --api-group=apps", vec!["deployments", "deploy", "apps/v1", "Deployment"]),
        ("version", vec!["Server Version: v1."]),
        ("cluster-info", vec!["cluster northwind (staging), Kubernetes v1."]),
    ] {
        let shown = run(&stage, line).await;
        for part in parts {
            assert!(shown.contains(part), "{line}: {part} is not in\n{shown}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_or_not_there_says_what_to_do_instead() {
    let stage = Stage::new().await;
    for (line, expected) in [
        (
            "kubectl delete pod web-2-sick -n shop",
            "refused: kubectl delete changes the cluster, and this tool only reads; say in words what should be done",
        ),
        ("kubectl get pods;kubectl delete ns shop", "one command a call"),
        ("kubectl get pod web-2-sic -n shop", "did you mean web-2-sick"),
        ("kubectl get widgets", "serves no kind \"widgets\""),
        (
            "kubectl top pods -n shop",
            "metrics_query instead: sum by (pod) (container_memory_working_set_bytes{namespace=\"shop\",container!=\"\"})",
        ),
        ("kubectl logs -l app=web", "logs with -l need -n NAMESPACE"),
        ("kubectl rollout status svc/web", "have no rollouts"),
    ] {
        let told = stage.refused("kubectl", json!({"command": line})).await;
        assert!(told.contains(expected), "{line}: {told}");
    }
    let pods = run(&stage, "get pods -n shop -o name").await;
    assert_eq!(pods.lines().count(), 2, "nothing was deleted");
}
