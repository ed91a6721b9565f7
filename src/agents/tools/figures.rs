//! Numbers with labels, told shortly.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Observation;
use crate::incident::{EvidenceSource, ObjectRef, Score};
use crate::observe::Series;

/// Longest set of labels that is shown, characters.
const LONGEST_LABELS: usize = 300;

/// Points of a series that are shown: enough to see when it rose.
const SHOWN_POINTS: usize = 12;

/// A number alone says little; whoever cites it says what it means.
const STRENGTH: f64 = 0.3;

/// A number in four figures; whole numbers whole.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || (value.fract() == 0.0 && size < 1e15) {
        return format!("{value}");
    }
    if !(1e-3..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let whole = size.log10().floor().max(-3.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 6: the size is between 0.001 and 1e15"
    )]
    let places = (3.0 - whole).clamp(0.0, 6.0) as usize;
    format!("{value:.places$}")
}

/// `{pod="a"}`, the metric's name in front; shortened.
pub(super) fn labels(labels: &BTreeMap<String, String>) -> String {
    let name = labels.get("__name__").map(String::as_str).unwrap_or_default();
    let pairs = labels.iter().filter(|(key, _)| *key != "__name__");
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value:?}")).collect();
    let whole = format!("{name}{{{}}}", pairs.join(","));
    match whole.char_indices().nth(LONGEST_LABELS) {
        Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}

/// The object that a series is about, by the labels that exporters commonly use.
pub(super) fn object(labels: &BTreeMap<String, String>) -> ObjectRef {
    let label = |name: &str| labels.get(name).filter(|value| !value.is_empty());
    let namespace = label("namespace").cloned().unwrap_or_default();
    let kinds = [
        ("pod", "Pod"),
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("daemonset", "DaemonSet"),
        ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
        ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("service", "Service"),
    ];
    let named = kinds.iter().find_map(|(name, kind)| Some((*kind, label(name)?)));
    match (named, label("node")) {
        (Some((kind, name)), _) if !namespace.is_empty() => ObjectRef::new(kind, namespace, name),
        (_, Some(node)) => ObjectRef::cluster_wide("Node", node),
        _ if !namespace.is_empty() => ObjectRef::cluster_wide("Namespace", namespace),
        _ => ObjectRef::cluster_wide("Metric", label("__name__").map_or("result", String::as_str)),
    }
}

/// A reading that can be cited.
pub(super) fn observation(
    labels: &BTreeMap<String, String>,
    statement: String,
    query: &str,
    at: Timestamp,
    values: impl IntoIterator<Item = (&'static str, f64)>,
) -> Observation {
    let mut fields = BTreeMap::from([("query".to_owned(), query.to_owned())]);
    fields.extend(values.into_iter().map(|(name, value)| (name.to_owned(), number(value))));
    Observation {
        source: EvidenceSource::Metric,
        object: object(labels),
        statement,
        strength: Score::new(STRENGTH),
        at,
        fields,
    }
}

/// What a series amounts to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) least: f64,
    pub(super) mean: f64,
    pub(super) most: f64,
    pub(super) last: f64,
    /// When it was last seen.
    pub(super) until: Timestamp,
    /// Some of its points, evenly spread, oldest first.
    points: Vec<f64>,
    /// How many there are.
    count: usize,
}

impl Summary {
    /// `None` where there is no point. Values that are no numbers enter neither least, mean nor most.
    pub(super) fn of(series: Series) -> Option<Self> {
        let (until, last) = *series.points.last()?;
        let real = || series.points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan());
        let count = real().count();
        #[expect(clippy::cast_precision_loss, reason = "an answer has far fewer points than 2^53")]
        let mean = if count == 0 { f64::NAN } else { real().sum::<f64>() / count as f64 };
        let stride = series.points.len().div_ceil(SHOWN_POINTS).max(1);
        // Counted from the end, so that the last is always among them.
        let mut points: Vec<f64> =
            series.points.iter().rev().step_by(stride).map(|(_, value)| *value).collect();
        points.reverse();
        Some(Self {
            least: real().fold(f64::NAN, f64::min),
            mean,
            most: real().fold(f64::NAN, f64::max),
            last,
            until,
            points,
            count: series.points.len(),
            labels: series.labels,
        })
    }

    /// One line for a model.
    pub(super) fn line(&self) -> String {
        let points: Vec<String> = self.points.iter().map(|value| number(*value)).collect();
        format!(
            "{} min {} avg {} max {} last {} ({} points: {})",
            labels(&self.labels),
            number(self.least),
            number(self.mean),
            number(self.most),
            number(self.last),
            self.count,
            points.join(" ")
        )
    }
}

/// Summaries of all series, those with the greatest last value first; what is no number comes last.
pub(super) fn summaries(series: Vec<Series>) -> Vec<Summary> {
    let mut all: Vec<Summary> = series.into_iter().filter_map(Summary::of).collect();
    all.sort_by(|one, other| descending(one.last, other.last));
    all
}

/// Greatest first, what is no number last.
pub(super) fn descending(one: f64, other: f64) -> std::cmp::Ordering {
    one.is_nan().cmp(&other.is_nan()).then(other.total_cmp(&one))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{number, object, summaries};
    use crate::observe::Series;

    #[test]
    fn numbers_are_short_and_whole_ones_whole() {
        let shown = [
            0.0,
            3.0,
            1_234_567_890.0,
            0.123_456,
            12.3456,
            123_456.789,
            1e-9,
            1e300,
            f64::NAN,
            f64::INFINITY,
        ];
        assert_eq!(
            shown.map(number),
            ["0", "3", "1234567890", "0.1235", "12.35", "123457", "1.000e-9", "1.000e300", "NaN", "inf"]
        );
    }

    fn series(pod: &str, values: &[f64]) -> Series {
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        Series {
            labels: BTreeMap::from([
                ("pod".to_owned(), pod.to_owned()),
                ("namespace".to_owned(), "shop".to_owned()),
            ]),
            points: values.iter().enumerate().map(|(second, value)| (at(second), *value)).collect(),
        }
    }

    #[test]
    fn the_series_that_ends_highest_comes_first_and_one_without_points_not_at_all() {
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        let all = summaries(vec![
            series("flat", &[5.0, 5.0]),
            series("gone", &[1.0, f64::NAN]),
            series("rising", &rising),
            series("empty", &[]),
        ]);
        let lines: Vec<String> = all.iter().map(super::Summary::line).collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].contains("pod=\"rising\"} min 0 avg 49.50 max 99 last 99 (100 points: 0 9 18"),
            "{}",
            lines[0]
        );
        assert!(lines[0].ends_with(" 90 99)"), "{}", lines[0]);
        assert!(lines[2].contains("last NaN"), "{}", lines[2]);
    }

    #[test]
    fn a_series_names_the_object_that_it_is_about() {
        let of = |pairs: &[(&str, &str)]| {
            let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            object(&labels).to_string()
        };
        assert_eq!(of(&[("namespace", "shop"), ("pod", "a"), ("node", "n")]), "Pod shop/a");
        assert_eq!(of(&[("node", "n"), ("pod", "a")]), "Node n");
        assert_eq!(of(&[("namespace", "shop")]), "Namespace shop");
        assert_eq!(of(&[("__name__", "up")]), "Metric up");
    }
}
