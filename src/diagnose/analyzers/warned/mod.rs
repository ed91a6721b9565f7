//! The last resort: Warning events that go on and that no check has used. Controllers and kubelets repeat what they cannot do;
//! who reads none of it stays silent where the API says plainly what is wrong.
//!
//! Most repeated warnings of healthy clusters have no effect. So what counts is the effect, where it can be seen: a pod that is
//! not Ready, a workload that lacks pods. Where it cannot be seen, the warning must not be one of those known to be harmless.

mod effect;
mod harmless;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Event;

use super::cron_job;
use super::refusal;
use super::repeated::Repeated;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, last_seen};
use crate::incident::{EvidenceSource, ObjectRef};

/// What has been said for less time may be a matter of starting.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);

/// Most such findings; more of them say nothing more.
const MOST: usize = 8;

/// What the API server says where it refuses an object.
const REFUSED: [&str; 4] =
    ["exceeded quota", "denied the request", "failed calling webhook", "violates PodSecurity"];

/// Warnings of one reason about one object.
struct Warning<'a> {
    object: ObjectRef,
    reason: &'a str,
    whole: Repeated<'a>,
}

/// What goes on and is not explained by what the other analyzers have found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let warnings = warnings(index);
    if warnings.is_empty() {
        return Vec::new();
    }
    let used: BTreeSet<_> =
        found.iter().filter(|finding| explains(finding)).flat_map(|finding| about(index, finding)).collect();
    let everywhere = everywhere(index, &warnings);
    let unused = warnings.into_iter().filter(|warning| {
        !everywhere.contains(warning.reason) && !used.contains(&owner(index, &warning.object))
    });
    let told: BTreeMap<_, _> = unused.map(|warning| (owner(index, &warning.object), warning)).collect();
    told.into_iter().take(MOST).map(|(owner, warning)| finding(index, owner, &warning)).collect()
}

fn explains(finding: &Finding) -> bool {
    let told = matches!(finding.code.source, EvidenceSource::Object | EvidenceSource::Event);
    told && finding.strength >= 0.5
}

/// The objects that a finding speaks of: its own, and the workload that it names.
fn about(index: &Index<'_>, finding: &Finding) -> Vec<ObjectRef> {
    let own = [owner(index, &finding.object), finding.object.clone()];
    own.into_iter().chain(finding.hindered()).collect()
}

fn warnings<'a>(index: &Index<'a>) -> Vec<Warning<'a>> {
    let mut groups: BTreeMap<(ObjectRef, &str), Vec<&Event>> = BTreeMap::new();
    for event in &index.snapshot.objects.events {
        let about = &event.involved_object;
        let (Some(kind), Some(name), Some(reason)) = (&about.kind, &about.name, &event.reason) else {
            continue;
        };
        if event.type_.as_deref() != Some("Warning")
            || harmless::is(kind, reason, event.message.as_deref().unwrap_or_default())
        {
            continue;
        }
        let namespace = if kind == "Node" { "" } else { about.namespace.as_deref().unwrap_or_default() };
        groups.entry((ObjectRef::new(kind, namespace, name), reason)).or_default().push(event);
    }
    let warnings = groups.into_iter().filter_map(|((object, reason), events)| {
        let whole = Repeated::of(events)?;
        Some(Warning { object, reason, whole })
    });
    warnings.filter(|warning| goes_on(index, warning) && effect::matters(index, &warning.object)).collect()
}

fn goes_on(index: &Index<'_>, warning: &Warning<'_>) -> bool {
    let Warning { object, whole, .. } = warning;
    let long = index.snapshot.taken_at.duration_since(whole.first) >= PATIENCE;
    // A node says many things that are well with it.
    let mut well = index.events(object).filter(|event| {
        let begins = event.reason.as_deref().is_some_and(|reason| reason.contains("ing"));
        object.kind != "Node" && event.type_.as_deref() == Some("Normal") && !begins
    });
    long && whole.goes_on(index) && !well.any(|event| last_seen(event).is_some_and(|at| at > whole.last))
}

/// Reasons that are said of most nodes: how a cluster is set up, not what is wrong with one of them.
fn everywhere<'a>(index: &Index<'_>, warnings: &[Warning<'a>]) -> BTreeSet<&'a str> {
    let nodes = index.snapshot.objects.nodes.len();
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    for warning in warnings.iter().filter(|warning| warning.object.kind == "Node") {
        *said.entry(warning.reason).or_default() += 1;
    }
    said.into_iter().filter(|(_, times)| nodes > 1 && times * 2 > nodes).map(|(reason, _)| reason).collect()
}

/// Whom people would look at: the workload of a pod, the CronJob of a Job, the Service of its Endpoints.
fn owner(index: &Index<'_>, object: &ObjectRef) -> ObjectRef {
    match object.kind.as_str() {
        "Job" => cron_job::origin(index, object),
        "Endpoints" => ObjectRef::new("Service", object.namespace.as_str(), object.name.as_str()),
        _ => index.workload_of(object),
    }
}

fn finding(index: &Index<'_>, owner: ObjectRef, warning: &Warning<'_>) -> Finding {
    let Warning { object, reason, whole } = warning;
    if REFUSED.iter().any(|words| whole.message.contains(words)) {
        return refusal::finding(index, object, whole.message, Some(whole.first));
    }
    let statement =
        format!("{object} is warned about ({reason}, {} times until now): {}", whole.times, whole.message);
    let finding = Finding::new(codes::WARNED_ABOUT, owner, statement).at(Some(whole.first));
    finding.field("reason", reason).field("times", whole.times).field("about", object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn event(about: &Value, kind: &str, reason: &str, message: &str, minutes: (i64, i64)) -> Value {
        json!({"metadata": {}, "type": kind, "reason": reason, "message": message, "count": 9, "involvedObject": about,
            "firstTimestamp": ago(minutes.0).to_string(), "lastTimestamp": ago(minutes.1).to_string()})
    }

    fn causes(mut world: World, events: &[Value]) -> Vec<String> {
        world.snapshot.objects.events.extend(events.iter().cloned().map(object));
        world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect()
    }

    fn of(kind: &str, name: &str) -> Value {
        json!({"kind": kind, "namespace": "shop", "name": name})
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_warning_that_goes_on_is_told_of_its_object() {
        let custom = of("Certificate", "front");
        let warned = |minutes| event(&custom, "Warning", "IssuanceFailed", "order refused", minutes);
        assert_eq!(causes(World::new(), &[warned((30, 1))]), ["object.warned_about Certificate shop/front"]);
        assert_eq!(causes(World::new(), &[warned((60, 30))]), NOTHING, "it is over");
        assert_eq!(causes(World::new(), &[warned((2, 0))]), NOTHING, "it has just begun");
        let issued = event(&custom, "Normal", "Issued", "done", (0, 0));
        assert_eq!(causes(World::new(), &[warned((30, 1)), issued]), NOTHING, "it was done since");
        let begun = event(&custom, "Normal", "Issuing", "again", (0, 0));
        assert_eq!(causes(World::new(), &[warned((30, 1)), begun]).len(), 1);
    }

    #[test]
    fn warnings_about_pods_count_only_while_the_pods_do_not_work() {
        let pod = of("Pod", "web-1-0");
        let strange = event(&pod, "Warning", "SomethingNew", "cannot", (30, 1));
        assert_eq!(causes(World::new().deployment("web", 1), std::slice::from_ref(&strange)), NOTHING);
        let waiting = json!({"phase": "Pending", "conditions": null, "containerStatuses": null});
        let waits = World::new().deployment("web", 0).pod("web", 1, "web-1-0", waiting);
        assert_eq!(causes(waits, &[strange]), ["object.warned_about Deployment shop/web"]);
    }

    #[test]
    fn warnings_without_effect_and_about_what_is_gone_are_nothing() {
        let world = || World::new().deployment("web", 1).node("node-1", "True").node("node-2", "True");
        let service = of("Service", "web");
        let hints = event(&service, "Warning", "TopologyAwareHintsDisabled", "no", (30, 1));
        let conflict = event(
            &service,
            "Warning",
            "FailedToUpdateEndpointSlices",
            "the object has been modified",
            (30, 1),
        );
        let gone = event(&of("Service", "old"), "Warning", "FailedToUpdateEndpointSlices", "cannot", (30, 1));
        assert_eq!(causes(world(), &[hints, conflict, gone]), NOTHING);
        let node = |name: &str| {
            event(&json!({"kind": "Node", "name": name}), "Warning", "SomethingNew", "cannot", (30, 1))
        };
        assert_eq!(causes(world(), &[node("node-1"), node("node-2")]), NOTHING, "all nodes are set up so");
        assert_eq!(causes(world(), &[node("node-2")]), ["object.warned_about Node node-2"]);
    }

    #[test]
    fn what_another_check_explains_is_not_told_again() {
        let world = World::new().deployment("web", 0).crashing("web", 1, 1, "Error");
        let warned = event(&of("Pod", "web-1-x"), "Warning", "SomethingNew", "cannot", (30, 1));
        let causes = causes(world, &[warned]);
        assert!(!causes.is_empty() && !causes.iter().any(|cause| cause.starts_with("object.")), "{causes:?}");
    }

    #[test]
    fn a_refusal_by_quota_of_any_kind_points_at_the_quota() {
        let full = "failed to create EndpointSlice for Service shop/web: endpointslices.discovery.k8s.io \"web-\" is forbidden: \
            exceeded quota: few, requested: count/endpointslices=1, used: count/endpointslices=9, limited: count/endpointslices=9";
        let refused =
            |minutes| event(&of("Service", "web"), "Warning", "FailedToUpdateEndpointSlices", full, minutes);
        let world = || World::new().deployment("web", 1);
        assert_eq!(causes(world(), &[refused((30, 1))]), ["quota.exceeded ResourceQuota shop/few"]);
        assert_eq!(causes(world(), &[refused((60, 30))]), NOTHING);
    }
}
