//! The simulated Prometheus: samples of the world, queries over them, alert rules, the HTTP API and `/metrics`.

mod alerts;
mod answer;
mod eval;
mod exposition;
mod http;
pub(crate) mod series;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use promql_parser::parser::Expr;

pub(crate) use alerts::{ActiveAlert, AlertBook, AlertState};
pub(crate) use eval::{QueryError, Value, parse};
pub(crate) use http::{PrometheusState, router};

use eval::Evaluator;
use series::{Sample, SeriesStore};

use super::clock::Clock;
use super::scenarios::AlertRule;

/// The samples recorded so far and the state of the alerts.
#[derive(Debug)]
pub(crate) struct Metrics {
    clock: Clock,
    series: RwLock<SeriesStore>,
    latest: Mutex<Vec<Sample>>,
    alerts: Mutex<AlertBook>,
}

impl Metrics {
    /// Without any sample yet.
    pub(crate) fn new(clock: Clock, rules: &[AlertRule]) -> Self {
        let alerts = Mutex::new(AlertBook::new(rules));
        Self { clock, series: RwLock::default(), latest: Mutex::default(), alerts }
    }

    /// Takes in what the world shows now and judges the alert rules by it.
    pub(crate) fn record(&self, samples: Vec<Sample>) {
        let at_ms = self.clock.now().as_millisecond();
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = samples.clone();
        let alerts = self.alerts().samples();
        self.write().record(at_ms, samples.into_iter().chain(alerts).collect());
        let series = self.read();
        self.alerts().judge(&self.clock, &Evaluator::instant(&series, at_ms, self.clock.speed()));
    }

    /// Fills the time before `until` with what the samples were then and an hour before, in straight lines: counters
    /// grow evenly, gauges stand still.
    pub(crate) fn backfill(
        &self,
        before: &[Sample],
        from_ms: i64,
        until: &[Sample],
        until_ms: i64,
        step_ms: i64,
    ) {
        let first: std::collections::HashMap<_, f64> = before.iter().map(|s| (&s.labels, s.value)).collect();
        let span = (until_ms - from_ms).max(1) as f64;
        let mut series = self.write();
        for sample in until {
            let start = first.get(&sample.labels).copied().unwrap_or(sample.value);
            let value = |at: i64| start + (sample.value - start) * ((at - from_ms) as f64 / span);
            let steps = usize::try_from(step_ms.max(1)).unwrap_or(1);
            series.fill(&sample.labels, (from_ms..until_ms).step_by(steps).map(|at| (at, value(at))));
        }
    }

    /// The value of an expression now.
    pub(crate) fn query(&self, expr: &Expr) -> Result<Value, QueryError> {
        let series = self.read();
        let now = self.clock.now().as_millisecond();
        Evaluator::instant(&series, now, self.clock.speed()).evaluate(expr)
    }

    /// The alerts that are pending, firing or just resolved.
    pub(crate) fn active_alerts(&self) -> Vec<ActiveAlert> {
        self.alerts().active().cloned().collect()
    }

    fn alerts(&self) -> MutexGuard<'_, AlertBook> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, SeriesStore> {
        self.series.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, SeriesStore> {
        self.series.write().unwrap_or_else(PoisonError::into_inner)
    }
}
