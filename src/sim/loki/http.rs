//! The HTTP API of the simulated Loki.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::query::LogQuery;
use crate::sim::kinds::PODS;
use crate::sim::logbook::{LogBook, LogLine, LogSource};
use crate::sim::objects::ObjectStore;
use crate::sim::world::fields;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 5_000;
const HOUR_NS: i128 = 3_600_000_000_000;

/// What the handlers need.
#[derive(Debug, Clone)]
pub(crate) struct LokiState {
    pub(crate) logs: LogBook,
    pub(crate) store: ObjectStore,
}

/// An error in Loki's shape: plain text.
struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{}\n", self.0)).into_response()
    }
}

/// The routes.
pub(crate) fn router(state: LokiState) -> Router {
    Router::new()
        .route("/loki/api/v1/query_range", get(query_range).post(query_range))
        .route("/loki/api/v1/query", get(query_range).post(query_range))
        .route("/loki/api/v1/labels", get(labels))
        .route("/loki/api/v1/label/{name}/values", get(label_values))
        .route("/loki/api/v1/status/buildinfo", get(async || Json(json!({"version": "3.2.0"}))))
        .route("/ready", get(async || "ready\n"))
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(state)
}

struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn new(query: Option<&str>, form: &str) -> Self {
        let pairs =
            |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        Self(pairs(form).into_iter().chain(pairs(query.unwrap_or_default())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A time in nanoseconds, in seconds (with a fraction or at most ten digits) or in RFC 3339.
    fn time(&self, name: &str) -> Result<Option<i128>, Refusal> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let nanoseconds = match text.parse::<i128>() {
            Ok(number) if text.len() <= 10 => Some(number * 1_000_000_000),
            Ok(number) => Some(number),
            Err(_) => match text.parse::<f64>() {
                Ok(seconds) if seconds.is_finite() => Some((seconds * 1e9) as i128),
                _ => text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond),
            },
        };
        nanoseconds
            .map(Some)
            .ok_or_else(|| Refusal(format!("could not parse '{name}' parameter: parsing time {text:?}")))
    }

    fn limit(&self) -> Result<usize, Refusal> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(DEFAULT_LIMIT);
        }
        match text.parse::<i64>() {
            Ok(limit) if limit <= 0 => Err(Refusal("limit must be a positive value".to_owned())),
            Ok(limit) => match usize::try_from(limit) {
                Ok(limit) if limit <= MAX_LIMIT => Ok(limit),
                _ => Err(Refusal(format!(
                    "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {MAX_LIMIT})"
                ))),
            },
            Err(_) => Err(Refusal(format!("strconv.Atoi: parsing {text:?}: invalid syntax"))),
        }
    }

    fn is_forward(&self) -> Result<bool, Refusal> {
        match self.get("direction").to_ascii_lowercase().as_str() {
            "" | "backward" => Ok(false),
            "forward" => Ok(true),
            other => Err(Refusal(format!("invalid direction '{other}'"))),
        }
    }
}

/// The labels of a container's stream; `app` is the pod's own label, if it has one.
fn stream_labels<'a>(store: &ObjectStore, source: &LogSource) -> BTreeMap<&'a str, String> {
    let pod = store.get_shared(&PODS, &source.namespace, &source.pod);
    let of_pod = |label: &str| {
        pod.as_deref().map(|p| fields::text(p, &format!("/metadata/labels/{label}")).to_owned())
    };
    let app =
        ["app", "app.kubernetes.io~1name", "k8s-app"].into_iter().filter_map(of_pod).find(|v| !v.is_empty());
    let node = pod.as_deref().map(|p| fields::text(p, "/spec/nodeName").to_owned());
    let mut labels = BTreeMap::from([
        ("namespace", source.namespace.clone()),
        ("pod", source.pod.clone()),
        ("container", source.container.clone()),
        ("job", format!("{}/{}", source.namespace, source.container)),
    ]);
    labels.extend(app.map(|app| ("app", app)));
    labels.extend(node.filter(|n| !n.is_empty()).map(|node| ("node_name", node)));
    labels
}

async fn query_range(
    State(state): State<LokiState>,
    RawQuery(raw): RawQuery,
    form: String,
) -> Result<Response, Refusal> {
    let parameters = Parameters::new(raw.as_deref(), &form);
    let query = LogQuery::parse(parameters.get("query")).map_err(Refusal)?;
    let now = state.store.now().as_nanosecond();
    let end = parameters.time("end")?.unwrap_or(now);
    let start = parameters.time("start")?.unwrap_or(end - HOUR_NS);
    let (limit, forward) = (parameters.limit()?, parameters.is_forward()?);
    if end < start {
        return Err(Refusal("end timestamp must not be before or equal to start time".to_owned()));
    }
    let work = move || {
        let mut found: Vec<(LogSource, LogLine)> = Vec::new();
        for (source, lines) in
            state.logs.search(|source| query.wants_stream(&stream_labels(&state.store, source)))
        {
            let in_time = |line: &LogLine| (start..end).contains(&line.at.as_nanosecond());
            let wanted = lines.into_iter().filter(|line| in_time(line) && query.wants_line(&line.text));
            found.extend(wanted.map(|line| (source.clone(), line)));
        }
        found.sort_by(|a, b| if forward { a.1.at.cmp(&b.1.at) } else { b.1.at.cmp(&a.1.at) });
        found.truncate(limit);
        streams(&state.store, found)
    };
    let result = tokio::task::spawn_blocking(work).await.map_err(|error| Refusal(error.to_string()))?;
    Ok(Json(json!({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}))
        .into_response())
}

fn streams(store: &ObjectStore, found: Vec<(LogSource, LogLine)>) -> Vec<Value> {
    let mut streams: BTreeMap<(String, String, String), (LogSource, Vec<Value>)> = BTreeMap::new();
    for (source, line) in found {
        let key = (source.namespace.clone(), source.pod.clone(), source.container.clone());
        let (_, values) = streams.entry(key).or_insert_with(|| (source, Vec::new()));
        values.push(json!([line.at.as_nanosecond().to_string(), line.text]));
    }
    let stream = |(source, values): (LogSource, Vec<Value>)| json!({"stream": stream_labels(store, &source), "values": values});
    streams.into_values().map(stream).collect()
}

fn all_labels(state: &LokiState) -> Vec<BTreeMap<&'static str, String>> {
    state.logs.search(|_| true).iter().map(|(source, _)| stream_labels(&state.store, source)).collect()
}

async fn labels(State(state): State<LokiState>) -> Response {
    let names: BTreeSet<&str> = all_labels(&state).into_iter().flat_map(BTreeMap::into_keys).collect();
    Json(json!({"status": "success", "data": names})).into_response()
}

async fn label_values(State(state): State<LokiState>, Path(name): Path<String>) -> Response {
    let values: BTreeSet<String> =
        all_labels(&state).into_iter().filter_map(|mut l| l.remove(name.as_str())).collect();
    Json(json!({"status": "success", "data": values})).into_response()
}
