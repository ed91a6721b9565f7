//! Looking whether a repair helped: every Check of the Plan, again and again, until all have held for a whole stability
//! window or the deadline has passed.
//!
//! Owns how each Check is read and when a repair counts as proved. When to look again and what follows is for `workflow`.

mod alert;
mod autoscaler;
mod pods;
mod rollout;
mod workload;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::error::ClusterError;
use super::pace::Pace;
use crate::incident::{Check, CheckResult, Plan, Signal, Verification};
use crate::observe::Prometheus;
use crate::settings::VerifySettings;

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    passed: Option<bool>,
    detail: String,
    baseline: Option<i64>,
}

impl Seen {
    fn told(passed: bool, detail: String) -> Self {
        Self { passed: Some(passed), detail, baseline: None }
    }

    fn unknown(detail: impl Into<String>) -> Self {
        Self { passed: None, detail: detail.into(), baseline: None }
    }
}

/// What a look needs beside the Plan.
struct Look<'a> {
    client: &'a kube::Client,
    prometheus: Option<&'a Prometheus>,
    signals: &'a [Signal],
    pace: Pace,
}

/// Looks at every Check of `plan`, in parallel, each with a deadline. What cannot be read is `passed: None`, and the time
/// for which all have held begins anew. A Check that can never be read because the cluster has no Prometheus configured
/// does not count, and says so. `previous` is the last look at the same repair.
pub async fn look(
    client: &kube::Client,
    prometheus: Option<&Prometheus>,
    plan: &Plan,
    signals: &[Signal],
    previous: Option<&Verification>,
    settings: &VerifySettings,
    now: Timestamp,
) -> Verification {
    let look = Look { client, prometheus, signals, pace: Pace::default() };
    let baseline = |check: &Check| {
        let known = previous.into_iter().flat_map(|previous| &previous.results);
        known.filter(|result| result.check == *check).find_map(|result| result.baseline)
    };
    let results = join_all(plan.checks.iter().map(|check| look.at(check, baseline(check)))).await;
    conclude(results, previous, prometheus.is_some(), settings, now)
}

impl Look<'_> {
    async fn at(&self, check: &Check, baseline: Option<i64>) -> CheckResult {
        // A look makes up to three calls, one after the other.
        let deadline = self.pace.call * 3;
        let seen = match tokio::time::timeout(deadline, self.read(check, baseline)).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(ClusterError::Gone { target })) => Seen::told(false, format!("{target} does not exist")),
            Ok(Err(error)) => Seen::unknown(error.to_string()),
            Err(_) => Seen::unknown(format!("no answer within {} s", deadline.as_secs())),
        };
        CheckResult {
            check: check.clone(),
            passed: seen.passed,
            detail: seen.detail,
            baseline: seen.baseline.or(baseline),
        }
    }

    async fn read(&self, check: &Check, baseline: Option<i64>) -> Result<Seen, ClusterError> {
        match check {
            Check::RolloutComplete { workload } => rollout::complete(self, workload).await,
            Check::PodsReady { workload } => pods::ready(self, workload).await,
            Check::RestartsStable { workload } => pods::restarts_stable(self, workload, baseline).await,
            Check::HpaBelowMaximum { hpa } => autoscaler::below_maximum(self, hpa).await,
            Check::AlertExpressionClear { alert, expression } => {
                Ok(alert::clear(self, alert, expression).await)
            }
        }
    }
}

/// What follows from the results of a look.
fn conclude(
    results: Vec<CheckResult>,
    previous: Option<&Verification>,
    has_prometheus: bool,
    settings: &VerifySettings,
    now: Timestamp,
) -> Verification {
    let counts =
        |result: &&CheckResult| has_prometheus || !matches!(result.check, Check::AlertExpressionClear { .. });
    let mut counted = results.iter().filter(counts).peekable();
    let holds = counted.peek().is_some() && counted.all(|result| result.passed == Some(true));
    let started_at = previous.map_or(now, |previous| previous.started_at);
    let stable_since = holds.then(|| previous.and_then(|previous| previous.stable_since).unwrap_or(now));
    let lasted = |since: Timestamp, wanted: std::time::Duration| {
        SignedDuration::try_from(wanted).is_ok_and(|wanted| now.duration_since(since) >= wanted)
    };
    let passed = if stable_since.is_some_and(|since| lasted(since, settings.stability_window)) {
        Some(true)
    } else {
        lasted(started_at, settings.deadline).then_some(false)
    };
    Verification { started_at, looked_at: now, stable_since, results, passed }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
