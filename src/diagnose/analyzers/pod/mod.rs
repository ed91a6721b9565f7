//! Pods: whether they run, and if not, what keeps them.

mod container;
mod exit;
mod image;
mod init;
mod placement;
mod probe;
mod sandbox;
mod volume;

pub(super) use placement::predicates;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::node;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// One pod with what the checks ask of it.
struct Subject<'a> {
    index: &'a Index<'a>,
    pod: &'a Pod,
    name: ObjectRef,
    taken_at: Timestamp,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let living = index.snapshot.objects.pods.iter().filter(|pod| phase(pod) != "Succeeded");
    living
        .flat_map(|pod| {
            check(&Subject { index, pod, name: object_ref(pod), taken_at: index.snapshot.taken_at })
        })
        .collect()
}

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    if phase(subject.pod) == "Failed" {
        // Failed pods are left behind for people to read; what made them fail is for their owner to say.
        let refused = [placement::evicted(subject), placement::rejected(subject)];
        return refused.into_iter().flatten().chain(container::last_words(subject)).collect();
    }
    if subject.is_being_deleted() {
        // It was asked to stop, so that it stops is no news; that it does not is.
        return placement::findings(subject);
    }
    let mut found = container::findings(subject);
    found.extend(placement::findings(subject));
    found.extend(volume::findings(subject));
    found.extend(sandbox::findings(subject));
    found.extend(init::findings(subject));
    found.extend(probe::findings(subject));
    found.extend(not_ready(subject));
    found
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

impl<'a> Subject<'a> {
    /// Statuses of init containers and containers, with whether each is an init container.
    fn statuses(&self) -> impl Iterator<Item = (&'a ContainerStatus, bool)> + use<'a> {
        let status = self.pod.status.as_ref();
        let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
        let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        init.iter().map(|status| (status, true)).chain(main.iter().map(|status| (status, false)))
    }

    /// The condition of the kind, as its status, reason, message and time.
    fn condition(&self, kind: &str) -> Option<&'a k8s_openapi::api::core::v1::PodCondition> {
        let conditions = self.pod.status.as_ref()?.conditions.as_ref()?;
        conditions.iter().find(|condition| condition.type_ == kind)
    }

    fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    fn is_being_deleted(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    fn finding(&self, code: codes::Code, statement: String) -> Finding {
        Finding::new(code, self.name.clone(), statement).field("pod", &self.name.name)
    }

    fn node(&self) -> Option<&'a str> {
        self.pod.spec.as_ref()?.node_name.as_deref()
    }

    /// Warning events with the reason: the newest message and the earliest time.
    fn warning(
        &self,
        reasons: &[&str],
        about: impl Fn(&str) -> bool,
    ) -> Option<(&'a str, Option<Timestamp>)> {
        let events = self.index.events(&self.name).filter(|event| {
            event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
                && about(event.message.as_deref().unwrap_or_default())
        });
        let (mut newest, mut first) = (None, None);
        for event in events {
            let began = event.first_timestamp.as_ref().map(|time| time.0);
            let began = began.or_else(|| event.event_time.as_ref().map(|time| time.0));
            let seen = event.last_timestamp.as_ref().map(|time| time.0).or(began);
            if newest.as_ref().is_none_or(|(_, at)| seen >= *at) {
                newest = Some((event.message.as_deref().unwrap_or_default(), seen));
            }
            first = [first, began].into_iter().flatten().min();
        }
        newest.map(|(message, _)| (message, first))
    }
}

/// A pod that runs and is not Ready, once it had time to start; why is for other checks to say.
fn not_ready(subject: &Subject<'_>) -> Option<Finding> {
    const GRACE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
    let condition = subject.condition("Ready").filter(|condition| condition.status != "True")?;
    if phase(subject.pod) != "Running" || subject.is_being_deleted() {
        return None;
    }
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let young = since.is_some_and(|since| subject.taken_at.duration_since(since) < GRACE);
    let why = condition.message.as_deref().or(condition.reason.as_deref()).unwrap_or("no reason given");
    let finding =
        subject.finding(codes::NOT_READY, format!("{} is not Ready: {why}", subject.name)).at(since);
    let finding = if young { finding.strength(0.4) } else { finding };
    Some(finding.field_if("reason", condition.reason.as_ref()).field_if("node", subject.node()))
}
