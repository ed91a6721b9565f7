//! The `eviction` subresource of pods: a deletion that disruption budgets may refuse.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer;
use super::body::RequestBody;
use super::delete::deletion_of;
use super::resource::Call;
use super::selectors::LabelSelector;
use crate::sim::kinds::{self, POD_DISRUPTION_BUDGETS, PODS};
use crate::sim::objects::{ApiError, ObjectStore, meta};

/// Answers a POST of an Eviction.
pub(super) fn evict(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let eviction = body.object()?;
    if eviction.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "Eviction") {
        return Err(ApiError::bad_request("an Eviction is expected"));
    }
    let (store, target) = (&call.api.store, &call.target);
    let (namespace, name) = (target.store_namespace(), target.object_name());
    let pod = store.get_shared(&PODS, namespace, name).ok_or_else(|| ApiError::not_found(&PODS, name))?;
    check_budgets(store, &pod)?;
    let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
    let in_body = options.pointer("/dryRun/0").and_then(Value::as_str) == Some("All");
    if !in_body && !call.query.write()?.dry_run {
        store.delete(&PODS, namespace, name, &deletion_of(&options)?)?;
    }
    let success =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(answer::json(StatusCode::CREATED, success))
}

/// Budgets protect pods that run; others may always go.
fn check_budgets(store: &ObjectStore, pod: &Value) -> Result<(), ApiError> {
    if meta::is_terminating(pod) || phase(pod) != "Running" {
        return Ok(());
    }
    let (budgets, _) = store.list(&POD_DISRUPTION_BUDGETS, Some(meta::namespace(pod)));
    let mut covering = budgets.iter().filter(|budget| selects(budget, pod));
    let Some(budget) = covering.next() else { return Ok(()) };
    if covering.next().is_some() {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(ApiError::new(500, "InternalError", message));
    }
    let health = Health::of(store, budget);
    if !is_ready(pod) || health.healthy > health.desired {
        return Ok(());
    }
    Err(refused(budget, &health))
}

fn refused(budget: &Value, health: &Health) -> ApiError {
    let message = format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        meta::name(budget),
        health.desired,
        health.healthy
    );
    ApiError {
        details: json!({"causes": [{"reason": "DisruptionBudget", "message": message}]}),
        ..ApiError::new(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        )
    }
}

/// How many of a budget's pods are healthy, and how many must stay so.
struct Health {
    healthy: i64,
    desired: i64,
}

impl Health {
    fn of(store: &ObjectStore, budget: &Value) -> Self {
        let (pods, _) = store.list(&PODS, Some(meta::namespace(budget)));
        let pods: Vec<&Arc<Value>> = pods.iter().filter(|pod| selects(budget, pod)).collect();
        let healthy = pods.iter().filter(|pod| !meta::is_terminating(pod) && is_ready(pod)).count();
        let expected = expected(store, &pods);
        let desired = match (budget.pointer("/spec/minAvailable"), budget.pointer("/spec/maxUnavailable")) {
            (Some(least), _) => scaled(least, expected),
            (None, Some(most)) => (expected - scaled(most, expected)).max(0),
            (None, None) => 1,
        };
        Self { healthy: i64::try_from(healthy).unwrap_or(i64::MAX), desired }
    }
}

/// The replicas that the pods' controllers want together; pods without a controller count themselves.
fn expected(store: &ObjectStore, pods: &[&Arc<Value>]) -> i64 {
    let mut counted = BTreeSet::new();
    let mut sum = 0;
    for pod in pods {
        let owner =
            meta::owners(pod).iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
        let text =
            |key: &str| owner.and_then(|owner| owner.get(key)).and_then(Value::as_str).unwrap_or_default();
        let controller = kinds::by_kind(text("kind"))
            .and_then(|kind| store.get_shared(kind, meta::namespace(pod), text("name")));
        let replicas =
            controller.as_ref().and_then(|found| found.pointer("/spec/replicas")).and_then(Value::as_i64);
        match replicas {
            None => sum += 1,
            Some(replicas) if counted.insert(text("uid").to_owned()) => sum += replicas,
            Some(_) => {}
        }
    }
    sum
}

/// A number, or a percentage of the expected pods rounded up.
fn scaled(value: &Value, expected: i64) -> i64 {
    let percentage =
        value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|n| n.parse::<i64>().ok());
    match percentage {
        Some(percentage) => expected.saturating_mul(percentage).saturating_add(99) / 100,
        None => value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0),
    }
}

fn selects(budget: &Value, pod: &Value) -> bool {
    let selector = budget.pointer("/spec/selector").and_then(LabelSelector::from_object);
    selector.is_some_and(|selector| selector.matches(pod))
}

fn phase(pod: &Value) -> &str {
    pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let text = |key: &str| condition.get(key).and_then(Value::as_str);
        text("type") == Some("Ready") && text("status") == Some("True")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_up() {
        assert_eq!([json!("50%"), json!(2), json!("2"), json!("100%")].map(|v| scaled(&v, 3)), [2, 2, 2, 3]);
    }
}
