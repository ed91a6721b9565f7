//! Where a pod is, or why it is nowhere: scheduling, eviction, nodes in trouble, deletion that does not end.

use jiff::SignedDuration;

use super::{Subject, node, phase};
use crate::diagnose::analyzers::{not_admitted, placeholder};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;

/// Evicted pods stay until somebody deletes them; an old one is history.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// What the kubelet says where a pod used more than it may itself, while its node is well.
const OWN_LIMITS: [&str; 3] = [
    "exceeds the total limit of containers",
    "exceeded its local ephemeral storage limit",
    "Usage of EmptyDir volume",
];

/// Why a kubelet rejects pods that could run nowhere: not for want of room, which passes.
const REJECTED: [&str; 4] =
    ["SysctlForbidden", "AppArmor", "PodOSNotSupported", "UnsupportedHostUserNamespace"];

/// Beyond its grace period a pod may take this long to go.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    [unschedulable(subject), on_bad_node(subject), terminating(subject)].into_iter().flatten().collect()
}

fn unschedulable(subject: &Subject<'_>) -> Option<Finding> {
    let condition = subject.condition("PodScheduled").filter(|condition| condition.status == "False")?;
    if condition.reason.as_deref() != Some("Unschedulable") || subject.is_being_deleted() {
        return None;
    }
    if placeholder::waits_on_purpose(subject.index, subject.pod) {
        return None;
    }
    let message = condition.message.as_deref().unwrap_or_default();
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let finding =
        subject.finding(codes::UNSCHEDULABLE, format!("{} fits no node: {message}", subject.name)).at(since);
    let predicates = predicates(message);
    let numbered = predicates.iter().zip(1_u32..);
    Some(numbered.fold(finding, |finding, (predicate, number)| {
        finding.field(&format!("predicate_{number}"), predicate)
    }))
}

/// The scheduler's sentence, one entry for each reason: `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had …`.
/// What follows about preemption says nothing new.
pub(in crate::diagnose::analyzers) fn predicates(message: &str) -> Vec<String> {
    let reasons = message.split_once("nodes are available:").map_or("", |(_, reasons)| reasons);
    let end =
        ["preemption:", "no new claims to deallocate"].iter().filter_map(|word| reasons.find(word)).min();
    let reasons = end.and_then(|end| reasons.get(..end)).unwrap_or(reasons);
    let mut found: Vec<String> = Vec::new();
    for part in reasons.trim().trim_end_matches(['.', ',']).split(", ") {
        let counts = part.trim().starts_with(|letter: char| letter.is_ascii_digit());
        match found.last_mut() {
            // A comma inside a reason, as between two labels of a taint, does not begin a new one.
            Some(last) if !counts => last.push_str(&format!(", {}", part.trim())),
            _ => found.push(part.trim().to_owned()),
        }
    }
    found.retain(|reason| !reason.is_empty());
    found
}

fn on_bad_node(subject: &Subject<'_>) -> Option<Finding> {
    let name = subject.node()?;
    let found = subject.index.node(name).filter(|found| !node::is_ready(found))?;
    let since = subject.condition("Ready").filter(|ready| ready.status != "True");
    let since = since.and_then(|ready| ready.last_transition_time.as_ref()).map(|time| time.0);
    let statement = format!("{} is on node {name}, which is not Ready", subject.name);
    let unschedulable = found.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    Some(
        subject
            .finding(codes::ON_BAD_NODE, statement)
            .at(since)
            .field("node", name)
            .field("cordoned", unschedulable),
    )
}

fn terminating(subject: &Subject<'_>) -> Option<Finding> {
    let asked = subject.pod.metadata.deletion_timestamp.as_ref()?.0;
    let late = subject.taken_at.duration_since(asked);
    if late <= PATIENCE {
        return None;
    }
    let statement = format!("{} should have been gone for {} s", subject.name, late.as_secs());
    let finalizers = subject.pod.metadata.finalizers.clone().unwrap_or_default();
    let finding =
        subject.finding(codes::TERMINATING_STUCK, statement).at(Some(asked)).field_if("node", subject.node());
    Some(finding.field("finalizers", finalizers.join(", ")))
}

pub(super) fn evicted(subject: &Subject<'_>) -> Option<Finding> {
    let status = subject.pod.status.as_ref().filter(|status| status.reason.as_deref() == Some("Evicted"))?;
    let condition = subject.condition("DisruptionTarget").or_else(|| subject.condition("Ready"));
    let since = condition.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0);
    let since = since.or_else(|| status.start_time.as_ref().map(|time| time.0));
    let old = since.is_none_or(|since| subject.taken_at.duration_since(since) > RECENT);
    let message = status.message.as_deref().unwrap_or_default();
    let finding =
        subject.finding(codes::EVICTED, format!("{} was evicted: {message}", subject.name)).at(since);
    let own = OWN_LIMITS.iter().any(|words| message.contains(words));
    let finding = if own { finding.field("own_limit", true) } else { finding };
    (!old && phase(subject.pod) == "Failed").then(|| finding.field_if("node", subject.node()))
}

/// A pod that the kubelet did not admit for what it asks of the node's kernel. Others follow it, and none is admitted.
pub(super) fn rejected(subject: &Subject<'_>) -> Option<Finding> {
    let status = subject.pod.status.as_ref()?;
    let reason = status.reason.as_deref().filter(|reason| REJECTED.contains(reason))?;
    let made = subject.pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let made = status.start_time.as_ref().map(|time| time.0).or(made)?;
    let message = status.message.as_deref().unwrap_or_default();
    let statement = format!("{} is not admitted by the kubelet ({reason}): {message}", subject.name);
    let recent = subject.taken_at.duration_since(made) <= RECENT;
    (recent && not_admitted::is_wanted(subject.index, subject.pod)).then(|| {
        subject
            .finding(codes::POD_REJECTED, statement)
            .at(Some(made))
            .field("reason", reason)
            .field_if("node", subject.node())
    })
}

#[cfg(test)]
mod tests {
    use super::predicates;

    #[test]
    fn the_schedulers_sentence_is_split_into_its_reasons() {
        let message = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {dedicated: gpu}. \
                       no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful.";
        assert_eq!(
            predicates(message),
            ["1 Insufficient cpu", "2 node(s) had untolerated taint {dedicated: gpu}"]
        );
        assert_eq!(predicates("no idea"), Vec::<String>::new());
    }
}
