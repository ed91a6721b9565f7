//! YAML documents, within bounds of nesting, size, and what aliases unfold to.

use serde_json::Value;

use super::documents::Documents;

/// Deepest nesting: real objects have about 20 levels, a schema in a custom resource definition up to 60.
const DEPTH: usize = 100;

/// Most values of one document.
const NODES: usize = 20_000_000;

/// Most values that aliases may add.
const REPLAYED: usize = 100_000;

/// Takes in every document of a text; those that cannot be read are told of.
pub(super) fn documents(text: &str, found: &mut Documents<'_>) {
    for document in split(text) {
        if document.trim().is_empty() {
            continue;
        }
        match parse(document) {
            Ok(value) => found.value(value),
            Err(reason) => {
                found.broken = Some(reason);
                if let Some(value) = without_last_item(document) {
                    found.value(value);
                }
            }
        }
    }
}

/// A line that is `---` stands between documents: within a block of text it would be indented.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let is_separator = line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty());
            if is_separator {
                rest = text.get(offset + line.len()..);
                return text.get(..offset);
            }
            offset += line.len();
        }
        rest = None;
        Some(text)
    })
}

fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_nodes: NODES,
            max_events: 3 * NODES,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.without_snippet().location().map(|at| at.line());
        match line {
            Some(line) => format!("it is no YAML from line {line} on"),
            None => "it is no YAML, or too large or deep".to_owned(),
        }
    })
}

/// A list that was cut off in its last item, without it.
fn without_last_item(text: &str) -> Option<Value> {
    let last = text.rfind("\n- ")?;
    parse(text.get(..=last)?).ok().filter(|value| value.get("items").is_some())
}
