//! Pods that the scheduler put out to make room for others of higher priority. They are gone; their events stay.

use std::sync::LazyLock;

use jiff::SignedDuration;
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, last_seen};
use crate::incident::ObjectRef;

/// Older ones are history.
const RECENT: SignedDuration = SignedDuration::from_hours(2);

static BY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^preempted by (?:a )?(?:pod )?([0-9a-z./-]+)(?: on node (\S+))?").ok());

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let events = index.snapshot.objects.events.iter();
    let told = events.filter(|event| event.reason.as_deref() == Some("Preempted"));
    let found = told.filter_map(|event| {
        let about = &event.involved_object;
        let at = last_seen(event);
        if at.is_some_and(|at| index.snapshot.taken_at.duration_since(at) > RECENT) {
            return None;
        }
        let message = event.message.as_deref().unwrap_or_default();
        let by = BY.as_ref()?.captures(message)?;
        let pod = ObjectRef::new(about.kind.as_deref()?, about.namespace.as_deref()?, about.name.as_deref()?);
        let object = owner(index, &pod);
        let finding = Finding::new(codes::PREEMPTED_BY, object, format!("{pod}: {message}")).at(at);
        Some(finding.field("by", by.get(1)?.as_str()).field_if("node", by.get(2).map(|node| node.as_str())))
    });
    found.collect()
}

/// The workload of a pod that is gone, by the name that its ReplicaSet gave it.
fn owner(index: &Index<'_>, pod: &ObjectRef) -> ObjectRef {
    let set = pod.name.rsplit_once('-').map(|(set, _)| ObjectRef::new("ReplicaSet", &pod.namespace, set));
    let found = set.map(|set| index.workload_of(&set)).filter(|owner| index.template(owner).is_some());
    let stateful = || {
        let (name, ordinal) = pod.name.rsplit_once('-')?;
        let set = ObjectRef::new("StatefulSet", &pod.namespace, name);
        (ordinal.parse::<u32>().is_ok() && index.template(&set).is_some()).then_some(set)
    };
    found.or_else(stateful).unwrap_or_else(|| pod.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    fn world(minutes: i64, waits: bool) -> World {
        let status = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
        let mut world = World::new().deployment("web", 0).deployment("batch", 1);
        if waits {
            world = world.pod("web", 1, "web-1-b", status);
        }
        world.snapshot.objects.pods[0].metadata.uid = Some("u-1".to_owned());
        world.snapshot.objects.events.push(object(
            json!({"metadata": {}, "type": "Normal", "reason": "Preempted",
            "message": "Preempted by pod u-1 on node node-1", "lastTimestamp": ago(minutes).to_string(),
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1-a"}}),
        ));
        world
    }

    #[test]
    fn who_took_the_room_is_the_cause() {
        let causes = world(5, true).causes();
        assert_eq!(
            (causes[0].0.as_str(), causes[0].1.as_str()),
            ("scheduling.preempted", "Deployment shop/batch")
        );
    }

    #[test]
    fn a_preemption_that_lies_back_or_hurt_nobody_is_no_cause() {
        assert_ne!(world(200, true).causes()[0].0, "scheduling.preempted");
        assert_eq!(world(5, false).causes(), []);
    }
}
