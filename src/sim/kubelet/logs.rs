//! What programs write: lines in the format of their language, in turn, with numbers that vary.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::Place;
use super::container::ContainerRun;
use crate::sim::objects::meta;
use crate::sim::scenarios::{Failure, Format};

/// Pause between two complaints of a program that is unready.
const COMPLAINTS: Duration = Duration::from_secs(5);

/// What a container says next and when it last spoke.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    spoke: Timestamp,
    complained: Timestamp,
    turn: usize,
}

impl Voice {
    /// A container that has just started.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { spoke: now, complained: now, turn: 0 }
    }
}

impl ContainerRun {
    /// The lines that a program writes first.
    pub(super) fn say_start(&mut self, place: Place<'_>) {
        if let Some(program) = place.world.scenario.program(&self.image) {
            self.say_all(place, &program.starts);
        }
    }

    /// Writes several lines at once.
    pub(super) fn say_all(&self, place: Place<'_>, lines: &[String]) {
        for line in lines {
            self.write(place, line);
        }
    }

    /// The next line of a program that runs, when it is time for one.
    pub(super) fn say(&mut self, place: Place<'_>, unready: Option<&Failure>, is_up: bool) {
        let Some(program) = place.world.scenario.program(&self.image) else { return };
        let clock = &place.world.clock;
        if let Some(failure) = unready
            && clock.is_over(self.voice.complained, COMPLAINTS)
        {
            self.voice.complained = clock.now();
            self.say_all(place, &failure.log);
        }
        // However fast the world runs, a program fills no disk.
        let pause = program.every.max(Duration::from_secs_f64(0.2 * clock.speed()));
        if !is_up || program.says.is_empty() || !clock.is_over(self.voice.spoke, pause) {
            return;
        }
        self.voice.spoke = clock.now();
        let line = program.says.get(self.voice.turn % program.says.len()).cloned();
        self.voice.turn += 1;
        if let Some(line) = line {
            self.write(place, &line);
        }
    }

    fn write(&self, place: Place<'_>, line: &str) {
        let now = place.world.now();
        let format = place.world.scenario.program(&self.image).map_or(Format::Plain, |p| p.format);
        let line = vary(line, meta::name(place.pod));
        let (namespace, pod) = (meta::namespace(place.pod), meta::name(place.pod));
        for text in render(format, &line, now).lines() {
            place.world.logs.append(namespace, pod, &self.name, self.restarts, now, text);
        }
    }
}

/// Fills in `{n}`, `{ms}`, `{id}` and `{pod}`.
fn vary(line: &str, pod: &str) -> String {
    if !line.contains('{') {
        return line.to_owned();
    }
    line.replace("{n}", &rand::random_range(2..900).to_string())
        .replace("{ms}", &rand::random_range(3..60).to_string())
        .replace("{id}", &format!("{:012x}", rand::random::<u64>() >> 16))
        .replace("{pod}", pod)
}

/// A line `level|logger|message` in a format; without the two bars it is the message of an informational line. Lines
/// after the first (a stack trace) stay as they are, except in JSON, where they are a field.
fn render(format: Format, line: &str, at: Timestamp) -> String {
    let mut parts = line.splitn(3, '|');
    let (level, logger, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(level), Some(logger), Some(text)) if is_level(level) => (level, logger, text),
        _ => ("info", "main", line),
    };
    let (message, rest) = text.split_once('\n').unwrap_or((text, ""));
    let tail = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    let upper = level.to_uppercase();
    match format {
        Format::Plain => text.to_owned(),
        Format::Json => {
            let time = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            let mut entry = json!({"time": time, "level": level, "logger": logger, "msg": message});
            if let (false, Some(map)) = (rest.is_empty(), entry.as_object_mut()) {
                map.insert("stack".to_owned(), rest.into());
            }
            entry.to_string()
        }
        Format::Logfmt => {
            format!(
                "time={} level={level} component={logger} msg={message:?}{tail}",
                at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            )
        }
        Format::Spring => {
            let stamp = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
            format!("{stamp} {upper:>5} 1 --- [           main] {logger:<40} : {message}{tail}")
        }
        Format::Python => {
            format!("{} {upper} {logger}: {message}{tail}", at.strftime("%Y-%m-%d %H:%M:%S,%3f"))
        }
    }
}

fn is_level(word: &str) -> bool {
    matches!(word, "debug" | "info" | "warn" | "warning" | "error" | "fatal" | "critical")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_carries_level_and_message() {
        let at = Timestamp::from_millisecond(1_790_000_000_123).unwrap();
        let lines: Vec<String> =
            [Format::Json, Format::Logfmt, Format::Spring, Format::Python, Format::Plain]
                .into_iter()
                .map(|format| render(format, "error|db|it broke", at))
                .collect();
        assert_eq!(
            lines,
            [
                r#"{"time":"2026-09-21T14:13:20.123Z","level":"error","logger":"db","msg":"it broke"}"#,
                r#"time=2026-09-21T14:13:20.123Z level=error component=db msg="it broke""#,
                "2026-09-21T14:13:20.123Z ERROR 1 --- [           main] db                                       : it broke",
                "2026-09-21 14:13:20,123 ERROR db: it broke",
                "it broke",
            ]
        );
    }

    #[test]
    fn a_line_with_other_bars_is_a_message() {
        assert_eq!(render(Format::Plain, "a|b|c", Timestamp::UNIX_EPOCH), "a|b|c");
        assert_eq!(vary("pod {pod}", "web-1"), "pod web-1");
    }
}
