//! The values of Kubernetes Secrets, in YAML (also indented, in lists and in code blocks) and in JSON.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Everything that this file looks for; compiled by a test, so that none is left out in silence.
struct Patterns {
    yaml_kind: Regex,
    yaml_data: Regex,
    yaml_entry: Regex,
    json_kind: Regex,
    json_data: Regex,
    json_entry: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(patterns);

fn patterns() -> Option<Patterns> {
    let of = |pattern| Regex::new(pattern).ok();
    Some(Patterns {
        yaml_kind: of(r#"^([ \t>|+-]*)kind:[ \t]*["']?(?i:Secret|SealedSecret)["']?[ \t]*$"#)?,
        yaml_data: of(r"^([ \t>|+-]*)(?:data|stringData):[ \t]*$")?,
        yaml_entry: of(r#"^[ \t>|+-]*["']?[\w.-]+["']?:[ \t]*(.*?)[ \t]*$"#)?,
        json_kind: of(r#"\\*"kind\\*"\s{0,20}:\s{0,20}\\*"([A-Za-z]{1,60})\\*""#)?,
        json_data: of(r#"\\*"(?:data|stringData)\\*"\s{0,20}:\s{0,20}\{([^{}]*)"#)?,
        json_entry: of(r#"\\*"[\w.-]+\\*"\s{0,20}:\s{0,20}\\*"([^"\\]*)"#)?,
    })
}

/// The values of all Secrets in a text. Without its patterns there is no answer, and the text is not to be passed on.
pub(super) fn secret_values(text: &str) -> Option<Vec<Range<usize>>> {
    let patterns = PATTERNS.as_ref()?;
    let mut found = Vec::new();
    if text.contains("ecret") {
        yaml(text, patterns, &mut found);
        json(text, patterns, &mut found);
    }
    Some(found)
}

struct Line<'a> {
    text: &'a str,
    start: usize,
    /// Columns before the first letter of the key; dashes of lists and marks of quotes and diffs count as columns.
    indent: usize,
    item: bool,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let line = |text: &'_ str| {
        let key = text.trim_start_matches([' ', '\t', '-', '>', '|', '+']);
        let lead = text.get(..text.len() - key.len()).unwrap_or_default();
        (lead.len(), lead.trim_end().ends_with('-') && !text.starts_with("---"))
    };
    text.split_inclusive('\n')
        .map(|whole| {
            let text = whole.trim_end_matches('\n');
            let (indent, item) = line(text);
            start += whole.len();
            Line { text, start: start - whole.len(), indent, item }
        })
        .collect()
}

fn yaml(text: &str, patterns: &Patterns, found: &mut Vec<Range<usize>>) {
    if !text.contains("kind:") {
        return;
    }
    let lines = lines(text);
    let kinds = lines.iter().enumerate().filter(|(_, line)| patterns.yaml_kind.is_match(line.text));
    // An object that says its kind again and again is read once for each depth: its cost must not grow with the square.
    let mut read = BTreeMap::<usize, usize>::new();
    for (at, kind) in kinds {
        if read.get(&kind.indent).is_some_and(|end| at < *end) {
            continue;
        }
        let object = object(&lines, at, kind.indent);
        read.insert(kind.indent, object.end);
        let mut data = None;
        for line in lines.get(object).unwrap_or_default() {
            if line.text.trim().is_empty() {
                continue;
            }
            if line.indent == kind.indent {
                data = patterns.yaml_data.is_match(line.text).then_some(());
            } else if data.is_some() {
                found.extend(entry(line, patterns));
            }
        }
    }
}

/// The lines of the object that a line belongs to: around it, as far in or further, up to the next item or document.
fn object(lines: &[Line<'_>], at: usize, indent: usize) -> Range<usize> {
    let ends = |line: &Line<'_>| {
        let bare = line.text.trim();
        !bare.is_empty() && (line.indent < indent || bare == "---" || bare.starts_with("```"))
    };
    let mut first = at;
    while first > 0 {
        if lines.get(first).is_some_and(|line| line.item && line.indent == indent) {
            break;
        }
        if lines.get(first - 1).is_none_or(&ends) {
            break;
        }
        first -= 1;
    }
    let next = |line: &Line<'_>| ends(line) || (line.item && line.indent == indent);
    let rest = lines.get(at + 1..).unwrap_or_default();
    first..at + 1 + rest.iter().position(next).unwrap_or(rest.len())
}

/// What stands behind the key of a line, or the whole line where it goes on with a value.
fn entry(line: &Line<'_>, patterns: &Patterns) -> Option<Range<usize>> {
    let value = match patterns.yaml_entry.captures(line.text) {
        Some(captures) => captures.get(1)?.range(),
        None => line.indent..line.text.trim_end().len(),
    };
    let text = line.text.get(value.clone())?;
    let inner = text.trim_matches(['"', '\'']);
    let is_scalar_mark = inner.len() <= 3 && inner.starts_with(['|', '>']);
    let lead = text.find(inner)?;
    let start = line.start + value.start + lead;
    (!inner.is_empty() && !is_scalar_mark).then_some(start..start + inner.len())
}

/// Objects of strings called `data` whose nearest `kind`, before or after, is a Secret.
fn json(text: &str, patterns: &Patterns, found: &mut Vec<Range<usize>>) {
    if !text.contains("kind") {
        return;
    }
    let kinds: Vec<(usize, bool)> = patterns
        .json_kind
        .captures_iter(text)
        .filter_map(|kind| Some((kind.get(0)?.start(), kind.get(1)?.as_str().ends_with("Secret"))))
        .collect();
    for data in patterns.json_data.captures_iter(text).filter_map(|data| data.get(1)) {
        let next = kinds.partition_point(|(at, _)| *at < data.start());
        let before = next.checked_sub(1).and_then(|at| kinds.get(at));
        if [before, kinds.get(next)].into_iter().flatten().any(|(_, secret)| *secret) {
            let entries = patterns.json_entry.captures_iter(data.as_str()).filter_map(|entry| entry.get(1));
            let offset = data.start();
            let entries = entries.filter(|entry| !entry.is_empty());
            found.extend(entries.map(|entry| offset + entry.start()..offset + entry.end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{patterns, secret_values};

    fn values(text: &str) -> Vec<&str> {
        secret_values(text).unwrap().into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn the_patterns_compile() {
        assert!(patterns().is_some());
    }

    #[test]
    fn a_secret_is_read_wherever_its_kind_stands() {
        let first = "kind: Secret\ndata:\n  user: c2hvcA==\n  pass: \"aHVudGVy\"\ntype: Opaque\n";
        assert_eq!(values(first), ["c2hvcA==", "aHVudGVy"]);
        let last = "data:\n  pass: aHVudGVy\nkind: Secret\nmetadata:\n  name: db\n";
        assert_eq!(values(last), ["aHVudGVy"]);
        let fenced = "See:\n```yaml\napiVersion: v1\nkind: Secret\nstringData:\n  note: |\n    one\n    two\n```\ndata:\n  x: y\n";
        assert_eq!(values(fenced), ["one", "two"]);
    }

    #[test]
    fn only_secrets_of_a_list_are_read() {
        let list = "items:\n- apiVersion: v1\n  data:\n    mode: fast\n  kind: ConfigMap\n- apiVersion: v1\n  data:\n    pass: aHVudGVy\n  kind: Secret\n";
        assert_eq!(values(list), ["aHVudGVy"]);
        assert!(values("kind: ConfigMap\ndata:\n  mode: fast\n# Secret\n").is_empty());
    }

    #[test]
    fn json_is_read_too_also_where_it_is_quoted() {
        let json = r#"{"apiVersion":"v1","data":{"pass":"aHVudGVy"},"kind":"Secret"}"#;
        assert_eq!(values(json), ["aHVudGVy"]);
        assert_eq!(values(&json.replace('"', r#"\""#)), ["aHVudGVy"]);
        let map = r#"{"kind":"ConfigMap","data":{"mode":"fast"},"metadata":{"name":"no-Secret"}}"#;
        assert!(values(map).is_empty());
    }
}
