//! Front matter: what a document says about itself between `---` (YAML) or `+++` (TOML) before its text.
//!
//! Lenient: unknown keys and values that make no sense are passed over, broken front matter counts as none.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{Attributes, Category, Severity};

use super::yaml;

/// Longest front matter that is understood, bytes; a longer one is skipped unread.
const LARGEST: usize = 64 << 10;

/// What stands before the text.
#[derive(Default)]
pub(super) struct FrontMatter {
    pub(super) title: Option<String>,
    pub(super) attributes: Attributes,
    /// How many lines it takes with its fences.
    pub(super) lines: u32,
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
        let mut front =
            if inside.len() > LARGEST { FrontMatter::default() } else { understand(fence, inside) };
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
    let keys = if fence == "+++" {
        inside
            .parse::<toml::Table>()
            .ok()
            .map(|table| table.into_iter().map(|(key, value)| (key, json(value))).collect())
    } else {
        yaml::parse::<Map<String, Value>>(inside).ok()
    };
    let keys: Map<String, Value> = keys.unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| keys.get(*name).and_then(scalar));
    let list = |name: &str| keys.get(name).map(words).unwrap_or_default();
    let attributes = Attributes {
        category: text(&["category"]).and_then(|name| Category::named(&name)),
        k8s_version: as_written(inside, &["k8s_version", "kubernetes_version"])
            .or_else(|| text(&["k8s_version", "kubernetes_version"])),
        severity: text(&["severity"]).and_then(|name| Severity::named(&name)),
        tags: list("tags"),
        codes: list("codes"),
        alerts: list("alerts"),
        labels: BTreeMap::new(),
        trust: keys.get("trust").and_then(trust),
        last_updated: text(&["last_updated", "lastmod", "date"]).and_then(|date| timestamp(&date)),
    };
    FrontMatter { title: text(&["title"]), attributes, lines: 0 }
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
