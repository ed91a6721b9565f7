//! Front matter: what a document says about itself between `---` (YAML) or `+++` (TOML) before its text.
//!
//! Lenient: unknown keys are passed over; values that make no sense are too, and broken front matter counts as none, but
//! that is told.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{Attributes, Category, Severity};

use super::yaml;

/// Longest front matter that is understood, bytes; a longer one is skipped unread.
const LARGEST: usize = 64 << 10;

/// Most of a value that is shown where it makes no sense, characters.
const SHOWN: usize = 60;

/// What stands before the text.
#[derive(Default)]
pub(super) struct FrontMatter {
    pub(super) title: Option<String>,
    pub(super) attributes: Attributes,
    /// How many lines it takes with its fences.
    pub(super) lines: u32,
    /// What in it does not count, and why.
    pub(super) ignored: Vec<String>,
}

/// Parts front matter from the text that follows.
pub(super) fn split(text: &str) -> (FrontMatter, &str) {
    let fence = match text.lines().next().map(str::trim_end) {
        Some(fence @ ("---" | "+++")) => fence,
        _ => return (FrontMatter::default(), text),
    };
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let closes = line.trim_end() == fence || (fence == "---" && line.trim_end() == "...");
        if index == 0 || !closes {
            continue;
        }
        let opening = text.find('\n').map_or(text.len(), |at| at + 1);
        let inside = text.get(opening..start).unwrap_or_default();
        if !is_keys(inside) {
            break;
        }
        let mut front = understand(fence, inside);
        front.lines = u32::try_from(index + 1).unwrap_or(u32::MAX);
        return (front, text.get(offset..).unwrap_or_default());
    }
    (FrontMatter::default(), text)
}

/// Whether it begins like keys with values: else the fence was a rule between paragraphs.
fn is_keys(inside: &str) -> bool {
    let line = inside.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    line.is_none_or(|line| {
        let key = line.split([':', '=']).next().unwrap_or_default();
        key.len() < line.len() && !key.contains("  ") && key.len() < 64 || line.starts_with('[')
    })
}

fn understand(fence: &str, inside: &str) -> FrontMatter {
    let mut ignored = Vec::new();
    let keys = keys(fence, inside).unwrap_or_else(|why| {
        ignored.push(why);
        Map::new()
    });
    let text = |names: &[&str]| names.iter().find_map(|name| keys.get(*name).and_then(scalar));
    let list = |name: &str| keys.get(name).map(words).unwrap_or_default();
    let mut one = Understood { keys: &keys, ignored: &mut ignored };
    let (categories, severities) = (Category::ALL.map(Category::name), Severity::ALL.map(Severity::name));
    let category = one.value("category", &categories.join(", "), |value| Category::named(&scalar(value)?));
    let severity = one.value("severity", &severities.join(", "), |value| Severity::named(&scalar(value)?));
    let trust = one.value("trust", "a number from 0 to 1", trust);
    let date = ["last_updated", "lastmod", "date"].into_iter().find(|name| keys.contains_key(*name));
    let last_updated =
        date.and_then(|name| one.value(name, "a date like 2026-11-21", |value| timestamp(&scalar(value)?)));
    let attributes = Attributes {
        category,
        k8s_version: as_written(inside, &["k8s_version", "kubernetes_version"])
            .or_else(|| text(&["k8s_version", "kubernetes_version"])),
        severity,
        tags: list("tags"),
        codes: list("codes"),
        alerts: list("alerts"),
        labels: BTreeMap::new(),
        trust,
        last_updated,
    };
    FrontMatter { title: text(&["title"]), attributes, lines: 0, ignored }
}

/// The keys with their values, or why there are none.
fn keys(fence: &str, inside: &str) -> Result<Map<String, Value>, String> {
    if inside.len() > LARGEST {
        return Err(format!("the front matter has more than {LARGEST} bytes; none of it counts"));
    }
    if fence == "+++" {
        let table = inside.parse::<toml::Table>();
        let table = table.map_err(|_| "the front matter is no valid TOML; none of it counts".to_owned())?;
        return Ok(table.into_iter().map(|(key, value)| (key, json(value))).collect());
    }
    if inside.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
        return Ok(Map::new());
    }
    yaml::parse(inside).map_err(|_| "the front matter is no valid YAML; none of it counts".to_owned())
}

/// Reads values, and remembers those that make no sense.
struct Understood<'a> {
    keys: &'a Map<String, Value>,
    ignored: &'a mut Vec<String>,
}

impl Understood<'_> {
    fn value<T>(&mut self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.keys.get(key).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            let shown: String = value.to_string().chars().take(SHOWN).collect();
            self.ignored.push(format!("{key}: {shown} does not count; expected {expected}"));
        }
        read
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list, or words between commas.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(scalar).collect(),
        Value::String(text) => {
            text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

fn trust(value: &Value) -> Option<f32> {
    let trust = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // The range makes the loss of digits harmless.
    (0.0..=1.0).contains(&trust).then_some(trust as f32)
}

/// An unquoted version as it stands in the text: as a number, 1.30 would be 1.3.
fn as_written(inside: &str, names: &[&str]) -> Option<String> {
    let line = inside.lines().find_map(|line| {
        let (key, value) = line.split_once([':', '='])?;
        names.contains(&key.trim()).then_some(value.trim())
    })?;
    let number = !line.is_empty() && line.chars().all(|char| char.is_ascii_digit() || char == '.');
    number.then(|| line.to_owned())
}

/// A moment, a date with time (UTC where it does not say), or a date.
fn timestamp(text: &str) -> Option<Timestamp> {
    let utc = |time: civil::DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(utc))
        .or_else(|| text.parse::<civil::Date>().ok().and_then(|date| utc(date.at(0, 0, 0, 0))))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn what_makes_no_sense_is_told_and_the_rest_counts() {
        let text = "---\ntitle: A\nseverity: purple\ncategory: bogus\ntrust: 7\ndate: soon\ntags: [a]\nowner: me\n---\ntext\n";
        let (front, rest) = split(text);
        assert_eq!((front.attributes.tags.as_slice(), rest), (&["a".to_owned()][..], "text\n"));
        assert_eq!(
            front.ignored,
            [
                "category: \"bogus\" does not count; expected troubleshooting, configuration, security, monitoring, \
                 incident, runbook",
                "severity: \"purple\" does not count; expected info, warning, critical",
                "trust: 7 does not count; expected a number from 0 to 1",
                "date: \"soon\" does not count; expected a date like 2026-11-21",
            ]
        );
    }

    #[test]
    fn broken_front_matter_is_told_and_good_or_empty_one_is_not() {
        let told = |text: &str| split(text).0.ignored;
        assert_eq!(
            told("---\ntitle: [\n---\ntext"),
            ["the front matter is no valid YAML; none of it counts"]
        );
        assert_eq!(
            told("+++\ntitle = [\n+++\ntext"),
            ["the front matter is no valid TOML; none of it counts"]
        );
        for good in
            ["---\n---\ntext", "---\nseverity: Critical\ntrust: 0.5\ncategory:\n---\n", "no front matter"]
        {
            assert!(told(good).is_empty(), "{good}");
        }
    }
}
