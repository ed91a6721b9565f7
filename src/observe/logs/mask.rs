//! The template of a log line: what differs from one occurrence to the next is masked. Pure.

use regex::Captures;

use super::super::text::{head, pattern};

/// Longest template, bytes.
const MAX_TEMPLATE: usize = 400;

/// Longest quotation that is kept, bytes.
const MAX_QUOTED: usize = 42;

pattern!(
    VARIABLE,
    concat!(
        r"(?P<time>\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\s?(?:Z|[+-]\d\d:?\d\d))?",
        r"|\b\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b)",
        r"|(?P<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)",
        r"|(?P<ip>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?\b)",
        r"|(?P<hex>\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}\b)",
        r"|(?P<pod>-[0-9a-z]{8,10}-[0-9a-z]{5}\b)",
        r#"|(?P<quoted>"[^"]*"|\B'[^']*')"#,
        r"|(?P<n>\b\d+(?:\.\d+)?(?:ms|us|µs|ns|s|m|h|%|[KMG]i?B?)?\b)",
    )
);

/// Masks numbers, ids, addresses, times and long quotations: `took 12ms at 10.0.0.1:80` becomes `took <n> at <ip>`.
pub(super) fn mask(text: &str) -> String {
    let masked = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).map_or("", |whole| whole.as_str());
        let named = |name: &str| found.name(name).is_some();
        // `deadbeef` may be an id, `feedbacks` is a word; neither are generated pod names without a digit.
        let has_digit = whole.contains(|c: char| c.is_ascii_digit());
        match () {
            () if named("time") => "<time>".to_owned(),
            () if named("id") => "<id>".to_owned(),
            () if named("ip") => "<ip>".to_owned(),
            () if named("hex") && has_digit => "<hex>".to_owned(),
            () if named("pod") && has_digit => "-<pod>".to_owned(),
            () if named("quoted") => quoted(whole),
            () if named("n") => "<n>".to_owned(),
            () => whole.to_owned(),
        }
    });
    head(&masked, MAX_TEMPLATE).to_owned()
}

/// A short quotation usually names something, so it is kept with its own variable parts masked; a long one is data.
fn quoted(whole: &str) -> String {
    let mut inner = whole.chars();
    match (inner.next(), inner.next_back()) {
        (Some(open), Some(close)) if whole.len() <= MAX_QUOTED => {
            format!("{open}{}{close}", mask(inner.as_str()))
        }
        _ => "<text>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn what_varies_is_masked_and_what_means_something_is_kept() {
        let cases = [
            ("took 12ms at 10.0.0.1:5432 (try 3)", "took <n> at <ip> (try <n>)"),
            ("2026-01-02T03:04:05.678Z ERROR x", "<time> ERROR x"),
            ("2026-01-02 03:04:05,678 ERROR x", "<time> ERROR x"),
            ("id 3f2b8c1e-0000-4000-8000-1234567890ab gone", "id <id> gone"),
            ("at 0xc000123 and deadbeef42, cafebabe", "at <hex> and <hex>, cafebabe"),
            ("pod checkout-7d9f8b6c5d-x2x4z down", "pod checkout-<pod> down"),
            ("user \"shop\" key 'DB_URL' v2", "user \"shop\" key 'DB_URL' v2"),
            ("time=\"2026-01-02T03:04:05Z\" took=\"12ms\"", "time=\"<time>\" took=\"<n>\""),
            ("can't open 'a' in 3 of 'b'", "can't open 'a' in <n> of 'b'"),
            (
                "bean 'rounding' defined in class path resource [com/a/B.class]: 'x'",
                "bean 'rounding' defined in class path resource [com/a/B.class]: 'x'",
            ),
            ("query \"SELECT * FROM orders WHERE id = 17 AND total > 3\" failed", "query <text> failed"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text), expected);
        }
    }
}
