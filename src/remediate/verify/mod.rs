//! Looking whether a repair helped: every Check of the Plan, again and again, until all have held for a whole stability
//! window or the deadline has passed.
//!
//! Owns how each Check is read and when a repair counts as proved. When to look again and what follows is for `workflow`.

mod alert;
mod autoscaler;
mod pods;
mod rollout;
mod workload;

pub use alert::{Standing, standing};
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
    let counted: Vec<Option<bool>> = results.iter().filter(counts).map(|result| result.passed).collect();
    let holds = !counted.is_empty() && counted.iter().all(|passed| *passed == Some(true));
    let started_at = previous.map_or(now, |previous| previous.started_at);
    let stable_since = holds.then(|| previous.and_then(|previous| previous.stable_since).unwrap_or(now));
    let lasted = |since: Timestamp, wanted: std::time::Duration| {
        SignedDuration::try_from(wanted).is_ok_and(|wanted| now.duration_since(since) >= wanted)
    };
    let passed = if stable_since.is_some_and(|since| lasted(since, settings.stability_window)) {
        Some(true)
    } else {
        // Only what was seen to fail speaks against a repair: what could not be read, and checks that have begun to
        // hold, are no reason to put the trouble back.
        let fails = counted.contains(&Some(false));
        (fails && lasted(started_at, settings.deadline)).then_some(false)
    };
    Verification { started_at, looked_at: now, stable_since, results, passed }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::conclude;
    use crate::incident::{Check, CheckResult, ObjectRef, Verification};
    use crate::settings::VerifySettings;

    fn result(passed: Option<bool>) -> CheckResult {
        let check = Check::PodsReady { workload: ObjectRef::new("Deployment", "shop", "web") };
        CheckResult { check, passed, detail: String::new(), baseline: None }
    }

    fn alert(passed: Option<bool>) -> CheckResult {
        let check = Check::AlertExpressionClear { alert: "Crash".to_owned(), expression: "up".to_owned() };
        CheckResult { check, ..result(passed) }
    }

    /// Looks every 10 s with a window of 30 s and a deadline of 100 s; what each look says of the whole.
    fn watch(looks: &[Option<bool>]) -> Vec<Option<bool>> {
        let mut previous: Option<Verification> = None;
        let passed = looks.iter().enumerate().map(|(at, passed)| {
            let next = conclude(vec![result(*passed)], previous.as_ref(), true, &settings(), second(10 * at));
            previous = Some(next.clone());
            next.passed
        });
        passed.collect()
    }

    fn settings() -> VerifySettings {
        let seconds = Duration::from_secs;
        VerifySettings { stability_window: seconds(30), deadline: seconds(100), poll_interval: seconds(10) }
    }

    fn second(second: usize) -> Timestamp {
        Timestamp::from_second(1_000_000 + i64::try_from(second).unwrap()).unwrap()
    }

    #[test]
    fn a_repair_is_proved_when_everything_held_for_the_whole_window() {
        assert_eq!(watch(&[Some(true); 4]), [None, None, None, Some(true)]);
    }

    #[test]
    fn a_break_or_an_unreadable_check_begins_the_window_anew() {
        let looks = [
            Some(true),
            Some(true),
            None,
            Some(true),
            Some(false),
            Some(true),
            Some(true),
            Some(true),
            Some(true),
        ];
        assert_eq!(watch(&looks)[..8], [None; 8]);
        assert_eq!(watch(&looks)[8], Some(true));
    }

    #[test]
    fn the_repair_has_failed_when_the_deadline_passes_first() {
        let passed = watch(&[Some(false); 11]);
        assert_eq!(passed[..10], [None; 10]);
        assert_eq!(passed[10], Some(false));
    }

    #[test]
    fn what_cannot_be_read_or_has_begun_to_hold_is_not_put_back_at_the_deadline() {
        assert_eq!(watch(&[None; 12]), [None; 12]);
        let late = [&[Some(false); 9][..], &[Some(true); 4][..]].concat();
        assert_eq!(watch(&late)[9..], [None, None, None, Some(true)]);
    }

    #[test]
    fn an_alert_check_counts_only_where_there_is_a_prometheus_to_ask() {
        let stable = |results: Vec<CheckResult>, has_prometheus| {
            conclude(results, None, has_prometheus, &settings(), second(0)).stable_since.is_some()
        };
        assert!(!stable(vec![result(Some(true)), alert(None)], true));
        assert!(stable(vec![result(Some(true)), alert(None)], false));
        assert!(!stable(vec![alert(None)], false), "nothing that counts proves nothing");
        assert!(!stable(vec![], true));
    }
}
