//! Every metric of the program: its name, what it says, and the one function that records it.
//!
//! Labels take their values from names that are fixed in the program (`&'static str`: `Phase::as_str` and the like),
//! never from text of the outside world, so that the number of series is bounded.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;

/// Alerts taken in, by source and result.
pub const ALERTS_RECEIVED: &str = "kubewright_alerts_received_total";
/// Incidents now, by phase.
pub const INCIDENTS: &str = "kubewright_incidents";
/// Incidents closed, by outcome.
pub const INCIDENTS_CLOSED: &str = "kubewright_incidents_closed_total";
/// How long collectors took, seconds, by collector and result.
pub const COLLECTOR_DURATION: &str = "kubewright_collector_duration_seconds";
/// Kinds of objects that Snapshots took, by source: from watches or by lists.
pub const COLLECTED: &str = "kubewright_snapshot_collections_total";
/// Objects that watches keep, by resource.
pub const WATCHED_OBJECTS: &str = "kubewright_watched_objects";
/// Their size as JSON, bytes, by resource.
pub const WATCHED_BYTES: &str = "kubewright_watched_bytes";
/// Watches by how they do.
pub const WATCHES: &str = "kubewright_watches";
/// How long steps took, seconds, by phase and result.
pub const STEP_DURATION: &str = "kubewright_step_duration_seconds";
/// Hypotheses put forward, by code.
pub const HYPOTHESES: &str = "kubewright_hypotheses_total";
/// Actions carried out, by action and result.
pub const REPAIRS: &str = "kubewright_repairs_total";
/// Whether a collection of the knowledge base is searched by words only, or not at all: 1.
pub const KNOWLEDGE_DEGRADED: &str = "kubewright_knowledge_degraded";
/// Documents in the knowledge base, by collection.
pub const KNOWLEDGE_DOCUMENTS: &str = "kubewright_knowledge_documents";
/// Passages in the knowledge base, by collection.
pub const KNOWLEDGE_PASSAGES: &str = "kubewright_knowledge_passages";
/// How long searches took, seconds, by mode; recorded by the knowledge base itself.
pub const KNOWLEDGE_SEARCH: &str = "kubewright_knowledge_search_duration_seconds";
/// Closed incidents that were remembered or could not be, by result.
pub const EPISODES: &str = "kubewright_knowledge_episodes_total";
/// What was remembered about incidents that are worked on, by result.
pub const RECALLS: &str = "kubewright_knowledge_recalls_total";
/// Requests to language models, by provider, model and outcome.
pub const MODEL_CALLS: &str = "kubewright_model_calls_total";
/// How long requests to language models took, seconds, by provider and outcome.
pub const MODEL_DURATION: &str = "kubewright_model_call_duration_seconds";
/// Tokens, by direction: input or output.
pub const MODEL_TOKENS: &str = "kubewright_model_tokens_total";
/// What language models cost, US dollars, by the prices of the settings.
pub const MODEL_COST: &str = "kubewright_model_cost_dollars_total";
/// Questions to a model that were not asked because of a limit, by limit.
pub const BUDGET_REFUSALS: &str = "kubewright_budget_refusals_total";
/// Questions that went on to another model.
pub const MODEL_FALLBACKS: &str = "kubewright_model_fallbacks_total";
/// Calls of agents' tools, by tool and outcome.
pub const AGENT_TOOL_CALLS: &str = "kubewright_agent_tool_calls_total";
/// How long calls of agents' tools took, seconds, by tool.
pub const AGENT_TOOL_DURATION: &str = "kubewright_agent_tool_duration_seconds";
/// Values replaced before text left, by rule.
pub const EGRESS_REPLACED: &str = "kubewright_egress_replaced_total";
/// Untrusted texts that speak to a model, by rule.
pub const EGRESS_FLAGS: &str = "kubewright_egress_flags_total";
/// HTTP requests answered, by method, route and status.
pub const HTTP_REQUESTS: &str = "kubewright_http_requests_total";
/// How long HTTP requests took, seconds, by method and route.
pub const HTTP_DURATION: &str = "kubewright_http_request_duration_seconds";

/// Upper bounds of the duration buckets, seconds: from one durable write to a collector's deadline.
const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of the buckets for language models, seconds: from a small one nearby to the deadline of a long answer.
const MODEL_BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// How often histograms are drained; the exporter's own default.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Makes a recorder that nobody else sees, with every metric described. Tests use it as a local recorder.
///
/// # Errors
/// [`BuildError`] only if the bucket bounds above were made empty.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(MODEL_DURATION.to_owned()), &MODEL_BUCKETS)?
        .build_recorder();
    metrics::with_local_recorder(&recorder, describe);
    Ok(recorder)
}

/// Makes the recorder of this process and installs it.
///
/// # Errors
/// When a recorder was installed before.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|_| anyhow::anyhow!("metrics were already started in this process"))?;
    Ok(handle)
}

/// Keeps histograms from growing while nobody scrapes, until `shutdown`.
pub async fn upkeep(handle: PrometheusHandle, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

fn describe() {
    describe_counter!(ALERTS_RECEIVED, "Alerts taken in, by source and result.");
    describe_gauge!(INCIDENTS, "Incidents now, by phase.");
    describe_counter!(INCIDENTS_CLOSED, "Incidents closed, by outcome.");
    describe_histogram!(COLLECTOR_DURATION, "How long collectors took, by collector and result.");
    describe_counter!(COLLECTED, "Kinds of objects that Snapshots took, from watches or by lists.");
    describe_gauge!(WATCHED_OBJECTS, "Objects that watches keep, by resource.");
    describe_gauge!(WATCHED_BYTES, "Size of these objects as JSON, bytes, by resource.");
    describe_gauge!(WATCHES, "Watches, by how they do: only current ones spare lists.");
    describe_histogram!(STEP_DURATION, "How long workflow steps took, by phase and result.");
    describe_counter!(HYPOTHESES, "Hypotheses put forward, by code.");
    describe_counter!(REPAIRS, "Actions carried out, by action and result.");
    describe_gauge!(KNOWLEDGE_DEGRADED, "1 where a collection is searched by words only, or not at all.");
    describe_gauge!(KNOWLEDGE_DOCUMENTS, "Documents in the knowledge base, by collection.");
    describe_gauge!(KNOWLEDGE_PASSAGES, "Passages in the knowledge base, by collection.");
    describe_histogram!(KNOWLEDGE_SEARCH, "How long searches of the knowledge base took, by mode.");
    describe_counter!(EPISODES, "Closed incidents that were remembered, or could not be, by result.");
    describe_counter!(RECALLS, "Questions about incidents to the knowledge base: found, nothing, late.");
    describe_counter!(MODEL_CALLS, "Requests to language models, by provider, model and outcome.");
    describe_histogram!(
        MODEL_DURATION,
        "How long requests to language models took, by provider and outcome."
    );
    describe_counter!(MODEL_TOKENS, "Tokens that language models read and wrote, by direction.");
    describe_gauge!(MODEL_COST, "What language models cost, US dollars.");
    describe_counter!(
        BUDGET_REFUSALS,
        "Questions to models that were not asked because of a limit, by limit."
    );
    describe_counter!(MODEL_FALLBACKS, "Questions that went on to another model.");
    describe_counter!(AGENT_TOOL_CALLS, "Calls of agents' tools, by tool and outcome.");
    describe_histogram!(AGENT_TOOL_DURATION, "How long calls of agents' tools took, by tool.");
    describe_counter!(EGRESS_REPLACED, "Secrets and private values replaced before text left, by rule.");
    describe_counter!(EGRESS_FLAGS, "Instruction-like content in untrusted text, by rule.");
    describe_counter!(HTTP_REQUESTS, "HTTP requests answered, by method, route and status.");
    describe_histogram!(HTTP_DURATION, "How long HTTP requests took, by method and route.");
}

/// Counts an alert at intake. `source` is a `SignalSource`, `result` what the store made of it, or `rejected`.
pub fn alert_received(source: &'static str, result: &'static str) {
    counter!(ALERTS_RECEIVED, "source" => source, "result" => result).increment(1);
}

/// Sets the number of incidents in a `Phase`.
pub fn incidents_in(phase: &'static str, count: u64) {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 incidents")]
    gauge!(INCIDENTS, "phase" => phase).set(count as f64);
}

/// Counts a closed incident by its `Outcome`.
pub fn incident_closed(outcome: &'static str) {
    counter!(INCIDENTS_CLOSED, "outcome" => outcome).increment(1);
}

/// Records one run of a collector.
pub fn collector_finished(collector: &'static str, succeeded: bool, took: Duration) {
    histogram!(COLLECTOR_DURATION, "collector" => collector, "result" => result(succeeded)).record(took);
}

/// Where the objects of one kind in a Snapshot came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    /// From a watch: no request was made.
    Watched,
    /// By a list.
    Listed,
}

/// Counts one kind that a Snapshot took.
pub fn collected(from: Collected) {
    let source = match from {
        Collected::Watched => "watch",
        Collected::Listed => "list",
    };
    counter!(COLLECTED, "source" => source).increment(1);
}

/// How a watch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchPhase {
    /// The first list is not read yet.
    Starting,
    /// Every change is followed.
    Current,
    /// It is tried again.
    Failing,
    /// The API server does not allow it.
    Refused,
    /// There was no room for it.
    Full,
    /// The API server does not know the kind.
    Unserved,
}

/// Counts a watch in another phase than before.
pub fn watch_phase(before: Option<WatchPhase>, after: Option<WatchPhase>) {
    let gauge = |phase: WatchPhase| {
        let name = match phase {
            WatchPhase::Starting => "starting",
            WatchPhase::Current => "current",
            WatchPhase::Failing => "failing",
            WatchPhase::Refused => "refused",
            WatchPhase::Full => "full",
            WatchPhase::Unserved => "unserved",
        };
        gauge!(WATCHES, "state" => name)
    };
    before.into_iter().for_each(|phase| gauge(phase).decrement(1.0));
    after.into_iter().for_each(|phase| gauge(phase).increment(1.0));
}

/// Counts what a watch keeps, before and after a change: objects and bytes.
pub fn watched(resource: &'static str, objects: (usize, usize), bytes: (usize, usize)) {
    let change = |name: &'static str, (before, after): (usize, usize)| {
        if before != after {
            gauge!(name, "resource" => resource).increment(count(after) - count(before));
        }
    };
    change(WATCHED_OBJECTS, objects);
    change(WATCHED_BYTES, bytes);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; below 2^53 nothing is lost")]
const fn count(number: usize) -> f64 {
    number as f64
}

/// Records one run of the step of a `Phase`.
pub fn step_finished(phase: &'static str, succeeded: bool, took: Duration) {
    histogram!(STEP_DURATION, "phase" => phase, "result" => result(succeeded)).record(took);
}

/// Counts a hypothesis. `code` comes from the rules' table, which is finite.
pub fn hypothesis_proposed(code: &str) {
    counter!(HYPOTHESES, "code" => code.to_owned()).increment(1);
}

/// Counts an Action that was carried out. `action` is an `ActionKind`; `result` is one of `applied`, `failed`,
/// `rolled_back`, `rollback_failed`, and once more `verified` when it ended its incident.
pub fn repair_finished(action: &'static str, result: &'static str) {
    counter!(REPAIRS, "action" => action, "result" => result).increment(1);
}

/// Counts a call of an agent's tool. `tool` is the name of a tool that there is, of which there are finitely many.
pub fn tool_called(tool: &str, outcome: &'static str, took: Duration) {
    counter!(AGENT_TOOL_CALLS, "tool" => tool.to_owned(), "outcome" => outcome).increment(1);
    histogram!(AGENT_TOOL_DURATION, "tool" => tool.to_owned()).record(took);
}

/// Sets what a collection (`documents`, `episodes`) amounts to.
pub fn knowledge_size(collection: &'static str, documents: u64, passages: u64) {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let (documents, passages) = (documents as f64, passages as f64);
    gauge!(KNOWLEDGE_DOCUMENTS, "collection" => collection).set(documents);
    gauge!(KNOWLEDGE_PASSAGES, "collection" => collection).set(passages);
}

/// Sets whether a collection is searched by words only, or not at all.
pub fn knowledge_degraded(collection: &'static str, degraded: bool) {
    gauge!(KNOWLEDGE_DEGRADED, "collection" => collection).set(f64::from(u8::from(degraded)));
}

/// Counts closed incidents that were remembered.
pub fn episodes_remembered(count: usize) {
    counter!(EPISODES, "result" => "remembered").increment(count as u64);
}

/// Counts closed incidents that could not be remembered; they are tried again later.
pub fn episodes_failed(count: usize) {
    counter!(EPISODES, "result" => "failed").increment(count as u64);
}

/// Counts a question about an incident to the knowledge base. `result` is `found`, `nothing` or `late`.
pub fn recalled(result: &'static str) {
    counter!(RECALLS, "result" => result).increment(1);
}

/// Records one request to a language model. `provider` is a `ProviderKind`, `model` a name of the settings, `outcome` is
/// `ok` or what went wrong.
pub fn model_called(provider: &'static str, model: &str, outcome: &'static str, took: Duration) {
    counter!(MODEL_CALLS, "provider" => provider, "model" => model.to_owned(), "outcome" => outcome)
        .increment(1);
    histogram!(MODEL_DURATION, "provider" => provider, "outcome" => outcome).record(took);
}

/// Adds what a request to a language model used; `cost` in US dollars.
pub fn model_spent(input_tokens: u64, output_tokens: u64, cost: f64) {
    counter!(MODEL_TOKENS, "direction" => "input").increment(input_tokens);
    counter!(MODEL_TOKENS, "direction" => "output").increment(output_tokens);
    // Counters hold whole numbers only; this gauge never goes down.
    gauge!(MODEL_COST).increment(cost);
}

/// Counts a question to a model that a limit kept back. `limit` is `run`, `agent`, `incident`, `tenant`, `day`, or
/// `unknown` where the store does not answer.
pub fn budget_refused(limit: &'static str) {
    counter!(BUDGET_REFUSALS, "limit" => limit).increment(1);
}

/// Counts a question that went on to another model.
pub fn model_fell_back() {
    counter!(MODEL_FALLBACKS).increment(1);
}

/// Counts a value that was replaced. `rule` comes from the rule files, which are finite.
pub fn egress_replaced(rule: &str) {
    counter!(EGRESS_REPLACED, "rule" => rule.to_owned()).increment(1);
}

/// Counts instruction-like content. `rule` comes from the built-in rules.
pub fn egress_flagged(rule: &str) {
    counter!(EGRESS_FLAGS, "rule" => rule.to_owned()).increment(1);
}

/// Records one answered HTTP request. `method` and `route` come from the route table, which is finite.
pub fn http_answered(method: &'static str, route: &str, status: u16, took: Duration) {
    let route = route.to_owned();
    counter!(HTTP_REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!(HTTP_DURATION, "method" => method, "route" => route).record(took);
}

const fn result(succeeded: bool) -> &'static str {
    if succeeded { "ok" } else { "error" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_metric_is_shown_with_its_labels_and_description() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            alert_received("grafana", "opened");
            incidents_in("verify", 3);
            incident_closed("repaired");
            collector_finished("pods", false, Duration::from_millis(20));
            step_finished("triage", true, Duration::from_millis(20));
            hypothesis_proposed("deploy.crash_loop");
            repair_finished("roll_back", "applied");
            http_answered("GET", "/readyz", 200, Duration::from_millis(20));
            knowledge_size("documents", 78, 600);
            knowledge_degraded("documents", true);
            episodes_remembered(2);
            episodes_failed(1);
            recalled("late");
            model_called("anthropic", "sharp", "ok", Duration::from_secs(20));
            model_spent(300, 40, 0.25);
            model_fell_back();
            budget_refused("day");
            egress_replaced("aws-key");
            egress_flagged("override");
        });
        let page = recorder.handle().render();
        for line in [
            "# TYPE kubewright_alerts_received_total counter",
            "# HELP kubewright_incidents Incidents now, by phase.",
            r#"kubewright_alerts_received_total{source="grafana",result="opened"} 1"#,
            r#"kubewright_incidents{phase="verify"} 3"#,
            r#"kubewright_incidents_closed_total{outcome="repaired"} 1"#,
            r#"kubewright_collector_duration_seconds_bucket{collector="pods",result="error",le="0.025"} 1"#,
            r#"kubewright_step_duration_seconds_count{phase="triage",result="ok"} 1"#,
            r#"kubewright_hypotheses_total{code="deploy.crash_loop"} 1"#,
            r#"kubewright_repairs_total{action="roll_back",result="applied"} 1"#,
            r#"kubewright_knowledge_documents{collection="documents"} 78"#,
            r#"kubewright_knowledge_passages{collection="documents"} 600"#,
            r#"kubewright_knowledge_degraded{collection="documents"} 1"#,
            r#"kubewright_knowledge_episodes_total{result="remembered"} 2"#,
            r#"kubewright_knowledge_episodes_total{result="failed"} 1"#,
            r#"kubewright_knowledge_recalls_total{result="late"} 1"#,
            r#"kubewright_model_calls_total{provider="anthropic",model="sharp",outcome="ok"} 1"#,
            r#"kubewright_model_call_duration_seconds_bucket{provider="anthropic",outcome="ok",le="30"} 1"#,
            r#"kubewright_model_tokens_total{direction="input"} 300"#,
            r#"kubewright_model_tokens_total{direction="output"} 40"#,
            r#"kubewright_model_cost_dollars_total 0.25"#,
            r#"kubewright_model_fallbacks_total 1"#,
            r#"kubewright_budget_refusals_total{limit="day"} 1"#,
            r#"kubewright_http_requests_total{method="GET",route="/readyz",status="200"} 1"#,
            r#"kubewright_http_request_duration_seconds_count{method="GET",route="/readyz"} 1"#,
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line} is missing from:\n{page}");
        }
    }
}
