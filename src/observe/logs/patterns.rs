//! Grouping error lines by what they have in common. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::LogPattern;
use super::super::text::head;
use super::line::Line;
use super::mask::mask;
use super::stack_trace::{MAX_LINE as MAX_TRACE_LINE, StackTrace, stack_traces};
use crate::incident::ObjectRef;

/// Most patterns of one Snapshot.
const MAX_PATTERNS: usize = 40;

/// Longest sample line, bytes.
const MAX_SAMPLE: usize = 500;

/// Patterns as they are gathered from several texts.
#[derive(Debug, Default)]
pub(in super::super) struct Patterns {
    found: BTreeMap<(ObjectRef, String), LogPattern>,
}

impl Patterns {
    /// Adds the error lines and stack traces of a text that `source` logged.
    pub(in super::super) fn add_text(&mut self, source: &ObjectRef, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let traces = stack_traces(&lines);
        let mut traces = traces.iter().peekable();
        let mut at = 0;
        while let Some(raw) = lines.get(at) {
            match traces.next_if(|trace| trace.first <= at) {
                Some(trace) => {
                    self.add(source, &Line::parse(&trace.headline), &trace.headline, Some(trace));
                    at = trace.end.max(at + 1);
                }
                None => {
                    self.add_line(source, raw, None);
                    at += 1;
                }
            }
        }
    }

    /// Adds one line if it tells of trouble. `at` is when the log store received it.
    pub(in super::super) fn add_line(&mut self, source: &ObjectRef, raw: &str, at: Option<Timestamp>) {
        let mut line = Line::parse(raw);
        if line.is_trouble() {
            line.at = line.at.or(at);
            let embedded: Vec<&str> = line.stack.as_deref().unwrap_or_default().lines().collect();
            let trace = stack_traces(&embedded).into_iter().next();
            self.add(source, &line, raw, trace.as_ref());
        }
    }

    fn add(&mut self, source: &ObjectRef, line: &Line, raw: &str, trace: Option<&StackTrace>) {
        let template = mask(&line.text);
        if template.is_empty() {
            return;
        }
        let key = (source.clone(), template.clone());
        let pattern = self.found.entry(key).or_insert_with(|| LogPattern {
            namespace: source.namespace.clone(),
            source: source.clone(),
            template,
            sample: head(raw.trim(), MAX_SAMPLE).to_owned(),
            count: 0,
            stack_trace: None,
            trace_excerpt: None,
            first_seen: line.at,
            last_seen: line.at,
        });
        pattern.count += 1;
        pattern.first_seen = pattern.first_seen.into_iter().chain(line.at).min();
        pattern.last_seen = pattern.last_seen.max(line.at);
        if let (None, Some(trace)) = (&pattern.stack_trace, trace) {
            pattern.stack_trace = Some(trace.language.to_owned());
            pattern.trace_excerpt = Some(trace.excerpt.clone());
        }
    }

    /// Takes in what another reading of the same logs found: the larger count of each pattern holds, not the sum. A line
    /// that is part of a stack trace known whole is not a pattern of its own: log stores split traces into lines.
    pub(in super::super) fn merge(&mut self, mut other: Self) {
        other.found.retain(|_, pattern| !self.is_of_trace(pattern));
        for (key, pattern) in other.found {
            let Some(known) = self.found.get_mut(&key) else {
                self.found.insert(key, pattern);
                continue;
            };
            known.count = known.count.max(pattern.count);
            known.first_seen = known.first_seen.into_iter().chain(pattern.first_seen).min();
            known.last_seen = known.last_seen.max(pattern.last_seen);
            if known.stack_trace.is_none() {
                known.stack_trace = pattern.stack_trace;
                known.trace_excerpt = pattern.trace_excerpt;
            }
        }
    }

    fn is_of_trace(&self, pattern: &LogPattern) -> bool {
        let sample = head(&pattern.sample, MAX_TRACE_LINE);
        self.found.values().filter(|known| known.source == pattern.source).any(|known| {
            let excerpt = known.trace_excerpt.as_deref().unwrap_or_default();
            excerpt.lines().skip(1).any(|line| line.trim() == sample.trim())
        })
    }

    /// The most frequent patterns, most frequent first.
    pub(in super::super) fn into_ranked(self) -> Vec<LogPattern> {
        let mut patterns: Vec<LogPattern> = self.found.into_values().collect();
        patterns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
        patterns.truncate(MAX_PATTERNS);
        patterns
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::LogPattern;
    use super::Patterns;
    use crate::incident::ObjectRef;

    fn source() -> ObjectRef {
        ObjectRef::new("Deployment", "shop", "checkout")
    }

    fn pattern(template: &str, sample: &str, count: u64, seen: (&str, &str)) -> LogPattern {
        LogPattern {
            namespace: "shop".to_owned(),
            source: source(),
            template: template.to_owned(),
            sample: sample.to_owned(),
            count,
            stack_trace: None,
            trace_excerpt: None,
            first_seen: Some(format!("2026-01-01T{}Z", seen.0).parse().unwrap()),
            last_seen: Some(format!("2026-01-01T{}Z", seen.1).parse().unwrap()),
        }
    }

    const LOG: &str = "2026-01-01T10:00:00Z INFO started on 8080\n\
        2026-01-01T10:00:01Z ERROR payment 17 failed: connection to 10.0.0.9:5432 refused\n\
        2026-01-01T10:00:02Z ERROR out of stock\n\
        2026-01-01T10:00:03Z ERROR payment 18 failed: connection to 10.0.0.8:5432 refused\n";

    #[test]
    fn lines_that_differ_only_in_numbers_are_one_pattern_and_the_most_frequent_comes_first() {
        let mut patterns = Patterns::default();
        patterns.add_text(&source(), LOG);
        let payment = pattern(
            "<time> ERROR payment <n> failed: connection to <ip> refused",
            "2026-01-01T10:00:01Z ERROR payment 17 failed: connection to 10.0.0.9:5432 refused",
            2,
            ("10:00:01", "10:00:03"),
        );
        let stock = pattern(
            "<time> ERROR out of stock",
            "2026-01-01T10:00:02Z ERROR out of stock",
            1,
            ("10:00:02", "10:00:02"),
        );
        assert_eq!(patterns.into_ranked(), [payment, stock]);
    }

    #[test]
    fn the_same_lines_from_a_second_reading_are_not_counted_twice() {
        let (mut once, mut again) = (Patterns::default(), Patterns::default());
        once.add_text(&source(), LOG);
        again.add_text(&source(), LOG);
        again.add_line(&source(), "2026-01-01T10:00:09Z ERROR out of stock", None);
        once.merge(again);
        let counts: Vec<u64> = once.into_ranked().iter().map(|pattern| pattern.count).collect();
        assert_eq!(counts, [2, 2]);
    }

    #[test]
    fn a_stack_trace_is_one_occurrence_with_its_excerpt() {
        let mut patterns = Patterns::default();
        patterns.add_text(
            &source(),
            "java.lang.IllegalStateException: no url\n\tat a.B.c(B.java:1)\n\tat a.B.error(B.java:2)\nok\n",
        );
        let ranked = patterns.into_ranked();
        assert_eq!(ranked.len(), 1);
        assert_eq!(ranked[0].stack_trace.as_deref(), Some("java"));
        assert_eq!(ranked[0].template, "java.lang.IllegalStateException: no url");
        assert!(ranked[0].trace_excerpt.as_ref().is_some_and(|excerpt| excerpt.ends_with("B.java:2)")));
    }

    #[test]
    fn lines_of_a_trace_that_a_log_store_split_are_not_patterns_of_their_own() {
        let trace = "java.lang.Exception: no\n\tat a.B.c(B.java:1)\nCaused by: java.net.ConnectException: refused\n\t... 1 more\n";
        let (mut whole, mut split) = (Patterns::default(), Patterns::default());
        whole.add_text(&source(), trace);
        split.add_line(&source(), "Caused by: java.net.ConnectException: refused", None);
        split.add_line(&source(), "java.lang.Exception: no", None);
        whole.merge(split);
        let templates: Vec<String> =
            whole.into_ranked().into_iter().map(|pattern| pattern.template).collect();
        assert_eq!(templates, ["java.lang.Exception: no"]);
    }

    #[test]
    fn a_flood_of_different_lines_stays_bounded() {
        let mut patterns = Patterns::default();
        for index in 0..500_u32 {
            let word: String =
                index.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect();
            patterns.add_line(&source(), &format!("error in {word} {}", "x".repeat(10_000)), None);
        }
        let ranked = patterns.into_ranked();
        assert_eq!(ranked.len(), 40);
        assert!(ranked.iter().all(|pattern| pattern.sample.len() <= 500 && pattern.template.len() <= 400));
    }
}
