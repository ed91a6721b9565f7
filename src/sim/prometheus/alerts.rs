//! Alert rules: which alerts are pending, firing or resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use promql_parser::parser::Expr;

use super::eval::{Element, Evaluator, Value, parse};
use super::series::{Labels, NAME, Sample};
use crate::sim::clock::Clock;
use crate::sim::scenarios::AlertRule;

/// How long a resolved alert is still told of.
const TOLD_AFTER_RESOLVED: Duration = Duration::from_secs(900);

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlertState {
    Pending,
    Firing,
    Resolved,
}

/// One alert that its rule's expression yields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActiveAlert {
    pub(crate) labels: Labels,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) state: AlertState,
    /// Since when the expression has held.
    pub(crate) active_since: Timestamp,
    /// Since when it has been firing.
    pub(crate) fired_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) value: f64,
    /// The rule's expression.
    pub(crate) expr: String,
}

/// A rule with its expression parsed; one that can't be parsed never fires.
#[derive(Debug)]
struct Rule {
    rule: AlertRule,
    expr: Option<Expr>,
}

/// All rules and their alerts.
#[derive(Debug)]
pub(crate) struct AlertBook {
    rules: Vec<Rule>,
    alerts: BTreeMap<(usize, Labels), ActiveAlert>,
}

impl AlertBook {
    /// The rules of a scenario, nothing active.
    pub(crate) fn new(rules: &[AlertRule]) -> Self {
        let parsed = |rule: &AlertRule| {
            let expr = parse(&rule.expr)
                .inspect_err(|error| tracing::error!(rule = rule.name, %error, "a rule is broken"));
            Rule { rule: rule.clone(), expr: expr.ok() }
        };
        Self { rules: rules.iter().map(parsed).collect(), alerts: BTreeMap::new() }
    }

    /// The rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &AlertRule> {
        self.rules.iter().map(|rule| &rule.rule)
    }

    /// All alerts, those just resolved among them.
    pub(crate) fn active(&self) -> impl Iterator<Item = &ActiveAlert> {
        self.alerts.values()
    }

    /// The series `ALERTS`.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let series = |alert: &ActiveAlert| {
            let state = match alert.state {
                AlertState::Pending => "pending",
                AlertState::Firing => "firing",
                AlertState::Resolved => return None,
            };
            let mut labels = alert.labels.clone();
            labels.insert(NAME.to_owned(), "ALERTS".to_owned());
            labels.insert("alertstate".to_owned(), state.to_owned());
            Some(Sample { labels, value: 1.0 })
        };
        self.alerts.values().filter_map(series).collect()
    }

    /// Evaluates every rule and moves its alerts on.
    pub(crate) fn judge(&mut self, clock: &Clock, evaluator: &Evaluator<'_>) {
        let now = clock.now();
        for (index, rule) in self.rules.iter().enumerate() {
            let holding = rule.holding(evaluator);
            for element in &holding {
                let labels = rule.labels_of(element);
                let alert = self
                    .alerts
                    .entry((index, labels.clone()))
                    .or_insert_with(|| rule.alert(labels, element, now));
                if alert.state == AlertState::Resolved {
                    *alert = rule.alert(alert.labels.clone(), element, now);
                }
                alert.value = element.value;
                if alert.state == AlertState::Pending && clock.is_over(alert.active_since, rule.rule.hold) {
                    alert.state = AlertState::Firing;
                    alert.fired_at = Some(now);
                }
            }
            let current: Vec<Labels> = holding.iter().map(|element| rule.labels_of(element)).collect();
            let of_rule = self.alerts.iter_mut().filter(|((rule, _), _)| *rule == index);
            for ((_, labels), alert) in of_rule {
                if alert.state != AlertState::Resolved && !current.contains(labels) {
                    alert.resolved_at = Some(now);
                    alert.state = AlertState::Resolved;
                }
            }
        }
        self.alerts.retain(|_, alert| {
            let keeps = |at: Timestamp| alert.fired_at.is_some() && !clock.is_over(at, TOLD_AFTER_RESOLVED);
            alert.resolved_at.is_none_or(keeps)
        });
    }
}

impl Rule {
    fn holding(&self, evaluator: &Evaluator<'_>) -> Vec<Element> {
        if let Some(labels) = &self.rule.stale {
            return vec![Element { labels: labels.clone(), value: 1.0 }];
        }
        let Some(expr) = &self.expr else { return Vec::new() };
        match evaluator.evaluate(expr) {
            Ok(Value::Vector(elements)) => elements,
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::debug!(rule = self.rule.name, %error, "a rule could not be evaluated");
                Vec::new()
            }
        }
    }

    fn labels_of(&self, element: &Element) -> Labels {
        let mut labels = element.labels.clone();
        labels.remove(NAME);
        labels.extend(self.rule.labels.iter().map(|(k, v)| (k.clone(), v.clone())));
        labels.insert("alertname".to_owned(), self.rule.name.clone());
        labels
    }

    fn alert(&self, labels: Labels, element: &Element, now: Timestamp) -> ActiveAlert {
        let expand = |(key, text): (&String, &String)| (key.clone(), expand(text, &labels, element.value));
        let annotations: BTreeMap<String, String> = self.rule.annotations.iter().map(expand).collect();
        ActiveAlert {
            labels,
            annotations,
            state: AlertState::Pending,
            active_since: now,
            fired_at: None,
            resolved_at: None,
            value: element.value,
            expr: self.rule.expr.clone(),
        }
    }
}

/// Replaces `{{ $labels.name }}` and `{{ $value }}`.
fn expand(text: &str, labels: &Labels, value: f64) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        expanded.push_str(before);
        let Some((inside, tail)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        match inside.trim() {
            "$value" => {
                let number = format!("{value:.4}");
                expanded.push_str(number.trim_end_matches('0').trim_end_matches('.'));
            }
            name => {
                let label = name.strip_prefix("$labels.").and_then(|name| labels.get(name));
                expanded.push_str(label.map_or("", String::as_str));
            }
        }
        rest = tail;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::prometheus::series::SeriesStore;

    fn rule() -> AlertRule {
        AlertRule {
            name: "TooHot".to_owned(),
            expr: "heat > 3".to_owned(),
            hold: Duration::from_secs(60),
            labels: BTreeMap::from([("severity".to_owned(), "warning".to_owned())]),
            annotations: BTreeMap::from([(
                "summary".to_owned(),
                "{{ $labels.room }} has {{ $value }}".to_owned(),
            )]),
            stale: None,
        }
    }

    #[test]
    fn an_alert_pends_fires_and_resolves() {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let clock = Clock::replaying(start, 1.0);
        let mut book = AlertBook::new(&[rule()]);
        let mut store = SeriesStore::default();
        let mut states = Vec::new();
        for (second, heat) in [(0, 1.0), (10, 5.0), (40, 5.0), (71, 5.0), (90, 2.0)] {
            clock.set(crate::sim::clock::after(start, Duration::from_secs(second)));
            let at = clock.now().as_millisecond();
            store.record(at, vec![Sample::new("heat", &[("room", "attic")], heat)]);
            book.judge(&clock, &Evaluator::instant(&store, at, 1.0));
            states.push(book.active().map(|alert| alert.state).next());
        }
        use AlertState::{Firing, Pending, Resolved};
        assert_eq!(states, [None, Some(Pending), Some(Pending), Some(Firing), Some(Resolved)]);
        let alert = book.active().next().unwrap();
        assert_eq!(alert.annotations["summary"], "attic has 5");
        assert_eq!(alert.labels["alertname"], "TooHot");
        assert_eq!(alert.labels["severity"], "warning");
    }

    #[test]
    fn templates_with_garbage_do_no_harm() {
        let labels = Labels::from([("a".to_owned(), "x".to_owned())]);
        assert_eq!(expand("{{ $labels.a }}-{{ nonsense }}-{{", &labels, 0.25), "x--");
        assert_eq!(expand("{{ $value }}", &labels, 0.25), "0.25");
    }
}
