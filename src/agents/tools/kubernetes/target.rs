//! From what a model names to what there is: kinds, namespaces and objects, within the caller's permission.

use std::collections::BTreeSet;

use serde_json::Value;
use strsim::jaro_winkler;

use super::fields::text;
use crate::agents::tools::{ToolContext, ToolError};
use crate::incident::ObjectRef;
use crate::observe::{ReadError, ResourceKind, Selection};

/// Cluster-wide kinds that a caller with some namespaces may read: what their objects depend on.
const SHARED: [&str; 8] = [
    "ingressclasses.networking.k8s.io",
    "namespaces",
    "nodes",
    "nodes.metrics.k8s.io",
    "persistentvolumes",
    "priorityclasses.scheduling.k8s.io",
    "runtimeclasses.node.k8s.io",
    "storageclasses.storage.k8s.io",
];

/// Names that are told when one is not there.
const MAX_TOLD: usize = 20;

/// Names alike that are offered.
const MAX_NEAR: usize = 5;

/// An object that exists.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) kind: ResourceKind,
    pub(super) object: ObjectRef,
    pub(super) value: Value,
}

/// What a failed read means for the caller.
pub(super) fn unread(error: ReadError) -> ToolError {
    match error {
        ReadError::Status { code: 400 | 422, message } => ToolError::Arguments(message),
        ReadError::Status { code: 404, message } => ToolError::NotFound(message),
        ReadError::Request(message) => ToolError::Arguments(message),
        other => ToolError::Unavailable(other.to_string()),
    }
}

/// The kind of that name.
pub(super) async fn kind(context: &ToolContext, name: &str) -> Result<ResourceKind, ToolError> {
    let reader = context.observer.reader();
    if let Some(kind) = reader.kind(name).await.map_err(unread)? {
        return Ok(kind);
    }
    let catalog = reader.catalog().await.map_err(unread)?;
    let near = catalog.near(name);
    let advice = if near.is_empty() {
        "the kubectl tool lists all kinds with: kubectl api-resources".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Err(ToolError::NotFound(format!("the cluster serves no kind {name:?}; {advice}")))
}

/// The namespaces to read a kind in; `None` reads all. Refuses what may not be read.
pub(super) fn places(
    context: &ToolContext,
    kind: &ResourceKind,
    namespace: Option<&str>,
) -> Result<Vec<Option<String>>, ToolError> {
    if !kind.namespaced {
        may_read_shared(context, kind)?;
        return Ok(vec![None]);
    }
    if let Some(namespace) = filled(namespace) {
        context.access.check(namespace)?;
        return Ok(vec![Some(namespace.to_owned())]);
    }
    Ok(match context.access.namespaces() {
        None => vec![None],
        Some(permitted) => permitted.iter().cloned().map(Some).collect(),
    })
}

fn may_read_shared(context: &ToolContext, kind: &ResourceKind) -> Result<(), ToolError> {
    if context.access.namespaces().is_none() || SHARED.contains(&kind.resource().as_str()) {
        return Ok(());
    }
    let text = format!("{} are cluster-wide and may not be read in this conversation", kind.resource());
    Err(ToolError::Denied(text))
}

/// Whether an object of a cluster-wide kind concerns the caller: a namespace that may be read, a volume that is not
/// another's.
pub(super) fn concerns(context: &ToolContext, kind: &ResourceKind, value: &Value) -> bool {
    let namespace = match kind.resource().as_str() {
        "namespaces" => text(value, "/metadata/name"),
        "persistentvolumes" => text(value, "/spec/claimRef/namespace"),
        _ => return true,
    };
    namespace.is_empty() || context.access.check(namespace).is_ok()
}

/// The object of that kind and name. Without a namespace it is looked for in all that may be read.
pub(super) async fn object(
    context: &ToolContext,
    kind: &ResourceKind,
    namespace: Option<&str>,
    name: &str,
) -> Result<Found, ToolError> {
    let places = places(context, kind, namespace)?;
    let mut found = Vec::new();
    for place in &places {
        found.extend(at(context, kind, place.as_deref(), name).await?);
    }
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => Err(absent(context, kind, &places, name).await),
        (_, Some(last)) => {
            let others = found.iter().map(|one| one.object.namespace.as_str());
            let all: BTreeSet<&str> = others.chain([last.object.namespace.as_str()]).collect();
            let all: Vec<&str> = all.into_iter().collect();
            let text = format!("{} {name} exists in {}; name the namespace", kind.kind, all.join(", "));
            Err(ToolError::Arguments(text))
        }
    }
}

async fn at(
    context: &ToolContext,
    kind: &ResourceKind,
    place: Option<&str>,
    name: &str,
) -> Result<Vec<Found>, ToolError> {
    let reader = context.observer.reader();
    let values: Vec<Value> = if kind.namespaced && place.is_none() {
        // A selector is free text: a comma in the name would select something else.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if !name.chars().all(plain) {
            return Err(ToolError::Arguments(format!("{name:?} cannot be the name of an object")));
        }
        reader.list(kind, None, &Selection::named(name)).await.map_err(unread)?.items
    } else {
        reader.get(kind, place, name).await.map_err(unread)?.into_iter().collect()
    };
    let values = values.into_iter().filter(|value| concerns(context, kind, value));
    Ok(values.map(|value| found(kind, value)).collect())
}

/// An object with its name.
pub(super) fn found(kind: &ResourceKind, value: Value) -> Found {
    let object = ObjectRef::new(
        kind.kind.as_str(),
        text(&value, "/metadata/namespace"),
        text(&value, "/metadata/name"),
    );
    Found { kind: kind.clone(), object, value }
}

/// Says that there is no such object, and what there is.
async fn absent(
    context: &ToolContext,
    kind: &ResourceKind,
    places: &[Option<String>],
    name: &str,
) -> ToolError {
    if let [Some(namespace)] = places
        && let Some(error) = absent_namespace(context, namespace).await
    {
        return error;
    }
    let reader = context.observer.reader();
    let mut names = Vec::new();
    for place in places {
        // What cannot be listed is not offered; that the object is not there is known all the same.
        names.extend(reader.names(kind, place.as_deref()).await.unwrap_or_default());
    }
    if kind.resource() == "namespaces" {
        names.retain(|name| context.access.check(name).is_ok());
    } else if kind.resource() == "persistentvolumes" && context.access.namespaces().is_some() {
        names.clear();
    }
    ToolError::NotFound(told(kind, &place_text(kind, places), name, &names))
}

fn place_text(kind: &ResourceKind, places: &[Option<String>]) -> String {
    let named: Vec<&str> = places.iter().flatten().map(String::as_str).collect();
    match (kind.namespaced, named.is_empty()) {
        (false, _) => String::new(),
        (true, true) => " in any namespace".to_owned(),
        (true, false) => format!(" in {}", named.join(", ")),
    }
}

fn told(kind: &ResourceKind, place: &str, name: &str, names: &[String]) -> String {
    let near = near(name, names);
    let mut text = format!("no {} {name}{place}", kind.singular);
    if !near.is_empty() {
        text = format!("{text}; did you mean {}?", near.join(", "));
    }
    let then = if near.is_empty() { ";" } else { "" };
    let some: Vec<&str> = names.iter().take(MAX_TOLD).map(String::as_str).collect();
    let rest = names.len().saturating_sub(some.len());
    match (some.is_empty(), rest) {
        (true, _) => format!("{text}; there are no {} there", kind.plural),
        (false, 0) => format!("{text}{then} {} there: {}", kind.plural, some.join(", ")),
        (false, rest) => format!("{text}{then} {} there: {} and {rest} more", kind.plural, some.join(", ")),
    }
}

/// The names most like one, the nearest first.
fn near<'a>(name: &str, names: &'a [String]) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> =
        names.iter().map(|known| (jaro_winkler(known, name), known.as_str())).collect();
    scored.retain(|(score, _)| *score > 0.8);
    scored.sort_by(|left, right| right.0.total_cmp(&left.0));
    scored.into_iter().take(MAX_NEAR).map(|(_, name)| name).collect()
}

/// Says that there is no such namespace; `None` where there is, or where that cannot be known.
pub(super) async fn absent_namespace(context: &ToolContext, namespace: &str) -> Option<ToolError> {
    let reader = context.observer.reader();
    let kind = reader.kind("namespaces").await.ok()??;
    if reader.get(&kind, None, namespace).await.ok()?.is_some() {
        return None;
    }
    let mut names = reader.names(&kind, None).await.unwrap_or_default();
    names.retain(|name| context.access.check(name).is_ok());
    Some(ToolError::NotFound(format!("there is no namespace {namespace}; there are: {}", names.join(", "))))
}

/// What was given, unless it is empty: models write `""` for what they leave out.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{ResourceKind, told};

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let kind =
            ResourceKind { singular: "pod".to_owned(), plural: "pods".to_owned(), ..ResourceKind::default() };
        let names: Vec<String> =
            (0..30).map(|n| format!("cart-{n}")).chain(["checkout-7c9d".to_owned()]).collect();
        let text = told(&kind, " in shop", "checkout-7c", &names);
        assert!(
            text.starts_with("no pod checkout-7c in shop; did you mean checkout-7c9d? pods there: cart-0, "),
            "{text}"
        );
        assert!(text.ends_with(" and 11 more"), "{text}");
        assert_eq!(told(&kind, "", "x", &[]), "no pod x; there are no pods there");
    }
}
