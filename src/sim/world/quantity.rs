//! Kubernetes quantities such as `250m`, `512Mi` or `2` as plain numbers.

/// The value of a quantity in its base unit (cores, bytes, pieces); zero when it isn't one.
pub(crate) fn quantity(text: &str) -> f64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text.get(digits.len()..).unwrap_or("");
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return 0.0,
    };
    digits.parse::<f64>().map(|number| number * factor).unwrap_or(0.0)
}

/// The value of a quantity in JSON, which may be a number or a text.
pub(crate) fn of(value: Option<&serde_json::Value>) -> Option<f64> {
    match value? {
        serde_json::Value::String(text) => Some(quantity(text)),
        serde_json::Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_suffixes_are_known_and_garbage_is_zero() {
        assert!((quantity("250m") - 0.25).abs() < 1e-12);
        assert!((quantity("512Mi") - 536_870_912.0).abs() < 1e-6);
        assert!((quantity("2") - 2.0).abs() < 1e-12);
        for garbage in ["", "Mi", "1x", "ten", "1.2.3"] {
            assert!(quantity(garbage).abs() < 1e-12, "{garbage}");
        }
    }
}
