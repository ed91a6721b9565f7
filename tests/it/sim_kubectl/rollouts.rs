//! What needs controllers and kubelets: rollouts, drains, restarts.

use kubewright::sim::{Scenario, Sim, SimOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stage::Kubectl;

struct World {
    _sim: Sim,
    kubectl: Kubectl,
}

async fn world() -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scenario = Scenario::builtin("healthy").unwrap();
    let options = SimOptions { speed: 40.0, inject_fault: false, ..SimOptions::new(scenario) };
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let kubectl = Kubectl::for_server(&sim.kubernetes_url());
    World { _sim: sim, kubectl }
}

#[tokio::test]
async fn a_rollout_is_followed_recorded_undone_and_restarted() {
    let World { kubectl, _sim } = world().await;
    let env = "get deploy frontend -o jsonpath={.spec.template.spec.containers[0].env}";
    let before = kubectl.ok(env).await;
    kubectl.ok("set env deploy/frontend REHEARSAL=yes").await;
    assert_ne!(kubectl.ok(env).await, before);
    let followed = kubectl.ok("rollout status deploy/frontend --timeout=60s").await;
    assert!(followed.ends_with("deployment \"frontend\" successfully rolled out\n"), "{followed}");
    let history = kubectl.table("rollout history deploy/frontend").await;
    let revisions =
        history.iter().filter(|row| row.first().is_some_and(|word| word.parse::<u32>().is_ok())).count();
    assert!(revisions >= 2, "{history:?}");
    assert_eq!(kubectl.ok("rollout undo deploy/frontend").await, "deployment.apps/frontend rolled back\n");
    kubectl.ok("rollout status deploy/frontend --timeout=60s").await;
    assert_eq!(kubectl.ok(env).await, before);
    kubectl.ok("rollout restart deploy/frontend").await;
    kubectl.ok("rollout status deploy/frontend --timeout=60s").await;
    let available = kubectl.ok("wait --for=condition=Available deploy/frontend --timeout=60s").await;
    assert_eq!(available, "deployment.apps/frontend condition met\n");
}

#[tokio::test]
async fn a_drained_node_is_cordoned_and_its_pods_move() {
    let World { kubectl, _sim } = world().await;
    let drain = "drain worker-2 --ignore-daemonsets --delete-emptydir-data --timeout=60s";
    let drained = kubectl.ok(drain).await;
    assert!(drained.ends_with("node/worker-2 drained\n"), "{drained}");
    let left = kubectl.json("get pods -A --field-selector spec.nodeName=worker-2").await;
    let owners: Vec<_> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| &pod["metadata"]["ownerReferences"][0]["kind"])
        .collect();
    assert!(owners.iter().all(|kind| *kind == "DaemonSet"), "{owners:?}");
    kubectl.ok("uncordon worker-2").await;
    kubectl.ok("wait --for=condition=Available deploy --all --timeout=60s").await;
}

#[tokio::test]
async fn deleted_pods_and_changed_replicas_are_made_good() {
    let World { kubectl, _sim } = world().await;
    kubectl.ok("scale deploy/cart --replicas=3").await;
    kubectl.ok("rollout status deploy/cart --timeout=60s").await;
    let names = || kubectl.ok("get pods -l app=cart -o name");
    let before = names().await;
    assert_eq!(before.lines().count(), 3, "{before}");
    let first = before.lines().next().unwrap();
    kubectl.ok(&format!("delete {first}")).await;
    kubectl.ok("rollout status deploy/cart --timeout=60s").await;
    kubectl.ok("wait --for=jsonpath={.status.readyReplicas}=3 deploy/cart --timeout=60s").await;
    let after = names().await;
    assert!(!after.contains(first), "{after}");
}
