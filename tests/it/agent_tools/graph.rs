//! The graph around an object in a whole simulated cluster.

use kubewright::sim::objects::ObjectStore;
use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stage::Stage;

#[tokio::test]
async fn the_graph_shows_what_an_object_depends_on_and_hides_what_may_not_be_seen() {
    let options = SimOptions::new(Scenario::builtin("bad-deploy").unwrap());
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let stage = Stage::at(&sim.kubernetes_url(), ObjectStore::new()).await;
    let around = json!({"object": "deployment/checkout", "namespace": "shop"});
    let graph = stage.call("resource_graph", around.clone()).await.unwrap();
    assert!(graph.text.starts_with("around Deployment shop/checkout ["), "{}", graph.text);
    assert!(graph.text.contains("-owns-> ReplicaSet shop/checkout-"), "{}", graph.text);
    assert!(
        graph.text.contains("Service shop/checkout [")
            && graph.text.contains("-selects-> Deployment shop/checkout"),
        "{}",
        graph.text
    );
    assert!(graph.text.contains("-changed-> Deployment shop/checkout"), "{}", graph.text);
    assert!(!graph.observations.is_empty());
    let wrong = stage.refused("resource_graph", json!({"object": "checkout"})).await;
    assert!(wrong.contains("write kind/name"), "{wrong}");
    let wrong = stage.refused("resource_graph", json!({})).await;
    assert!(wrong.contains("name the object"), "{wrong}");
    let everywhere = json!({"object": "deployment/checkout", "depth": 5});
    let seen = stage.shown("resource_graph", everywhere.clone()).await;
    let stage = stage.only(&["shop"]);
    let shown = stage.shown("resource_graph", everywhere).await;
    assert!(seen.contains("payments/"), "{seen}");
    assert!(!shown.contains("payments/"), "{shown}");
    sim.shutdown().await;
}
