//! Durations as people write them: `90s`, `10m`, `1h 30m`, `30d`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads a duration that is longer than nothing.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    // A day has 24 hours here; months and years have no length of their own and are refused.
    let signed = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let signed =
        signed.map_err(|_| format!("\"{text}\" is not a duration; write it like \"90s\" or \"10m\""))?;
    let duration = Duration::try_from(signed).map_err(|_| format!("\"{text}\" is negative"))?;
    if duration.is_zero() { Err(format!("\"{text}\" must be longer than 0s")) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("30d"), Ok(Duration::from_secs(30 * 86_400)));
    }

    #[test]
    fn nonsense_and_nothing_are_refused_with_an_example() {
        assert_eq!(
            parse("soon"),
            Err("\"soon\" is not a duration; write it like \"90s\" or \"10m\"".to_owned())
        );
        assert!(parse("1mo").is_err());
        assert_eq!(parse("0s"), Err("\"0s\" must be longer than 0s".to_owned()));
        assert_eq!(parse("-5m"), Err("\"-5m\" is negative".to_owned()));
    }
}
