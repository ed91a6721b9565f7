//! What the parser of TOML says, in words that quote no value: a secret may stand in the wrong place, and messages reach
//! terminals and logs.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use toml::Value;
use toml::de::Error;

use super::Problems;

/// Why a text is no TOML, with line and column but without the line itself.
pub(super) fn of_syntax(text: &str, error: &Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return error.message().to_owned();
    };
    let (line, begun) = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default());
    format!("line {line}, column {}: {}", begun.chars().count() + 1, error.message())
}

/// Reads one section, and adds everything in it that cannot be read, each with its key below `place`. What can be read
/// is returned even then, where nothing that must be there is missing.
pub(super) fn section<T: DeserializeOwned>(
    place: &str,
    mut value: Value,
    problems: &mut Problems,
) -> Option<T> {
    let mut taken_out = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let key = key(place, error.path());
        let message = error.inner().message();
        // What was taken out because it could not be read is not missing as well.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        if missing.is_none_or(|name| !taken_out.contains(&format!("{key}.{name}"))) {
            problems.add(key.clone(), of_value(message));
        }
        if !take_out(&mut value, error.path()) {
            return None;
        }
        taken_out.push(key);
    }
}

/// `clusters[0]` and `prometheus.url` make `clusters[0].prometheus.url`.
fn key(place: &str, path: &Path) -> String {
    let mut key = place.to_owned();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => key.push_str(&format!("[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => key.push_str(&format!(".{name}")),
            Segment::Unknown => {}
        }
    }
    key
}

/// Takes out what could not be read, so that the rest can be; says whether there was anything to take out.
fn take_out(value: &mut Value, path: &Path) -> bool {
    let mut segments: Vec<&Segment> = path.iter().collect();
    let Some(last) = segments.pop() else { return false };
    let mut inner = value;
    for segment in segments {
        let next = match segment {
            Segment::Map { key } => inner.get_mut(key.as_str()),
            Segment::Seq { index } => inner.get_mut(*index),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some(next) = next else { return false };
        inner = next;
    }
    match (last, inner) {
        (Segment::Map { key }, Value::Table(table)) => table.remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(array)) if *index < array.len() => {
            array.remove(*index);
            true
        }
        _ => false,
    }
}

/// `invalid type: string "hunter2", expected u64` becomes `a string stands here; expected u64`.
fn of_value(message: &str) -> String {
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let kind = found.split(['"', '`']).next().unwrap_or_default().trim();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let expected = expected.strip_prefix("struct ").map_or(expected, |_| "a table");
    format!("{article} {kind} stands here; expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::of_value;

    #[test]
    fn no_value_is_repeated_whatever_stands_in_it() {
        let said = [
            of_value("invalid type: string \"a, expected \\\"b\", expected u64"),
            of_value("invalid type: integer `42`, expected a string"),
            of_value("invalid value: integer `-1`, expected u8"),
            of_value("invalid type: map, expected a string"),
            of_value("invalid type: string \"x\", expected struct Endpoint"),
            of_value("unknown field `listn`, expected `listen`"),
        ];
        let expected = [
            "a string stands here; expected u64",
            "an integer stands here; expected a string",
            "an integer stands here; expected u8",
            "a map stands here; expected a string",
            "a string stands here; expected a table",
            "unknown field `listn`, expected `listen`",
        ];
        assert_eq!(said, expected);
    }
}
