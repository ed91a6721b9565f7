//! `kubectl get`.

use serde_json::{Value, json};

use super::super::get::yaml;
use super::super::list::{Asked, drawn, table};
use super::super::target::{self, Found};
use super::super::{events, state};
use super::command::{Get, Output, Target};
use super::jsonpath;
use crate::agents::tools::{Observation, ToolContext, ToolError};
use crate::observe::{ResourceKind, Selection, Table};

/// What a command prints, and what of it can be cited.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) text: String,
    pub(super) observations: Vec<Observation>,
    /// Why it is not all.
    pub(super) missing: Option<String>,
}

pub(super) async fn get(get: &Get, context: &ToolContext) -> Result<Printed, ToolError> {
    let targets = resolved(&get.targets, context).await?;
    match &get.output {
        Output::Table { wide } => tables(get, &targets, *wide, context).await,
        output => objects(get, output, &targets, context).await,
    }
}

/// Kinds with the names asked for; none: all objects. Several names of a kind stand together.
pub(super) type Resolved = Vec<(ResourceKind, Vec<String>)>;

pub(super) async fn resolved(targets: &[Target], context: &ToolContext) -> Result<Resolved, ToolError> {
    let mut resolved: Resolved = Vec::new();
    for wanted in targets {
        for kind in kinds(&wanted.kind, context).await? {
            let known = resolved.iter_mut().find(|(own, names)| *own == kind && !names.is_empty());
            match (known, &wanted.name) {
                (Some((_, names)), Some(name)) => names.push(name.clone()),
                (_, name) => resolved.push((kind, name.iter().cloned().collect())),
            }
        }
    }
    Ok(resolved)
}

async fn kinds(name: &str, context: &ToolContext) -> Result<Vec<ResourceKind>, ToolError> {
    let catalog = context.observer.reader().catalog().await.map_err(target::unread)?;
    let category: Vec<ResourceKind> =
        catalog.category(name).into_iter().filter(|kind| kind.can("list")).cloned().collect();
    if category.is_empty() { Ok(vec![target::kind(context, name).await?]) } else { Ok(category) }
}

fn selection(get: &Get) -> Selection {
    Selection { labels: get.labels.clone(), fields: get.fields.clone() }
}

async fn tables(
    get: &Get,
    targets: &Resolved,
    wide: bool,
    context: &ToolContext,
) -> Result<Printed, ToolError> {
    let (mut printed, mut parts) = (Printed::default(), Vec::new());
    for (kind, names) in targets {
        let asked = Asked {
            namespace: get.place.clone(),
            selection: selection(get),
            wide,
            labels: get.show_labels,
            no_headers: get.no_headers,
            prefixed: targets.len() > 1,
            names: Vec::new(),
        };
        if kind.resource() == "events" && names.is_empty() && get.labels.is_empty() && get.fields.is_empty() {
            parts.push(newest_events(get, context, &mut printed).await?);
            continue;
        }
        let rows = rows(kind, names, &asked, context, &mut printed).await?;
        // Among several kinds those without objects are passed over, as kubectl does.
        if targets.len() == 1 || !rows.rows.is_empty() {
            parts.push(drawn(kind, &rows, &asked));
        }
        printed.missing = printed.missing.or(rows.missing);
    }
    printed.text = if parts.is_empty() { "No resources found.".to_owned() } else { parts.join("\n\n") };
    Ok(printed)
}

async fn newest_events(get: &Get, context: &ToolContext, printed: &mut Printed) -> Result<String, ToolError> {
    let wanted = events::Wanted { namespace: get.place.clone(), ..events::Wanted::default() };
    let (found, missing) = events::read(context, &wanted).await?;
    printed.observations.extend(events::observations(&found, context.now));
    printed.missing = printed.missing.take().or(missing);
    Ok(events::drawn(&found, context.now))
}

/// The rows of all objects of a kind, or of those named.
async fn rows(
    kind: &ResourceKind,
    names: &[String],
    asked: &Asked,
    context: &ToolContext,
    printed: &mut Printed,
) -> Result<Table, ToolError> {
    if names.is_empty() {
        return table(context, kind, asked).await;
    }
    let mut all = Table::default();
    for name in names {
        let found = target::object(context, kind, asked.namespace.as_deref(), name).await?;
        printed.observations.push(state::observation(&found, context.now));
        let one = Asked {
            namespace: Some(found.object.namespace).filter(|namespace| !namespace.is_empty()),
            selection: Selection::named(name),
            wide: asked.wide,
            ..Asked::default()
        };
        let read = table(context, kind, &one).await?;
        all.columns = read.columns;
        all.rows.extend(read.rows);
    }
    Ok(all)
}

/// The objects meant: those named, or all that the selectors leave.
pub(super) async fn found(
    targets: &Resolved,
    place: Option<&str>,
    selection: &Selection,
    context: &ToolContext,
) -> Result<(Vec<Found>, Option<String>), ToolError> {
    let (mut all, mut missing) = (Vec::new(), None);
    for (kind, names) in targets {
        for name in names {
            all.push(target::object(context, kind, place, name).await?);
        }
        if !names.is_empty() {
            continue;
        }
        for place in target::places(context, kind, place)? {
            let listed = context.observer.reader().list(kind, place.as_deref(), selection).await;
            let listed = listed.map_err(target::unread)?;
            missing = missing.or(listed.missing);
            let permitted = listed.items.into_iter().filter(|value| target::concerns(context, kind, value));
            all.extend(permitted.map(|value| target::found(kind, value)));
        }
    }
    Ok((all, missing))
}

async fn objects(
    get: &Get,
    output: &Output,
    targets: &Resolved,
    context: &ToolContext,
) -> Result<Printed, ToolError> {
    let (found, missing) = found(targets, get.place.as_deref(), &selection(get), context).await?;
    let single = matches!(targets.as_slice(), [(_, names)] if names.len() == 1);
    let observations = if single {
        found.iter().map(|one| state::observation(one, context.now)).collect()
    } else {
        Vec::new()
    };
    let text = match output {
        Output::Name => found.iter().map(named).collect::<Vec<_>>().join("\n"),
        other => {
            let value = match (single, found.as_slice()) {
                (true, [only]) => only.value.clone(),
                _ => {
                    let items: Vec<Value> = found.iter().map(|one| one.value.clone()).collect();
                    json!({"apiVersion": "v1", "kind": "List", "items": items})
                }
            };
            written(other, &value)?
        }
    };
    Ok(Printed { text, observations, missing })
}

fn written(output: &Output, value: &Value) -> Result<String, ToolError> {
    match output {
        Output::Json => Ok(serde_json::to_string_pretty(value).unwrap_or_default()),
        Output::JsonPath(path) => jsonpath::evaluate(path, value),
        _ => Ok(yaml(value)),
    }
}

fn named(found: &Found) -> String {
    let group = if found.kind.group.is_empty() { String::new() } else { format!(".{}", found.kind.group) };
    format!("{}{group}/{}", found.kind.singular, found.object.name)
}
