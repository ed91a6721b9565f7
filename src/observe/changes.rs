//! What changed lately: rollouts of workloads, and writes to the ConfigMaps and Secrets that pods use. Pure.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt as _;

use super::references::references;
use super::revisions::{Revision, revisions};
use super::template_diff::template_changes;
use super::{Change, ChangeKind, KeyedObject, Objects};
use crate::incident::ObjectRef;

/// A ConfigMap or Secret written within this after its creation was still being made.
const CREATION: SignedDuration = SignedDuration::from_secs(5);

/// Most changes that are kept.
const MAX_CHANGES: usize = 100;

/// The changes since `since`, newest first.
pub(super) fn changes(
    objects: &Objects,
    controller_revisions: &[ControllerRevision],
    since: Timestamp,
) -> Vec<Change> {
    let mut changes: Vec<Change> = revisions(&objects.replica_sets, controller_revisions)
        .into_iter()
        .filter_map(|(workload, revisions)| rollout(objects, workload, &revisions))
        .chain(configurations(objects))
        .filter(|change| change.at >= since)
        .collect();
    changes.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.object.cmp(&b.object)));
    changes.truncate(MAX_CHANGES);
    changes
}

/// The step from the revision before to the current one; `None` for a workload that has had only one.
fn rollout(objects: &Objects, workload: ObjectRef, revisions: &[Revision]) -> Option<Change> {
    let current = revisions.first()?;
    if current.number < 2 {
        return None;
    }
    let previous = revisions.get(1);
    let at = rolled_out_at(objects, &workload, current, previous)?;
    Some(Change {
        kind: ChangeKind::Rollout,
        object: workload,
        at,
        revision: Some(current.number),
        previous_revision: previous.map(|previous| previous.number),
        fields: previous
            .map(|previous| template_changes(&previous.template, &current.template))
            .unwrap_or_default(),
    })
}

/// When the current revision became current. Its object is as old as the rollout, unless an old revision was made
/// current again: then the first scale-up after the revision before was made tells, or else the last progress.
fn rolled_out_at(
    objects: &Objects,
    workload: &ObjectRef,
    current: &Revision,
    previous: Option<&Revision>,
) -> Option<Timestamp> {
    let created = current.created_at?;
    let Some(before) = previous.and_then(|previous| previous.created_at).filter(|before| *before > created)
    else {
        return Some(created);
    };
    scaled_up_at(&objects.events, workload, &current.name, before)
        .or_else(|| progressed_at(objects, workload))
        .or(Some(before))
}

fn scaled_up_at(events: &[Event], workload: &ObjectRef, set: &str, after: Timestamp) -> Option<Timestamp> {
    let about = |event: &&Event| {
        event.reason.as_deref() == Some("ScalingReplicaSet")
            && event.involved_object.name.as_ref() == Some(&workload.name)
            && event.involved_object.namespace.as_ref() == Some(&workload.namespace)
            && event
                .message
                .as_deref()
                .and_then(|message| message.strip_prefix("Scaled up replica set "))
                .is_some_and(|rest| rest.split_whitespace().next() == Some(set))
    };
    events.iter().filter(about).filter_map(event_time).filter(|at| *at > after).min()
}

fn event_time(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| event.first_timestamp.as_ref().map(|time| time.0))
}

fn progressed_at(objects: &Objects, workload: &ObjectRef) -> Option<Timestamp> {
    let deployment = objects.deployments.iter().find(|deployment| {
        deployment.name_any() == workload.name && deployment.namespace().as_ref() == Some(&workload.namespace)
    })?;
    let conditions = deployment.status.as_ref()?.conditions.as_deref()?;
    let progressing = conditions.iter().find(|condition| condition.type_ == "Progressing")?;
    progressing.last_update_time.as_ref().map(|time| time.0)
}

fn configurations(objects: &Objects) -> Vec<Change> {
    let used = used(objects);
    let maps = objects.config_maps.iter().map(|map| ("ConfigMap", map));
    let secrets = objects.secrets.iter().map(|secret| ("Secret", secret));
    maps.chain(secrets).filter_map(|(kind, keyed)| configuration(kind, keyed, &used)).collect()
}

/// The ConfigMaps and Secrets that any pod template or pod refers to.
fn used(objects: &Objects) -> BTreeSet<ObjectRef> {
    let pods = objects.pods.iter().filter_map(|pod| Some((pod.namespace()?, pod.spec.as_ref()?)));
    let sets = objects
        .replica_sets
        .iter()
        .filter_map(|set| Some((set.namespace()?, set.spec.as_ref()?.template.as_ref()?.spec.as_ref()?)));
    pods.chain(sets)
        .flat_map(|(namespace, spec)| {
            references(spec)
                .into_iter()
                .map(move |(kind, name)| ObjectRef::new(kind, namespace.clone(), name))
        })
        .collect()
}

fn configuration(kind: &str, keyed: &KeyedObject, used: &BTreeSet<ObjectRef>) -> Option<Change> {
    let (created, changed) = (keyed.created_at?, keyed.changed_at?);
    let object = ObjectRef::new(kind, keyed.namespace.clone(), keyed.name.clone());
    if changed.duration_since(created) <= CREATION || !used.contains(&object) {
        return None;
    }
    Some(Change {
        kind: ChangeKind::Configuration,
        object,
        at: changed,
        revision: None,
        previous_revision: None,
        fields: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::api::apps::v1::ControllerRevision;
    use serde_json::{Value, json};

    use super::super::{Change, ChangeKind, FieldChange, Objects};
    use super::changes;
    use crate::incident::ObjectRef;

    fn at(time: &str) -> Timestamp {
        format!("2026-03-01T{time}Z").parse().unwrap()
    }

    fn replica_set(name: &str, revision: &str, created: &str, image: &str) -> Value {
        json!({"metadata": {"namespace": "shop", "name": name, "creationTimestamp": at(created).to_string(),
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout", "uid": "u"}]},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "app", "image": image,
                "envFrom": [{"configMapRef": {"name": "settings"}}]}]}}}})
    }

    fn objects(value: Value) -> Objects {
        serde_json::from_value(value).unwrap()
    }

    fn image(before: &str, after: &str) -> FieldChange {
        FieldChange {
            path: "containers[app].image".to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        }
    }

    fn rollout(time: &str, numbers: (i64, i64), field: FieldChange) -> Change {
        Change {
            kind: ChangeKind::Rollout,
            object: ObjectRef::new("Deployment", "shop", "checkout"),
            at: at(time),
            revision: Some(numbers.0),
            previous_revision: Some(numbers.1),
            fields: vec![field],
        }
    }

    #[test]
    fn a_rollout_is_the_step_between_the_two_highest_revisions() {
        let world = objects(json!({"replica_sets": [
            replica_set("checkout-b", "10", "11:00:00", "checkout:1.5"),
            replica_set("checkout-a", "9", "10:00:00", "checkout:1.4"),
            replica_set("checkout-0", "2", "09:00:00", "checkout:1.0"),
        ]}));
        let expected = rollout("11:00:00", (10, 9), image("checkout:1.4", "checkout:1.5"));
        assert_eq!(changes(&world, &[], Timestamp::MIN), [expected]);
        assert_eq!(changes(&world, &[], at("11:00:01")), []);
    }

    #[test]
    fn a_first_revision_is_no_change() {
        let world = objects(json!({"replica_sets": [replica_set("checkout-a", "1", "10:00:00", "a")]}));
        assert_eq!(changes(&world, &[], Timestamp::MIN), []);
    }

    #[test]
    fn going_back_to_an_old_revision_happened_when_it_was_scaled_up_again() {
        let sets = json!([
            replica_set("checkout-a", "3", "09:00:00", "checkout:1.4"),
            replica_set("checkout-b", "2", "10:00:00", "checkout:1.5"),
        ]);
        let event = |message: &str, time: &str| {
            json!({"metadata": {}, "reason": "ScalingReplicaSet", "message": message,
                "lastTimestamp": at(time).to_string(), "involvedObject": {"namespace": "shop", "name": "checkout"}})
        };
        let deployment = json!({"metadata": {"namespace": "shop", "name": "checkout"}, "status": {"conditions": [
            {"type": "Progressing", "status": "True", "lastUpdateTime": at("11:05:00").to_string()}]}});
        let told = objects(json!({"replica_sets": sets, "deployments": [deployment], "events": [
            event("Scaled up replica set checkout-a from 0 to 1", "09:00:01"),
            event("Scaled up replica set checkout-a from 0 to 1", "11:00:00"),
            event("Scaled up replica set checkout-a from 1 to 2", "11:01:00"),
        ]}));
        let silent = objects(json!({"replica_sets": sets, "deployments": [deployment]}));
        let bare = objects(json!({"replica_sets": sets}));
        for (world, time) in [(told, "11:00:00"), (silent, "11:05:00"), (bare, "10:00:00")] {
            let expected = rollout(time, (3, 2), image("checkout:1.5", "checkout:1.4"));
            assert_eq!(changes(&world, &[], Timestamp::MIN), [expected]);
        }
    }

    #[test]
    fn controller_revisions_tell_the_rollouts_of_stateful_sets() {
        let revision = |number: i64, time: &str, image: &str| -> ControllerRevision {
            serde_json::from_value(
                json!({"revision": number, "metadata": {"namespace": "shop", "name": "db-1",
                    "creationTimestamp": at(time).to_string(), "ownerReferences": [
                        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u"}]},
                "data": {"spec": {"template": {"$patch": "replace",
                    "spec": {"containers": [{"name": "app", "image": image}]}}}}}),
            )
            .unwrap()
        };
        let stored = [revision(1, "09:00:00", "db:1"), revision(2, "10:00:00", "db:2")];
        let expected = Change {
            object: ObjectRef::new("StatefulSet", "shop", "db"),
            ..rollout("10:00:00", (2, 1), image("db:1", "db:2"))
        };
        assert_eq!(changes(&Objects::default(), &stored, Timestamp::MIN), [expected]);
    }

    #[test]
    fn a_written_configmap_counts_when_pods_use_it() {
        let map = |name: &str, changed: &str| {
            json!({"namespace": "shop", "name": name, "keys": [], "created_at": at("09:00:00").to_string(),
                "changed_at": at(changed).to_string()})
        };
        let world = objects(json!({"replica_sets": [replica_set("checkout-a", "1", "10:00:00", "a")],
            "config_maps": [map("settings", "10:30:00"), map("unused", "10:31:00")]}));
        let fresh = objects(json!({"replica_sets": [replica_set("checkout-a", "1", "10:00:00", "a")],
            "config_maps": [map("settings", "09:00:02")]}));
        let expected = Change {
            kind: ChangeKind::Configuration,
            object: ObjectRef::new("ConfigMap", "shop", "settings"),
            at: at("10:30:00"),
            revision: None,
            previous_revision: None,
            fields: Vec::new(),
        };
        assert_eq!(changes(&world, &[], Timestamp::MIN), [expected]);
        assert_eq!(changes(&fresh, &[], Timestamp::MIN), []);
    }
}
