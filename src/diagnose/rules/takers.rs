//! Who took the room that waiting pods miss, or keeps it from being made: runs of a CronJob that pile up, pods that came only now,
//! a cluster autoscaler that may not add nodes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::candidate::Candidate;
use crate::diagnose::analyzers::job_origin;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::object_ref;
use crate::diagnose::schedule::{amount_for_people, asked_by};
use crate::incident::{Evidence, ObjectRef, Quantity};

/// Pods of this age came only now.
const LATELY: SignedDuration = SignedDuration::from_mins(60);

/// So many Jobs of one CronJob at a time are a pile.
const PILE: usize = 3;

/// Factor where the taker does nothing wrong by itself: it may be meant to have the room.
const MAY_HAVE_IT: f64 = 0.97;

/// Who took room lately.
struct Taker {
    object: ObjectRef,
    /// By what, as in `4 new pods`.
    by: String,
    took: Quantity,
    /// When the first of them came.
    since: Timestamp,
    sure: f64,
}

/// Who took CPU and memory lately, the likelier first.
pub(super) struct Takers(BTreeMap<&'static str, Vec<Taker>>);

impl Takers {
    /// Looks at every pod that has a node.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let pods: Vec<&Pod> =
            facts.index.snapshot.objects.pods.iter().filter(|pod| holds_room(pod)).collect();
        let takers = |resource: &'static str| {
            let rooms = rooms(facts, &pods, resource);
            (resource, piled_up(facts, &rooms).into_iter().chain(came_now(facts, &rooms)).collect())
        };
        Self(["cpu", "memory"].map(takers).into())
    }

    /// `scheduling.unschedulable` about who took the CPU or memory that the pods of a workload miss, where these would fit a node
    /// that is empty.
    pub(super) fn of_room_for(
        &self,
        facts: &Facts<'_>,
        workload: &ObjectRef,
        evidence: &[&Evidence],
        predicates: &[&str],
    ) -> Option<Candidate> {
        let missing =
            |resource: &str| predicates.iter().any(|text| text.contains(&format!("Insufficient {resource}")));
        let (resource, takers) = self.0.iter().find(|(resource, _)| missing(resource))?;
        let asks = |pod: &&Pod| asked_by(pod.spec.as_ref()?).get(*resource).copied();
        let missed = facts.index.pods_of(workload).iter().filter_map(asks).max()?;
        if is_new(facts, workload) || !fits_an_empty_node(facts, resource, missed) {
            return None;
        }
        let waits =
            facts.index.pods_of(workload).iter().filter(|pod| !holds_room(pod)).filter_map(|pod| made(pod));
        let since = waits.min()?;
        let came_before = |taker: &&Taker| taker.took >= missed && taker.since <= since;
        let Taker { object, by, took, sure, .. } = takers.iter().find(came_before)?;
        let took = amount_for_people(resource, *took);
        let statement = format!(
            "Pods of {workload} fit no node ({}); {by} of {object} hold {took} {resource}.",
            predicates.join("; ")
        );
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, object.clone(), statement).times(*sure);
        (object != workload)
            .then(|| candidate.because(evidence.iter().copied()).explaining([workload.clone()]))
    }
}

/// What a scheduled pod asks for.
struct Room {
    workload: ObjectRef,
    asks: Quantity,
    made: Timestamp,
}

fn rooms(facts: &Facts<'_>, pods: &[&Pod], resource: &str) -> Vec<Room> {
    let room = |pod: &&Pod| {
        let asks = asked_by(pod.spec.as_ref()?).get(resource).copied()?;
        Some(Room { workload: facts.index.workload(pod), asks, made: made(pod)? })
    };
    pods.iter().filter_map(room).collect()
}

fn is_new(facts: &Facts<'_>, workload: &ObjectRef) -> bool {
    let made = facts.index.created_at(workload);
    made.is_some_and(|made| facts.index.snapshot.taken_at.duration_since(made) <= LATELY)
}

/// How the cluster autoscaler says that it would add a node if it might.
const AT_BOUND: [&str; 3] =
    ["max node group size reached", "max cluster cpu limit reached", "max cluster memory limit reached"];

/// `scheduling.unschedulable` about the cluster autoscaler, where it says of the pods of a workload that it has as many nodes as it
/// may have.
pub(super) fn keeps_the_bound(
    facts: &Facts<'_>,
    workload: &ObjectRef,
    evidence: &[&Evidence],
) -> Option<Candidate> {
    let index = facts.index;
    let pods = index.pods_of(workload).iter().map(|pod| object_ref(*pod)).collect::<Vec<_>>();
    let events = pods.iter().flat_map(|pod| index.events(pod));
    let mut said = events.filter(|event| event.reason.as_deref() == Some("NotTriggerScaleUp"));
    let message = said.find_map(|event| {
        let message = event.message.as_deref()?;
        AT_BOUND.iter().any(|words| message.contains(words)).then_some(message)
    })?;
    let is_autoscaler = |spec: &PodSpec| {
        spec.containers
            .iter()
            .any(|own| own.image.as_deref().is_some_and(|image| image.contains("cluster-autoscaler")))
    };
    let mut autoscalers = index.templates().filter(|(_, template)| template.spec.is_some_and(is_autoscaler));
    let (autoscaler, _) = autoscalers.next()?;
    let statement = format!("Pods of {workload} fit no node, and {autoscaler} may add none: {message}");
    let candidate = Candidate::new(confidence::UNSCHEDULABLE, autoscaler.clone(), statement);
    Some(candidate.because(evidence.iter().copied()).explaining([workload.clone()]))
}

fn made(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Scheduled and not ended.
fn holds_room(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let scheduled = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    scheduled && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn fits_an_empty_node(facts: &Facts<'_>, resource: &str, missed: Quantity) -> bool {
    facts.index.snapshot.objects.nodes.iter().any(|node| {
        let offered = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let offered = offered.and_then(|offered| Quantity::parse(&offered.get(resource)?.0));
        offered.is_some_and(|offered| offered >= missed)
    })
}

/// The CronJob with the most room whose runs pile up.
fn piled_up(facts: &Facts<'_>, rooms: &[Room]) -> Option<Taker> {
    let mut piles: BTreeMap<ObjectRef, Vec<&Room>> = BTreeMap::new();
    for room in rooms.iter().filter(|room| room.workload.kind == "Job") {
        piles.entry(job_origin(facts.index, &room.workload)).or_default().push(room);
    }
    let piles = piles.into_iter().filter(|(origin, _)| origin.kind == "CronJob");
    let piles = piles.filter_map(|(object, rooms)| {
        let jobs: BTreeSet<_> = rooms.iter().map(|room| &room.workload).collect();
        let by = format!("{} Jobs at a time", jobs.len());
        let (took, since) = (sum(&rooms), rooms.iter().map(|room| room.made).min()?);
        (jobs.len() >= PILE).then_some(Taker { object, by, took, since, sure: 1.0 })
    });
    piles.max_by_key(|taker| taker.took)
}

/// The one workload that was made lately, with the room of its pods. A run of a CronJob has the room that it always has.
fn came_now(facts: &Facts<'_>, rooms: &[Room]) -> Option<Taker> {
    let mut by_workload: BTreeMap<&ObjectRef, Vec<&Room>> = BTreeMap::new();
    let runs = |room: &Room| job_origin(facts.index, &room.workload).kind == "CronJob";
    for room in rooms.iter().filter(|room| room.workload.kind != "DaemonSet" && !runs(room)) {
        by_workload.entry(&room.workload).or_default().push(room);
    }
    let came = by_workload.into_iter().filter(|(workload, _)| is_new(facts, workload));
    let mut came = came.filter_map(|(workload, rooms)| {
        let by = format!("pods ({}), which came in the last {} minutes,", rooms.len(), LATELY.as_mins());
        let (took, since) = (sum(&rooms), rooms.iter().map(|room| room.made).min()?);
        Some(Taker { object: workload.clone(), by, took, since, sure: MAY_HAVE_IT })
    });
    came.next().filter(|_| came.next().is_none())
}

fn sum(rooms: &[&Room]) -> Quantity {
    rooms.iter().fold(Quantity::whole(0), |sum, room| sum.plus(room.asks))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    const NO_ROOM: &str = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";

    fn pod(name: &str, owner: (&str, &str), minutes: i64, cpu: &str, node: Option<&str>) -> Value {
        let waits = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_ROOM,
            "lastTransitionTime": ago(minutes)}]);
        let (phase, conditions) = if node.is_some() { ("Running", json!([])) } else { ("Pending", waits) };
        json!({"metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(minutes),
                "labels": {"app": owner.1},
                "ownerReferences": [{"apiVersion": "v1", "kind": owner.0, "name": owner.1, "uid": "u", "controller": true}]},
            "spec": {"nodeName": node, "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": phase, "conditions": conditions}})
    }

    /// A node of four CPUs, and a Deployment of long ago with a pod that waits for one since five minutes.
    fn world(more: &[Value]) -> World {
        let mut world = World::new().node("node-1", "True").deployment("web", 0);
        let objects = &mut world.snapshot.objects;
        objects.nodes[0].status.as_mut().unwrap().allocatable =
            Some(object(json!({"cpu": "4", "memory": "8Gi", "pods": "110"})));
        for deployment in &mut objects.deployments {
            deployment.metadata.creation_timestamp = Some(object(json!(ago(9_000))));
        }
        objects.pods.push(object(pod("web-1", ("ReplicaSet", "web-1"), 5, "1", None)));
        objects.pods.extend(more.iter().cloned().map(object));
        world
    }

    fn cron_job(world: &mut World, runs: i64) {
        for number in 0..runs {
            let name = format!("sync-{number}");
            let owner = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "sync", "uid": "u", "controller": true}]);
            world.snapshot.objects.jobs.push(object(json!({
                "metadata": {"namespace": "shop", "name": name, "ownerReferences": owner},
                "spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}})));
            let run = pod(&format!("{name}-x"), ("Job", &name), 10 + number, "1", Some("node-1"));
            world.snapshot.objects.pods.push(object(run));
        }
    }

    fn blamed(world: &World) -> Option<String> {
        let found = world.causes().into_iter().find(|(code, ..)| code == "scheduling.unschedulable");
        found.map(|(_, object, _)| object)
    }

    #[test]
    fn runs_that_pile_up_took_the_room() {
        let mut world = world(&[]);
        cron_job(&mut world, 4);
        assert_eq!(blamed(&world), Some("CronJob shop/sync".to_owned()));
    }

    #[test]
    fn an_autoscaler_that_has_as_many_nodes_as_it_may_is_at_fault() {
        let bounded = |message: &str| {
            let mut world =
                world(&[]).deployment("scaler", 1).event("web-1", "NotTriggerScaleUp", message, 4);
            for deployment in &mut world.snapshot.objects.deployments {
                if deployment.metadata.name.as_deref() == Some("scaler") {
                    let spec = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
                    spec.containers[0].image =
                        Some("registry.test/autoscaling/cluster-autoscaler:1".to_owned());
                }
            }
            blamed(&world)
        };
        let at_bound = "pod didn't trigger scale-up: 1 max node group size reached";
        assert_eq!(bounded(at_bound), Some("Deployment shop/scaler".to_owned()));
        let taint = "pod didn't trigger scale-up: 1 node(s) had untolerated taint {a: b}";
        assert_eq!(bounded(taint), Some("Deployment shop/web".to_owned()));
    }

    #[test]
    fn two_runs_are_no_pile() {
        let mut world = world(&[]);
        cron_job(&mut world, 2);
        assert_eq!(blamed(&world), Some("Deployment shop/web".to_owned()));
    }

    #[test]
    fn pods_that_ask_for_more_than_any_node_has_are_at_fault_themselves() {
        let mut world = world(&[]);
        cron_job(&mut world, 4);
        world.snapshot.objects.nodes[0].status.as_mut().unwrap().allocatable =
            Some(object(json!({"cpu": "500m", "memory": "8Gi", "pods": "110"})));
        assert_eq!(blamed(&world), Some("Deployment shop/web".to_owned()));
    }

    #[test]
    fn a_workload_that_came_only_now_took_the_room_and_an_old_one_did_not() {
        let bulk = |minutes| {
            let more: Vec<_> = (0..3)
                .map(|number| {
                    pod(&format!("bulk-{number}"), ("ReplicaSet", "bulk-1"), minutes, "1", Some("node-1"))
                })
                .collect();
            let mut world = world(&more).deployment("bulk", 0);
            let deployments = world.snapshot.objects.deployments.iter_mut();
            for deployment in deployments.filter(|own| own.metadata.name.as_deref() == Some("bulk")) {
                deployment.metadata.creation_timestamp = Some(object(json!(ago(minutes))));
            }
            world
        };
        assert_eq!(blamed(&bulk(20)), Some("Deployment shop/bulk".to_owned()));
        assert_eq!(blamed(&bulk(3)), Some("Deployment shop/web".to_owned()), "it came after the wait began");
        assert_eq!(blamed(&bulk(8_000)), Some("Deployment shop/web".to_owned()));
    }
}
