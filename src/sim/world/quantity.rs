//! Kubernetes quantities such as `250m`, `512Mi` or `2` as plain numbers, for those who need no complaint.

use crate::sim::quantity::parse;

/// The value of a quantity in its base unit (cores, bytes, pieces); zero when it isn't one.
pub(crate) fn quantity(text: &str) -> f64 {
    parse(text).unwrap_or(0.0)
}

/// The value of a quantity in JSON, which may be a number or a text.
pub(crate) fn of(value: Option<&serde_json::Value>) -> Option<f64> {
    match value? {
        serde_json::Value::String(text) => parse(text),
        serde_json::Value::Number(number) => number.as_f64(),
        _ => None,
    }
}
