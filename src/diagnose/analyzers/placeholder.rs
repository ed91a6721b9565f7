//! Placeholders: pods of negative priority that nobody calls. They hold room for others, give it up, and wait on purpose where
//! there is none left.

use k8s_openapi::api::core::v1::Pod;

use super::pod::predicates;
use crate::diagnose::index::{Index, is_ready};
use crate::incident::ObjectRef;

/// How the scheduler says that a node has no room. For any other reason no pod waits on purpose.
const NO_ROOM: [&str; 2] = ["Insufficient ", "Too many pods"];

/// Whether a pod waits for a node and is meant to: it has the lowest claim to room, and room is what lacks.
pub(super) fn waits_on_purpose(index: &Index<'_>, pod: &Pod) -> bool {
    let low = pod.spec.as_ref().and_then(|spec| spec.priority).is_some_and(|priority| priority < 0);
    low && lacks_room(pod) && !is_called(index, &index.workload(pod))
}

/// Whether a workload has fewer pods than it wants only because the others wait on purpose.
pub(super) fn is_short_on_purpose(index: &Index<'_>, workload: &ObjectRef) -> bool {
    let mut missing = index.pods_of(workload).iter().filter(|pod| !is_ready(pod)).peekable();
    missing.peek().is_some() && missing.all(|pod| waits_on_purpose(index, pod))
}

fn lacks_room(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let message = conditions.find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    let message = message.and_then(|condition| condition.message.as_deref()).unwrap_or_default();
    let mut reasons = predicates(message).into_iter();
    reasons.any(|reason| NO_ROOM.iter().any(|words| reason.contains(words)))
}

fn is_called(index: &Index<'_>, workload: &ObjectRef) -> bool {
    let namespace = workload.namespace.as_str();
    let mut services = index.services_in(namespace).iter();
    services.any(|service| index.is_behind(workload, &ObjectRef::new("Service", namespace, *service)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    const NO_ROOM: &str = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}. preemption: none.";

    /// A Deployment that is one pod short: that one waits with the priority, for what the message says.
    fn world(priority: Option<i32>, message: &str, called: bool) -> World {
        let mut world = World::new().deployment("spare", 1);
        if !called {
            world.snapshot.objects.services.clear();
        }
        let since = ago(40).to_string();
        world.snapshot.objects.deployments[0].status =
            Some(object(json!({"availableReplicas": 1, "conditions": [
            {"type": "Available", "status": "False", "lastTransitionTime": since},
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]})));
        let status = json!({"phase": "Pending", "containerStatuses": null, "conditions": [{"type": "PodScheduled",
            "status": "False", "reason": "Unschedulable", "lastTransitionTime": since, "message": message}]});
        let mut world = world.pod("spare", 1, "spare-1-x", status);
        let spec = world.snapshot.objects.pods.last_mut().unwrap().spec.as_mut().unwrap();
        (spec.node_name, spec.priority) = (None, priority);
        world
    }

    #[test]
    fn placeholders_that_find_no_room_give_nothing() {
        assert_eq!(world(Some(-10), NO_ROOM, false).codes(), Vec::<String>::new());
        assert_eq!(
            world(Some(-1), "0/1 nodes are available: 1 Too many pods.", false).codes(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn pods_of_usual_priority_that_are_called_or_that_fit_nowhere_are_no_placeholders() {
        let no_label =
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: none.";
        for (priority, message, called) in [
            (None, NO_ROOM, false),
            (Some(0), NO_ROOM, false),
            (Some(-10), NO_ROOM, true),
            (Some(-10), no_label, false),
        ] {
            let causes = world(priority, message, called).causes();
            assert!(
                causes.iter().any(|(code, ..)| code == "scheduling.unschedulable"),
                "{priority:?} {message} {called}: {causes:?}"
            );
        }
    }
}
