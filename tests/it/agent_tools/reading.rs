//! get, list, describe, logs, events and rollouts: what they show, and what they answer to wrong names.

use kubewright::agents::tools::{MOST_BYTES, kubernetes};
use kubewright::incident::{EvidenceSource, ObjectRef};
use kubewright::sim::api::Denial;
use serde_json::json;

use super::stage::{Stage, words};

#[test]
fn every_tool_describes_itself_and_refuses_unknown_arguments() {
    let names: Vec<String> = kubernetes().iter().map(|tool| tool.name().to_owned()).collect();
    let expected = [
        "kubernetes_get",
        "kubernetes_describe",
        "kubernetes_list",
        "kubernetes_logs",
        "kubernetes_events",
        "rollout_history",
        "rollout_diff",
        "resource_graph",
        "kubectl",
    ];
    assert_eq!(names, expected);
    for tool in kubernetes() {
        let schema = tool.schema();
        assert_eq!(schema["type"], "object", "{}", tool.name());
        assert_eq!(schema["additionalProperties"], false, "{}", tool.name());
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(
                property["description"].is_string() && property["type"].is_string(),
                "{} {name}",
                tool.name()
            );
        }
        assert!(tool.description().len() > 80, "{}", tool.name());
    }
}

#[tokio::test]
async fn an_object_is_shown_whole_or_in_part_and_can_be_cited() {
    let stage = Stage::new().await;
    let whole = stage
        .call("kubernetes_get", json!({"kind": "po", "name": "web-2-sick", "namespace": "shop"}))
        .await
        .unwrap();
    assert!(
        whole.text.contains("nodeName: node-1") && !whole.text.contains("managedFields"),
        "{}",
        whole.text
    );
    let cited = &whole.observations[0];
    assert_eq!(
        (cited.source, &cited.object),
        (EvidenceSource::Object, &ObjectRef::new("Pod", "shop", "web-2-sick"))
    );
    assert!(cited.statement.contains("CrashLoopBackOff") && cited.strength.value() > 0.5, "{cited:?}");
    let part = json!({"kind": "Deployment", "name": "web", "path": "spec.template.spec.containers[0].image"});
    assert_eq!(stage.shown("kubernetes_get", part).await.trim(), "web:1.1");
    let map = stage.shown("kubernetes_get", json!({"kind": "cm", "name": "web-config"})).await;
    assert!(map.contains("LOG_LEVEL: info"), "{map}");
}

#[tokio::test]
async fn of_a_secret_only_keys_and_sizes_are_shown() {
    let stage = Stage::new().await;
    let secret = stage.shown("kubernetes_get", json!({"kind": "secret", "name": "web-secret"})).await;
    assert!(secret.contains("(15 bytes, not shown)"), "{secret}");
    // `call` looks for the value in every answer.
    for command in [
        "get secrets -A -o yaml",
        "get secret web-secret -o json",
        "get secrets -o jsonpath='{.items[*].data}'",
        "get secrets -A",
        "describe secret web-secret",
    ] {
        let shown = stage.shown("kubectl", json!({"command": format!("kubectl {command}")})).await;
        assert!(shown.contains("web-secret") || shown.contains("not shown"), "{command}: {shown}");
    }
    let described = stage.shown("kubernetes_describe", json!({"kind": "secret", "name": "web-secret"})).await;
    assert!(described.contains("(15 bytes, not shown)"), "{described}");
}

#[tokio::test]
async fn a_wrong_kind_namespace_or_name_is_answered_with_what_there_is() {
    let stage = Stage::new().await;
    let cases = [
        (
            "kubernetes_get",
            json!({"kind": "pods", "name": "web-2-sik", "namespace": "shop"}),
            "not found: no pod web-2-sik in shop; did you mean web-2-sick, web-2-good? pods there: web-2-good, web-2-sick",
        ),
        (
            "kubernetes_describe",
            json!({"kind": "deploymnet", "name": "web"}),
            "not found: the cluster serves no kind \"deploymnet\"; did you mean deployments.apps",
        ),
        (
            "kubernetes_list",
            json!({"kind": "pods", "namespace": "shopp"}),
            "not found: there is no namespace shopp; there are: ",
        ),
        (
            "kubernetes_get",
            json!({"kind": "pods", "name": "../../secrets", "namespace": "shop"}),
            "cannot be the name of an object",
        ),
        ("kubernetes_get", json!({"kind": "pods", "name": "a,b=c"}), "cannot be the name of an object"),
        (
            "kubernetes_get",
            json!({"kind": "pods", "name": "a", "namespace": "../x"}),
            "cannot be the name of a namespace",
        ),
        ("kubernetes_get", json!({"kind": "pods", "name": "a", "nonsense": 1}), "unknown field `nonsense`"),
        (
            "kubernetes_get",
            json!({"kind": "deploy", "name": "web", "path": "spec.replica"}),
            "the object has no spec.replica",
        ),
        (
            "kubernetes_logs",
            json!({"pod": "web-2-good", "container": "side"}),
            "has no container side; it has web",
        ),
        ("kubernetes_logs", json!({"pod": "web-2-good", "previous": true}), "previous terminated container"),
        ("kubernetes_logs", json!({"pod": "web-2-good", "grep": "("}), "no regular expression"),
        ("kubernetes_logs", json!({"pod": "web-2-good", "since": "soon"}), "no length of time"),
        ("kubernetes_logs", json!({"pod": "deployment/wep"}), "did you mean web?"),
        ("kubernetes_events", json!({"kind": "pod"}), "kind and name go together"),
        ("rollout_history", json!({"name": "wep", "namespace": "shop"}), "did you mean web?"),
        ("rollout_history", json!({"kind": "service", "name": "web"}), "have no revisions"),
        ("rollout_diff", json!({"name": "web", "from": 7}), "has no revision 7; kept are 2, 1"),
        ("kubernetes_list", json!({"kind": "pods", "labels": "a in ("}), "the arguments cannot be used"),
    ];
    for (tool, arguments, expected) in cases {
        let told = stage.refused(tool, arguments.clone()).await;
        assert!(told.contains(expected), "{tool} {arguments}: {told}");
    }
}

#[tokio::test]
async fn lists_are_the_servers_own_tables() {
    let stage = Stage::new().await;
    let pods = words(&stage.shown("kubernetes_list", json!({"kind": "pods", "namespace": "shop"})).await);
    assert_eq!(pods[0], "NAME READY STATUS RESTARTS AGE");
    assert!(pods[2].starts_with("web-2-sick 0/1 CrashLoopBackOff 2"), "{pods:?}");
    let everywhere = words(&stage.shown("kubernetes_list", json!({"kind": "po", "contains": "safe"})).await);
    assert!(
        everywhere[0].starts_with("NAMESPACE NAME") && everywhere[1].starts_with("vault safe-1"),
        "{everywhere:?}"
    );
    let none = stage
        .shown("kubernetes_list", json!({"kind": "pods", "namespace": "shop", "labels": "app=db"}))
        .await;
    assert_eq!(none, "No resources found in shop namespace.");
}

#[tokio::test]
async fn describe_tells_the_story_of_a_crashing_pod() {
    let stage = Stage::new().await;
    let output =
        stage.call("kubernetes_describe", json!({"kind": "pod", "name": "web-2-sick"})).await.unwrap();
    for part in [
        "Owned by: ReplicaSet/web-2",
        "State: waiting, CrashLoopBackOff, back-off 20s",
        "Last state: terminated, Error, exit code 2",
        "restart count 2",
        "Limits: memory=128Mi",
        "Liveness: http-get :8080/healthz",
        "LOG_LEVEL=info",
        "BackOff",
    ] {
        assert!(output.text.contains(part), "{part} is not in\n{}", output.text);
    }
    assert!(!output.text.contains('\u{1b}') && !output.text.contains("\nNAME forged"), "{}", output.text);
    assert!(output.observations.iter().any(|cited| cited.source == EvidenceSource::Event));
    let deployment = stage.shown("kubernetes_describe", json!({"kind": "deploy", "name": "web"})).await;
    assert!(deployment.contains("2 desired") && deployment.contains("web-2-sick"), "{deployment}");
    let node = stage.shown("kubernetes_describe", json!({"kind": "node", "name": "node-1"})).await;
    assert!(node.contains("safe-1") && node.contains("web-2-good"), "{node}");
}

#[tokio::test]
async fn a_log_is_searched_cut_with_a_hint_and_without_escapes() {
    let stage = Stage::new().await;
    let errors = json!({"pod": "web-2-good", "namespace": "shop", "grep": "ERROR"});
    let errors = stage.call("kubernetes_logs", errors).await.unwrap();
    assert_eq!(
        errors.text.lines().filter(|line| line.contains("ERROR refused")).count(),
        5,
        "{}",
        errors.text
    );
    assert_eq!((errors.cut, errors.observations[0].source), (None, EvidenceSource::Log));
    let big = stage.call("kubernetes_logs", json!({"pod": "web-2-good", "tail": 5_000})).await.unwrap();
    assert!(big.text.len() <= MOST_BYTES, "{}", big.text.len());
    assert!(big.text.contains("\n4999 ok") && !big.text.contains("\n1 ok"));
    let cut = big.cut.unwrap();
    let next: usize = cut.split("skip_lines=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let older =
        stage.shown("kubernetes_logs", json!({"pod": "web-2-good", "tail": 10, "skip_lines": next})).await;
    assert!(older.lines().last().unwrap().starts_with(&format!("{} ", 4_999 - next)), "{cut}\n{older}");
    let hostile =
        stage.shown("kubernetes_logs", json!({"pod": "deploy/web", "previous": true, "grep": "panic"})).await;
    assert!(hostile.contains("panic: LOG_LEVEL is not set"), "{hostile}");
    assert!(!hostile.chars().any(|c| c.is_control() && c != '\n'), "{hostile:?}");
}

#[tokio::test]
async fn events_are_told_newest_first_about_one_object_or_all() {
    let stage = Stage::new().await;
    let all =
        stage.call("kubernetes_events", json!({"namespace": "shop", "warnings_only": true})).await.unwrap();
    let rows = words(&all.text);
    assert_eq!(rows[0], "LAST SEEN TYPE REASON OBJECT COUNT FROM MESSAGE");
    assert!(rows[1].contains("Warning BackOff pod/web-2-sick 4 kubelet Back-off restarting"), "{rows:?}");
    assert_eq!(rows.len(), 2, "a message does not forge rows: {rows:?}");
    assert_eq!(all.observations[0].object, ObjectRef::new("Pod", "shop", "web-2-sick"));
    let good = stage.shown("kubernetes_events", json!({"kind": "pod", "name": "web-2-good"})).await;
    assert_eq!(good, "No events found.");
    let recent = stage.shown("kubernetes_events", json!({"since": "1m"})).await;
    assert_eq!(recent, "No events found.");
}

#[tokio::test]
async fn revisions_are_told_with_what_they_changed() {
    let stage = Stage::new().await;
    let history = stage.call("rollout_history", json!({"name": "web", "namespace": "shop"})).await.unwrap();
    let rows = words(&history.text);
    assert!(rows[2].starts_with("2 (current)") && rows[2].contains("web=web:1.1"), "{rows:?}");
    assert!(rows.last().unwrap().contains("containers[web].image: web:1.0 -> web:1.1"), "{rows:?}");
    let cited = &history.observations[0];
    assert_eq!(cited.source, EvidenceSource::Change);
    assert_eq!(cited.fields["containers[web].image"], "web:1.0 -> web:1.1");
    let back = stage.shown("rollout_diff", json!({"name": "web", "from": 2, "to": 1})).await;
    assert!(back.contains("web:1.1 -> web:1.0"), "{back}");
}

#[tokio::test]
async fn a_namespace_outside_the_permission_is_refused_in_every_tool() {
    let stage = Stage::new().await.only(&["shop"]);
    let denied = "refused: namespace vault may not be read in this conversation; permitted: shop";
    for (tool, arguments) in [
        ("kubernetes_get", json!({"kind": "pod", "name": "safe-1", "namespace": "vault"})),
        ("kubernetes_describe", json!({"kind": "pod", "name": "safe-1", "namespace": "vault"})),
        ("kubernetes_list", json!({"kind": "pods", "namespace": "vault"})),
        ("kubernetes_logs", json!({"pod": "safe-1", "namespace": "vault"})),
        ("kubernetes_events", json!({"namespace": "vault"})),
        ("rollout_history", json!({"name": "web", "namespace": "vault"})),
        ("rollout_diff", json!({"name": "web", "namespace": "vault"})),
        ("resource_graph", json!({"object": "pod/safe-1", "namespace": "vault"})),
        ("kubernetes_get", json!({"kind": "namespace", "name": "vault"})),
        ("kubectl", json!({"command": "kubectl get pods -n vault"})),
        ("kubectl", json!({"command": "kubectl logs safe-1 -n vault"})),
        ("kubectl", json!({"command": "kubectl events -n vault"})),
    ] {
        let told = stage.refused(tool, arguments.clone()).await;
        assert!(
            told.contains(denied) || told.starts_with("not found: no namespace vault"),
            "{tool} {arguments}: {told}"
        );
        assert!(!told.contains("safe-1"), "{tool}: {told}");
    }
    for (tool, arguments) in [
        ("kubernetes_list", json!({"kind": "pods"})),
        ("kubernetes_list", json!({"kind": "namespaces"})),
        ("kubernetes_events", json!({})),
        ("kubernetes_describe", json!({"kind": "node", "name": "node-1"})),
        ("kubectl", json!({"command": "kubectl get pods -A -o yaml"})),
        ("kubectl", json!({"command": "kubectl get ns -o name"})),
    ] {
        let shown = stage.shown(tool, arguments.clone()).await;
        assert!(!shown.contains("vault") && !shown.contains("safe-1"), "{tool} {arguments}: {shown}");
    }
    let told = stage.refused("kubernetes_get", json!({"kind": "pod", "name": "safe-1"})).await;
    assert!(told.starts_with("not found: no pod safe-1 in shop;"), "{told}");
    let told = stage.refused("kubernetes_list", json!({"kind": "clusterroles"})).await;
    assert!(told.contains("cluster-wide and may not be read"), "{told}");
}

#[tokio::test]
async fn what_the_cluster_forbids_names_the_grant_and_a_cancelled_run_ends() {
    let stage = Stage::denying(vec![Denial::of("pods/log")]).await;
    let told = stage.refused("kubernetes_logs", json!({"pod": "web-2-good"})).await;
    assert_eq!(told, "could not be read: forbidden: grant \"get pods/log\" in namespace shop");
    stage.context.cancel.cancel();
    let told = stage.refused("kubernetes_list", json!({"kind": "pods"})).await;
    assert_eq!(told, "could not be read: the run was cancelled");
}

#[tokio::test]
async fn a_long_list_can_be_read_on() {
    let stage = Stage::new().await;
    for n in 0..1_000 {
        let name = format!("settings-{n:04}");
        let map = json!({"metadata": {"name": name, "namespace": "shop"}, "data": {"a": "b"}});
        stage.objects.create(&kubewright::sim::kinds::CONFIG_MAPS, map).unwrap();
    }
    let first = stage.call("kubernetes_list", json!({"kind": "cm", "namespace": "shop"})).await.unwrap();
    let cut = first.cut.unwrap();
    assert!(first.text.len() <= MOST_BYTES && cut.starts_with("cut: lines 1 to "), "{cut}");
    let next: usize = cut.split("skip_lines=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let rest = json!({"kind": "cm", "namespace": "shop", "skip_lines": next});
    let rest = stage.call("kubernetes_list", rest).await.unwrap();
    assert!(first.text.contains("settings-0000") && rest.text.contains("web-config"), "{}", rest.text);
    assert_eq!((first.text.lines().count() + rest.text.lines().count(), rest.cut), (1_002, None));
}
