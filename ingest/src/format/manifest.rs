//! Manifests in YAML and JSON: one unit an object, lists unfolded, rules one by one, the values of Secrets hidden.
//! Other YAML and JSON (values files, dashboards) is one unit a document.

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::{Attributes, Document, Lines, document::BlockKind};

use super::{
    json_spans,
    outline::{LineIndex, Outline, newlines},
    rules, secrets,
    yaml::{self, Broken},
};

const BOUND: &str = "is YAML that nests or repeats itself beyond all bounds: write it out, or leave it out";

pub(super) fn read_yaml(path: &str, text: &str) -> Result<Document, String> {
    let mut outline = Outline::default();
    for (first, part) in documents(text) {
        match yaml::parse::<Value>(part) {
            Ok(Value::Null) => {}
            Ok(value) => document(&mut outline, value, part, first)?,
            Err(Broken::Bound) => return Err(BOUND.to_owned()),
            Err(Broken::Syntax(line)) if secrets::mentioned(part) => {
                let place = line.map(|line| format!(" (line {})", first + line - 1)).unwrap_or_default();
                return Err(format!(
                    "is not valid YAML{place} and names a Secret, so its values cannot be hidden: mend it"
                ));
            }
            Err(Broken::Syntax(_)) => code(&mut outline, "yaml", part, first),
        }
    }
    outline.finish(None, Attributes::default(), path)
}

/// The documents of a YAML stream with their first lines. A `---` at the start of a line always parts documents.
pub(super) fn documents(text: &str) -> Vec<(u32, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut first, mut offset) = (0, 1, 0);
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let marker = content
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\n', '\t']));
        if marker {
            parts.push((first, text.get(start..offset).unwrap_or_default()));
            // What follows the marker on its line belongs to the document, a comment mostly.
            start = offset + 3;
            first = line;
        }
        offset += content.len();
    }
    parts.push((first, text.get(start..).unwrap_or_default()));
    parts.retain(|(_, part)| !part.trim().is_empty());
    parts
}

#[derive(Deserialize)]
struct List {
    items: Vec<Spanned<Value>>,
}

fn is_list(value: &Value) -> bool {
    let kind = value.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List")) && value.get("items").is_some_and(Value::is_array)
}

fn document(outline: &mut Outline, value: Value, part: &str, first: u32) -> Result<(), String> {
    if is_list(&value) {
        let list = yaml::parse::<List>(part).map_err(|_| BOUND.to_owned())?;
        for item in list.items {
            let name = name(&item.value);
            unit(outline, name.as_slice(), item, part, first);
        }
        return Ok(());
    }
    if let Some(rules) = rules::of(part, &value) {
        let above = name(&value);
        for rules::Rule { headings, rule } in rules {
            let path: Vec<String> = above.iter().cloned().chain(headings).collect();
            unit(outline, &path, rule, part, first);
        }
        return Ok(());
    }
    whole(outline, value, "yaml", part, first);
    Ok(())
}

/// `Kind namespace/name`; `None` for what is no object.
fn name(value: &Value) -> Option<String> {
    let kind = value.get("kind")?.as_str()?;
    value.get("apiVersion")?;
    let field = |name: &str| value.get("metadata").and_then(|meta| meta.get(name)).and_then(Value::as_str);
    Some(match (field("namespace"), field("name").or_else(|| field("generateName"))) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        _ => kind.to_owned(),
    })
}

/// A document that is one object.
fn whole(outline: &mut Outline, mut value: Value, language: &str, part: &str, first: u32) {
    head(outline, name(&value).as_slice());
    if !secrets::hide(&mut value) {
        return code(outline, language, part, first);
    }
    let lines = Lines::new(first, first + newlines(part.trim_end()));
    outline.block(BlockKind::Code("yaml".to_owned()), yaml::render(value).unwrap_or_default(), lines);
}

/// One element of a list: as it stands in the text, written anew where that is not possible.
fn unit(outline: &mut Outline, headings: &[String], item: Spanned<Value>, part: &str, first: u32) {
    head(outline, headings);
    let mut value = item.value;
    let place = |line: u64| u32::try_from(line).unwrap_or(1).max(1);
    let line = place(item.referenced.line());
    let cut = cut_out(part, line, item.referenced.column());
    let last = cut.as_ref().map_or(line, |cut| line + newlines(cut));
    let hidden = secrets::hide(&mut value);
    let text = cut.filter(|_| !hidden).or_else(|| yaml::render(value)).unwrap_or_default();
    let lines = Lines::new(first + line - 1, first + last - 1);
    outline.block(BlockKind::Code("yaml".to_owned()), text, lines);
}

/// The lines of a list's element that begins after a `- ` at `line` and `column`, without their indentation.
fn cut_out(part: &str, line: u32, column: u64) -> Option<String> {
    let indent = usize::try_from(column).ok()?.checked_sub(1)?;
    let mut lines = part.lines().skip(usize::try_from(line).ok()?.checked_sub(1)?);
    let begin = lines.next()?;
    if begin.get(..indent)?.trim() != "-" {
        return None;
    }
    let mut text = begin.get(indent..)?.to_owned();
    for line in lines {
        let body = line.trim_start_matches(' ');
        if !body.is_empty() && line.len() - body.len() < indent {
            break;
        }
        text.push('\n');
        text.push_str(line.get(indent..).unwrap_or_default());
    }
    text.truncate(text.trim_end().len());
    Some(text)
}

pub(super) fn read_json(path: &str, text: &str) -> Result<Document, String> {
    let mut value: Value = serde_json::from_str(text)
        .map_err(|error| format!("is not valid JSON (line {}): mend it", error.line()))?;
    let mut outline = Outline::default();
    if !is_list(&value) {
        head(&mut outline, name(&value).as_slice());
        let hidden = secrets::hide(&mut value);
        json_unit(&mut outline, value, hidden, text, 1);
        return outline.finish(None, Attributes::default(), path);
    }
    let index = LineIndex::of(text);
    let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) else {
        return Err("is an empty list".to_owned());
    };
    let spans = json_spans::elements(text, "items");
    for (mut item, span) in items.into_iter().zip(spans) {
        head(&mut outline, name(&item).as_slice());
        let hidden = secrets::hide(&mut item);
        let first = index.line(span.start);
        json_unit(&mut outline, item, hidden, text.get(span).unwrap_or_default(), first);
    }
    outline.finish(None, Attributes::default(), path)
}

/// JSON as it stands if it has lines, else spread over some.
fn json_unit(outline: &mut Outline, value: Value, hidden: bool, source: &str, first: u32) {
    let source = source.trim_end();
    if !hidden && source.contains('\n') {
        return code(outline, "json", source, first);
    }
    let lines = Lines::new(first, first + newlines(source));
    let text = serde_json::to_string_pretty(&yaml::sorted(value)).unwrap_or_default();
    outline.block(BlockKind::Code("json".to_owned()), text, lines);
}

fn head(outline: &mut Outline, headings: &[String]) {
    outline.below_nothing();
    for (level, heading) in (2..).zip(headings) {
        outline.heading(level, heading);
    }
}

/// A text as it stands, without the blank lines around it.
fn code(outline: &mut Outline, language: &str, text: &str, first: u32) {
    let blank = text.lines().take_while(|line| line.trim().is_empty()).count();
    let text = text.split_inclusive('\n').skip(blank).collect::<String>();
    let text = text.trim_end();
    let first = first + u32::try_from(blank).unwrap_or(0);
    outline.block(
        BlockKind::Code(language.to_owned()),
        text.to_owned(),
        Lines::new(first, first + newlines(text)),
    );
}
