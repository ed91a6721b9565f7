//! What is told of nodes by events: a disk or memory that fails, tasks that hang, a node that goes and comes.
//!
//! Kernel messages become events through a watcher on the node (node-problem-detector). One event is a remark; what is told
//! again and again, and until now, is trouble. A node that was away once and is back is none.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// What the kernel says of hardware and file systems; that it kills for memory is a matter of the pods.
const KERNEL: [&str; 13] = [
    "IOError",
    "TaskHung",
    "Ext4Error",
    "XfsHasShutDown",
    "XfsShutdown",
    "FilesystemIsReadOnly",
    "KernelOops",
    "KernelDeadlock",
    "MemoryReadError",
    "UnregisterNetDevice",
    "CorruptDockerOverlay2",
    "CperHardwareError",
    "DockerHung",
];

/// So often within [`LATELY`] is no accident.
const AGAIN: i32 = 3;

/// What began longer ago than this is told in other ways.
const LATELY: SignedDuration = SignedDuration::from_hours(2);

/// What was told last before this is over.
const OVER: SignedDuration = SignedDuration::from_mins(10);

/// Events of one reason about one node.
#[derive(Default)]
struct Told<'a> {
    times: i32,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    message: &'a str,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut told: BTreeMap<(&str, &str), Told<'_>> = BTreeMap::new();
    for event in &index.snapshot.objects.events {
        let about = &event.involved_object;
        if let (Some("Node"), Some(node), Some(reason)) =
            (about.kind.as_deref(), about.name.as_deref(), event.reason.as_deref())
            && code(reason).is_some()
        {
            told.entry((node, reason)).or_default().add(event);
        }
    }
    let now = index.snapshot.taken_at;
    let found = told.into_iter().filter_map(|((node, reason), told)| {
        let (code, first, last) = (code(reason)?, told.first?, told.last?);
        let still = now.duration_since(last) <= OVER && now.duration_since(first) <= LATELY;
        (still && told.times >= AGAIN).then(|| finding(code, node, reason, &told))
    });
    found.collect()
}

fn code(reason: &str) -> Option<Code> {
    if reason == "NodeNotReady" {
        return Some(codes::NODE_FLAPS);
    }
    KERNEL.contains(&reason).then_some(codes::NODE_PROBLEM)
}

impl<'a> Told<'a> {
    fn add(&mut self, event: &'a Event) {
        let seen = event.event_time.as_ref().map(|time| time.0);
        let first = event.first_timestamp.as_ref().map(|time| time.0).or(seen);
        let last = event.last_timestamp.as_ref().map(|time| time.0).or(seen).or(first);
        self.times = self.times.saturating_add(event.count.unwrap_or(1).max(1));
        self.first = self.first.into_iter().chain(first).min();
        self.last = self.last.into_iter().chain(last).max();
        self.message = self.message.max(event.message.as_deref().unwrap_or_default());
    }
}

fn finding(code: Code, node: &str, reason: &str, told: &Told<'_>) -> Finding {
    let name = ObjectRef::cluster_wide("Node", node);
    let statement = if code == codes::NODE_FLAPS {
        format!("{name} was not Ready {} times, and came back each time", told.times)
    } else {
        format!("The kernel of {name} reports {reason} {} times: {}", told.times, told.message)
    };
    Finding::new(code, name, statement)
        .at(told.first)
        .field("node", node)
        .field("reason", reason)
        .field("times", told.times)
        .field_if("last", told.last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    /// A healthy node with an event, told so many times from then until then, in minutes.
    fn world(reason: &str, times: i32, (first, last): (i64, i64)) -> World {
        let mut world = World::new().node("node-1", "True").deployment("db", 1).deployment("web", 1);
        world.snapshot.objects.events.push(object(
            json!({"metadata": {}, "type": "Warning", "reason": reason,
            "message": "told by a test", "involvedObject": {"kind": "Node", "name": "node-1"}, "count": times,
            "firstTimestamp": ago(first).to_string(), "lastTimestamp": ago(last).to_string()}),
        ));
        world
    }

    fn at_fault(world: &World) -> Vec<String> {
        world.causes().into_iter().map(|(_, object, _)| object).collect()
    }

    #[test]
    fn a_node_whose_kernel_complains_or_that_comes_and_goes_is_at_fault() {
        for reason in ["IOError", "TaskHung", "NodeNotReady"] {
            assert_eq!(at_fault(&world(reason, 6, (40, 2))), ["Node node-1"], "{reason}");
        }
    }

    #[test]
    fn it_explains_what_callers_say_of_programs_on_it() {
        let line = "connect to http://db:80: i/o timeout\n".repeat(20);
        let mut calls = world("IOError", 6, (40, 2)).log("web-1-0", &line);
        let callers = calls
            .snapshot
            .objects
            .pods
            .iter_mut()
            .filter(|pod| pod.metadata.name.as_deref() == Some("web-1-0"));
        callers.for_each(|pod| pod.spec.as_mut().unwrap().node_name = Some("node-2".to_owned()));
        assert_eq!(at_fault(&calls), ["Node node-1"]);
        calls.snapshot.objects.events.clear();
        assert_eq!(at_fault(&calls), ["Deployment shop/db"]);
    }

    #[test]
    fn what_was_told_once_or_is_over_or_is_routine_is_left_alone() {
        for (reason, times, when) in [
            ("IOError", 1, (2, 2)),
            ("NodeNotReady", 1, (2, 2)),
            ("NodeNotReady", 6, (60, 20)),
            ("OOMKilling", 9, (40, 2)),
            ("NodeHasSufficientMemory", 9, (40, 2)),
            ("Starting", 9, (40, 2)),
        ] {
            assert_eq!(at_fault(&world(reason, times, when)), Vec::<String>::new(), "{reason} {times}");
        }
    }
}
