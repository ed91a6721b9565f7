//! What the API server refuses: missing and contradictory fields (422), and changes of what cannot change.
//!
//! The rules that people meet when they write manifests, not all rules.

mod change;
mod pods;

use serde_json::{Value, json};

use super::selectors::LabelSelector;
use crate::sim::kinds::Kind;
use crate::sim::objects::{ApiError, FieldCause, meta};

pub(super) use change::check_change;

/// The problems found so far.
#[derive(Debug, Default)]
struct Causes(Vec<FieldCause>);

impl Causes {
    fn required(&mut self, field: impl Into<String>) {
        self.add("FieldValueRequired", field, "Required value".to_owned());
    }

    fn invalid(&mut self, field: impl Into<String>, value: &Value, why: &str) {
        self.add("FieldValueInvalid", field, format!("Invalid value: {value}: {why}"));
    }

    fn unsupported(&mut self, field: impl Into<String>, value: &Value, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|name| format!("{name:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", list.join(", "));
        self.add("FieldValueNotSupported", field, message);
    }

    fn forbidden(&mut self, field: impl Into<String>, why: &str) {
        self.add("FieldValueForbidden", field, format!("Forbidden: {why}"));
    }

    fn duplicate(&mut self, field: impl Into<String>, value: &Value) {
        self.add("FieldValueDuplicate", field, format!("Duplicate value: {value}"));
    }

    fn add(&mut self, reason: &'static str, field: impl Into<String>, message: String) {
        self.0.push(FieldCause { reason, field: field.into(), message });
    }

    fn into_result(self, kind: &Kind, object: &Value) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::invalid(kind, meta::name(object), &self.0)) }
    }
}

/// Checks an object that is about to be stored.
///
/// # Errors
/// 422 listing every problem with its field.
pub(super) fn check(kind: &Kind, object: &Value) -> Result<(), ApiError> {
    let mut causes = Causes::default();
    name(kind, object, &mut causes);
    match kind.kind {
        "Pod" => pods::spec(object.get("spec"), "spec", &mut causes),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => workload(object, &mut causes),
        "Job" => pods::spec(object.pointer("/spec/template/spec"), "spec.template.spec", &mut causes),
        "CronJob" => cron_job(object, &mut causes),
        "Service" => service(object, &mut causes),
        "HorizontalPodAutoscaler" => autoscaler(object, &mut causes),
        "ConfigMap" => data_keys(object, &mut causes),
        _ => {}
    }
    causes.into_result(kind, object)
}

fn name(kind: &Kind, object: &Value, causes: &mut Causes) {
    let name = meta::name(object);
    if kind.group == "rbac.authorization.k8s.io" {
        return;
    }
    let is_label = matches!(kind.kind, "Namespace" | "Service");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (c == '.' && !is_label);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let longest = if is_label { 63 } else { 253 };
    let ok = name.len() <= longest
        && name.chars().all(fits)
        && ends(name.chars().next())
        && ends(name.chars().last());
    if !ok {
        let what = if is_label { "label" } else { "subdomain" };
        let why = format!(
            "a lowercase RFC 1123 {what} must consist of lower case alphanumeric characters, '-'{}, and must start \
             and end with an alphanumeric character",
            if is_label { "" } else { " or '.'" }
        );
        causes.invalid("metadata.name", &json!(name), &why);
    }
}

fn workload(object: &Value, causes: &mut Causes) {
    replicas(object, "/spec/replicas", "spec.replicas", causes);
    let selector = object.pointer("/spec/selector");
    let labels = object.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    match selector.and_then(LabelSelector::from_object) {
        None => causes.required("spec.selector"),
        Some(selector) if selector.is_empty() => {
            causes.invalid("spec.selector", &json!({}), "empty selector is invalid for deployment");
        }
        Some(selector) if !selector.matches(&json!({"metadata": {"labels": labels}})) => {
            causes.invalid(
                "spec.template.metadata.labels",
                &labels,
                "`selector` does not match template `labels`",
            );
        }
        Some(_) => {}
    }
    let template = object.pointer("/spec/template/spec");
    pods::spec(template, "spec.template.spec", causes);
    if let Some(policy) =
        template.and_then(|spec| spec.get("restartPolicy")).filter(|policy| *policy != "Always")
    {
        causes.unsupported("spec.template.spec.restartPolicy", policy, &["Always"]);
    }
}

fn replicas(object: &Value, path: &str, field: &str, causes: &mut Causes) {
    if let Some(number) = object.pointer(path).filter(|value| value.as_i64().is_some_and(|n| n < 0)) {
        causes.invalid(field, number, "must be greater than or equal to 0");
    }
}

fn cron_job(object: &Value, causes: &mut Causes) {
    let schedule = object.pointer("/spec/schedule").and_then(Value::as_str).unwrap_or_default();
    if schedule.is_empty() {
        causes.required("spec.schedule");
    } else if schedule.split_whitespace().count() != 5 && !schedule.starts_with('@') {
        causes.invalid("spec.schedule", &json!(schedule), "expected exactly 5 fields");
    }
    let path = "/spec/jobTemplate/spec/template/spec";
    pods::spec(object.pointer(path), "spec.jobTemplate.spec.template.spec", causes);
}

fn service(object: &Value, causes: &mut Causes) {
    let ports = object.pointer("/spec/ports").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if ports.is_empty() && text("/spec/type") != "ExternalName" && text("/spec/clusterIP") != "None" {
        causes.required("spec.ports");
    }
    for (at, port) in ports.iter().enumerate() {
        let number = port.get("port").cloned().unwrap_or_default();
        if !number.as_i64().is_some_and(|n| (1..=65_535).contains(&n)) {
            causes.invalid(
                format!("spec.ports[{at}].port"),
                &number,
                "must be between 1 and 65535, inclusive",
            );
        }
        if ports.len() > 1 && port.get("name").is_none() {
            causes.required(format!("spec.ports[{at}].name"));
        }
    }
}

fn autoscaler(object: &Value, causes: &mut Causes) {
    let most = object.pointer("/spec/maxReplicas").and_then(Value::as_i64).unwrap_or(0);
    if most < 1 {
        causes.invalid("spec.maxReplicas", &json!(most), "must be greater than 0");
    }
    let least = object.pointer("/spec/minReplicas").and_then(Value::as_i64).unwrap_or(1);
    if least < 1 {
        causes.invalid("spec.minReplicas", &json!(least), "must be greater than or equal to 1");
    } else if most >= 1 && most < least {
        causes.invalid("spec.maxReplicas", &json!(most), "must be greater than or equal to `minReplicas`");
    }
    for field in ["kind", "name"] {
        if object
            .pointer(&format!("/spec/scaleTargetRef/{field}"))
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            causes.required(format!("spec.scaleTargetRef.{field}"));
        }
    }
}

fn data_keys(object: &Value, causes: &mut Causes) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    for key in object.get("data").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
        if key.is_empty() || key.len() > 253 || !key.chars().all(allowed) {
            let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
            causes.invalid(format!("data[{key}]"), &json!(key), why);
        }
    }
}

#[cfg(test)]
mod tests;
