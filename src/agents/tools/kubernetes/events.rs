//! `kubernetes_events`: what controllers and kubelets said.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::page::{cell, columns, page};
use super::target::{self, filled};
use super::until_cancelled;
use crate::agents::tools::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};
use crate::incident::{EvidenceSource, ObjectRef, Score};
use crate::observe::{ObjectEvent, ResourceKind, age};

/// Reads events.
pub(super) struct Events;

/// Most events that can be cited from one call.
const MAX_CITED: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Namespace; left out, all that may be read.
    namespace: Option<String>,
    /// Kind of the object that the events are about; needs name.
    kind: Option<String>,
    /// Name of the object that the events are about; needs kind.
    name: Option<String>,
    /// Only events of type Warning.
    #[serde(default)]
    warnings_only: bool,
    /// Only events seen within this time: 30s, 15m, 2h, 1d.
    since: Option<String>,
    /// Lines to skip, to read on where an answer was cut.
    #[serde(default)]
    skip_lines: usize,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) namespace: Option<String>,
    pub(super) about: Option<ObjectRef>,
    /// Empty: all types.
    pub(super) types: Vec<String>,
    pub(super) since: Option<SignedDuration>,
}

impl Tool for Events {
    fn name(&self) -> &'static str {
        "kubernetes_events"
    }

    fn description(&self) -> &'static str {
        "Reads Kubernetes Events, newest first: scheduling, image pulls, probes, back-offs, scaling, evictions. Use it to learn \
         what controllers and kubelets said about one object (kind and name) or in a namespace. Events are kept for about \
         an hour by most clusters."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move { events(arguments(value)?, context).await }))
    }
}

async fn events(arguments: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let namespace = filled(arguments.namespace.as_deref());
    let about = match (filled(arguments.kind.as_deref()), filled(arguments.name.as_deref())) {
        (None, None) => None,
        (Some(kind), Some(name)) => Some(subject(context, kind, namespace, name).await?),
        _ => return Err(ToolError::Arguments("kind and name go together".to_owned())),
    };
    let wanted = Wanted {
        namespace: namespace.map(str::to_owned),
        about,
        types: if arguments.warnings_only { vec!["Warning".to_owned()] } else { Vec::new() },
        since: filled(arguments.since.as_deref()).map(duration).transpose()?,
    };
    let (events, missing) = read(context, &wanted).await?;
    let more = "call again with skip_lines={skip}, or narrow with kind and name, warnings_only or since";
    let mut output = page(&drawn(&events, context.now), arguments.skip_lines, more);
    output.cut = output.cut.or(missing);
    Ok(output.with(observations(&events, context.now)))
}

/// The object that events are asked about. It may be gone already: its namespace must be permitted all the same.
async fn subject(
    context: &ToolContext,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<ObjectRef, ToolError> {
    let kind = target::kind(context, kind).await?;
    match target::object(context, &kind, namespace, name).await {
        Ok(found) => Ok(found.object),
        Err(ToolError::NotFound(text)) => {
            let gone = ObjectRef::new(kind.kind.as_str(), namespace.unwrap_or_default(), name);
            let wanted = Wanted {
                namespace: namespace.map(str::to_owned),
                about: Some(gone.clone()),
                ..Wanted::default()
            };
            let (events, _) = read(context, &wanted).await?;
            if events.is_empty() { Err(ToolError::NotFound(text)) } else { Ok(gone) }
        }
        Err(other) => Err(other),
    }
}

/// Reads events of what may be read, newest first.
pub(super) async fn read(
    context: &ToolContext,
    wanted: &Wanted,
) -> Result<(Vec<ObjectEvent>, Option<String>), ToolError> {
    let own = wanted.about.as_ref().map(|about| about.namespace.as_str());
    let places = match own {
        // Events about cluster-wide objects stand in the namespace `default`: the object itself is the permission.
        Some("") if wanted.namespace.is_none() => vec![None],
        _ => {
            let kind = ResourceKind { namespaced: true, ..ResourceKind::default() };
            target::places(context, &kind, wanted.namespace.as_deref().or(own))?
        }
    };
    let (mut events, mut missing) = (Vec::new(), None);
    for place in places {
        let read = context.observer.reader().events(place.as_deref(), wanted.about.as_ref()).await;
        let (more, cut) = read.map_err(target::unread)?;
        events.extend(more);
        missing = missing.or(cut);
    }
    let oldest = wanted.since.and_then(|since| context.now.checked_sub(since).ok());
    events.retain(|event| {
        let fits = wanted.types.is_empty()
            || wanted.types.iter().any(|one| one.eq_ignore_ascii_case(&event.severity));
        // About an object that lives in a namespace, unless one of those without was asked for.
        let permitted =
            event.object.namespace.is_empty() || context.access.check(&event.object.namespace).is_ok();
        fits && permitted && oldest.is_none_or(|oldest| event.at.is_none_or(|at| at >= oldest))
    });
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    Ok((events, missing))
}

/// Draws events as a table.
pub(super) fn drawn(events: &[ObjectEvent], now: Timestamp) -> String {
    if events.is_empty() {
        return "No events found.".to_owned();
    }
    let many = events
        .iter()
        .any(|event| event.object.namespace != events.first().map_or("", |first| &first.object.namespace));
    let rows: Vec<Vec<String>> = events.iter().map(|event| row(event, now, many)).collect();
    columns(&["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "FROM", "MESSAGE"], &rows)
}

fn row(event: &ObjectEvent, now: Timestamp, many: bool) -> Vec<String> {
    let object = &event.object;
    let place =
        if many && !object.namespace.is_empty() { format!("{}/", object.namespace) } else { String::new() };
    vec![
        event.at.map_or_else(|| "<unknown>".to_owned(), |at| age(at, now)),
        event.severity.clone(),
        event.reason.clone(),
        format!("{}/{place}{}", object.kind.to_lowercase(), object.name),
        event.count.to_string(),
        event.source.clone(),
        event.message.clone(),
    ]
}

/// What of events can be cited: warnings first.
pub(super) fn observations(events: &[ObjectEvent], now: Timestamp) -> Vec<Observation> {
    let mut sorted: Vec<&ObjectEvent> = events.iter().collect();
    sorted.sort_by_key(|event| event.severity != "Warning");
    sorted.into_iter().take(MAX_CITED).map(|event| observation(event, now)).collect()
}

fn observation(event: &ObjectEvent, now: Timestamp) -> Observation {
    let fields = [
        ("type", event.severity.clone()),
        ("reason", event.reason.clone()),
        ("count", event.count.to_string()),
        ("from", event.source.clone()),
    ];
    Observation {
        source: EvidenceSource::Event,
        object: event.object.clone(),
        statement: format!(
            "{}: {} ({} times): {}",
            event.object,
            cell(&event.reason),
            event.count,
            cell(&event.message)
        ),
        strength: Score::new(if event.severity == "Warning" { 0.5 } else { 0.1 }),
        at: event.at.unwrap_or(now),
        fields: fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), cell(&value)))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// Reads `30s`, `15m`, `2h`, `1d`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<SignedDuration, ToolError> {
    let refused = || ToolError::Arguments(format!("{text:?} is no length of time; write 30s, 15m, 2h or 1d"));
    let (mut seconds, mut digits) = (0_i64, String::new());
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(refused()),
        };
        let count: i64 = digits.parse().map_err(|_| refused())?;
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(refused)?;
        digits.clear();
    }
    if seconds == 0 || !digits.is_empty() || seconds > 3_650 * 86_400 {
        return Err(refused());
    }
    Ok(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn lengths_of_time_are_read_as_kubectl_writes_them() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds);
        }
        for text in
            ["", "5", "m", "-5m", "5 m", "5min", "0s", "99999999999999999999s", "9223372036854775807d", "ten"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
