//! Logs that stand one after the other in one text, as `kubectl cluster-info dump` writes them. Pure.

const START: &str = "==== START logs for container ";
const END: &str = "==== END logs for container ";

/// One container's log in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) container: &'a str,
    pub(super) text: &'a str,
}

/// The logs in a text, and what stands before, between and after them.
pub(super) fn sections(text: &str) -> (Vec<Section<'_>>, Vec<&str>) {
    let (mut logs, mut between) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = line_start(rest, START) {
        between.push(rest.get(..at).unwrap_or_default());
        let from = rest.get(at..).unwrap_or_default();
        let (headline, body) = from.split_once('\n').unwrap_or((from, ""));
        let end = line_start(body, END).unwrap_or(body.len());
        if let Some((container, namespace, pod)) = named(headline) {
            logs.push(Section { namespace, pod, container, text: body.get(..end).unwrap_or_default() });
        }
        let after = body.get(end..).unwrap_or_default();
        rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    }
    between.push(rest);
    between.retain(|text| !text.trim().is_empty());
    (logs, between)
}

/// Where the first line that begins so begins.
fn line_start(text: &str, beginning: &str) -> Option<usize> {
    if text.starts_with(beginning) {
        return Some(0);
    }
    text.match_indices(beginning)
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|before| before.ends_with('\n')))
}

/// `==== START logs for container <container> of pod <namespace>/<pod> ====`
fn named(headline: &str) -> Option<(&str, &str, &str)> {
    let rest = headline.strip_prefix(START)?.trim_end().strip_suffix("====")?.trim_end();
    let (container, pod) = rest.split_once(" of pod ")?;
    let (namespace, pod) = pod.split_once('/')?;
    Some((container, namespace, pod))
}

#[cfg(test)]
mod tests {
    use super::{Section, sections};

    #[test]
    fn logs_and_what_stands_between_are_told_apart() {
        let text = "{}\n==== START logs for container app of pod shop/cart-1 ====\nline\n==== END no end ====\n\
            ==== END logs for container app of pod shop/cart-1 ====\n[]\n\
            ==== START logs for container a of pod b/c ====\ntorn";
        let section = |namespace, pod, container, text| Section { namespace, pod, container, text };
        let expected = vec![
            section("shop", "cart-1", "app", "line\n==== END no end ====\n"),
            section("b", "c", "a", "torn"),
        ];
        assert_eq!(sections(text), (expected, vec!["{}\n", "[]\n"]));
        assert_eq!(sections(""), (vec![], vec![]));
    }
}
