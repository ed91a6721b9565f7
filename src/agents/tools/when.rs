//! Times as models give them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ToolError;

/// What is understood, for messages.
const FORMS: &str = "give \"now\", a time before now (\"-30m\", \"-1h30m\", \"-2d\"), RFC 3339 (\"2026-01-31T09:30:00Z\") or seconds since 1970";

/// A moment: relative to `now` or absolute. `name` is the argument's, for the message.
pub(super) fn moment(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, ToolError> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        ToolError::Arguments(format!("{name}: {shown:?} is no time; {FORMS}"))
    };
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now);
    }
    let before =
        text.strip_prefix('-').or_else(|| text.strip_suffix("ago")).or_else(|| text.strip_prefix("now-"));
    if let Some(before) = before {
        let back = duration(before.trim()).ok_or_else(wrong)?;
        return now.checked_sub(SignedDuration::try_from(back).map_err(|_| wrong())?).map_err(|_| wrong());
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).map_err(|_| wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// A length of time as Prometheus writes it (`90s`, `1h30m`).
pub(super) fn duration(text: &str) -> Option<Duration> {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).take(30).collect();
    // A plain number is no length of time, and of "nan" and "inf" the parser makes a panic.
    let begins = compact.starts_with(|first: char| first.is_ascii_digit());
    if !begins || !compact.ends_with(|last: char| last.is_ascii_alphabetic()) {
        return None;
    }
    // Beyond a century it is a slip, and arithmetic on it might overflow.
    let century = Duration::from_secs(100 * 366 * 86_400);
    let parsed = promql_parser::util::parse_duration(&compact).ok();
    parsed.filter(|parsed| !parsed.is_zero() && *parsed <= century)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{duration, moment};

    #[test]
    fn times_are_understood_in_all_their_forms() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-11-21T03:00:00Z"),
            ("-30m", "2026-11-21T02:30:00Z"),
            (" -1h30m ", "2026-11-21T01:30:00Z"),
            ("2h ago", "2026-11-21T01:00:00Z"),
            ("now-1d", "2026-11-20T03:00:00Z"),
            ("2026-11-20T00:00:00+01:00", "2026-11-19T23:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(moment("start", text, now).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn garbage_is_refused_with_what_is_understood() {
        for garbage in [
            "",
            "-",
            "-inf",
            "-nan",
            "nan ago",
            "-1e300",
            "yesterday",
            "-5",
            "--5m",
            "-1e300s",
            "99999999999999999",
            "-99999999y",
            "\u{0}",
        ] {
            let refusal = moment("start", garbage, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(refusal.contains("start") && refusal.contains("RFC 3339"), "{garbage}: {refusal}");
        }
        assert_eq!(duration("5"), None);
    }
}
