//! What is said of nodes that are Ready at the moment: that they come and go, and that their kernel or runtime complains.
//!
//! Monitors of nodes (node-problem-detector and its kin) write Warning events for what passes and conditions for what
//! stays. One outage that is over is none of this: a node that was upgraded went and came back, too.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Event, Node};

use super::node;
use super::repeated::Repeated;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

/// A node that goes more often than this comes and goes.
const RARE: SignedDuration = SignedDuration::from_mins(20);

/// A node that has stayed for so long since it came back may be well again.
const CALM: SignedDuration = SignedDuration::from_mins(15);

/// What happens again and again within less may be the beginning of a node, which starts its programs several times.
const BEGINNING: SignedDuration = SignedDuration::from_mins(10);

/// What the kernel says several times at once is one thing.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(2);

/// What is said each time that a node goes or begins anew, and a word of the message, where the reason means other things, too.
const GOES: [(&str, &str); 6] = [
    ("NodeNotReady", ""),
    ("Rebooted", ""),
    ("Starting", "kubelet"),
    ("KubeletStart", ""),
    ("ContainerdStart", ""),
    ("DockerStart", ""),
];

/// Conditions of monitors that are bad news where they hold. Others may well mean that something is in order.
const PROBLEMS: [&str; 12] = [
    "KernelDeadlock",
    "ReadonlyFilesystem",
    "XfsShutdown",
    "CperHardwareErrorFatal",
    "CorruptDockerOverlay2",
    "FrequentKubeletRestart",
    "FrequentDockerRestart",
    "FrequentContainerdRestart",
    "FrequentUnregisterNetDevice",
    "KubeletUnhealthy",
    "ContainerRuntimeUnhealthy",
    "NTPProblem",
];

/// Reasons of the events of monitors, by whatever name the monitor goes.
const COMPLAINTS: [&str; 15] = [
    "IOError",
    "TaskHung",
    "KernelOops",
    "Ext4Error",
    "XfsHasShutDown",
    "MemoryReadError",
    "CperHardwareErrorCorrected",
    "CperHardwareErrorFatal",
    "FilesystemIsReadOnly",
    "UnregisterNetDevice",
    "ConntrackFull",
    "DockerHung",
    "CorruptDockerImage",
    "CorruptDockerOverlay2",
    "NTPIsDown",
];

/// What monitors say that is no fault of the node: a container reached its limit, a file system wants a check some day.
const NO_FAULT: [&str; 6] = [
    "OOMKilling",
    "Ext4Warning",
    "DockerContainerStartupFailure",
    "KubeletStart",
    "ContainerdStart",
    "DockerStart",
];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let nodes = index.snapshot.objects.nodes.iter().filter(|found| node::is_ready(found));
    nodes
        .flat_map(|node| [comes_and_goes(index, node), complains(index, node), reported(node)])
        .flatten()
        .collect()
}

fn comes_and_goes(index: &Index<'_>, node: &Node) -> Option<Finding> {
    let name = object_ref(node);
    let of = |(reason, word): &(&str, &str)| {
        let said = |event: &&Event| {
            event.reason.as_deref() == Some(reason)
                && event.message.as_deref().unwrap_or_default().contains(word)
        };
        let whole = Repeated::of(index.events(&name).filter(said))?;
        let lately = index.snapshot.taken_at.duration_since(whole.last) <= CALM;
        let long = whole.last.duration_since(whole.first) >= BEGINNING;
        (whole.times >= 3 && long && whole.interval() <= RARE && lately).then_some(whole)
    };
    let whole = GOES.iter().find_map(of)?;
    let minutes = whole.last.duration_since(whole.first).as_mins();
    let statement = format!(
        "{name} went {} times within {minutes} minutes and came back: {}",
        whole.times, whole.message
    );
    let finding = Finding::new(codes::NODE_FLAPS, name, statement).at(Some(whole.first));
    Some(finding.field("times", whole.times).field_if("node", node.metadata.name.as_ref()))
}

/// Of several complaints the most frequent speaks.
fn complains(index: &Index<'_>, node: &Node) -> Option<Finding> {
    let name = object_ref(node);
    let of_monitor = |event: &&Event| {
        let component = event.source.as_ref().and_then(|source| source.component.as_deref());
        let component = event.reporting_component.as_deref().filter(|name| !name.is_empty()).or(component);
        let monitor =
            component.is_some_and(|name| name.ends_with("-monitor") || name == "node-problem-detector");
        let reason = event.reason.as_deref().unwrap_or_default();
        event.type_.as_deref() == Some("Warning")
            && (monitor || COMPLAINTS.contains(&reason))
            && !NO_FAULT.contains(&reason)
    };
    let told = Repeated::by_reason(index.events(&name).filter(of_monitor)).into_iter();
    let long = |whole: &Repeated<'_>| whole.last.duration_since(whole.first) >= AT_ONCE;
    let told = told.filter(|(_, whole)| whole.goes_on(index) && long(whole));
    let (reason, whole) = told.max_by_key(|(reason, whole)| (whole.times, *reason))?;
    let statement =
        format!("The system of {name} complains ({reason}, {} times): {}", whole.times, whole.message);
    let finding = Finding::new(codes::NODE_PROBLEM, name, statement).at(Some(whole.first));
    Some(
        finding
            .field("reason", reason)
            .field("times", whole.times)
            .field_if("node", node.metadata.name.as_ref()),
    )
}

fn reported(node: &Node) -> Option<Finding> {
    let mut conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let found = conditions
        .find(|condition| condition.status == "True" && PROBLEMS.contains(&condition.type_.as_str()))?;
    let name = object_ref(node);
    let message = found.message.as_deref().or(found.reason.as_deref()).unwrap_or_default();
    let statement = format!("{name} reports {}: {message}", found.type_);
    let since = found.last_transition_time.as_ref().map(|time| time.0);
    let finding = Finding::new(codes::NODE_PROBLEM, name, statement).at(since);
    Some(finding.field("condition", &found.type_).field_if("node", node.metadata.name.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    /// A node that is Ready and of which it was said so often, from and until so many minutes ago.
    fn told(kind: &str, component: &str, reason: &str, times: i32, minutes: (i64, i64)) -> Vec<String> {
        let mut world = World::new().node("node-1", "True");
        world.snapshot.objects.events.push(object(json!({"metadata": {}, "type": kind, "reason": reason,
            "message": "kubelet, told by a test", "count": times, "source": {"component": component},
            "involvedObject": {"kind": "Node", "name": "node-1"},
            "firstTimestamp": ago(minutes.0).to_string(), "lastTimestamp": ago(minutes.1).to_string()})));
        world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect()
    }

    const FOUND: [&str; 1] = ["node.not_ready Node node-1"];
    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_node_that_comes_and_goes_is_found_while_it_is_there() {
        let controller = "node-controller";
        assert_eq!(told("Normal", controller, "NodeNotReady", 5, (50, 4)), FOUND);
        assert_eq!(told("Warning", "kubelet", "Rebooted", 4, (40, 3)), FOUND);
        assert_eq!(told("Normal", "kubelet", "Starting", 9, (40, 3)), FOUND);
        assert_eq!(told("Normal", controller, "NodeNotReady", 1, (4, 4)), NOTHING, "once");
        assert_eq!(told("Normal", controller, "NodeNotReady", 5, (90, 40)), NOTHING, "it is over");
        assert_eq!(told("Normal", controller, "NodeNotReady", 3, (600, 4)), NOTHING, "rarely");
        assert_eq!(told("Normal", "kubelet", "NodeHasSufficientMemory", 9, (50, 4)), NOTHING);
    }

    #[test]
    fn a_kernel_that_goes_on_complaining_is_the_nodes_fault() {
        assert_eq!(told("Warning", "kernel-monitor", "IOError", 30, (20, 1)), FOUND);
        assert_eq!(told("Warning", "health-monitor", "SomethingNew", 30, (20, 1)), FOUND);
        assert_eq!(told("Warning", "other", "TaskHung", 5, (20, 1)), FOUND);
        assert_eq!(told("Warning", "kernel-monitor", "IOError", 2, (20, 1)), NOTHING, "an accident");
        assert_eq!(told("Warning", "kernel-monitor", "IOError", 30, (90, 40)), NOTHING, "it is over");
        assert_eq!(told("Warning", "kernel-monitor", "OOMKilling", 30, (20, 1)), NOTHING);
        assert_eq!(told("Normal", "kernel-monitor", "IOError", 30, (20, 1)), NOTHING);
        assert_eq!(told("Warning", "kubelet", "CheckLimitsForResolvConf", 30, (20, 1)), NOTHING);
    }

    #[test]
    fn what_comes_all_at_once_is_one_accident_or_the_beginning_of_a_node() {
        assert_eq!(told("Warning", "kernel-monitor", "IOError", 30, (2, 1)), NOTHING);
        assert_eq!(told("Warning", "systemd-monitor", "KubeletStart", 4, (5, 1)), NOTHING);
        assert_eq!(told("Normal", "node-controller", "NodeNotReady", 4, (8, 1)), NOTHING);
        assert_eq!(told("Warning", "systemd-monitor", "KubeletStart", 9, (40, 1)), FOUND);
    }

    #[test]
    fn it_explains_what_callers_say_of_programs_on_it() {
        let line = "connect to http://db:80: i/o timeout\n".repeat(20);
        let mut world = World::new()
            .node("node-1", "True")
            .deployment("db", 1)
            .deployment("web", 1)
            .log("web-1-0", &line);
        let mut callers = world.snapshot.objects.pods.iter_mut();
        let caller = callers.find(|pod| pod.metadata.name.as_deref() == Some("web-1-0")).unwrap();
        caller.spec.as_mut().unwrap().node_name = Some("node-2".to_owned());
        let at_fault =
            |world: &World| world.causes().into_iter().map(|(_, object, _)| object).collect::<Vec<_>>();
        assert_eq!(at_fault(&world), ["Deployment shop/db"]);
        world.snapshot.objects.events.push(object(
            json!({"metadata": {}, "type": "Warning", "reason": "TaskHung",
            "message": "a task is blocked", "count": 9, "involvedObject": {"kind": "Node", "name": "node-1"},
            "firstTimestamp": ago(30).to_string(), "lastTimestamp": ago(1).to_string()}),
        ));
        assert_eq!(at_fault(&world), ["Node node-1"]);
        let caused = world.rollout("db", &[("containers[app].image", "1", "2")]);
        assert!(at_fault(&caused).len() > 1, "it may be the rollout: {:?}", at_fault(&caused));
    }

    #[test]
    fn a_condition_that_means_trouble_is_found_and_one_that_means_health_is_not() {
        let with = |kind: &str, status: &str| {
            let mut world = World::new().node("node-1", "True");
            let conditions =
                world.snapshot.objects.nodes[0].status.as_mut().unwrap().conditions.as_mut().unwrap();
            conditions.push(object(json!({"type": kind, "status": status})));
            world.causes().len()
        };
        assert_eq!(with("KernelDeadlock", "True"), 1);
        assert_eq!(with("KernelDeadlock", "False"), 0);
        assert_eq!(with("ClockInSync", "True"), 0);
    }
}
