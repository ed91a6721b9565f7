//! Lines in, counted templates out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;

use super::super::stack_trace::{StackTrace, stack_traces};
use super::line::{Line, Reader};
use super::onset::{LogTrend, Seen, Window};
use super::templates::Templates;
use super::trouble::is_trouble;
use super::{LogLevel, hash};

/// Longest sample line, bytes.
const MAX_SAMPLE: usize = 500;

/// Templates kept unless another number is asked for.
const MAX_TEMPLATES: usize = 1_000;

/// Groups log lines by template in one pass.
///
/// Memory is bounded by the number of templates: beyond it the rarer half is forgotten, which is told. Lines are bytes from
/// outside and may be anything.
#[derive(Debug)]
pub struct LogMiner {
    reader: Reader,
    templates: Templates,
    counts: Vec<Count>,
    window: Window,
    /// Microseconds since 1970 of the last line that had a time: lines without one follow it.
    clock: Option<i64>,
    limit: usize,
    forgotten: u64,
}

/// A template with what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTemplate {
    /// Its number, as [`LogMiner::template_of`] gives it.
    pub number: u32,
    /// The message with numbers, ids, addresses and what else varies masked; without time, level and logger.
    pub text: String,
    /// One line as it was. Untrusted text.
    pub sample: String,
    /// How serious its lines say they are.
    pub level: Option<LogLevel>,
    /// Whether it tells of trouble, by its level or its words.
    pub trouble: bool,
    /// Lines.
    pub lines: u64,
    /// Lines before the onset and from then on, where one was given.
    pub around_onset: Option<(u64, u64)>,
    /// What the onset changed, where the log reaches far enough back to say.
    pub trend: Option<LogTrend>,
    /// The first and the last time that its lines name.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// Language and excerpt of the stack trace that goes with it.
    pub trace: Option<(&'static str, String)>,
}

/// What is known of a template.
#[derive(Debug, Clone, Default)]
struct Count {
    seen: Seen,
    level: Option<LogLevel>,
    trouble: bool,
    sample: String,
    trace: Option<(&'static str, String)>,
}

impl Default for LogMiner {
    fn default() -> Self {
        Self::new(None)
    }
}

impl LogMiner {
    /// `onset`: when trouble began, to count before and after it.
    pub fn new(onset: Option<Timestamp>) -> Self {
        Self {
            reader: Reader::new(onset.map(Timestamp::as_microsecond)),
            templates: Templates::default(),
            counts: Vec::new(),
            window: Window::new(onset.map(Timestamp::as_microsecond)),
            clock: None,
            limit: MAX_TEMPLATES,
            forgotten: 0,
        }
    }

    /// Keeps at most this many templates, at least two.
    #[must_use]
    pub fn at_most(self, templates: usize) -> Self {
        Self { limit: templates.max(2), ..self }
    }

    /// A line of another text follows: it is not of the time of the last one.
    pub fn begin_text(&mut self) {
        self.clock = None;
    }

    /// Takes in a line and gives the number of its template; `None` for an empty one. Numbers hold until templates are
    /// forgotten; several may turn out to be one (see [`Self::template_of`]).
    pub fn add(&mut self, raw: &[u8]) -> Option<u32> {
        self.add_received(raw, None)
    }

    /// Takes in a line that was received at a time, which counts if the line names none.
    pub fn add_received(&mut self, raw: &[u8], received: Option<Timestamp>) -> Option<u32> {
        let line = self.reader.read(raw);
        if line.message.is_empty() && line.error.is_empty() {
            return None;
        }
        let kind = line.level.map_or(0, |level| level as u64 + 1);
        let parts = [line.message, line.error];
        let hash = hash::message(parts, kind);
        let at = line.at.or_else(|| received.map(Timestamp::as_microsecond));
        let id = self.templates.known(hash).unwrap_or_else(|| {
            let trouble = is_trouble(line.level, line.message, line.error);
            let (id, is_new) = self.templates.add(parts, hash, kind * 2 + u64::from(trouble));
            if is_new {
                self.counts.push(Count::new(raw, &line, trouble));
            }
            id
        });
        self.count(id, at)
    }

    /// Takes in a stack trace as one occurrence of its headline. It tells of trouble whatever its words are.
    pub(in super::super) fn add_trace(&mut self, trace: &StackTrace) -> Option<u32> {
        let id = self.add(trace.headline.as_bytes())?;
        let count = self.counts.get_mut(id as usize)?;
        count.trouble = true;
        count.trace.get_or_insert_with(|| (trace.language, trace.excerpt.clone()));
        Some(id)
    }

    fn count(&mut self, id: u32, at: Option<i64>) -> Option<u32> {
        self.clock = at.or(self.clock);
        self.window.widen(at);
        self.counts.get_mut(id as usize)?.seen.add(at, self.clock, &self.window);
        if self.counts.len() <= self.limit {
            return Some(id);
        }
        self.forget();
        None
    }

    /// The template that a number stands for by now: those that turned out to be one have one number.
    pub fn template_of(&self, number: u32) -> u32 {
        self.templates.root(number)
    }

    /// Lines of templates that were forgotten because there were too many.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The templates, most frequent first.
    pub fn templates(&self) -> Vec<LogTemplate> {
        let described =
            self.folded(self.counts.clone()).into_iter().map(|(number, count)| self.describe(number, count));
        let mut templates: Vec<LogTemplate> = described.collect();
        templates.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.text.cmp(&b.text)));
        templates
    }

    fn describe(&self, number: u32, count: Count) -> LogTemplate {
        let Count { seen, level, trouble, sample, trace } = count;
        LogTemplate {
            number,
            text: self.templates.text(number).to_owned(),
            sample,
            level,
            trouble,
            lines: seen.lines,
            around_onset: self.window.around(&seen),
            trend: self.window.trend(&seen),
            seen: seen.times(),
            trace,
        }
    }

    /// Forgets the rarer half, of equally rare ones the older.
    fn forget(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        let mut folded = self.folded(counts);
        folded.sort_by_key(|(_, count)| {
            std::cmp::Reverse((count.trace.is_some(), count.seen.lines, count.seen.last))
        });
        let forgotten = folded.split_off(folded.len().min(self.limit / 2));
        self.forgotten += forgotten.iter().map(|(_, count)| count.seen.lines).sum::<u64>();
        let kept: Vec<u32> = folded.iter().map(|(id, _)| *id).collect();
        self.templates.retain(&kept);
        self.counts = folded.into_iter().map(|(_, count)| count).collect();
    }

    /// Puts together what was counted of templates that turned out to be one.
    fn folded(&self, counts: Vec<Count>) -> Vec<(u32, Count)> {
        let mut folded: BTreeMap<u32, Count> = BTreeMap::new();
        for (id, count) in (0..).zip(counts) {
            match folded.entry(self.templates.root(id)) {
                Entry::Occupied(known) => known.into_mut().fold(&count),
                Entry::Vacant(new) => _ = new.insert(count),
            }
        }
        folded.into_iter().collect()
    }
}

impl Count {
    fn new(raw: &[u8], line: &Line<'_>, trouble: bool) -> Self {
        let raw = raw.trim_ascii();
        let sample = String::from_utf8_lossy(raw.get(..MAX_SAMPLE).unwrap_or(raw)).into_owned();
        let stack = String::from_utf8_lossy(line.stack);
        let lines: Vec<&str> = stack.lines().collect();
        let trace = stack_traces(&lines).into_iter().next().map(|trace| (trace.language, trace.excerpt));
        Self { seen: Seen::default(), level: line.level, trouble, sample, trace }
    }

    fn fold(&mut self, other: &Self) {
        self.seen.fold(&other.seen);
        self.trouble |= other.trouble;
        if self.trace.is_none() {
            self.trace.clone_from(&other.trace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LogMiner, LogTrend};
    use crate::observe::LogLevel;

    fn mined(lines: &[&str]) -> Vec<(String, Option<LogLevel>, u64)> {
        let mut miner = LogMiner::default();
        for line in lines {
            miner.add(line.as_bytes());
        }
        miner.templates().into_iter().map(|found| (found.text, found.level, found.lines)).collect()
    }

    #[test]
    fn one_message_in_several_formats_is_one_template() {
        let lines = [
            "2026-01-01T10:00:00Z ERROR payment 17 failed: timeout after 30s",
            "2026-01-01 10:00:00,123 [http-1] ERROR c.s.Pay - payment 18 failed: timeout after 31s",
            r#"{"level":"error","ts":1767262800.5,"msg":"payment 19 failed","error":"timeout after 5ms"}"#,
            r#"time="2026-01-01T10:00:00Z" level=error msg="payment 20 failed" err="timeout after 1m""#,
            "E0101 10:00:00.000000       1 pay.go:17] payment 21 failed: timeout after 2s",
            "\u{1b}[31mERROR\u{1b}[0m payment 22 failed: timeout after 1h",
        ];
        let expected = ("payment <n> failed: timeout after <n>".to_owned(), Some(LogLevel::Error), 6);
        assert_eq!(mined(&lines), [expected]);
    }

    #[test]
    fn levels_keep_messages_apart() {
        let found = mined(&["INFO saved 3", "ERROR saved 4", "ERROR saved 5"]);
        let expected = [("saved <n>", LogLevel::Error, 2), ("saved <n>", LogLevel::Info, 1)]
            .map(|(text, level, lines)| (text.to_owned(), Some(level), lines));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_new_since_the_onset_is_told_from_what_was_there_before() {
        let mut miner = LogMiner::new(Some("2026-01-01T10:10:00Z".parse().unwrap()));
        for minute in 0..20 {
            let at = format!("2026-01-01T10:{minute:02}:00Z");
            miner.add(format!("{at} INFO tick {minute}").as_bytes());
            let retries = if minute < 10 { 1 } else { 9 };
            for retry in 0..retries {
                miner.add(format!("{at} WARN retry {retry}").as_bytes());
            }
            if minute >= 12 {
                miner.add(format!("{at} ERROR connection refused").as_bytes());
                // No time of its own: it follows the line before.
                miner.add(b"  at connect");
            }
        }
        let found: Vec<_> = miner
            .templates()
            .into_iter()
            .map(|found| (found.text, found.around_onset, found.trend))
            .collect();
        let expected = [
            ("retry <n>", (10, 90), LogTrend::MoreOften),
            ("tick <n>", (10, 10), LogTrend::Steady),
            ("at connect", (0, 8), LogTrend::New),
            ("connection refused", (0, 8), LogTrend::New),
        ]
        .map(|(text, around, trend)| (text.to_owned(), Some(around), Some(trend)));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_flood_of_different_lines_is_bounded_and_told_and_what_repeats_survives() {
        let mut miner = LogMiner::default().at_most(50);
        let mut lines = 0;
        for number in 0..5_000_u32 {
            let word: String =
                number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            let shape = "( ".repeat(number as usize % 90);
            miner.add(format!("{shape}{word} {word}").as_bytes());
            miner.add(b"connection refused");
            lines += 2;
        }
        let found = miner.templates();
        assert!(found.len() <= 50, "{}", found.len());
        assert_eq!((found[0].text.as_str(), found[0].lines), ("connection refused", 5_000));
        assert_eq!(miner.forgotten() + found.iter().map(|found| found.lines).sum::<u64>(), lines);
        assert!(miner.forgotten() > 0);
    }

    #[test]
    fn a_stack_in_a_field_goes_with_its_message() {
        let mut miner = LogMiner::default();
        miner.add(br#"{"level":"error","msg":"request failed","err":{"message":"boom","stack":"Error: boom\n    at f (/a.js:1:2)"}}"#);
        let found = miner.templates();
        assert_eq!(found[0].text, "request failed: boom");
        assert_eq!(found[0].trace, Some(("node", "Error: boom\n    at f (/a.js:1:2)".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_counted_without_a_panic(
            lines in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..200), 0..60),
            likely in proptest::collection::vec("[\\[\\]{}<>\"':=,./ \\-0-9TZEIa-c\u{e9}]{0,80}", 0..60),
        ) {
            let mut miner = LogMiner::new(Some(jiff::Timestamp::UNIX_EPOCH)).at_most(10);
            let mut taken = 0;
            for line in lines.iter().map(Vec::as_slice).chain(likely.iter().map(String::as_bytes)) {
                let read = miner.reader.read(line);
                taken += u64::from(!(read.message.is_empty() && read.error.is_empty()));
                miner.add(line);
            }
            let found = miner.templates();
            let counted: u64 = found.iter().map(|found| found.lines).sum();
            proptest::prop_assert_eq!(counted + miner.forgotten(), taken);
            proptest::prop_assert!(found.len() <= 10);
        }
    }

    #[test]
    fn hostile_lines_are_neither_a_panic_nor_a_long_wait() {
        let mut miner = LogMiner::default();
        let endless = [
            "\u{1b}[".repeat(1_000_000),
            "[".repeat(1_000_000),
            "{\"a\":".repeat(200_000),
            "\"".repeat(1_000_000),
            "a=".repeat(500_000),
            "\\".repeat(1_000_000),
            " ".repeat(1_000_000),
            "<script>".repeat(100_000),
            "1".repeat(1_000_000),
            "/".repeat(1_000_000),
            "{\"msg\":\"\\u".repeat(9),
            "2026-01-01T".repeat(9),
            "-".repeat(1_000_000),
            "E0101 99:99:99".repeat(3),
            "[2026-01-01 10:00:00]".repeat(99),
            "::".repeat(99),
        ];
        let started = std::time::Instant::now();
        for line in &endless {
            for _ in 0..100 {
                miner.add(line.as_bytes());
            }
        }
        let broken: Vec<Vec<u8>> = (0..=255).map(|byte| [byte].repeat(usize::from(byte))).collect();
        for line in &broken {
            miner.add(line);
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        assert!(miner.templates().iter().all(|found| found.sample.len() <= 1_500 && found.text.len() <= 410));
    }
}
