//! Init containers that do not end: they wait for something.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Container;

use super::{Subject, phase};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// Preparing something may take a while; waiting for a neighbour should not.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);

/// Most words of a command that are looked at.
const MAX_WORDS: usize = 200;

pub(super) fn findings(subject: &Subject<'_>) -> Option<Finding> {
    if phase(subject.pod) != "Pending" {
        return None;
    }
    let (status, _) = subject.statuses().find(|(status, init)| {
        let running = status.state.as_ref().and_then(|state| state.running.as_ref());
        let since = running.and_then(|running| running.started_at.as_ref()).map(|time| time.0);
        *init && !status.ready && since.is_some_and(|since| subject.taken_at.duration_since(since) > PATIENCE)
    })?;
    let spec = subject.pod.spec.as_ref()?;
    let own = spec.init_containers.iter().flatten().find(|own| own.name == status.name)?;
    // One that is restarted for ever runs beside the others by design.
    if own.restart_policy.as_deref() == Some("Always") {
        return None;
    }
    let service = waits_for(subject.index, own, &subject.name.namespace);
    let what = service.as_ref().map(|service| format!("; its command names {service}")).unwrap_or_default();
    let statement = format!("Init container {} of {} does not end{what}", own.name, subject.name);
    let since = status.state.as_ref()?.running.as_ref()?.started_at.as_ref().map(|time| time.0);
    let finding = subject.finding(codes::INIT_WAITS, statement).at(since).field("container", &own.name);
    Some(match service {
        Some(service) => {
            finding.field("service_namespace", &service.namespace).field("service", &service.name)
        }
        None => finding,
    })
}

/// The first Service that the command names.
fn waits_for(index: &Index<'_>, container: &Container, namespace: &str) -> Option<ObjectRef> {
    let texts = container.command.iter().flatten().chain(container.args.iter().flatten());
    let word = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '-' || letter == '.');
    let words = texts.flat_map(|text| text.split(word)).filter(|text| text.len() > 1).take(MAX_WORDS);
    let values = container.env.iter().flatten().filter_map(|variable| variable.value.as_deref());
    let values = values.flat_map(|value| value.split(word)).filter(|text| text.len() > 1).take(MAX_WORDS);
    words.chain(values).find_map(|word| index.service_named(word, namespace))
}
