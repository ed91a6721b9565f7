//! logs_query.

use kubewright::incident::EvidenceSource;
use serde_json::json;

use super::stage::{contains_all, stage};

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_searched_and_cited_and_what_loki_refuses_comes_back() {
    let mut stage = stage("bad-deploy").await;
    stage.confine();
    let query = r#"{namespace="shop", app="checkout"} |= "NoSuchMethodError""#;
    let found = stage.ok("logs_query", json!({"query": query, "limit": 2})).await;
    contains_all(&found.text, &["NoSuchMethodError", "checkout-"]);
    let cited = &found.observations[0];
    assert_eq!((cited.source, cited.object.kind.as_str()), (EvidenceSource::Log, "Pod"));
    contains_all(
        &stage.ok("logs_query", json!({"query": r#"{namespace="shop"} |= "no such words""#})).await.text,
        &["No line"],
    );
    let refusal =
        stage.refused("logs_query", json!({"query": r#"{namespace="shop"} |= "x" | nonsense"#})).await;
    contains_all(&refusal, &["Loki says", "parse error"]);
    stage.sim.shutdown().await;
}
