//! Webhooks that cannot be called, as events and logs of others than the controllers of pods tell: whoever writes objects
//! is refused alike.

use std::sync::LazyLock;

use jiff::SignedDuration;
use regex::Regex;

use super::{log, refusal};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// An event that was last seen this long ago tells of what is over.
const PAST: SignedDuration = SignedDuration::from_mins(30);

static FAILED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"failed calling webhook "([^"]{1,253})""#).ok());

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    if objects.validating_webhooks.is_empty() && objects.mutating_webhooks.is_empty() {
        // Without the configurations nothing says which webhook is meant; refusals of pods say enough by themselves.
        return Vec::new();
    }
    let events = objects.events.iter().filter(|event| {
        let seen = event.last_timestamp.as_ref().map(|time| time.0);
        let seen = seen.or_else(|| event.event_time.as_ref().map(|time| time.0));
        seen.is_none_or(|seen| index.snapshot.taken_at.duration_since(seen) < PAST)
    });
    let events = events.filter_map(|event| {
        let about = &event.involved_object;
        let kind = about.kind.as_deref().filter(|kind| *kind != "ReplicaSet")?;
        let object =
            ObjectRef::new(kind, about.namespace.as_deref().unwrap_or_default(), about.name.as_deref()?);
        of_line(index, &object, event.message.as_deref()?)
    });
    let logs = index.snapshot.logs.iter().filter(|excerpt| excerpt.text.contains("failed calling webhook"));
    let logs = logs.filter(|excerpt| log::still_matters(index, excerpt)).filter_map(|excerpt| {
        let source = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
        log::lines(&excerpt.text).find_map(|line| of_line(index, &index.workload_of(&source), line))
    });
    events.chain(logs).collect()
}

fn of_line(index: &Index<'_>, writer: &ObjectRef, line: &str) -> Option<Finding> {
    if !line.contains("failed calling webhook") {
        return None;
    }
    let line = line.replace("\\\"", "\"");
    let webhook = FAILED.as_ref()?.captures(&line)?.get(1)?.as_str();
    // One that is not there any more refuses nobody now.
    refusal::configuration(index, webhook)?;
    let object = refusal::at_fault(index, webhook, &line)?;
    let statement =
        format!("{writer} is refused because webhook {webhook} cannot be called: {}", line.trim());
    Some(Finding::new(codes::WEBHOOK_FAILED, object, statement).field("webhook", webhook).hinders(writer))
}
