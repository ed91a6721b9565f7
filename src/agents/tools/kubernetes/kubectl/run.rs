//! Carrying out a parsed command with reads of the API.

use serde_json::Value;

use super::super::fields::{number, text};
use super::super::get::yaml;
use super::super::page::{columns, newest, page};
use super::super::target::{self, filled};
use super::super::{describe, events, logs, rollouts};
use super::command::{Command, Logs};
use super::filter::Filter;
use super::get::{self, Printed};
use super::top;
use crate::agents::tools::{ToolContext, ToolError, ToolOutput};
use crate::observe::Selection;

/// Lines of a log that are read where no number is given.
const DEFAULT_TAIL: i64 = 500;

/// Lines of a log that are read where a filter follows.
const FILTERED_TAIL: i64 = 20_000;

/// Most objects that one describe shows.
const MAX_DESCRIBED: usize = 5;

const MORE: &str =
    "narrow with -n, -l, a name, -o jsonpath or | grep, or append | tail -n +{skip} to read on";

/// Runs a command.
pub(super) async fn run(
    command: &Command,
    filters: &[Filter],
    context: &ToolContext,
) -> Result<ToolOutput, ToolError> {
    if let Command::Logs(asked) = command {
        return logs(asked, filters, context).await;
    }
    let printed = printed(command, context).await?;
    let text = filters.iter().fold(printed.text, |text, filter| filter.apply(&text));
    let mut output = page(&text, 0, MORE);
    if output.text.is_empty() {
        output.text = "(no output)".to_owned();
    }
    output.cut = match (output.cut, printed.missing) {
        (Some(cut), Some(missing)) => Some(format!("{cut}; {missing}")),
        (cut, missing) => cut.or(missing),
    };
    Ok(output.with(printed.observations))
}

async fn printed(command: &Command, context: &ToolContext) -> Result<Printed, ToolError> {
    match command {
        Command::Get(asked) => get::get(asked, context).await,
        Command::Describe { targets, place, labels } => {
            let targets = get::resolved(targets, context).await?;
            let selection = Selection::labelled(labels);
            let (found, _) = get::found(&targets, place.as_deref(), &selection, context).await?;
            Ok(described(&found, context).await)
        }
        Command::Events { place, about, types } => events_of(place, about.as_ref(), types, context).await,
        Command::Top { nodes, name, place, labels, containers } => {
            let asked = top::Asked { nodes: *nodes, name: name.clone(), containers: *containers };
            top::top(&asked, place.as_deref(), labels, context).await.map(plain)
        }
        Command::History { target, place, revision } => {
            history(target, place.as_deref(), *revision, context).await
        }
        Command::Status { target, place } => status(target, place.as_deref(), context).await,
        Command::ApiResources { group, namespaced } => {
            api_resources(group.as_deref(), *namespaced, context).await.map(plain)
        }
        Command::Version => {
            let version = context.observer.reader().version().await.map_err(target::unread)?;
            Ok(plain(format!("Server Version: {version}")))
        }
        Command::ClusterInfo => {
            let version = context.observer.reader().version().await.map_err(target::unread)?;
            let (name, environment) = (context.observer.name(), context.observer.environment());
            Ok(plain(format!("cluster {name} ({environment}), Kubernetes {version}")))
        }
        // Handled by `run`: a log keeps its newest lines.
        Command::Logs(_) => Ok(Printed::default()),
    }
}

fn plain(text: String) -> Printed {
    Printed { text, ..Printed::default() }
}

async fn described(found: &[target::Found], context: &ToolContext) -> Printed {
    let (mut printed, mut parts) = (Printed::default(), Vec::new());
    for one in found.iter().take(MAX_DESCRIBED) {
        let (text, observations) = describe::described(context, one).await;
        parts.push(text);
        printed.observations.extend(observations);
    }
    if found.len() > MAX_DESCRIBED {
        printed.missing =
            Some(format!("{} of {} objects are described; name others", MAX_DESCRIBED, found.len()));
    }
    printed.text = if parts.is_empty() { "No resources found.".to_owned() } else { parts.join("\n\n") };
    printed
}

async fn events_of(
    place: &Option<String>,
    about: Option<&(String, String)>,
    types: &[String],
    context: &ToolContext,
) -> Result<Printed, ToolError> {
    let about = match about {
        Some((kind, name)) => {
            let kind = target::kind(context, kind).await?;
            Some(target::object(context, &kind, place.as_deref(), name).await?.object)
        }
        None => None,
    };
    let wanted = events::Wanted {
        namespace: place.clone(),
        about,
        types: types.to_vec(),
        ..events::Wanted::default()
    };
    let (found, missing) = events::read(context, &wanted).await?;
    let observations = events::observations(&found, context.now);
    Ok(Printed { text: events::drawn(&found, context.now), observations, missing })
}

async fn history(
    (kind, name): &(String, String),
    place: Option<&str>,
    revision: Option<i64>,
    context: &ToolContext,
) -> Result<Printed, ToolError> {
    let (workload, revisions) = rollouts::read(context, Some(kind), place, name).await?;
    match revision {
        Some(number) => {
            let one = rollouts::numbered(&workload, &revisions, number)?;
            Ok(plain(format!("{workload} with revision #{number}\n{}", yaml(&one.template()))))
        }
        None => {
            let output = rollouts::history(&workload, &revisions, context);
            Ok(Printed { text: output.text, observations: output.observations, missing: output.cut })
        }
    }
}

/// What `kubectl rollout status` says at once, without waiting.
async fn status(
    (kind, name): &(String, String),
    place: Option<&str>,
    context: &ToolContext,
) -> Result<Printed, ToolError> {
    let kind = target::kind(context, kind).await?;
    let found = target::object(context, &kind, place, name).await?;
    let observation = super::super::state::observation(&found, context.now);
    let text = progress(&found.value).ok_or_else(|| {
        ToolError::Arguments(format!(
            "{} have no rollouts; Deployments, StatefulSets and DaemonSets do",
            kind.plural
        ))
    })?;
    Ok(Printed { text: format!("{}: {text}", found.object), observations: vec![observation], missing: None })
}

fn progress(value: &Value) -> Option<String> {
    let at = |path: &str| number(value, path).unwrap_or_default();
    let (wanted, updated, available) = match text(value, "/kind") {
        "Deployment" => {
            (at("/spec/replicas"), at("/status/updatedReplicas"), at("/status/availableReplicas"))
        }
        "StatefulSet" => (at("/spec/replicas"), at("/status/updatedReplicas"), at("/status/readyReplicas")),
        "DaemonSet" => (
            at("/status/desiredNumberScheduled"),
            at("/status/updatedNumberScheduled"),
            at("/status/numberAvailable"),
        ),
        _ => return None,
    };
    Some(if at("/status/observedGeneration") < at("/metadata/generation") {
        "the controller has not seen the newest specification yet".to_owned()
    } else if updated < wanted {
        format!("{updated} of {wanted} replicas have been updated")
    } else if available < updated {
        format!("{available} of {updated} updated replicas are available")
    } else {
        "successfully rolled out".to_owned()
    })
}

async fn api_resources(
    group: Option<&str>,
    namespaced: Option<bool>,
    context: &ToolContext,
) -> Result<String, ToolError> {
    let catalog = context.observer.reader().catalog().await.map_err(target::unread)?;
    let fits = |kind: &&crate::observe::ResourceKind| {
        group.is_none_or(|group| kind.group == group)
            && namespaced.is_none_or(|wanted| kind.namespaced == wanted)
    };
    let row = |kind: &crate::observe::ResourceKind| {
        let short = kind.short_names.join(",");
        vec![kind.plural.clone(), short, kind.api_version(), kind.namespaced.to_string(), kind.kind.clone()]
    };
    let rows: Vec<Vec<String>> = catalog.kinds.iter().filter(fits).map(row).collect();
    let mut text = columns(&["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"], &rows);
    for unread in &catalog.unread {
        text.push_str(&format!("\n(not read: {unread})"));
    }
    Ok(text)
}

async fn logs(asked: &Logs, filters: &[Filter], context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let place = filled(asked.place.as_deref());
    let pods = match &asked.target {
        Some((kind, name)) => logs::pods(context, kind, place, name).await?,
        None => labelled(asked, place, context).await?,
    };
    let since_time = asked.since_time.map(|from| context.now.duration_since(from).unsigned_abs());
    let wanted = logs::Wanted {
        container: asked.container.clone(),
        all_containers: asked.all_containers,
        previous: asked.previous,
        since: asked.since.or(since_time),
        timestamps: asked.timestamps,
        lines: asked
            .tail
            .unwrap_or(if filters.is_empty() { DEFAULT_TAIL } else { FILTERED_TAIL })
            .min(FILTERED_TAIL),
    };
    let written = logs::read(context, &pods, &wanted).await?;
    let several = written.len() > 1;
    let mut lines: Vec<String> = Vec::new();
    let (mut observations, mut notes) = (Vec::new(), Vec::new());
    for log in &written {
        let prefix = if several { format!("[{}/{}] ", log.pod.name, log.container) } else { String::new() };
        let kept = filters.iter().fold(log.text.clone(), |text, filter| filter.apply(&text));
        let kept: Vec<&str> = kept.lines().collect();
        observations.extend(logs::observation(log, &kept, None, context));
        lines.extend(log.text.lines().map(|line| format!("{prefix}{line}")));
        notes.extend(
            log.note.as_ref().map(|note| format!("{}, container {}: {note}", log.pod.name, log.container)),
        );
    }
    let text = filters.iter().fold(lines.join("\n"), |text, filter| filter.apply(&text));
    let lines: Vec<&str> = text.lines().collect();
    let mut output = newest(
        &lines,
        0,
        "narrow with | grep, --since or -c; kubernetes_logs with skip_lines={skip} reads further back",
    );
    if output.text.is_empty() {
        output.text = "(no lines)".to_owned();
    }
    if !notes.is_empty() {
        output.text = format!("{}\n# {}", output.text, notes.join("\n# "));
    }
    Ok(output.with(observations))
}

async fn labelled(
    asked: &Logs,
    place: Option<&str>,
    context: &ToolContext,
) -> Result<Vec<target::Found>, ToolError> {
    let pods = target::kind(context, "pods").await?;
    let mut found = Vec::new();
    for namespace in target::places(context, &pods, place)? {
        let Some(namespace) = namespace else {
            return Err(ToolError::Arguments("logs with -l need -n NAMESPACE".to_owned()));
        };
        found.extend(logs::selected(context, &namespace, &asked.labels).await?);
    }
    if found.is_empty() {
        return Err(ToolError::NotFound(format!("no pods have the labels {}", asked.labels)));
    }
    Ok(found)
}
