//! The alert's own PromQL expression, from the link that the sender puts beside the alert.
//!
//! The expression is kept as it is. Narrowing it to the alert's labels would need a matcher on every inner selector, and
//! one label that an inner series does not carry (an aggregation added it, a join brought it in) would make the result
//! empty for ever: an alert that looks clear and is not. Whoever asks the expression again compares the labels of what
//! comes back with those of the alert instead.

use url::form_urlencoded;

/// Longest expression that is kept, bytes; longer ones are not asked again.
const MAX_LENGTH: usize = 4096;

/// Reads `g0.expr` of a Prometheus graph link; `None` when there is none, or when it is not PromQL.
pub(super) fn expression(generator_url: &str) -> Option<String> {
    let (_, query) = generator_url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let (_, expression) =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| matches!(&**name, "g0.expr" | "expr"))?;
    let expression = expression.trim();
    let usable = !expression.is_empty() && expression.len() <= MAX_LENGTH && !deep(expression);
    (usable && is_promql(expression)).then(|| expression.to_owned())
}

/// Whether it parses. The parser panics on lengths of time that are no lengths, as in `up[1e300]`; a link must not cost
/// the alert.
fn is_promql(expression: &str) -> bool {
    std::panic::catch_unwind(|| promql_parser::parser::parse(expression).is_ok()).unwrap_or(false)
}

/// The parser's tree is walked recursively: nesting that no person writes is not parsed at all.
fn deep(expression: &str) -> bool {
    expression.bytes().filter(|byte| matches!(byte, b'(' | b'-' | b'+')).count() > 500
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_of_a_prometheus_link_is_found() {
        let link = "http://prometheus:9090/graph?g0.expr=rate%28http_requests_total%7Bcode%3D~%225..%22%7D%5B5m%5D%29+%3E+0.1&g0.tab=1";
        assert_eq!(expression(link).as_deref(), Some("rate(http_requests_total{code=~\"5..\"}[5m]) > 0.1"));
        assert_eq!(expression("/graph?g0.expr=up%20%3D%3D%200").as_deref(), Some("up == 0"));
    }

    #[test]
    fn what_is_not_promql_is_not_kept() {
        let nested = format!("http://p/graph?g0.expr={}up{}", "(".repeat(2_000), ")".repeat(2_000));
        let long = format!("http://p/graph?g0.expr={}", "a".repeat(5_000));
        for link in [
            "",
            "http://p/graph",
            "http://p/graph?g0.expr=",
            "http://p/graph?g0.expr=%29%28",
            "http://p/graph?g0.expr=up%5B1e300%5D",
            "?",
            &nested,
            &long,
        ] {
            assert_eq!(expression(link), None, "{link:.60}");
        }
    }
}
