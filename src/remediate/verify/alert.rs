//! Whether an alert's own expression is clear: it is asked again as it stands, and no returned series may be about what
//! the alert was about.
//!
//! A series is about the alert when no label that both have differs. The alert has labels that no series has (added by
//! the rule: `severity`), a series may have labels that the rule aggregated away; a series without any shared label (a
//! total over everything) counts too.

use std::collections::BTreeMap;

use super::{Look, Pace, Seen};
use crate::incident::{Signal, SignalState};
use crate::observe::Prometheus;

/// Labels that say nothing about what the alert is about.
const OWN_LABELS: [&str; 3] = ["__name__", "alertname", "alertstate"];

pub(super) async fn clear(look: &Look<'_>, alert: &str, expression: &str) -> Seen {
    let Some(prometheus) = look.prometheus else {
        return Seen::unknown("not asked, and does not count: no Prometheus is configured for this cluster");
    };
    let answer = match tokio::time::timeout(look.pace.call, prometheus.query(expression, None)).await {
        Ok(Ok(samples)) => samples,
        Ok(Err(error)) => return Seen::unknown(error.to_string()),
        Err(_) => return Seen::unknown(format!("no answer within {} s", look.pace.call.as_secs())),
    };
    let series: Vec<&BTreeMap<String, String>> = answer.iter().map(|sample| &sample.labels).collect();
    judge(&series, &alerts(look.signals, alert, expression))
}

/// What the expressions of the firing alerts say now, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Every one was asked and returns nothing about its alert.
    Clear,
    /// The expression of this alert still returns something about it.
    Firing(String),
    /// This alert could not be asked, and why.
    Unknown(String, &'static str),
}

/// Asks the expressions of all firing alerts. One that still fires outweighs one that cannot be asked.
pub async fn standing(prometheus: Option<&Prometheus>, signals: &[Signal]) -> Standing {
    let mut standing = Standing::Clear;
    for signal in signals.iter().filter(|signal| signal.state == SignalState::Firing) {
        match ask(prometheus, signal).await {
            Ok(false) => {}
            Ok(true) => return Standing::Firing(signal.name.clone()),
            Err(why) => standing = Standing::Unknown(signal.name.clone(), why),
        }
    }
    standing
}

/// Whether the alert's expression still returns something about it.
async fn ask(prometheus: Option<&Prometheus>, signal: &Signal) -> Result<bool, &'static str> {
    let expression = signal.expression.as_deref().ok_or("it came without an expression")?;
    let prometheus = prometheus.ok_or("no Prometheus is configured for this cluster")?;
    let answer = tokio::time::timeout(Pace::default().call, prometheus.query(expression, None)).await;
    let Ok(Ok(answer)) = answer else { return Err("Prometheus did not answer") };
    let series: Vec<&BTreeMap<String, String>> = answer.iter().map(|sample| &sample.labels).collect();
    Ok(judge(&series, &[&signal.labels]).passed == Some(false))
}

fn alerts<'a>(signals: &'a [Signal], alert: &str, expression: &str) -> Vec<&'a BTreeMap<String, String>> {
    let ours = signals
        .iter()
        .filter(|signal| signal.name == alert && signal.expression.as_deref() == Some(expression));
    ours.map(|signal| &signal.labels).collect()
}

fn judge(series: &[&BTreeMap<String, String>], alerts: &[&BTreeMap<String, String>]) -> Seen {
    let about = |labels: &BTreeMap<String, String>| {
        alerts.is_empty() || alerts.iter().any(|alert| agree(labels, alert))
    };
    let matching = series.iter().filter(|labels| about(labels)).count();
    let others = series.len() - matching;
    let detail = match (matching, others) {
        (0, 0) => "the expression returns nothing".to_owned(),
        (0, others) => format!("the expression returns {others} series, none of this alert"),
        (matching, _) => format!("the expression still returns {matching} series of this alert"),
    };
    Seen::told(matching == 0, detail)
}

fn agree(series: &BTreeMap<String, String>, alert: &BTreeMap<String, String>) -> bool {
    let compared = series.iter().filter(|(key, _)| !OWN_LABELS.contains(&key.as_str()));
    compared.into_iter().all(|(key, value)| alert.get(key).is_none_or(|ours| ours == value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::judge;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_series_that_agree_with_the_alert_keep_it_from_being_clear() {
        let alert =
            labels(&[("alertname", "Crash"), ("namespace", "shop"), ("pod", "web-1"), ("severity", "page")]);
        let same = labels(&[("__name__", "x"), ("namespace", "shop"), ("pod", "web-1"), ("uid", "7")]);
        let other = labels(&[("namespace", "shop"), ("pod", "api-1")]);
        let total = labels(&[]);
        let passed = |series: &[&BTreeMap<String, String>]| judge(series, &[&alert]).passed;
        assert_eq!(passed(&[]), Some(true));
        assert_eq!(passed(&[&other]), Some(true));
        assert_eq!(passed(&[&other, &same]), Some(false));
        assert_eq!(passed(&[&total]), Some(false));
        assert_eq!(
            judge(&[&other], &[]).passed,
            Some(false),
            "an alert without a Signal: every series counts"
        );
    }
}
