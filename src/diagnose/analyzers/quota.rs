//! Objects that were applied, do not exist, and for which a ResourceQuota has no room: nobody keeps the refusal of what a
//! person applies, only of what controllers try.

use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::Value;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::incident::{ObjectRef, Quantity};
use crate::observe::Manifest;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let absent = index.snapshot.recorded.manifests.iter().filter(|manifest| !manifest.live);
    absent.flat_map(|manifest| of_manifest(index, manifest)).collect()
}

fn of_manifest(index: &Index<'_>, manifest: &Manifest) -> Vec<Finding> {
    let text = |path: &str| manifest.manifest.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let absent = ObjectRef::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    let asked = asked(&manifest.manifest);
    let quotas = index.snapshot.objects.quotas.iter();
    let quotas = quotas.filter(|quota| namespace_of(&quota.metadata) == absent.namespace);
    quotas.filter_map(|quota| no_room(quota, &absent, &asked)).collect()
}

/// What the object counts as, by the names that quotas use
/// (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>).
fn asked(manifest: &Value) -> Vec<(String, Quantity)> {
    let one = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), Quantity::whole(1))).collect::<Vec<_>>()
    };
    match manifest.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "Service" => {
            let mut names = vec!["services", "count/services"];
            match manifest.pointer("/spec/type").and_then(Value::as_str) {
                Some("NodePort") => names.push("services.nodeports"),
                Some("LoadBalancer") => names.extend(["services.loadbalancers", "services.nodeports"]),
                _ => {}
            }
            one(&names)
        }
        "PersistentVolumeClaim" => {
            let mut asked = one(&["persistentvolumeclaims", "count/persistentvolumeclaims"]);
            let size = manifest.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
            asked.extend(size.and_then(Quantity::parse).map(|size| ("requests.storage".to_owned(), size)));
            asked
        }
        "ConfigMap" => one(&["configmaps", "count/configmaps"]),
        "Secret" => one(&["secrets", "count/secrets"]),
        "Deployment" => one(&["count/deployments.apps"]),
        "StatefulSet" => one(&["count/statefulsets.apps"]),
        "Job" => one(&["count/jobs.batch"]),
        "CronJob" => one(&["count/cronjobs.batch"]),
        "Pod" => one(&["pods", "count/pods"]),
        _ => Vec::new(),
    }
}

fn no_room(quota: &ResourceQuota, absent: &ObjectRef, asked: &[(String, Quantity)]) -> Option<Finding> {
    let status = quota.status.as_ref()?;
    let (hard, used) = (status.hard.as_ref()?, status.used.as_ref());
    let taken =
        |resource: &str| used.and_then(|used| used.get(resource)).map_or("0", |amount| amount.0.as_str());
    let is_full = |(resource, asked): &&(String, Quantity)| {
        let most = hard.get(resource).and_then(|most| Quantity::parse(&most.0));
        let taken = Quantity::parse(taken(resource)).unwrap_or(Quantity::whole(0));
        most.is_some_and(|most| taken.plus(*asked) > most)
    };
    let (full, _) = asked.iter().find(is_full)?;
    let (hard, used) = (hard.get(full)?.0.as_str(), taken(full));
    let name = object_ref(quota);
    let statement =
        format!("{absent} does not exist, and {name} has no room for it: {used} of {hard} {full} are used");
    let finding = Finding::new(codes::QUOTA_LEAVES_NO_ROOM, name, statement);
    Some(
        finding
            .field("resource", full)
            .field("status.hard", hard)
            .field("status.used", used)
            .field("absent", absent),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};
    use crate::observe::Manifest;

    fn world(hard: &str, used: &str, live: bool) -> World {
        let mut world = World::new();
        world.snapshot.objects.quotas.push(object(json!({
            "metadata": {"namespace": "shop", "name": "team"},
            "status": {"hard": {"services": hard}, "used": {"services": used}},
        })));
        let manifest: Value =
            json!({"kind": "Service", "metadata": {"namespace": "shop", "name": "front"}, "spec": {}});
        world.snapshot.recorded.manifests.push(Manifest { app: None, live, manifest });
        world
    }

    #[test]
    fn a_service_that_was_refused_points_at_the_full_quota() {
        let found = world("3", "3", false).diagnose();
        assert_eq!(found.hypotheses[0].code, "quota.exceeded");
        assert_eq!(found.hypotheses[0].object.to_string(), "ResourceQuota shop/team");
    }

    #[test]
    fn a_full_quota_that_nothing_was_refused_by_is_no_finding() {
        assert_eq!(world("3", "3", true).codes(), Vec::<String>::new());
        assert_eq!(world("3", "2", false).codes(), Vec::<String>::new());
    }
}
