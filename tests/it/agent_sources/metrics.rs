//! metrics_query, metrics_range and metrics_list.

use kubewright::incident::EvidenceSource;
use serde_json::json;

use super::stage::{contains_all, stage};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_asked_at_a_moment_and_over_a_time_and_can_be_cited() {
    let stage = stage("hpa-maxed").await;
    let rate = r#"sum by (namespace, service) (rate(http_requests_total{namespace="shop", service="frontend"}[5m]))"#;
    let now = stage.ok("metrics_query", json!({"query": rate})).await;
    contains_all(&now.text, &["1 samples at", "{namespace=\"shop\",service=\"frontend\"}"]);
    let cited = &now.observations[0];
    assert_eq!(
        (cited.source, cited.object.to_string().as_str()),
        (EvidenceSource::Metric, "Service shop/frontend")
    );
    assert!(cited.fields["value"].parse::<f64>().unwrap() > 100.0, "{cited:?}");

    let before = stage.ok("metrics_query", json!({"query": rate, "time": "-30m"})).await;
    assert!(before.observations[0].fields["value"].parse::<f64>().unwrap() < 80.0, "{}", before.text);

    let range = stage.ok("metrics_range", json!({"query": rate, "start": "-30m", "step": "1m"})).await;
    contains_all(
        &range.text,
        &["1 series from", "a point every 60 s", " min ", " avg ", " max ", " last ", "(31 points: "],
    );
    let fields = &range.observations[0].fields;
    assert!(
        fields["max"].parse::<f64>().unwrap() > 2.0 * fields["min"].parse::<f64>().unwrap(),
        "{fields:?}"
    );

    let all = stage.ok("metrics_range", json!({"query": "kube_pod_info", "limit": 2})).await;
    contains_all(all.cut.as_deref().unwrap(), &["2 of", "aggregate"]);
    assert_eq!(all.text.lines().count(), 3, "{}", all.text);
    let few = stage.ok("metrics_query", json!({"query": "kube_pod_info", "limit": 3})).await;
    contains_all(few.cut.as_deref().unwrap(), &["the 3 highest of", "topk"]);
    contains_all(
        &stage.ok("metrics_query", json!({"query": "no_such_metric"})).await.text,
        &["No series", "metrics_list"],
    );
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_metric_question_comes_back_with_its_place() {
    let stage = stage("healthy").await;
    for (tool, arguments, named) in [
        ("metrics_query", json!({"query": "sum(up"}), "column 4"),
        ("metrics_query", json!({"query": "up * on() up"}), "query: Prometheus answered execution"),
        ("metrics_query", json!({"query": "up[5m]"}), "matrix"),
        ("metrics_query", json!({"query": ""}), "empty"),
        ("metrics_query", json!({"query": "up", "limit": 0}), "between 1 and 100"),
        ("metrics_query", json!({"query": "up", "time": "soon"}), "RFC 3339"),
        ("metrics_query", json!({"query": "up", "extra": 1}), "extra"),
        ("metrics_query", json!({}), "query"),
        ("metrics_query", json!({"query": 7}), "query: invalid type"),
        ("metrics_range", json!({"query": "up", "start": "now"}), "not before"),
        ("metrics_range", json!({"query": "up", "start": "-1d", "step": "1s"}), "173 s"),
        ("metrics_list", json!({"metric": "up{}"}), "without matchers"),
        ("metrics_list", json!({"pattern": "no_such_metric_anywhere"}), "no metric has such a name"),
    ] {
        let refusal = stage.refused(tool, arguments.clone()).await;
        assert!(refusal.contains(named), "{arguments}: {refusal}");
    }
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_listed_by_name_and_one_by_its_labels() {
    let mut stage = stage("healthy").await;
    let listed = stage.ok("metrics_list", json!({"pattern": "RESTARTS"})).await;
    contains_all(&listed.text, &["kube_pod_container_status_restarts_total"]);
    let few = stage.ok("metrics_list", json!({"limit": 2})).await;
    contains_all(few.cut.as_deref().unwrap(), &["2 of", "longer pattern"]);
    let metric = json!({"metric": "kube_pod_container_status_restarts_total"});
    let labels = stage.ok("metrics_list", metric.clone()).await;
    contains_all(&labels.text, &["namespace: ", "payments", "shop", "container: "]);
    stage.confine();
    let labels = stage.ok("metrics_list", metric).await;
    contains_all(&labels.text, &["namespace: shop\n"]);
    let nodes = stage.refused("metrics_list", json!({"metric": "kube_node_info"})).await;
    assert!(nodes.contains("that may be read here"), "{nodes}");
    stage.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_logs_of_other_namespaces_are_refused_by_the_tool() {
    let mut stage = stage("healthy").await;
    stage.confine();
    for query in [
        "kube_pod_info",
        r#"kube_pod_info{namespace="payments"}"#,
        r#"kube_pod_info{namespace=~"shop|payments"}"#,
        r#"topk(scalar(count(kube_pod_info{namespace="payments"})), kube_pod_info{namespace="shop"})"#,
        r#"kube_pod_info{namespace="shop"} or kube_pod_info"#,
    ] {
        for tool in ["metrics_query", "metrics_range"] {
            let refusal = stage.refused(tool, json!({"query": query})).await;
            contains_all(&refusal, &["refused: ", r#"add namespace="shop""#]);
        }
    }
    let own = stage
        .ok("metrics_query", json!({"query": r#"count by (namespace) (kube_pod_info{namespace="shop"})"#}))
        .await;
    contains_all(&own.text, &[r#"{namespace="shop"}"#]);
    for query in
        [r#"{namespace="payments"}"#, r#"{namespace=~".+"}"#, r#"{pod=~".+"} |= "{namespace=\"shop\"}""#]
    {
        let refusal = stage.refused("logs_query", json!({"query": query})).await;
        contains_all(&refusal, &["refused: ", r#"add namespace="shop""#]);
    }
    let refusal = stage.refused("run_analyzers", json!({"namespace": "payments"})).await;
    contains_all(&refusal, &["refused: namespace payments", "permitted: shop"]);
    stage.sim.shutdown().await;
}
