//! search_knowledge.

use kubewright::incident::EvidenceSource;
use kubewright::recall::Recall;
use serde_json::json;

use super::stage::{contains_all, stage};

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_found_with_their_citation() {
    let mut stage = stage("healthy").await;
    stage.confine();
    let asked =
        json!({"query": "container was OOMKilled exit code 137", "filters": ["source=builtin"], "limit": 2});
    let found = stage.ok("search_knowledge", asked).await;
    contains_all(&found.text, &["Container killed for memory", "container-out-of-memory.md", " lines "]);
    let cited = &found.observations[0];
    assert_eq!(cited.source, EvidenceSource::Document);
    contains_all(&format!("{:?}", cited.fields), &["uri", "headings", "lines", "container-out-of-memory.md"]);
    for (arguments, named) in [
        (json!({"query": " "}), "empty"),
        (json!({"query": "x", "filters": ["colour=red"]}), "category"),
        (json!({"query": "x", "filters": ["runbook"]}), "key=value"),
        (json!({"query": "x", "limit": 99}), "between 1 and 15"),
        (json!({"query": "x".repeat(20_000)}), "query"),
    ] {
        let refusal = stage.refused("search_knowledge", arguments).await;
        assert!(refusal.contains(named), "{named}: {refusal}");
    }
    stage.context.recall = Recall::new(None).await;
    contains_all(
        &stage.refused("search_knowledge", json!({"query": "x"})).await,
        &["switched off", "go on without it"],
    );
    stage.sim.shutdown().await;
}
