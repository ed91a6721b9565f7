//! Flags of kubectl: which are known, what they take, and where they belong.

use super::refused;
use crate::agents::tools::ToolError;

/// What a command is, as far as flags care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Describe,
    Logs,
    Events,
    Top,
    History,
    Status,
    ApiResources,
    Version,
    ClusterInfo,
}

/// A flag that is understood.
struct Spec {
    long: &'static str,
    short: Option<char>,
    /// Whether a value follows; else it is a switch.
    value: bool,
    /// Empty: any verb.
    verbs: &'static [Verb],
}

const fn value(long: &'static str, short: Option<char>, verbs: &'static [Verb]) -> Spec {
    Spec { long, short, value: true, verbs }
}

const fn switch(long: &'static str, short: Option<char>, verbs: &'static [Verb]) -> Spec {
    Spec { long, short, value: false, verbs }
}

const SPECS: &[Spec] = &[
    value("namespace", Some('n'), &[]),
    switch("all-namespaces", Some('A'), &[Verb::Get, Verb::Describe, Verb::Events, Verb::Top]),
    value("selector", Some('l'), &[Verb::Get, Verb::Describe, Verb::Logs, Verb::Top]),
    value("field-selector", None, &[Verb::Get, Verb::Top]),
    value("output", Some('o'), &[Verb::Get, Verb::Events, Verb::ApiResources, Verb::Version]),
    value("sort-by", None, &[Verb::Get, Verb::Top, Verb::Events]),
    switch("show-labels", None, &[Verb::Get]),
    switch("no-headers", None, &[Verb::Get, Verb::Top, Verb::Events, Verb::ApiResources]),
    value("container", Some('c'), &[Verb::Logs]),
    switch("previous", Some('p'), &[Verb::Logs]),
    value("since", None, &[Verb::Logs]),
    value("since-time", None, &[Verb::Logs]),
    value("tail", None, &[Verb::Logs]),
    switch("all-containers", None, &[Verb::Logs]),
    switch("all-pods", None, &[Verb::Logs]),
    switch("timestamps", None, &[Verb::Logs]),
    value("for", None, &[Verb::Events]),
    value("types", None, &[Verb::Events]),
    value("revision", None, &[Verb::History]),
    switch("containers", None, &[Verb::Top]),
    value("api-group", None, &[Verb::ApiResources]),
    switch("namespaced", None, &[Verb::ApiResources]),
    // Understood and without effect here.
    value("chunk-size", None, &[]),
    value("request-timeout", None, &[]),
    value("limit-bytes", None, &[Verb::Logs]),
    value("max-log-requests", None, &[Verb::Logs]),
    value("pod-running-timeout", None, &[Verb::Logs]),
    value("timeout", None, &[Verb::Status]),
    switch("prefix", None, &[Verb::Logs]),
    switch("ignore-errors", None, &[Verb::Logs]),
    switch("ignore-not-found", None, &[Verb::Get]),
    switch("show-kind", None, &[Verb::Get]),
    switch("show-managed-fields", None, &[Verb::Get]),
    switch("server-print", None, &[Verb::Get]),
    switch("allow-missing-template-keys", None, &[Verb::Get]),
    switch("show-events", None, &[Verb::Describe]),
    switch("client", None, &[Verb::Version]),
    switch("short", None, &[Verb::Version]),
];

/// Short names of flags that are refused.
const SHORT_REFUSED: &[(char, &str)] =
    &[('s', "server"), ('v', "v"), ('w', "watch"), ('k', "kustomize"), ('u', "username")];

/// A command line taken apart: words, and flags by their long names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) words: Vec<String>,
    flags: Vec<(&'static str, String)>,
}

impl Parsed {
    /// The last value given for a flag.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "false")
    }

    /// Refuses flags that do not belong to the verb.
    pub(super) fn check(&self, verb: Verb) -> Result<(), ToolError> {
        for (name, _) in &self.flags {
            let spec = SPECS.iter().find(|spec| spec.long == *name);
            if spec.is_some_and(|spec| !spec.verbs.is_empty() && !spec.verbs.contains(&verb)) {
                return Err(unknown(&format!("--{name}"), Some(verb)));
            }
        }
        Ok(())
    }
}

fn unknown(flag: &str, verb: Option<Verb>) -> ToolError {
    let fits = |spec: &&Spec| verb.is_none_or(|verb| spec.verbs.is_empty() || spec.verbs.contains(&verb));
    let known: Vec<String> = SPECS.iter().filter(fits).map(|spec| format!("--{}", spec.long)).collect();
    ToolError::Arguments(format!(
        "the flag {flag} is not understood here; understood are {}",
        known.join(", ")
    ))
}

/// Takes words apart. Flags may stand anywhere, also before the verb.
pub(super) fn parse(words: &[String]) -> Result<Parsed, ToolError> {
    let mut parsed = Parsed::default();
    let follows = words.iter().any(|word| word == "logs" || word == "log");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            let text = "nothing may follow --: no command runs in a container here";
            return Err(ToolError::Denied(text.to_owned()));
        } else if let Some(long) = word.strip_prefix("--") {
            parse_long(long, &mut words, &mut parsed)?;
        } else if word.len() > 1 && word.starts_with('-') {
            parse_short(word, follows, &mut words, &mut parsed)?;
        } else {
            parsed.words.push(word.clone());
        }
    }
    Ok(parsed)
}

type Words<'a> = std::slice::Iter<'a, String>;

fn parse_long(text: &str, words: &mut Words<'_>, parsed: &mut Parsed) -> Result<(), ToolError> {
    let (name, given) = match text.split_once('=') {
        Some((name, given)) => (name, Some(given.to_owned())),
        None => (text, None),
    };
    if given.as_deref() == Some("false") && matches!(name, "watch" | "follow" | "watch-only") {
        return Ok(());
    }
    if let Some(refusal) = refused::flag(name) {
        return Err(refusal);
    }
    let spec =
        SPECS.iter().find(|spec| spec.long == name).ok_or_else(|| unknown(&format!("--{name}"), None))?;
    let value = match (given, spec.value) {
        (Some(given), _) => given,
        (None, false) => "true".to_owned(),
        (None, true) => next(words, &format!("--{name}"))?,
    };
    parsed.flags.push((spec.long, value));
    Ok(())
}

/// `-n shop`, `-nshop`, `-n=shop`, `-Ao wide`.
fn parse_short(
    word: &str,
    follows: bool,
    words: &mut Words<'_>,
    parsed: &mut Parsed,
) -> Result<(), ToolError> {
    let mut rest = word.get(1..).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == 'f' {
            let name = if follows { "follow" } else { "filename" };
            return Err(refused::flag(name).unwrap_or_else(|| unknown("-f", None)));
        }
        let refusal =
            SHORT_REFUSED.iter().find(|(short, _)| *short == c).and_then(|(_, long)| refused::flag(long));
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let spec =
            SPECS.iter().find(|spec| spec.short == Some(c)).ok_or_else(|| unknown(&format!("-{c}"), None))?;
        if !spec.value {
            parsed.flags.push((spec.long, "true".to_owned()));
            continue;
        }
        let value = match rest.strip_prefix('=').unwrap_or(rest) {
            "" => next(words, &format!("-{c}"))?,
            given => given.to_owned(),
        };
        parsed.flags.push((spec.long, value));
        return Ok(());
    }
    Ok(())
}

/// The word after a flag. One that looks like a flag was meant as one, unless it is a number.
fn next(words: &mut Words<'_>, flag: &str) -> Result<String, ToolError> {
    let is_value = |word: &&String| !word.starts_with('-') || word.parse::<i64>().is_ok();
    let value = words.next().filter(is_value).cloned();
    value.ok_or_else(|| ToolError::Arguments(format!("{flag} needs a value")))
}
