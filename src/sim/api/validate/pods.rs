//! Pod specs, in pods and in templates.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Causes;
use crate::sim::quantity;

/// Checks a pod spec at a path.
pub(super) fn spec(spec: Option<&Value>, path: &str, causes: &mut Causes) {
    let list = |field: &str| -> &[Value] {
        spec.and_then(|spec| spec.get(field)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    };
    if list("containers").is_empty() {
        causes.required(format!("{path}.containers"));
    }
    let volumes: BTreeSet<&str> =
        list("volumes").iter().filter_map(|volume| volume.get("name")?.as_str()).collect();
    for field in ["initContainers", "containers"] {
        let mut names = BTreeSet::new();
        for (at, one) in list(field).iter().enumerate() {
            let path = format!("{path}.{field}[{at}]");
            if let Some(name) = one.get("name").and_then(Value::as_str).filter(|name| !names.insert(*name)) {
                causes.duplicate(format!("{path}.name"), &json!(name));
            }
            container(one, &path, &volumes, causes);
        }
    }
}

fn container(container: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Causes) {
    for field in ["name", "image"] {
        if container.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            causes.required(format!("{path}.{field}"));
        }
    }
    let items =
        |field: &str| container.get(field).and_then(Value::as_array).into_iter().flatten().enumerate();
    for (at, mount) in items("volumeMounts") {
        let name = mount.get("name").and_then(Value::as_str).unwrap_or_default();
        if !volumes.contains(name) {
            let message = format!("Not found: {name:?}");
            causes.add("FieldValueNotFound", format!("{path}.volumeMounts[{at}].name"), message);
        }
    }
    for (at, variable) in items("env") {
        if variable.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
            causes.required(format!("{path}.env[{at}].name"));
        }
    }
    for (at, port) in items("ports") {
        let number = port.get("containerPort").cloned().unwrap_or_default();
        if !number.as_i64().is_some_and(|n| (1..=65_535).contains(&n)) {
            let field = format!("{path}.ports[{at}].containerPort");
            causes.invalid(field, &number, "must be between 1 and 65535, inclusive");
        }
    }
    resources(container.get("resources"), &format!("{path}.resources"), causes);
}

fn resources(resources: Option<&Value>, path: &str, causes: &mut Causes) {
    let amounts = |field: &str| {
        resources.and_then(|all| all.get(field)).and_then(Value::as_object).into_iter().flatten()
    };
    for field in ["limits", "requests"] {
        for (resource, amount) in amounts(field) {
            let parsed = amount.as_f64().or_else(|| quantity::parse(amount.as_str()?));
            match parsed {
                None => causes.invalid(format!("{path}.{field}[{resource}]"), amount, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
                Some(amount_value) if amount_value < 0.0 => {
                    causes.invalid(format!("{path}.{field}[{resource}]"), amount, "must be greater than or equal to 0");
                }
                Some(_) => {}
            }
        }
    }
    for (resource, request) in amounts("requests") {
        let Some((_, limit)) = amounts("limits").find(|(name, _)| *name == resource) else { continue };
        let number = |value: &Value| value.as_f64().or_else(|| quantity::parse(value.as_str()?));
        if let (Some(wanted), Some(most)) = (number(request), number(limit))
            && wanted > most
        {
            let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
            let why = format!("must be less than or equal to {resource} limit of {limit}");
            causes.invalid(format!("{path}.requests"), request, &why);
        }
    }
}
