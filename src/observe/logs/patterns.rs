//! Error lines of several sources, grouped by what they have in common. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::LogPattern;
use super::super::text::head;
use super::mine::{LogMiner, LogTemplate};
use super::printable;
use super::stack_trace::{MAX_LINE as MAX_TRACE_LINE, stack_traces};
use crate::incident::ObjectRef;

/// Most patterns of one Snapshot.
const MAX_PATTERNS: usize = 40;

/// Longest sample line, bytes.
const MAX_SAMPLE: usize = 500;

/// Patterns as they are gathered from several texts.
#[derive(Debug, Default)]
pub(in super::super) struct Patterns {
    onset: Option<Timestamp>,
    miners: BTreeMap<ObjectRef, LogMiner>,
    /// What other readings of the same logs found.
    others: Vec<Found>,
}

type Found = BTreeMap<(ObjectRef, String), LogPattern>;

impl Patterns {
    /// `onset`: when trouble began, to count before and after it.
    pub(in super::super) fn around(onset: Option<Timestamp>) -> Self {
        Self { onset, ..Self::default() }
    }

    /// Adds the lines and stack traces of a text that `source` logged.
    pub(in super::super) fn add_text(&mut self, source: &ObjectRef, text: &str) {
        let miner = self.miner(source);
        miner.begin_text();
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        for trace in stack_traces(&lines) {
            for line in lines.get(at..trace.first).unwrap_or_default() {
                miner.add(line.as_bytes());
            }
            miner.add_trace(&trace);
            at = trace.end.max(at + 1);
        }
        for line in lines.get(at..).unwrap_or_default() {
            miner.add(line.as_bytes());
        }
    }

    /// Adds one line. `at` is when the log store received it.
    pub(in super::super) fn add_line(&mut self, source: &ObjectRef, raw: &str, at: Option<Timestamp>) {
        self.miner(source).add_received(raw.as_bytes(), at);
    }

    fn miner(&mut self, source: &ObjectRef) -> &mut LogMiner {
        let onset = self.onset;
        self.miners.entry(source.clone()).or_insert_with(|| LogMiner::new(onset))
    }

    /// Takes in what another reading of the same logs found: the larger count of each pattern holds, not the sum. A line
    /// that is part of a stack trace known whole is not a pattern of its own: log stores split traces into lines.
    pub(in super::super) fn merge(&mut self, other: Self) {
        let found = other.found();
        self.others.push(found);
    }

    /// What all readings found.
    fn found(self) -> Found {
        let mut found = Found::new();
        for (source, miner) in self.miners {
            for template in miner.templates().into_iter().filter(|template| template.trouble) {
                let pattern = pattern(&source, template);
                let key = (source.clone(), pattern.template.clone());
                match found.get_mut(&key) {
                    Some(known) => add_up(known, &pattern),
                    None => _ = found.insert(key, pattern),
                }
            }
        }
        for other in self.others {
            merge(&mut found, other);
        }
        found
    }

    /// The most frequent patterns, most frequent first.
    pub(in super::super) fn into_ranked(self) -> Vec<LogPattern> {
        let mut patterns: Vec<LogPattern> = self.found().into_values().collect();
        patterns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
        patterns.truncate(MAX_PATTERNS);
        patterns
    }
}

fn pattern(source: &ObjectRef, template: LogTemplate) -> LogPattern {
    let (stack_trace, trace_excerpt) = template
        .trace
        .map(|(language, excerpt)| (language.to_owned(), printable(excerpt.as_bytes())))
        .unzip();
    let sample = printable(template.sample.as_bytes());
    LogPattern {
        namespace: source.namespace.clone(),
        source: source.clone(),
        template: printable(template.text.as_bytes()),
        sample: head(sample.trim(), MAX_SAMPLE).to_owned(),
        count: template.lines,
        stack_trace,
        trace_excerpt,
        first_seen: template.seen.map(|(first, _)| first),
        last_seen: template.seen.map(|(_, last)| last),
        level: template.level,
        around_onset: template.around_onset,
        trend: template.trend,
    }
}

/// Adds what was logged at another level, or with another ending that the text no longer shows.
fn add_up(known: &mut LogPattern, other: &LogPattern) {
    known.count += other.count;
    known.level = known.level.max(other.level);
    if let (Some((before, after)), Some((more_before, more_after))) =
        (&mut known.around_onset, other.around_onset)
    {
        *before += more_before;
        *after += more_after;
    }
    if known.trend != other.trend {
        known.trend = None;
    }
    extend(known, other);
}

fn merge(found: &mut Found, mut other: Found) {
    other.retain(|_, pattern| !is_of_trace(found, pattern));
    for (key, pattern) in other {
        let Some(known) = found.get_mut(&key) else {
            found.insert(key, pattern);
            continue;
        };
        if pattern.count > known.count {
            known.count = pattern.count;
            known.around_onset = pattern.around_onset;
        }
        known.trend = known.trend.or(pattern.trend);
        extend(known, &pattern);
    }
}

/// Widens the times, and takes a trace where none is known.
fn extend(known: &mut LogPattern, other: &LogPattern) {
    known.first_seen = known.first_seen.into_iter().chain(other.first_seen).min();
    known.last_seen = known.last_seen.max(other.last_seen);
    if known.stack_trace.is_none() {
        known.stack_trace.clone_from(&other.stack_trace);
        known.trace_excerpt.clone_from(&other.trace_excerpt);
    }
}

fn is_of_trace(found: &Found, pattern: &LogPattern) -> bool {
    let sample = head(&pattern.sample, MAX_TRACE_LINE);
    found.values().filter(|known| known.source == pattern.source).any(|known| {
        let excerpt = known.trace_excerpt.as_deref().unwrap_or_default();
        excerpt.lines().skip(1).any(|line| line.trim() == sample.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::{LogLevel, LogPattern, LogTrend};
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
            level: Some(LogLevel::Error),
            around_onset: None,
            trend: None,
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
            "payment <n> failed: connection to <ip> refused",
            "2026-01-01T10:00:01Z ERROR payment 17 failed: connection to 10.0.0.9:5432 refused",
            2,
            ("10:00:01", "10:00:03"),
        );
        let stock =
            pattern("out of stock", "2026-01-01T10:00:02Z ERROR out of stock", 1, ("10:00:02", "10:00:02"));
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
    fn only_trouble_becomes_a_pattern_and_what_the_onset_changed_is_told() {
        let mut patterns = Patterns::around(Some("2026-01-01T10:05:00Z".parse().unwrap()));
        patterns.add_text(
            &source(),
            "2026-01-01T10:00:00Z INFO started\n2026-01-01T10:01:00Z WARN slow, timed out once\n\
             2026-01-01T10:06:00Z ERROR no stock\n2026-01-01T10:06:01Z INFO done\n",
        );
        let ranked = patterns.into_ranked();
        let told: Vec<_> = ranked
            .iter()
            .map(|found| (found.template.as_str(), found.level, found.around_onset, found.trend))
            .collect();
        let expected = [
            ("no stock", Some(LogLevel::Error), Some((0, 1)), Some(LogTrend::New)),
            ("slow, timed out once", Some(LogLevel::Warning), Some((1, 0)), Some(LogTrend::Ceased)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn terminal_escapes_reach_neither_template_nor_sample() {
        let mut patterns = Patterns::default();
        patterns.add_text(&source(), "ERROR \u{1b}[31mno\u{1b}[0m \u{7}\u{202e}stock\n");
        let ranked = patterns.into_ranked();
        let hostile = |text: &str| text.contains(|letter: char| letter.is_control() || letter == '\u{202e}');
        assert!(!hostile(&ranked[0].template) && !hostile(&ranked[0].sample), "{ranked:?}");
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
            let shape = "( ".repeat(index as usize % 90);
            patterns.add_line(&source(), &format!("{shape}error in {word} {}", "x".repeat(10_000)), None);
        }
        let ranked = patterns.into_ranked();
        assert_eq!(ranked.len(), 40);
        assert!(ranked.iter().all(|pattern| pattern.sample.len() <= 500 && pattern.template.len() <= 400));
    }
}
