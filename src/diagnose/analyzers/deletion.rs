//! Objects that are being deleted and do not go: namespaces that are not empty, and finalizers that nobody takes away.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use regex::Regex;
use serde_json::Value;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// Deleting takes a while; what takes longer is stuck.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Most objects of other kinds that are told of one by one.
const MOST: usize = 20;

static API: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"([a-z0-9.-]+\.[a-z0-9.-]+/v[a-z0-9]+): (?:stale|the server|an error|no)").ok()
});

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let namespaces = index.snapshot.objects.namespaces.iter().filter_map(|found| namespace(index, found));
    let others = index.snapshot.objects.others.iter().filter_map(|found| other(index, found)).take(MOST);
    let claims = index.snapshot.objects.claims.iter().filter_map(|claim| {
        let finalizers = claim.metadata.finalizers.as_deref().unwrap_or_default();
        let since = claim.metadata.deletion_timestamp.as_ref()?.0;
        // A claim in use stays on purpose until its pods are gone.
        let own: Vec<_> = finalizers
            .iter()
            .filter(|name| *name != "kubernetes.io/pvc-protection")
            .map(String::as_str)
            .collect();
        stuck(index, object_ref(claim), since, &own)
    });
    namespaces.chain(others).chain(claims).collect()
}

fn is_overdue(index: &Index<'_>, since: Timestamp) -> bool {
    index.snapshot.taken_at.duration_since(since) > PATIENCE
}

/// What the namespace controller says that it waits for: an API that does not answer, else what is left.
fn namespace(index: &Index<'_>, namespace: &Namespace) -> Option<Finding> {
    let since = namespace.metadata.deletion_timestamp.as_ref()?.0;
    let conditions = namespace.status.as_ref()?.conditions.as_deref().unwrap_or_default();
    let message = |kind: &str| {
        let mut conditions =
            conditions.iter().filter(|condition| condition.type_ == kind && condition.status == "True");
        conditions.next().map(|condition| condition.message.as_deref().unwrap_or_default())
    };
    if !is_overdue(index, since) {
        return None;
    }
    let name = object_ref(namespace);
    let finding = if let Some(said) = message("NamespaceDeletionDiscoveryFailure") {
        let api = API.as_ref().and_then(|api| api.captures(said)).and_then(|found| found.get(1));
        let api = api.and_then(|api| api.as_str().split_once('/'));
        let object =
            api.map(|(group, version)| ObjectRef::cluster_wide("APIService", format!("{version}.{group}")));
        let statement =
            format!("{name} has been terminating since {since}, for an API does not answer: {said}");
        Finding::new(codes::NAMESPACE_STUCK, object.unwrap_or_else(|| name.clone()), statement)
    } else {
        let said = message("NamespaceFinalizersRemaining").or_else(|| message("NamespaceContentRemaining"));
        let said = said.or_else(|| message("NamespaceDeletionContentFailure"))?;
        let left = left_in(index, &name.name);
        let what = left.as_ref().map(|left| format!("; {left} is among it")).unwrap_or_default();
        let statement = format!("{name} has been terminating since {since}: {said}{what}");
        Finding::new(codes::NAMESPACE_STUCK, left.unwrap_or_else(|| name.clone()), statement)
    };
    Some(
        finding
            .at(Some(since))
            .field("workload_kind", "Namespace")
            .field("workload_namespace", "")
            .field("workload", &name.name)
            .field("namespace", &name.name),
    )
}

/// An object in the namespace that is being deleted and has finalizers.
fn left_in(index: &Index<'_>, namespace: &str) -> Option<ObjectRef> {
    let claims = index.snapshot.objects.claims.iter().map(|claim| (object_ref(claim), &claim.metadata));
    let pods = index.snapshot.objects.pods.iter().map(|pod| (object_ref(pod), &pod.metadata));
    let services =
        index.snapshot.objects.services.iter().map(|service| (object_ref(service), &service.metadata));
    let mut own = claims.chain(pods).chain(services).filter(|(name, metadata)| {
        let finalizers = metadata.finalizers.iter().flatten();
        name.namespace == namespace
            && metadata.deletion_timestamp.is_some()
            && finalizers.into_iter().any(|found| found != "kubernetes.io/pvc-protection")
    });
    if let Some((found, _)) = own.next() {
        return Some(found);
    }
    let mut others =
        index.snapshot.objects.others.iter().filter(|other| text(other, "/metadata/namespace") == namespace);
    others
        .find(|other| !finalizers(other).is_empty() && !text(other, "/metadata/deletionTimestamp").is_empty())
        .map(named)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn finalizers(value: &Value) -> Vec<&str> {
    let list = value.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn named(value: &Value) -> ObjectRef {
    ObjectRef::new(text(value, "/kind"), text(value, "/metadata/namespace"), text(value, "/metadata/name"))
}

fn other(index: &Index<'_>, value: &Value) -> Option<Finding> {
    let since = text(value, "/metadata/deletionTimestamp").parse::<Timestamp>().ok()?;
    stuck(index, named(value), since, &finalizers(value))
}

fn stuck(index: &Index<'_>, object: ObjectRef, since: Timestamp, finalizers: &[&str]) -> Option<Finding> {
    if finalizers.is_empty() || !is_overdue(index, since) || object.name.is_empty() {
        return None;
    }
    let finalizers = finalizers.join(", ");
    let statement = format!(
        "{object} has been being deleted since {since}, and nobody takes its finalizers away: {finalizers}"
    );
    Some(
        Finding::new(codes::FINALIZERS_STUCK, object, statement)
            .at(Some(since))
            .field("metadata.finalizers", finalizers),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn terminating(minutes: i64, condition: &Value) -> World {
        let mut world = World::new();
        world.snapshot.objects.namespaces.push(object(json!({
            "metadata": {"name": "old", "deletionTimestamp": ago(minutes).to_string()},
            "status": {"phase": "Terminating", "conditions": [condition]}})));
        world
    }

    fn backup(mut world: World, minutes: i64, finalizers: &Value) -> World {
        world.snapshot.objects.others.push(json!({"apiVersion": "backup.test/v1", "kind": "Backup",
            "metadata": {"namespace": "old", "name": "daily", "deletionTimestamp": ago(minutes).to_string(), "finalizers": finalizers}}));
        world
    }

    fn blamed(world: &World) -> Vec<String> {
        let causes = world.causes().into_iter().filter(|(code, ..)| code == "deletion.blocked");
        causes.map(|(_, object, _)| object).collect()
    }

    #[test]
    fn a_namespace_that_does_not_go_is_blamed_on_what_is_left_or_on_the_api_that_does_not_answer() {
        let left = json!({"type": "NamespaceFinalizersRemaining", "status": "True",
            "message": "Some content in the namespace has finalizers remaining: backup.test/hold in 1 resource instances"});
        assert_eq!(blamed(&terminating(60, &left)), ["Namespace old"]);
        assert_eq!(
            blamed(&backup(terminating(60, &left), 60, &json!(["backup.test/hold"]))),
            ["Backup old/daily"]
        );
        let silent = json!({"type": "NamespaceDeletionDiscoveryFailure", "status": "True",
            "message": "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"});
        assert_eq!(blamed(&terminating(60, &silent)), ["APIService v1beta1.metrics.k8s.io"]);
    }

    #[test]
    fn an_object_whose_finalizers_nobody_takes_away_is_named() {
        assert_eq!(blamed(&backup(World::new(), 60, &json!(["backup.test/hold"]))), ["Backup old/daily"]);
    }

    #[test]
    fn claims_with_finalizers_of_others_are_named_and_those_of_kubernetes_are_not() {
        let held = |finalizer: &str| {
            let mut world = World::new().deployment("web", 1);
            world.snapshot.objects.claims.push(object(json!({
                "metadata": {"namespace": "old", "name": "data", "deletionTimestamp": ago(60).to_string(), "finalizers": [finalizer]}})));
            blamed(&world)
        };
        assert_eq!(held("backup.test/hold"), ["PersistentVolumeClaim old/data"]);
        assert_eq!(held("kubernetes.io/pvc-protection"), Vec::<String>::new());
    }

    #[test]
    fn what_has_just_been_deleted_or_has_no_finalizers_or_is_not_deleted_gives_nothing() {
        let left = json!({"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"});
        assert_eq!(blamed(&terminating(2, &left)), Vec::<String>::new());
        assert_eq!(blamed(&backup(World::new(), 2, &json!(["x/y"]))), Vec::<String>::new());
        assert_eq!(blamed(&backup(World::new(), 60, &json!([]))), Vec::<String>::new());
        let mut alive = backup(World::new(), 60, &json!(["x/y"]));
        alive.snapshot.objects.others[0]["metadata"]["deletionTimestamp"] = Value::Null;
        assert_eq!(blamed(&alive), Vec::<String>::new());
    }
}
