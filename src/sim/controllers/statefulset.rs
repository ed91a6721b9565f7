//! StatefulSet → Pods with ordinals, one after the other; updates go from the highest ordinal down.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{history, pods};
use crate::sim::kinds::{PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS};
use crate::sim::objects::{Deletion, meta};
use crate::sim::world::{Report, World, fields};

const COMPONENT: &str = "statefulset-controller";

pub(super) fn reconcile(world: &World) {
    for set in world.all(&STATEFUL_SETS) {
        if !meta::is_terminating(&set) {
            let hash = history::record(world, &set);
            step(world, &set, &hash);
            write_status(world, &set, &hash);
        }
    }
}

fn pod_name(set: &Value, ordinal: i64) -> String {
    format!("{}-{ordinal}", meta::name(set))
}

/// One move: create the next missing pod, delete the last surplus one, or replace the highest outdated one.
fn step(world: &World, set: &Value, hash: &str) {
    let wanted = fields::int(set, "/spec/replicas").unwrap_or(1);
    let parallel = fields::text(set, "/spec/podManagementPolicy") == "Parallel";
    let owned = world.controlled(&PODS, set);
    let find = |ordinal| owned.iter().find(|pod| meta::name(pod) == pod_name(set, ordinal));
    for ordinal in 0..wanted {
        match find(ordinal) {
            None => {
                create(world, set, ordinal, hash);
                if !parallel {
                    return;
                }
            }
            Some(pod) if pods::is_finished(pod) && !meta::is_terminating(pod) => {
                return delete(world, set, pod);
            }
            // A pod that doesn't become ready holds up everything behind it, as with the real controller.
            Some(pod) if !parallel && (meta::is_terminating(pod) || !pods::is_ready(pod)) => return,
            Some(_) => {}
        }
    }
    let surplus = (wanted..wanted + 1_000).rev().find_map(find);
    if let Some(pod) = surplus {
        return delete(world, set, pod);
    }
    update(world, set, hash, wanted, &find);
}

fn update<'a>(
    world: &World,
    set: &Value,
    hash: &str,
    wanted: i64,
    find: &impl Fn(i64) -> Option<&'a Arc<Value>>,
) {
    if fields::text(set, "/spec/updateStrategy/type") == "OnDelete" {
        return;
    }
    let first = fields::int(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    for ordinal in (first..wanted).rev() {
        let Some(pod) = find(ordinal) else { return };
        if hash_of(pod) != hash {
            return delete(world, set, pod);
        }
        if !pods::is_ready(pod) {
            return;
        }
    }
}

fn hash_of(pod: &Value) -> &str {
    fields::text(pod, "/metadata/labels/controller-revision-hash")
}

fn create(world: &World, set: &Value, ordinal: i64, hash: &str) {
    let name = pod_name(set, ordinal);
    for claim in fields::list(set, "/spec/volumeClaimTemplates") {
        create_claim(world, set, claim, &name);
    }
    let index = ordinal.to_string();
    let labels = [
        (history::HASH, hash),
        ("apps.kubernetes.io/pod-index", index.as_str()),
        ("statefulset.kubernetes.io/pod-name", name.as_str()),
    ];
    let mut pod = pods::from_template(set, &labels);
    meta::unset(&mut pod, "generateName");
    meta::set(&mut pod, "name", name.as_str());
    fields::set(&mut pod, "/spec/hostname", name.as_str().into());
    fields::set(&mut pod, "/spec/subdomain", fields::text(set, "/spec/serviceName").into());
    for claim in fields::list(set, "/spec/volumeClaimTemplates") {
        let volume = meta::name(claim);
        let source =
            json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}});
        fields::set(&mut pod, "/spec/volumes/-", source);
    }
    if world.store.create(&PODS, pod).is_ok() {
        let message = format!("create Pod {name} in StatefulSet {} successful", meta::name(set));
        world.report(set, Report::normal(COMPONENT, "SuccessfulCreate", &message));
    }
}

fn create_claim(world: &World, set: &Value, template: &Value, pod: &str) {
    let name = format!("{}-{pod}", meta::name(template));
    if world.store.get_shared(&PERSISTENT_VOLUME_CLAIMS, meta::namespace(set), &name).is_some() {
        return;
    }
    let claim = json!({
        "metadata": {"name": name, "namespace": meta::namespace(set),
                     "labels": set.pointer("/spec/selector/matchLabels").cloned().unwrap_or_default()},
        "spec": template.get("spec").cloned().unwrap_or_default(),
    });
    if world.store.create(&PERSISTENT_VOLUME_CLAIMS, claim).is_ok() {
        let message = format!("create Claim {name} Pod {pod} in StatefulSet {} success", meta::name(set));
        world.report(set, Report::normal(COMPONENT, "SuccessfulCreate", &message));
    }
}

fn delete(world: &World, set: &Value, pod: &Value) {
    if meta::is_terminating(pod) {
        return;
    }
    if world.store.delete(&PODS, meta::namespace(pod), meta::name(pod), &Deletion::default()).is_ok() {
        let message = format!("delete Pod {} in StatefulSet {} successful", meta::name(pod), meta::name(set));
        world.report(set, Report::normal(COMPONENT, "SuccessfulDelete", &message));
    }
}

fn write_status(world: &World, set: &Value, hash: &str) {
    let owned = world.controlled(&PODS, set);
    let min_ready = fields::int(set, "/spec/minReadySeconds").unwrap_or(0);
    let tally = pods::tally(world, &owned, min_ready);
    let updated = pods::count(owned.iter().filter(|pod| pods::is_active(pod) && hash_of(pod) == hash));
    let wanted = fields::int(set, "/spec/replicas").unwrap_or(1);
    let update_revision = format!("{}-{hash}", meta::name(set));
    world.modify(&STATEFUL_SETS, set, |set| {
        let before = fields::text(set, "/status/currentRevision").to_owned();
        let is_done = updated >= wanted && tally.ready >= wanted;
        let current = if before.is_empty() || is_done { update_revision.clone() } else { before };
        let outdated = tally.total - updated;
        let status = json!({
            "replicas": tally.total, "readyReplicas": tally.ready, "availableReplicas": tally.available,
            "currentReplicas": if current == update_revision { updated } else { outdated },
            "updatedReplicas": updated, "currentRevision": current, "updateRevision": update_revision,
            "observedGeneration": fields::int(set, "/metadata/generation").unwrap_or(1), "collisionCount": 0,
        });
        fields::set(set, "/status", status);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    fn ready(world: &World, name: &str) {
        world
            .store
            .modify(&PODS, "default", name, |pod| {
                fields::set(pod, "/status/conditions", json!([{"type": "Ready", "status": "True"}]));
            })
            .unwrap();
    }

    fn names(world: &World) -> Vec<String> {
        world.all(&PODS).iter().map(|pod| meta::name(pod).to_owned()).collect()
    }

    #[test]
    fn pods_come_one_after_the_other_and_are_updated_from_the_last() {
        let world = empty_world();
        given(
            &world,
            json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
                "spec": {"replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                         "template": {"metadata": {"labels": {"app": "db"}},
                                      "spec": {"containers": [{"name": "db", "image": "db:1"}]}}},
            }),
        );
        reconcile(&world);
        reconcile(&world);
        assert_eq!(names(&world), ["db-0"]);
        ready(&world, "db-0");
        reconcile(&world);
        ready(&world, "db-1");
        reconcile(&world);
        assert_eq!(names(&world), ["db-0", "db-1"]);
        world
            .store
            .modify(&STATEFUL_SETS, "default", "db", |s| {
                fields::set(s, "/spec/template/spec/containers/0/image", "db:2".into());
            })
            .unwrap();
        reconcile(&world);
        assert_eq!(names(&world), ["db-0"], "the unplaced last pod goes first and at once");
        reconcile(&world);
        let second = world.store.get(&PODS, "default", "db-1").unwrap();
        assert_eq!(fields::text(&second, "/spec/containers/0/image"), "db:2");
    }
}
