//! A title where a document has none: from its name.

use std::sync::LazyLock;

use regex::Regex;

use super::outline::one_line;

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static HUMPS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])").unwrap());

/// Words from a document's path: `node/NodeClockSkew.md` is `Node Clock Skew`, `pod-crash_looping.html` is
/// `Pod crash looping`; of `pods/_index.md` the folder speaks.
#[must_use]
pub fn title_from_path(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.rsplit(['/', '!']).filter(|part| !part.is_empty() && *part != "." && *part != "-");
    let name = parts.next().map_or("", stem);
    let folder = matches!(name.trim_matches('_').to_ascii_lowercase().as_str(), "index" | "readme");
    let name = if folder { parts.next().unwrap_or(name) } else { name };
    let spaced = name.replace(['-', '_', '+'], " ");
    let words = HUMPS.replace_all(&spaced, "$1$3 $2$4");
    let mut letters = words.trim().chars();
    let title = match letters.next() {
        Some(first) if words.contains(' ') => first.to_uppercase().chain(letters).collect(),
        _ => words.trim().to_owned(),
    };
    if title.is_empty() { "Untitled".to_owned() } else { one_line(&title) }
}

/// The name without its extension, if what stands behind the last dot looks like one.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && (1..=8).contains(&end.len()) && !end.contains(' ') => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::title_from_path;

    #[test]
    fn names_become_words() {
        for (path, title) in [
            ("node/NodeClockSkewDetected.md", "Node Clock Skew Detected"),
            ("KubeAPIDown.md", "Kube API Down"),
            ("etcdMembersDown.md", "Etcd Members Down"),
            ("guides/pod-crash_looping.html", "Pod crash looping"),
            ("concepts/workloads/_index.md", "workloads"),
            ("README.md", "README"),
            ("https://example.org/docs/debug-pods/?q=1", "Debug pods"),
            ("-", "Untitled"),
            ("", "Untitled"),
        ] {
            assert_eq!(title_from_path(path), title, "{path}");
        }
    }
}
