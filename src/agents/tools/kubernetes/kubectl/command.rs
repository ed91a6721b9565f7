//! Lines of kubectl that only read, as values. What changes anything has no variant to become.

use std::time::Duration;

use super::filter::Filter;
use super::flags::{Parsed, Verb, parse as flags};
use super::{refused, shell};
use crate::agents::tools::ToolError;
use crate::agents::tools::kubernetes::events::duration;

/// Most objects that one command may name.
const MAX_TARGETS: usize = 20;

/// A command that reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Get(Get),
    Describe { targets: Vec<Target>, place: Option<String>, labels: String },
    Logs(Logs),
    Events { place: Option<String>, about: Option<(String, String)>, types: Vec<String> },
    Top { nodes: bool, name: Option<String>, place: Option<String>, labels: String, containers: bool },
    History { target: (String, String), place: Option<String>, revision: Option<i64> },
    Status { target: (String, String), place: Option<String> },
    ApiResources { group: Option<String>, namespaced: Option<bool> },
    Version,
    ClusterInfo,
}

/// A kind, and one object of it where one is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: String,
    pub(super) name: Option<String>,
}

/// `kubectl get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Get {
    pub(super) targets: Vec<Target>,
    /// `None`: all that may be read.
    pub(super) place: Option<String>,
    pub(super) labels: String,
    pub(super) fields: String,
    pub(super) output: Output,
    pub(super) show_labels: bool,
    pub(super) no_headers: bool,
}

/// How objects are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    Table { wide: bool },
    Yaml,
    Json,
    Name,
    JsonPath(String),
}

/// `kubectl logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Logs {
    /// Kind and name; `None`: the pods with the labels.
    pub(super) target: Option<(String, String)>,
    pub(super) place: Option<String>,
    pub(super) labels: String,
    pub(super) container: Option<String>,
    pub(super) all_containers: bool,
    pub(super) previous: bool,
    pub(super) since: Option<Duration>,
    pub(super) since_time: Option<jiff::Timestamp>,
    pub(super) tail: Option<i64>,
    pub(super) timestamps: bool,
}

/// Reads one line.
///
/// # Errors
/// [`ToolError::Denied`] for what changes, reaches or runs something, [`ToolError::Arguments`] for what is not understood.
pub(super) fn parse(line: &str) -> Result<(Command, Vec<Filter>), ToolError> {
    let parts = shell::parts(line)?;
    let Some((words, pipes)) = parts.split_first() else { return Err(nothing()) };
    let words = match words.split_first() {
        Some((program, rest)) if program == "kubectl" => rest,
        _ => {
            return Err(ToolError::Denied("only kubectl runs here; the line begins with kubectl".to_owned()));
        }
    };
    // A refused verb says more than a flag of it that is not known.
    let mut parsed = flags(words).map_err(|error| verb_refusal(words).unwrap_or(error))?;
    let command = command(&mut parsed)?;
    let filters = pipes.iter().map(|words| Filter::parse(words)).collect::<Result<_, _>>()?;
    Ok((command, filters))
}

/// Why the verb of a line is refused, where it is.
fn verb_refusal(words: &[String]) -> Option<ToolError> {
    let mut bare = words.iter().filter(|word| !word.starts_with('-'));
    match (bare.next()?.as_str(), bare.next()) {
        ("rollout", Some(verb)) if !matches!(verb.as_str(), "history" | "status") => {
            Some(refused::rollout(verb))
        }
        (verb, _) => refused::verb(verb),
    }
}

fn nothing() -> ToolError {
    ToolError::Arguments(
        "a verb is missing; get, describe, logs, events, top, rollout history are understood".to_owned(),
    )
}

fn command(parsed: &mut Parsed) -> Result<Command, ToolError> {
    if parsed.words.is_empty() {
        return Err(nothing());
    }
    let verb = parsed.words.remove(0);
    match verb.as_str() {
        "get" => get(parsed).map(Command::Get),
        "describe" => describe(parsed),
        "logs" | "log" => logs(parsed).map(Command::Logs),
        "events" => events(parsed),
        "top" => top(parsed),
        "rollout" => rollout(parsed),
        "api-resources" => api_resources(parsed),
        "version" => plain(parsed, Verb::Version, Command::Version),
        "cluster-info" => plain(parsed, Verb::ClusterInfo, Command::ClusterInfo),
        other => Err(refused::verb(other).unwrap_or_else(|| {
            ToolError::Arguments(format!(
                "kubectl {other} is not known; get, describe, logs, events, top, rollout history are"
            ))
        })),
    }
}

fn plain(parsed: &Parsed, verb: Verb, command: Command) -> Result<Command, ToolError> {
    parsed.check(verb)?;
    match parsed.words.first() {
        None => Ok(command),
        Some(word) => Err(ToolError::Arguments(format!("{word} is not understood here"))),
    }
}

/// The namespace, unless all are asked for.
fn place(parsed: &Parsed) -> Option<String> {
    if parsed.is_on("all-namespaces") {
        return None;
    }
    parsed.value("namespace").filter(|name| !name.is_empty()).map(str::to_owned)
}

fn owned(parsed: &Parsed, flag: &str) -> String {
    parsed.value(flag).unwrap_or_default().to_owned()
}

fn get(parsed: &Parsed) -> Result<Get, ToolError> {
    parsed.check(Verb::Get)?;
    let targets = targets(&parsed.words)?;
    check_sorting(parsed, &targets)?;
    Ok(Get {
        targets,
        place: place(parsed),
        labels: owned(parsed, "selector"),
        fields: owned(parsed, "field-selector"),
        output: output(parsed.value("output"))?,
        show_labels: parsed.is_on("show-labels"),
        no_headers: parsed.is_on("no-headers"),
    })
}

/// Events come newest first by themselves; other orders are not served.
fn check_sorting(parsed: &Parsed, targets: &[Target]) -> Result<(), ToolError> {
    let Some(field) = parsed.value("sort-by") else { return Ok(()) };
    let by_time = field.to_ascii_lowercase().contains("timestamp") || field.contains("eventTime");
    let events = |target: &Target| matches!(target.kind.as_str(), "events" | "event" | "ev");
    if by_time && targets.iter().all(events) {
        return Ok(());
    }
    let text = "--sort-by is served for events by time only (newest first); leave it out, lists come by name";
    Err(ToolError::Arguments(text.to_owned()))
}

fn output(value: Option<&str>) -> Result<Output, ToolError> {
    match value {
        None | Some("") => Ok(Output::Table { wide: false }),
        Some("wide") => Ok(Output::Table { wide: true }),
        Some("yaml") => Ok(Output::Yaml),
        Some("json") => Ok(Output::Json),
        Some("name") => Ok(Output::Name),
        Some(other) => match other.split_once('=') {
            Some(("jsonpath" | "jsonpath-as-json", path)) => Ok(Output::JsonPath(path.to_owned())),
            _ => Err(ToolError::Arguments(format!(
                "-o {other} is not served; wide, yaml, json, name and jsonpath='{{.path}}' are"
            ))),
        },
    }
}

/// `pods`, `pods,svc`, `pod a b`, `pod/a deploy/b`.
fn targets(words: &[String]) -> Result<Vec<Target>, ToolError> {
    let Some((first, names)) = words.split_first() else {
        return Err(ToolError::Arguments("a kind is missing: kubectl get pods".to_owned()));
    };
    let targets: Vec<Target> = if first.contains('/') {
        words
            .iter()
            .map(|word| pair(word).map(|(kind, name)| Target { kind, name: Some(name) }))
            .collect::<Result<_, _>>()?
    } else {
        let kinds: Vec<&str> = first.split(',').map(str::trim).filter(|kind| !kind.is_empty()).collect();
        let all = kinds.into_iter().flat_map(|kind| {
            let named = names.iter().map(|name| Target { kind: kind.to_owned(), name: Some(name.clone()) });
            let whole = names.is_empty().then(|| Target { kind: kind.to_owned(), name: None });
            named.chain(whole).collect::<Vec<_>>()
        });
        all.collect()
    };
    match targets.len() {
        0 => Err(ToolError::Arguments("a kind is missing: kubectl get pods".to_owned())),
        1..=MAX_TARGETS => Ok(targets),
        _ => Err(ToolError::Arguments(format!("at most {MAX_TARGETS} kinds or names a call"))),
    }
}

fn pair(word: &str) -> Result<(String, String), ToolError> {
    match word.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((kind.to_owned(), name.to_owned()))
        }
        _ => Err(ToolError::Arguments(format!("{word:?} is no object; write kind/name"))),
    }
}

fn describe(parsed: &Parsed) -> Result<Command, ToolError> {
    parsed.check(Verb::Describe)?;
    Ok(Command::Describe {
        targets: targets(&parsed.words)?,
        place: place(parsed),
        labels: owned(parsed, "selector"),
    })
}

fn logs(parsed: &Parsed) -> Result<Logs, ToolError> {
    parsed.check(Verb::Logs)?;
    let labels = owned(parsed, "selector");
    let (target, positional) = match parsed.words.as_slice() {
        [] if labels.is_empty() => {
            return Err(ToolError::Arguments("name a pod: kubectl logs POD -n NAMESPACE".to_owned()));
        }
        [] => (None, None),
        [one] => (Some(log_target(one)?), None),
        [one, container] => (Some(log_target(one)?), Some(container.clone())),
        _ => return Err(ToolError::Arguments("one pod a call; its container follows with -c".to_owned())),
    };
    if target.is_some() && !labels.is_empty() {
        return Err(ToolError::Arguments("a name and -l exclude each other".to_owned()));
    }
    let tail = parsed.value("tail").map(|text| {
        text.parse::<i64>()
            .map_err(|_| ToolError::Arguments(format!("--tail takes a number of lines, not {text:?}")))
    });
    let since_time = parsed.value("since-time").map(|text| {
        let refused = |_| {
            ToolError::Arguments(format!(
                "--since-time takes a time such as 2026-01-01T00:00:00Z, not {text:?}"
            ))
        };
        text.parse::<jiff::Timestamp>().map_err(refused)
    });
    Ok(Logs {
        target,
        place: place(parsed),
        labels,
        container: parsed.value("container").map(str::to_owned).or(positional),
        all_containers: parsed.is_on("all-containers"),
        previous: parsed.is_on("previous"),
        since: parsed.value("since").map(duration).transpose()?.map(|since| since.unsigned_abs()),
        since_time: since_time.transpose()?,
        tail: tail.transpose()?.filter(|tail| *tail >= 0),
        timestamps: parsed.is_on("timestamps"),
    })
}

fn log_target(word: &str) -> Result<(String, String), ToolError> {
    if word.contains('/') { pair(word) } else { Ok(("pods".to_owned(), word.to_owned())) }
}

fn events(parsed: &Parsed) -> Result<Command, ToolError> {
    parsed.check(Verb::Events)?;
    if let Some(word) = parsed.words.first() {
        return Err(ToolError::Arguments(format!("{word} is not understood here; write --for=kind/name")));
    }
    let types = parsed.value("types").unwrap_or_default().split(',').filter(|one| !one.is_empty());
    Ok(Command::Events {
        place: place(parsed),
        about: parsed.value("for").map(pair).transpose()?,
        types: types.map(str::to_owned).collect(),
    })
}

fn top(parsed: &Parsed) -> Result<Command, ToolError> {
    parsed.check(Verb::Top)?;
    let (kind, name) = match parsed.words.as_slice() {
        [kind] => (kind.as_str(), None),
        [kind, name] => (kind.as_str(), Some(name.clone())),
        _ => ("", None),
    };
    let nodes = match kind {
        "node" | "nodes" | "no" => true,
        "pod" | "pods" | "po" => false,
        _ => return Err(ToolError::Arguments("write kubectl top pods or kubectl top nodes".to_owned())),
    };
    Ok(Command::Top {
        nodes,
        name,
        place: place(parsed),
        labels: owned(parsed, "selector"),
        containers: parsed.is_on("containers"),
    })
}

fn rollout(parsed: &mut Parsed) -> Result<Command, ToolError> {
    if parsed.words.is_empty() {
        return Err(refused::rollout(""));
    }
    let verb = parsed.words.remove(0);
    if !matches!(verb.as_str(), "history" | "status") {
        return Err(refused::rollout(&verb));
    }
    let target = match parsed.words.as_slice() {
        [word] => pair(word)?,
        [kind, name] => (kind.clone(), name.clone()),
        _ => return Err(ToolError::Arguments(format!("write kubectl rollout {verb} deployment/NAME"))),
    };
    if verb == "status" {
        parsed.check(Verb::Status)?;
        return Ok(Command::Status { target, place: place(parsed) });
    }
    parsed.check(Verb::History)?;
    let revision = parsed.value("revision").map(|text| {
        text.parse().map_err(|_| ToolError::Arguments(format!("--revision takes a number, not {text:?}")))
    });
    Ok(Command::History { target, place: place(parsed), revision: revision.transpose()? })
}

fn api_resources(parsed: &Parsed) -> Result<Command, ToolError> {
    let namespaced = parsed.value("namespaced").map(|value| value != "false");
    let group = parsed.value("api-group").map(str::to_owned);
    plain(parsed, Verb::ApiResources, Command::ApiResources { group, namespaced })
}
