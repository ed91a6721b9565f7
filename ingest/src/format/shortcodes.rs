//! Strips Hugo's shortcodes (`{{< … >}}`, `{{% … %}}`) from Markdown and keeps what they say to a reader. Lines stay
//! where they are.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static SHORTCODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\{\{[<%]\s*(?P<close>/?)(?P<escape>\*?)\s*(?P<name>[\w./-]*)(?P<rest>(?:"[^"\n]*"|[^"])*?)[>%]\}\}"#).unwrap()
});

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:([\w-]+)\s*=\s*)?(?:"((?:\\.|[^"\\])*)"|`([^`]*)`|([^\s"`=]+))"#).unwrap()
});

/// Longest shortcode that is understood, bytes.
const LONGEST: usize = 4096;

/// The text without shortcodes.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    if !text.contains("{{<") && !text.contains("{{%") {
        return Cow::Borrowed(text);
    }
    let mut commented = false;
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    let mut from = 0;
    while let Some(start) = next_start(text, from) {
        let window = floor(text, start.saturating_add(LONGEST));
        let Some(found) = text.get(start..window).and_then(|part| SHORTCODE.captures(part)) else {
            from = start + 3;
            continue;
        };
        let end = start + found.get(0).map_or(3, |whole| whole.end());
        let before = text.get(kept..start).unwrap_or_default();
        if commented {
            out.extend(before.chars().filter(|char| *char == '\n'));
        } else {
            out.push_str(before);
        }
        let name = found.name("name").map_or("", |name| name.as_str());
        let closes = found.name("close").is_some_and(|close| !close.as_str().is_empty());
        if name == "comment" {
            commented = !closes;
        }
        if !commented {
            out.push_str(&words(&found, alone_on_line(text, start, end)));
        }
        let shortcode = text.get(start..end).unwrap_or_default();
        out.extend(shortcode.chars().filter(|char| *char == '\n'));
        kept = end;
        from = end;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

fn next_start(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let at = [rest.find("{{<"), rest.find("{{%")].into_iter().flatten().min()?;
    Some(from + at)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn alone_on_line(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    let after = text.get(end..).and_then(|after| after.split('\n').next()).unwrap_or_default();
    before.trim().is_empty() && after.trim().is_empty()
}

/// What a shortcode says to a reader.
fn words(found: &Captures, alone: bool) -> String {
    let group = |name: &str| found.name(name).map_or("", |group| group.as_str());
    let rest = group("rest").trim().trim_end_matches(['/', '*']).trim();
    if !group("escape").is_empty() {
        return format!("{} {rest}", group("name")).trim().to_owned();
    }
    let name = group("name");
    if !group("close").is_empty() {
        return if name == "mermaid" && alone { "```".to_owned() } else { String::new() };
    }
    let parameters = Parameters::of(rest);
    match name {
        "heading" => parameters.positional.first().map(|word| heading(word)).unwrap_or_default(),
        "note" | "caution" | "warning" | "info" | "tip" | "important" => {
            let mut label = name.to_owned();
            label.get_mut(..1).map(str::make_ascii_uppercase);
            match parameters.named(&["title"]) {
                Some(title) => format!("{label}: {title}."),
                None => format!("{label}:"),
            }
        }
        "glossary_tooltip" | "glossary_definition" => parameters
            .named(&["text", "prepend"])
            .map(str::to_owned)
            .or_else(|| parameters.named(&["term_id", "term"]).map(|term| term.replace('-', " ")))
            .unwrap_or_default(),
        "feature-state" => feature_state(&parameters),
        "tab" => parameters.named(&["name"]).map(|name| format!("{name}:")).unwrap_or_default(),
        "mermaid" if alone => "```mermaid".to_owned(),
        // A line of text right above a table would make it a paragraph.
        "table" if alone => String::new(),
        "api-reference" => parameters.named(&["text"]).unwrap_or_default().to_owned(),
        _ => {
            let said = ["title", "caption", "alt", "text"].iter().filter_map(|key| parameters.named(&[*key]));
            said.collect::<Vec<_>>().join(" ")
        }
    }
}

fn feature_state(parameters: &Parameters) -> String {
    match (parameters.named(&["for_k8s_version"]), parameters.named(&["state"])) {
        (Some(version), Some(state)) => format!("Feature state: Kubernetes {version} {state}."),
        (_, Some(state)) => format!("Feature state: {state}."),
        _ => String::new(),
    }
}

/// The headings that the Kubernetes documentation names by key; other keys become words.
fn heading(key: &str) -> String {
    match key {
        "prerequisites" => "Before you begin".to_owned(),
        "whatsnext" => "What's next".to_owned(),
        "cleanup" => "Clean up".to_owned(),
        "seealso" => "See also".to_owned(),
        "envvars" => "Environment variables".to_owned(),
        "parentoptions" => "Options inherited from parent commands".to_owned(),
        other => {
            let mut words = other.replace(['-', '_'], " ");
            words.get_mut(..1).map(str::make_ascii_uppercase);
            words
        }
    }
}

struct Parameters<'t> {
    named: Vec<(&'t str, &'t str)>,
    positional: Vec<&'t str>,
}

impl<'t> Parameters<'t> {
    fn of(rest: &'t str) -> Self {
        let mut parameters = Self { named: Vec::new(), positional: Vec::new() };
        for found in PARAMETER.captures_iter(rest) {
            let value =
                [2, 3, 4].iter().find_map(|group| found.get(*group)).map_or("", |value| value.as_str());
            match found.get(1) {
                Some(name) => parameters.named.push((name.as_str(), value)),
                None => parameters.positional.push(value),
            }
        }
        parameters
    }

    fn named(&self, names: &[&str]) -> Option<&'t str> {
        let find = |name: &&str| self.named.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        names.iter().find_map(find).filter(|value| !value.trim().is_empty())
    }
}
