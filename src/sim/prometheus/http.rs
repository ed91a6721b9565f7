//! The HTTP API of the simulated Prometheus, and the page that a real one scrapes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as JsonValue, json};

use super::alerts::{ActiveAlert, AlertState};
use super::answer::{instant, metric, number, pair, success};
use super::eval::{Evaluator, QueryError, Value, parse};
use super::series::{Labels, Selector};
use super::{Metrics, exposition};
use promql_parser::parser::Expr;

/// Steps of a range query at most, as in Prometheus.
const MAX_STEPS: i64 = 11_000;
/// Largest form that is read.
const MAX_BODY: usize = 64 * 1024;

/// What the handlers need.
#[derive(Debug, Clone)]
pub(crate) struct PrometheusState {
    pub(crate) metrics: Arc<Metrics>,
}

/// The routes.
pub(crate) fn router(state: PrometheusState) -> Router {
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/status/buildinfo", get(build_info))
        .route("/-/healthy", get(async || "Prometheus Server is Healthy.\n"))
        .route("/-/ready", get(async || "Prometheus Server is Ready.\n"))
        .route("/metrics", get(metrics_page))
        .fallback(async || (axum::http::StatusCode::NOT_FOUND, "404 page not found\n"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}

/// The parameters of a request, from the query string and from a form.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn new(query: Option<&str>, form: &str) -> Self {
        let pairs =
            |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        Self(pairs(query.unwrap_or_default()).into_iter().chain(pairs(form)).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn expression(&self) -> Result<Expr, QueryError> {
        parse(self.get("query").unwrap_or_default()).map_err(|error| invalid("query", &error.to_string()))
    }

    fn time(&self, name: &str) -> Result<Option<i64>, QueryError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds.abs() < 1e13 => {
                Some((seconds * 1000.0).round() as i64)
            }
            Ok(_) => None,
            Err(_) => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond),
        };
        let complaint = || invalid(name, &format!("cannot parse \"{text}\" to a valid timestamp"));
        parsed.map(Some).ok_or_else(complaint)
    }

    fn required_time(&self, name: &str) -> Result<i64, QueryError> {
        self.time(name)?.ok_or_else(|| invalid(name, "cannot parse \"\" to a valid timestamp"))
    }

    fn step(&self) -> Result<i64, QueryError> {
        let text = self.get("step").unwrap_or_default();
        let seconds = match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds.abs() < 1e9 => Some(seconds),
            Ok(_) => None,
            Err(_) => promql_parser::util::parse_duration(text).ok().map(|d| d.as_secs_f64()),
        };
        let complaint = || invalid("step", &format!("cannot parse \"{text}\" to a valid duration"));
        let step = (seconds.ok_or_else(complaint)? * 1000.0) as i64;
        if step <= 0 {
            let why =
                "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(invalid("step", why));
        }
        Ok(step)
    }
}

fn invalid(name: &str, why: &str) -> QueryError {
    QueryError::BadData(format!("invalid parameter \"{name}\": {why}"))
}

async fn query(
    State(state): State<PrometheusState>,
    RawQuery(raw): RawQuery,
    form: String,
) -> Result<Response, QueryError> {
    let parameters = Parameters::new(raw.as_deref(), &form);
    let expr = parameters.expression()?;
    let metrics = &state.metrics;
    let at_ms = parameters.time("time")?.unwrap_or_else(|| metrics.clock.now().as_millisecond());
    let series = metrics.read();
    let value = Evaluator::instant(&series, at_ms, metrics.clock.speed()).evaluate(&expr)?;
    Ok(success(&instant(at_ms, &value)))
}

async fn query_range(
    State(state): State<PrometheusState>,
    RawQuery(raw): RawQuery,
    form: String,
) -> Result<Response, QueryError> {
    let parameters = Parameters::new(raw.as_deref(), &form);
    let expr = parameters.expression()?;
    let (start_ms, end_ms, step) =
        (parameters.required_time("start")?, parameters.required_time("end")?, parameters.step()?);
    if end_ms < start_ms {
        return Err(invalid("end", "end timestamp must not be before start time"));
    }
    if (end_ms - start_ms) / step > MAX_STEPS {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(QueryError::BadData(why.to_owned()));
    }
    let work = move || range(&state.metrics, &expr, start_ms, end_ms, step);
    let data =
        tokio::task::spawn_blocking(work).await.map_err(|e| QueryError::Execution(e.to_string()))??;
    Ok(success(&data))
}

fn range(
    metrics: &Metrics,
    expr: &Expr,
    start_ms: i64,
    end_ms: i64,
    step: i64,
) -> Result<JsonValue, QueryError> {
    let store = metrics.read();
    let mut series: HashMap<Labels, Vec<JsonValue>> = HashMap::new();
    let mut at_ms = start_ms;
    while at_ms <= end_ms {
        let evaluator = Evaluator { store: &store, at_ms, start_ms, end_ms, speed: metrics.clock.speed() };
        match evaluator.evaluate(expr)? {
            Value::Scalar(value) => series.entry(Labels::new()).or_default().push(pair(at_ms, value)),
            Value::Vector(elements) => {
                for element in elements {
                    series.entry(element.labels).or_default().push(pair(at_ms, element.value));
                }
            }
            _ => {
                let why = "invalid expression type for range query, must be Scalar or instant Vector";
                return Err(invalid("query", why));
            }
        }
        at_ms += step;
    }
    let mut series: Vec<(Labels, Vec<JsonValue>)> = series.into_iter().collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    let result =
        series.into_iter().map(|(labels, values)| json!({"metric": metric(&labels), "values": values}));
    Ok(json!({"resultType": "matrix", "result": result.collect::<Vec<_>>()}))
}

/// The labels of all series that the `match[]` parameters pick, or of all.
fn matched(state: &PrometheusState, parameters: &Parameters) -> Result<Vec<Labels>, QueryError> {
    let mut selectors = Vec::new();
    for text in parameters.all("match[]") {
        match parse(text)? {
            Expr::VectorSelector(selector) => selectors.push(Selector::new(selector.name, selector.matchers)),
            _ => return Err(invalid("match[]", "expected a series selector")),
        }
    }
    let series = state.metrics.read();
    if selectors.is_empty() {
        return Ok(series.all().map(|s| s.labels.clone()).collect());
    }
    let picked: BTreeSet<Labels> =
        selectors.iter().flat_map(|selector| series.select(selector).map(|s| s.labels.clone())).collect();
    Ok(picked.into_iter().collect())
}

async fn labels(
    State(state): State<PrometheusState>,
    RawQuery(raw): RawQuery,
    form: String,
) -> Result<Response, QueryError> {
    let parameters = Parameters::new(raw.as_deref(), &form);
    let names: BTreeSet<String> =
        matched(&state, &parameters)?.into_iter().flat_map(Labels::into_keys).collect();
    Ok(success(&json!(names)))
}

async fn label_values(
    State(state): State<PrometheusState>,
    Path(name): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, QueryError> {
    let parameters = Parameters::new(raw.as_deref(), "");
    let values: BTreeSet<String> =
        matched(&state, &parameters)?.into_iter().filter_map(|mut labels| labels.remove(&name)).collect();
    Ok(success(&json!(values)))
}

async fn series(
    State(state): State<PrometheusState>,
    RawQuery(raw): RawQuery,
    form: String,
) -> Result<Response, QueryError> {
    let parameters = Parameters::new(raw.as_deref(), &form);
    if parameters.get("match[]").is_none() {
        return Err(QueryError::BadData("no match[] parameter provided".to_owned()));
    }
    Ok(success(&json!(matched(&state, &parameters)?)))
}

fn alert_json(alert: &ActiveAlert) -> Option<JsonValue> {
    let state = match alert.state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Resolved => return None,
    };
    Some(json!({
        "labels": alert.labels, "annotations": alert.annotations, "state": state,
        "activeAt": alert.active_since.to_string(), "value": number(alert.value),
    }))
}

async fn alerts(State(state): State<PrometheusState>) -> Response {
    let alerts: Vec<JsonValue> = state.metrics.active_alerts().iter().filter_map(alert_json).collect();
    success(&json!({"alerts": alerts}))
}

async fn rules(State(state): State<PrometheusState>) -> Response {
    let active = state.metrics.active_alerts();
    let book = state.metrics.alerts();
    let rule = |rule: &crate::sim::scenarios::AlertRule| {
        let own: Vec<JsonValue> = active
            .iter()
            .filter(|alert| alert.labels.get("alertname") == Some(&rule.name))
            .filter_map(alert_json)
            .collect();
        let is = |wanted: &str| {
            own.iter().any(|alert| alert.get("state").and_then(JsonValue::as_str) == Some(wanted))
        };
        let status = if is("firing") {
            "firing"
        } else if is("pending") {
            "pending"
        } else {
            "inactive"
        };
        json!({
            "type": "alerting", "name": rule.name, "query": rule.expr, "duration": rule.hold.as_secs_f64(),
            "labels": rule.labels, "annotations": rule.annotations, "state": status, "health": "ok", "alerts": own,
        })
    };
    let all: Vec<JsonValue> = book.rules().map(rule).collect();
    success(
        &json!({"groups": [{"name": "kubewright-sim", "file": "simulated", "interval": 1, "rules": all}]}),
    )
}

async fn build_info() -> Response {
    success(&json!({"version": "2.55.0", "revision": "simulated", "branch": "HEAD", "goVersion": "go1.26"}))
}

async fn metrics_page(State(state): State<PrometheusState>) -> Response {
    let samples = state.metrics.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], exposition::text(&samples)).into_response()
}
