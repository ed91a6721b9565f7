//! Times at the beginning of log lines, in the formats that programs write. Pure.
//!
//! Only what stands at the very beginning of a text is read; finding where to look is for `head`.

/// A time read from a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Microseconds since 1970 in UTC; `None` where the text names no day. A time without an offset is taken for UTC.
    pub(super) at: Option<i64>,
    /// How many bytes it takes.
    pub(super) length: usize,
}

const DAY: i64 = 86_400;
const MICROS: i64 = 1_000_000;
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Reads the time that `text` begins with. `latest` (microseconds) stands in for the year where a format has none: the
/// result is the last such day that is not more than a day after it.
pub(super) fn stamp(text: &[u8], latest: Option<i64>) -> Option<Stamp> {
    match *text.first_chunk::<6>()? {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-' | b'/', _] => iso(text),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
            compact(text).or_else(|| unix(text))
        }
        [b'0'..=b'9', b'0'..=b'9', b':', ..] => clock(text).map(|(_, length)| Stamp { at: None, length }),
        [b'0'..=b'9', b'0'..=b'9', b'/' | b'-' | b' ', b'A'..=b'Z', ..] => day_first(text),
        [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' '] => klog(text, latest),
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ' | b',', ..] => named(text, latest),
        _ => None,
    }
}

/// A time written as a bare number of seconds, milliseconds, microseconds or nanoseconds since 1970.
pub(super) fn of_number(seconds: f64) -> Option<i64> {
    let scale = match seconds {
        1e8..1e11 => 1e6,
        1e11..1e14 => 1e3,
        1e14..1e17 => 1.0,
        1e17..1e19 => 1e-3,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "within range by the bounds above")]
    Some((seconds * scale) as i64)
}

/// `2026-01-02T03:04:05.678Z`, with `/`, a space, a comma, or an offset.
fn iso(text: &[u8]) -> Option<Stamp> {
    let date = *text.first_chunk::<11>()?;
    let [y0, y1, y2, y3, b'-' | b'/', m0, m1, b'-' | b'/', d0, d1, b'T' | b' ' | b'_' | b't'] = date else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    // gin writes `2026/01/02 - 03:04:05`.
    let gap = if text.get(10..13) == Some(b" - ") { 13 } else { 11 };
    let (clock, length) = clock(text.get(gap..)?)?;
    let (offset, zone) = zone(text.get(gap + length..)?);
    let day = day(year, two(m0, m1)?, two(d0, d1)?)?;
    Some(Stamp { at: Some((day * DAY - offset) * MICROS + clock), length: gap + length + zone })
}

/// `081109 203615`: year, month, day, then hour, minute, second.
fn compact(text: &[u8]) -> Option<Stamp> {
    let [y0, y1, m0, m1, d0, d1, b' ', h0, h1, i0, i1, s0, s1, b' '] = *text.first_chunk::<14>()? else {
        return None;
    };
    let day = day(2000 + two(y0, y1)?, two(m0, m1)?, two(d0, d1)?)?;
    let clock = seconds(two(h0, h1)?, two(i0, i1)?, two(s0, s1)?)?;
    Some(Stamp { at: Some((day * DAY + clock) * MICROS), length: 13 })
}

/// `1767323045.5` or `1767323045500`.
fn unix(text: &[u8]) -> Option<Stamp> {
    let length = text.iter().take(24).position(|byte| !(byte.is_ascii_digit() || *byte == b'.'))?;
    let number = std::str::from_utf8(text.get(..length)?).ok()?;
    let whole = number.find('.').unwrap_or(number.len());
    let plausible = number.starts_with('1') && (whole == 10 && whole < length || whole == 13);
    let at = of_number(number.parse().ok().filter(|_| plausible)?)?;
    Some(Stamp { at: Some(at), length })
}

/// `02/Jan/2026:03:04:05 +0000`, `02 Jan 2026 03:04:05.678`, `02-Jan-2026 03:04:05 UTC`.
fn day_first(text: &[u8]) -> Option<Stamp> {
    let date = *text.first_chunk::<12>()?;
    let [d0, d1, _, a, b, c, b'/' | b'-' | b' ', y0, y1, y2, y3, b':' | b' '] = date else { return None };
    let day = day(two(y0, y1)? * 100 + two(y2, y3)?, month([a, b, c])?, two(d0, d1)?)?;
    let (clock, length) = clock(text.get(12..)?)?;
    let (offset, zone) = zone(text.get(12 + length..)?);
    Some(Stamp { at: Some((day * DAY - offset) * MICROS + clock), length: 12 + length + zone })
}

/// `E0102 03:04:05.678901`, as klog writes it; the letter is the level's.
fn klog(text: &[u8], latest: Option<i64>) -> Option<Stamp> {
    let [b'I' | b'W' | b'E' | b'F', m0, m1, d0, d1, b' '] = *text.first_chunk::<6>()? else { return None };
    let (clock, length) = clock(text.get(6..)?)?;
    let (month, date) = (two(m0, m1)?, two(d0, d1)?);
    day(2000, month, date)?;
    Some(Stamp { at: without_year(month, date, clock, latest), length: 6 + length })
}

/// `Jan  2 03:04:05` and `Fri Jan 02 03:04:05.678 2026`.
fn named(text: &[u8], latest: Option<i64>) -> Option<Stamp> {
    let skip = match text.first_chunk::<4>()? {
        [a, b, c, b' '] if month([*a, *b, *c]).is_some() => 0,
        [_, _, _, b' '] => 4,
        _ => return None,
    };
    let [a, b, c, b' ', d0, d1, b' '] = *text.get(skip..)?.first_chunk::<7>()? else { return None };
    let (month, date) = (month([a, b, c])?, two(if d0 == b' ' { b'0' } else { d0 }, d1)?);
    let (clock, length) = clock(text.get(skip + 7..)?)?;
    let length = skip + 7 + length;
    if let Some([b' ', y0, y1, y2, y3]) = text.get(length..).and_then(|rest| rest.first_chunk::<5>())
        && let (Some(century), Some(year)) = (two(*y0, *y1), two(*y2, *y3))
    {
        let day = day(century * 100 + year, month, date)?;
        return Some(Stamp { at: Some(day * DAY * MICROS + clock), length: length + 5 });
    }
    Some(Stamp { at: without_year(month, date, clock, latest), length })
}

fn without_year(month: i64, date: i64, clock: i64, latest: Option<i64>) -> Option<i64> {
    let latest = latest?;
    let this_year = 1970 + latest.div_euclid(MICROS * DAY) * 400 / 146_097;
    // The estimate is a year late at most around New Year.
    let candidates = [this_year + 1, this_year, this_year - 1].into_iter();
    let mut times = candidates.filter_map(|year| Some(day(year, month, date)? * DAY * MICROS + clock));
    times.find(|at| *at <= latest + DAY * MICROS)
}

/// `03:04:05.678`: microseconds of the day and the length. The fraction may follow a comma.
fn clock(text: &[u8]) -> Option<(i64, usize)> {
    let [h0, h1, b':', i0, i1, b':', s0, s1] = *text.first_chunk::<8>()? else { return None };
    let whole = seconds(two(h0, h1)?, two(i0, i1)?, two(s0, s1)?)? * MICROS;
    let Some([b'.' | b',', b'0'..=b'9']) = text.get(8..).and_then(|rest| rest.first_chunk::<2>()) else {
        return Some((whole, 8));
    };
    let (mut fraction, mut unit, mut length) = (0, 100_000, 9);
    for byte in text.get(9..).into_iter().flatten().take(12).take_while(|byte| byte.is_ascii_digit()) {
        fraction += i64::from(byte - b'0') * unit;
        unit /= 10;
        length += 1;
    }
    Some((whole + fraction, length))
}

/// The offset from UTC in seconds that follows a time, and its length: `Z`, `+02:00`, ` +0200`, ` UTC`.
fn zone(text: &[u8]) -> (i64, usize) {
    let (space, rest) = match text {
        [b' ', rest @ ..] => (1, rest),
        rest => (0, rest),
    };
    match rest {
        [b'Z', ..] if space == 0 => (0, 1),
        [b'U', b'T', b'C', ..] | [b'G', b'M', b'T', ..] => (0, space + 3),
        [sign @ (b'+' | b'-'), h0, h1, rest @ ..] => {
            let (colon, rest) = match rest {
                [b':', rest @ ..] => (1, rest),
                rest => (0, rest),
            };
            let (Some(hours), [i0, i1, ..]) = (two(*h0, *h1), rest) else { return (0, 0) };
            let Some(minutes) = two(*i0, *i1) else { return (0, 0) };
            let offset = hours * 3600 + minutes * 60;
            (if *sign == b'-' { -offset } else { offset }, space + 5 + colon)
        }
        _ => (0, 0),
    }
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

fn seconds(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn month(name: [u8; 3]) -> Option<i64> {
    (1..).zip(MONTHS).find(|(_, known)| **known == name).map(|(number, _)| number)
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn day(year: i64, month: i64, date: i64) -> Option<i64> {
    if !((1..=12).contains(&month) && (1..=31).contains(&date)) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::stamp;

    const LATEST: &str = "2026-03-01T00:00:00Z";

    fn read(text: &str) -> Option<(Option<Timestamp>, usize)> {
        let latest = LATEST.parse::<Timestamp>().unwrap().as_microsecond();
        let found = stamp(text.as_bytes(), Some(latest))?;
        Some((found.at.map(|at| Timestamp::from_microsecond(at).unwrap()), found.length))
    }

    #[test]
    fn times_of_the_usual_formats_are_read_to_their_end() {
        let cases = [
            ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.5Z"),
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456Z"),
            ("2026-01-02 03:04:05,250", "2026-01-02T03:04:05.25Z"),
            ("2026/01/02 03:04:05", "2026-01-02T03:04:05Z"),
            ("2026/01/02 - 03:04:05", "2026-01-02T03:04:05Z"),
            ("2026-01-02 03:04:05+02:00", "2026-01-02T01:04:05Z"),
            ("2026-01-02 03:04:05.000 -0130", "2026-01-02T04:34:05Z"),
            ("2026-01-02 03:04:05.000 UTC", "2026-01-02T03:04:05Z"),
            ("02/Jan/2026:03:04:05 +0000", "2026-01-02T03:04:05Z"),
            ("02 Jan 2026 03:04:05.678", "2026-01-02T03:04:05.678Z"),
            ("02-Jan-2026 03:04:05 UTC", "2026-01-02T03:04:05Z"),
            ("Fri Jan 02 03:04:05 2026", "2026-01-02T03:04:05Z"),
            ("Fri Jan 02 03:04:05.678901 2026", "2026-01-02T03:04:05.678901Z"),
            ("Jan  2 03:04:05", "2026-01-02T03:04:05Z"),
            ("Dec 31 23:59:59", "2025-12-31T23:59:59Z"),
            ("Mar  1 10:00:00", "2026-03-01T10:00:00Z"),
            ("E0102 03:04:05.678901", "2026-01-02T03:04:05.678901Z"),
            ("1767323045.5", "2026-01-02T03:04:05.5Z"),
            ("1767323045500", "2026-01-02T03:04:05.5Z"),
            ("2024-02-29 00:00:00", "2024-02-29T00:00:00Z"),
            ("2000-12-31 00:00:00", "2000-12-31T00:00:00Z"),
        ];
        for (text, expected) in cases {
            let line = format!("{text} ERROR");
            assert_eq!(read(&line), Some((Some(expected.parse().unwrap()), text.len())), "{line}");
        }
        assert_eq!(read("260102 030405 17 INFO"), Some((Some("2026-01-02T03:04:05Z".parse().unwrap()), 13)));
        assert_eq!(read("03:04:05.678 x"), Some((None, 12)));
    }

    #[test]
    fn a_day_without_a_year_has_no_time_when_nobody_says_the_year() {
        let found = stamp(b"Jan  2 03:04:05 x", None).unwrap();
        assert_eq!((found.at, found.length), (None, 15));
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        let cases = [
            "2026-99-99 03:04:05",
            "2026-01-02 99:04:05",
            "2026-01-02",
            "1234567 x",
            "123456 789012",
            "Not a time",
            "Job 12 03:04:05",
            "V0102 03:04:05",
            "12:34 x",
            "99/Foo/2026:03:04:05 +0000",
            "\u{fffd}\u{0}",
            "",
        ];
        for text in cases {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
