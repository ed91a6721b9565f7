//! The `/metrics` page in Prometheus's text format.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::answer::number;
use super::series::{NAME, Sample};

/// The text of all samples, grouped by metric.
pub(super) fn text(samples: &[Sample]) -> String {
    let mut families: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        families.entry(sample.name()).or_default().push(sample);
    }
    let mut page = String::new();
    let mut histogram = String::new();
    for (name, samples) in families {
        let (family, kind) = family_of(name);
        if family != histogram {
            let _ = writeln!(page, "# TYPE {family} {kind}");
        }
        histogram = if kind == "histogram" { family.to_owned() } else { String::new() };
        for sample in samples {
            write_sample(&mut page, name, sample);
        }
    }
    page
}

/// A metric's family and type; buckets, sum and count are one histogram.
fn family_of(name: &str) -> (&str, &'static str) {
    for suffix in ["_bucket", "_sum", "_count"] {
        if let Some(family) = name.strip_suffix(suffix)
            && family.ends_with("_seconds")
        {
            return (family, "histogram");
        }
    }
    (name, if name.ends_with("_total") { "counter" } else { "gauge" })
}

fn write_sample(page: &mut String, name: &str, sample: &Sample) {
    let labels = sample.labels.iter().filter(|(label, _)| *label != NAME);
    let pairs: Vec<String> = labels.map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
    let _ = if pairs.is_empty() {
        writeln!(page, "{name} {}", number(sample.value))
    } else {
        writeln!(page, "{name}{{{}}} {}", pairs.join(","), number(sample.value))
    };
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_grouped_typed_and_escaped() {
        let page = text(&[
            Sample::new("b_total", &[("x", "a\"b\\c\nd")], 2.0),
            Sample::new("a", &[], 0.5),
            Sample::new("d_seconds_bucket", &[("le", "+Inf")], 3.0),
            Sample::new("d_seconds_count", &[], 3.0),
            Sample::new("d_seconds_sum", &[], f64::INFINITY),
        ]);
        let expected = "# TYPE a gauge\na 0.5\n# TYPE b_total counter\nb_total{x=\"a\\\"b\\\\c\\nd\"} 2\n\
                        # TYPE d_seconds histogram\nd_seconds_bucket{le=\"+Inf\"} 3\nd_seconds_count 3\nd_seconds_sum +Inf\n";
        assert_eq!(page, expected);
    }
}
