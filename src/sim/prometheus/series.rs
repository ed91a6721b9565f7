//! The bounded in-memory store of time series that the Prometheus API answers from.
//!
//! Series vanish with a staleness marker, as in Prometheus, so that a pod that is gone is gone from queries at once.

use std::collections::{BTreeMap, HashMap, VecDeque};

use promql_parser::label::{Matcher, Matchers};

/// The name of the label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// Samples kept of one series; with one a second and an hour of history before the start, over an hour live.
const MAX_SAMPLES: usize = 6_000;

/// Labels of a series, the metric's name among them as `__name__`.
pub(crate) type Labels = BTreeMap<String, String>;

/// One value at one time, in milliseconds since the epoch; `None` marks that the series ended there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) at_ms: i64,
    pub(crate) value: Option<f64>,
}

/// One series as it is exposed now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Sample {
    /// A sample of a metric with labels.
    pub(crate) fn new(name: &str, labels: &[(&str, &str)], value: f64) -> Self {
        let mut all: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.insert(NAME.to_owned(), name.to_owned());
        Self { labels: all, value }
    }

    /// The metric's name.
    pub(crate) fn name(&self) -> &str {
        self.labels.get(NAME).map_or("", String::as_str)
    }
}

/// One series with what is remembered of it.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    points: VecDeque<Point>,
}

impl Series {
    /// The points in `(from, to]`, oldest first.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = Point> {
        let first = self.points.partition_point(|p| p.at_ms <= from_ms);
        let end = self.points.partition_point(|p| p.at_ms <= to_ms);
        self.points.range(first..end.max(first)).copied()
    }

    /// The newest point in `(from, to]`.
    pub(crate) fn newest(&self, from_ms: i64, to_ms: i64) -> Option<Point> {
        let end = self.points.partition_point(|p| p.at_ms <= to_ms);
        let point = *self.points.get(end.checked_sub(1)?)?;
        (point.at_ms > from_ms).then_some(point)
    }

    fn push(&mut self, point: Point) {
        if self.points.back().is_some_and(|last| last.at_ms >= point.at_ms) {
            return;
        }
        if self.points.len() >= MAX_SAMPLES {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    fn has_ended(&self) -> bool {
        self.points.back().is_none_or(|last| last.value.is_none())
    }
}

/// Every series, grouped by metric name.
#[derive(Debug, Default)]
pub(crate) struct SeriesStore {
    by_name: HashMap<String, BTreeMap<Labels, Series>>,
}

impl SeriesStore {
    /// Takes in everything exposed at one time; series that were there before and aren't any more end.
    pub(crate) fn record(&mut self, at_ms: i64, samples: Vec<Sample>) {
        for sample in samples {
            self.push(at_ms, sample);
        }
        for series in self.by_name.values_mut().flat_map(BTreeMap::values_mut) {
            let is_current = series.points.back().is_some_and(|last| last.at_ms >= at_ms);
            if !is_current && !series.has_ended() {
                series.push(Point { at_ms, value: None });
            }
        }
    }

    /// Adds one point to one series; points older than the series' newest are dropped.
    pub(crate) fn push(&mut self, at_ms: i64, sample: Sample) {
        let name = sample.name().to_owned();
        let family = self.by_name.entry(name).or_default();
        let point = Point { at_ms, value: Some(sample.value) };
        if let Some(series) = family.get_mut(&sample.labels) {
            series.push(point);
            return;
        }
        let labels = sample.labels.clone();
        family.insert(sample.labels, Series { labels, points: VecDeque::from([point]) });
    }

    /// Adds many points to one series, oldest first.
    pub(crate) fn fill(&mut self, labels: &Labels, points: impl Iterator<Item = (i64, f64)>) {
        let name = labels.get(NAME).cloned().unwrap_or_default();
        let family = self.by_name.entry(name).or_default();
        let new = || Series { labels: labels.clone(), points: VecDeque::new() };
        let series = family.entry(labels.clone()).or_insert_with(new);
        for (at_ms, value) in points {
            series.push(Point { at_ms, value: Some(value) });
        }
    }

    /// The series that a selector names.
    pub(crate) fn select<'a>(&'a self, selector: &'a Selector) -> impl Iterator<Item = &'a Series> {
        let families: Vec<&BTreeMap<Labels, Series>> = match &selector.name {
            Some(name) => self.by_name.get(name).into_iter().collect(),
            None => self.by_name.values().collect(),
        };
        families.into_iter().flat_map(BTreeMap::values).filter(|series| selector.matches(&series.labels))
    }

    /// Every series.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Series> {
        self.by_name.values().flat_map(BTreeMap::values)
    }
}

/// What picks series: a metric name, if one is required exactly, and matchers.
#[derive(Debug)]
pub(crate) struct Selector {
    name: Option<String>,
    matchers: Matchers,
}

impl Selector {
    /// A selector as promql-parser gives it.
    pub(crate) fn new(name: Option<String>, matchers: Matchers) -> Self {
        Self { name, matchers }
    }

    fn matches(&self, labels: &Labels) -> bool {
        let holds = |m: &Matcher| m.is_match(labels.get(&m.name).map_or("", String::as_str));
        let alternatives = &self.matchers.or_matchers;
        self.matchers.matchers.iter().all(holds)
            && (alternatives.is_empty() || alternatives.iter().any(|all| all.iter().all(holds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything(name: &str) -> Selector {
        Selector::new(Some(name.to_owned()), Matchers::empty())
    }

    #[test]
    fn a_series_that_is_no_longer_exposed_ends() {
        let mut store = SeriesStore::default();
        store.record(
            1_000,
            vec![Sample::new("up", &[("job", "a")], 1.0), Sample::new("up", &[("job", "b")], 1.0)],
        );
        store.record(2_000, vec![Sample::new("up", &[("job", "a")], 1.0)]);
        store.record(3_000, vec![Sample::new("up", &[("job", "a")], 1.0)]);
        let selector = everything("up");
        let newest: Vec<Option<f64>> =
            store.select(&selector).map(|s| s.newest(0, 9_000).and_then(|p| p.value)).collect();
        assert_eq!(newest, [Some(1.0), None]);
    }

    #[test]
    fn windows_are_open_on_the_left_and_closed_on_the_right() {
        let mut store = SeriesStore::default();
        for at in [1_000, 2_000, 3_000] {
            store.record(at, vec![Sample::new("m", &[], 1.0)]);
        }
        let selector = everything("m");
        let series = store.select(&selector).next().unwrap();
        assert_eq!(series.between(1_000, 3_000).map(|p| p.at_ms).collect::<Vec<_>>(), [2_000, 3_000]);
        assert_eq!(series.newest(3_000, 9_000), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut store = SeriesStore::default();
        for at in 0..(MAX_SAMPLES as i64 + 10) {
            store.record(at, vec![Sample::new("m", &[], 1.0)]);
        }
        let selector = everything("m");
        assert_eq!(store.select(&selector).next().unwrap().between(-1, i64::MAX).count(), MAX_SAMPLES);
    }
}
