//! The part of kubectl's JSONPath that is used most: fields, indices, `[*]`, texts between expressions.

use serde_json::Value;

use crate::agents::tools::ToolError;

/// Most values that one path may select.
const MAX_VALUES: usize = 5_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(i64),
    All,
}

/// Evaluates a template such as `{.items[*].metadata.name}` on an object.
///
/// # Errors
/// [`ToolError::Arguments`] for what is not served (`range`, filters, slices, functions).
pub(super) fn evaluate(template: &str, object: &Value) -> Result<String, ToolError> {
    let mut written = String::new();
    let mut rest = template;
    if !rest.contains('{') {
        return Ok(joined(&select(rest, object)?));
    }
    while let Some(open) = rest.find('{') {
        written.push_str(&unescaped(rest.get(..open).unwrap_or_default()));
        let inner = rest.get(open + 1..).unwrap_or_default();
        let Some((expression, after)) = inner.split_once('}') else {
            return Err(refused("a { has no }"));
        };
        written.push_str(&one(expression.trim(), object)?);
        rest = after;
    }
    written.push_str(&unescaped(rest));
    Ok(written)
}

/// One expression: a path, or a text in quotation marks.
fn one(expression: &str, object: &Value) -> Result<String, ToolError> {
    let quoted = |mark: char| expression.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
    match quoted('"').or_else(|| quoted('\'')) {
        Some(text) => Ok(unescaped(text)),
        None => Ok(joined(&select(expression, object)?)),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t")
}

fn joined(values: &[&Value]) -> String {
    values
        .iter()
        .map(|value| crate::agents::tools::kubernetes::fields::shown(value))
        .collect::<Vec<_>>()
        .join(" ")
}

fn select<'a>(path: &str, object: &'a Value) -> Result<Vec<&'a Value>, ToolError> {
    let mut current = vec![object];
    for step in steps(path)? {
        current = current.into_iter().flat_map(|value| taken(&step, value)).take(MAX_VALUES).collect();
    }
    Ok(current)
}

fn taken<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::Index(at), Value::Array(items)) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if *at < 0 { length.saturating_add(*at) } else { *at };
            usize::try_from(at).ok().and_then(|at| items.get(at)).into_iter().collect()
        }
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn steps(path: &str) -> Result<Vec<Step>, ToolError> {
    if path.starts_with("range") || path == "end" || path.contains("..") || path.contains("?(") {
        return Err(refused(path));
    }
    let mut steps = Vec::new();
    let mut characters = path.trim_start_matches(['$', '@']).chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '.' => {}
            '[' => {
                let inner: String = characters.by_ref().take_while(|c| *c != ']').collect();
                steps.push(bracketed(inner.trim())?);
            }
            first => {
                let mut name = String::new();
                let mut next = Some(first);
                while let Some(c) = next {
                    // A backslash keeps a dot within a name: .annotations.a\.b/c
                    let c = if c == '\\' { characters.next().unwrap_or(c) } else { c };
                    name.push(c);
                    next = characters.next_if(|c| !matches!(c, '.' | '['));
                }
                steps.push(if name == "*" { Step::All } else { Step::Field(name) });
            }
        }
    }
    Ok(steps)
}

fn bracketed(inner: &str) -> Result<Step, ToolError> {
    let quoted = |mark: char| inner.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
    if inner == "*" {
        return Ok(Step::All);
    }
    if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
        return Ok(Step::Field(name.replace("\\.", ".")));
    }
    inner.parse().map(Step::Index).map_err(|_| refused(inner))
}

fn refused(what: &str) -> ToolError {
    ToolError::Arguments(format!(
        "jsonpath {what:?} is not served; fields, [n], [*] and ['key'] are, as in {{.items[*].metadata.name}}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::evaluate;

    #[test]
    fn paths_select_and_texts_stay() {
        let object = json!({"items": [{"metadata": {"name": "a", "annotations": {"x.y/z": "1"}}, "n": 1}, {"metadata": {"name": "b"}, "n": 2}]});
        for (path, expected) in [
            ("{.items[*].metadata.name}", "a b"),
            ("{.items[0].metadata.annotations.x\\.y/z}", "1"),
            ("{.items[0].metadata.annotations['x.y/z']}", "1"),
            ("{$.items[-1].n}", "2"),
            ("name={.items[1].metadata.name}{\"\\n\"}", "name=b\n"),
            (".items[0].n", "1"),
            ("{.nothing.here}", ""),
            ("{.items[9]}", ""),
        ] {
            assert_eq!(evaluate(path, &object).unwrap(), expected, "{path}");
        }
        for path in [
            "{range .items[*]}{.n}{end}",
            "{.items[?(@.n==1)]}",
            "{..name}",
            "{.items[0:1]}",
            "{.items",
            "{.a[}",
        ] {
            assert!(evaluate(path, &object).is_err(), "{path}");
        }
    }
}
