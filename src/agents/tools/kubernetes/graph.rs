//! `resource_graph`: what depends on what around an object.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{list, text};
use super::page::{cell, page};
use super::target::{self, Found, filled};
use super::until_cancelled;
use crate::agents::tools::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};
use crate::diagnose::Diagnosis;
use crate::incident::{ObjectRef, Scope};
use crate::observe::Snapshot;

/// Draws the graph.
pub(super) struct Graph;

/// Steps from the object that are shown where none is given.
const DEFAULT_DEPTH: usize = 2;

/// Most pieces of evidence that can be cited from one call.
const MAX_CITED: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The object to look around, as kind/name: deployment/checkout; left out, what the incident is about.
    object: Option<String>,
    /// Its namespace; left out, all that may be read are searched.
    namespace: Option<String>,
    /// Steps to go from the object, 1 to 5; 2 where left out.
    depth: Option<usize>,
    /// Reads the cluster again instead of showing what the incident's last diagnosis saw.
    #[serde(default)]
    fresh: bool,
}

/// One edge: from, what, to, by id.
type Link = (String, String, String);

impl Tool for Graph {
    fn name(&self) -> &'static str {
        "resource_graph"
    }

    fn description(&self) -> &'static str {
        "Shows what depends on what around an object: owners, Services that select it, ConfigMaps and Secrets it reads, nodes it \
         runs on, what it calls, recent changes, and which of these are in trouble. Use it to find where trouble may come \
         from or spread to. Shows the state of the incident's last diagnosis unless fresh=true."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move { graph(arguments(value)?, context).await }))
    }
}

async fn graph(arguments: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let named = match filled(arguments.object.as_deref()) {
        Some(object) => Some(named(context, object, filled(arguments.namespace.as_deref())).await?.object),
        None => None,
    };
    let about = named.clone().or_else(|| context.incident.as_ref()?.subject.clone()).ok_or_else(|| {
        ToolError::Arguments(
            "name the object to look around, as in object=\"deployment/checkout\"".to_owned(),
        )
    })?;
    if !about.namespace.is_empty() {
        context.access.check(&about.namespace)?;
    }
    let stored = if arguments.fresh { None } else { stored(context).await? };
    let was_stored = stored.is_some();
    let mut snapshot = match stored {
        Some(snapshot) => snapshot,
        None => context.observer.snapshot(&scope(context, &about), &[]).await,
    };
    let mut diagnosis = diagnosed(snapshot, context).await?;
    if was_stored && diagnosis.1.graph.status(&about).is_none() {
        // The incident looked elsewhere.
        snapshot = context.observer.snapshot(&scope(context, &about), &[]).await;
        diagnosis = diagnosed(snapshot, context).await?;
    }
    let (snapshot, diagnosis) = diagnosis;
    // An alert names what it guesses; the Snapshot knows what that is.
    let centre = match diagnosis.graph.status(&about) {
        Some(_) => about,
        None => snapshot.focus.clone().unwrap_or(about),
    };
    let depth = arguments.depth.unwrap_or(DEFAULT_DEPTH).clamp(1, 5);
    Ok(shown(&centre, &snapshot, &diagnosis, depth, context))
}

async fn named(context: &ToolContext, object: &str, namespace: Option<&str>) -> Result<Found, ToolError> {
    let Some((kind, name)) = object.split_once('/') else {
        return Err(ToolError::Arguments(format!(
            "{object:?} is no object; write kind/name: deployment/checkout"
        )));
    };
    let kind = target::kind(context, kind).await?;
    target::object(context, &kind, namespace, name).await
}

/// What the incident's last diagnosis saw.
async fn stored(context: &ToolContext) -> Result<Option<Snapshot>, ToolError> {
    let Some(incident) = &context.incident else { return Ok(None) };
    let snapshot = context.store.snapshot(&incident.id).await;
    snapshot.map_err(|error| ToolError::Unavailable(error.to_string()))
}

fn scope(context: &ToolContext, about: &ObjectRef) -> Scope {
    let mut scope = Scope {
        cluster: context.observer.name().to_owned(),
        namespace: (!about.namespace.is_empty()).then(|| about.namespace.clone()),
        ..Scope::default()
    };
    match about.kind.as_str() {
        "Pod" => scope.pod = Some(about.name.clone()),
        "Node" => scope.node = Some(about.name.clone()),
        _ if scope.namespace.is_some() => scope.workload = Some(about.clone()),
        _ => {}
    }
    scope
}

async fn diagnosed(snapshot: Snapshot, context: &ToolContext) -> Result<(Snapshot, Diagnosis), ToolError> {
    let failed = context.incident.as_ref().map(|incident| incident.executions.clone()).unwrap_or_default();
    let span = tracing::Span::current();
    let rules = context.rules.clone();
    let work = move || {
        let diagnosis = rules.diagnose(&snapshot, &failed);
        (snapshot, diagnosis)
    };
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    done.map_err(|_| ToolError::Unavailable("the graph could not be drawn".to_owned()))
}

fn shown(
    centre: &ObjectRef,
    snapshot: &Snapshot,
    diagnosis: &Diagnosis,
    depth: usize,
    context: &ToolContext,
) -> ToolOutput {
    let graph = diagnosis.graph.node_link();
    let (nodes, hidden) = permitted(&graph, context);
    let links: Vec<Link> = list(&graph, "/links")
        .iter()
        .map(|link| {
            (
                text(link, "/source").to_owned(),
                text(link, "/kind").to_owned(),
                text(link, "/target").to_owned(),
            )
        })
        .filter(|(from, _, to)| nodes.contains_key(from) && nodes.contains_key(to))
        .collect();
    let start = format!("{}/{}/{}", centre.kind, centre.namespace, centre.name);
    if !nodes.contains_key(&start) {
        let text = format!("nothing is known around {centre}: no other object refers to it");
        return ToolOutput { text, ..ToolOutput::default() };
    }
    let near = near(&start, &links, depth);
    let name = |id: &str| nodes.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let mut lines = vec![format!("around {} at {}, {depth} steps:", name(&start), snapshot.taken_at)];
    for (from, kind, to) in &links {
        if near.contains(from) && near.contains(to) {
            lines.push(format!("  {} -{kind}-> {}", name(from), name(to)));
        }
    }
    if hidden > 0 {
        lines.push(format!("({hidden} objects in other namespaces may not be read in this conversation)"));
    }
    lines.extend(
        snapshot.gaps.iter().map(|gap| format!("(not read: {}: {})", gap.collector, cell(&gap.reason))),
    );
    let more = "ask with a smaller depth or around another object";
    page(&lines.join("\n"), 0, more).with(cited(diagnosis, &near, context))
}

/// How each node that may be seen is written, by id; and how many may not.
fn permitted(graph: &Value, context: &ToolContext) -> (BTreeMap<String, String>, usize) {
    let (mut nodes, mut hidden) = (BTreeMap::new(), 0);
    for node in list(graph, "/nodes") {
        let namespace = text(node, "/namespace");
        if !namespace.is_empty() && context.access.check(namespace).is_err() {
            hidden += 1;
            continue;
        }
        let object = ObjectRef::new(text(node, "/kind"), namespace, text(node, "/name"));
        let status = text(node, "/status");
        nodes.insert(text(node, "/id").to_owned(), format!("{} [{status}]", cell(&object.to_string())));
    }
    (nodes, hidden)
}

/// The nodes within some steps, in either direction.
fn near(start: &str, links: &[Link], depth: usize) -> BTreeSet<String> {
    let mut near = BTreeSet::from([start.to_owned()]);
    for _ in 0..depth {
        let next: Vec<String> = links
            .iter()
            .filter_map(|(from, _, to)| match (near.contains(from), near.contains(to)) {
                (true, false) => Some(to.clone()),
                (false, true) => Some(from.clone()),
                _ => None,
            })
            .collect();
        near.extend(next);
    }
    near
}

/// The evidence about what is shown.
fn cited(diagnosis: &Diagnosis, near: &BTreeSet<String>, context: &ToolContext) -> Vec<Observation> {
    let about = |object: &ObjectRef| {
        let permitted = object.namespace.is_empty() || context.access.check(&object.namespace).is_ok();
        permitted && near.contains(&format!("{}/{}/{}", object.kind, object.namespace, object.name))
    };
    let evidence = diagnosis.evidence.iter().filter(|piece| about(&piece.object)).take(MAX_CITED);
    evidence
        .map(|piece| Observation {
            source: piece.source,
            object: piece.object.clone(),
            statement: piece.statement.clone(),
            strength: piece.strength,
            at: piece.at,
            fields: piece.fields.clone(),
        })
        .collect()
}
