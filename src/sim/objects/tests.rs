use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::sim::kinds;

fn store() -> ObjectStore {
    let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
    ObjectStore::with_clock(Arc::new(move || now))
}

fn config(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "data": {"a": "1"}})
}

fn owned(name: &str, owner: &Value) -> Value {
    let owner = json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    });
    json!({"metadata": {"name": name, "namespace": "default", "ownerReferences": [owner]}, "spec": {}})
}

#[test]
fn a_created_object_gets_identity_and_a_version() {
    let store = store();
    let created =
        store.create(&kinds::DEPLOYMENTS, json!({"metadata": {"generateName": "web-"}, "spec": {}})).unwrap();
    assert_eq!(created["apiVersion"], "apps/v1");
    assert_eq!(created["metadata"]["creationTimestamp"], "2026-11-21T05:00:00Z");
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["metadata"]["resourceVersion"], store.revision().to_string());
    assert_eq!(created["metadata"]["name"].as_str().unwrap().len(), "web-".len() + 5);
    assert_eq!(created["metadata"]["uid"].as_str().unwrap().len(), 36);
}

#[test]
fn a_stale_update_is_a_conflict_in_the_apis_own_words() {
    let store = store();
    let first = store.create(&kinds::CONFIG_MAPS, config("c")).unwrap();
    let mut second = first.clone();
    second["data"]["a"] = json!("2");
    store.update(&kinds::CONFIG_MAPS, second, Write::Main).unwrap();
    let refused = store.update(&kinds::CONFIG_MAPS, first, Write::Main).unwrap_err();
    assert_eq!(
        refused.status(),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict",
            "message": "Operation cannot be fulfilled on configmaps \"c\": the object has been modified; please \
                        apply your changes to the latest version and try again",
            "details": {"name": "c", "kind": "configmaps"}, "code": 409,
        })
    );
}

#[test]
fn a_write_that_changes_nothing_makes_no_new_version() {
    let store = store();
    let first = store.create(&kinds::CONFIG_MAPS, config("c")).unwrap();
    let again = store.update(&kinds::CONFIG_MAPS, first.clone(), Write::Main).unwrap();
    assert_eq!(first, again);
}

#[test]
fn generation_counts_changes_of_the_spec_only() {
    let store = store();
    let deployment = json!({"metadata": {"name": "web"}, "spec": {"replicas": 1}});
    store.create(&kinds::DEPLOYMENTS, deployment).unwrap();
    let change = |path: &'static str, value: Value| {
        store.modify(&kinds::DEPLOYMENTS, "default", "web", |d| d[path]["replicas"] = value).unwrap()
    };
    assert_eq!(change("status", json!(1))["metadata"]["generation"], 1);
    assert_eq!(change("spec", json!(2))["metadata"]["generation"], 2);
}

#[test]
fn the_main_endpoint_cannot_write_the_status_nor_the_status_endpoint_the_spec() {
    let store = store();
    let mut object =
        store.create(&kinds::DEPLOYMENTS, json!({"metadata": {"name": "web"}, "spec": {}})).unwrap();
    object["spec"]["replicas"] = json!(3);
    object["status"] = json!({"replicas": 9});
    let main = store.preview_update(&kinds::DEPLOYMENTS, object.clone(), Write::Main).unwrap();
    let status = store.preview_update(&kinds::DEPLOYMENTS, object, Write::Status).unwrap();
    assert_eq!((&main["spec"]["replicas"], main["status"].get("replicas")), (&json!(3), None));
    assert_eq!(status["status"], json!({"replicas": 9}));
    assert_ne!(status["spec"]["replicas"], json!(3));
}

#[test]
fn deleting_an_owner_takes_its_dependents_along_and_marks_running_pods() {
    let store = store();
    let deployment =
        store.create(&kinds::DEPLOYMENTS, json!({"metadata": {"name": "web"}, "spec": {}})).unwrap();
    let set = store.create(&kinds::REPLICA_SETS, owned("web-1", &deployment)).unwrap();
    let mut pod = owned("web-1-a", &set);
    pod["spec"] = json!({"nodeName": "node-1", "terminationGracePeriodSeconds": 30});
    store.create(&kinds::PODS, pod).unwrap();
    store.delete(&kinds::DEPLOYMENTS, "default", "web", &Deletion::default()).unwrap();
    assert_eq!(store.get(&kinds::REPLICA_SETS, "default", "web-1"), None);
    let pod = store.get(&kinds::PODS, "default", "web-1-a").unwrap();
    assert_eq!(pod["metadata"]["deletionTimestamp"], "2026-11-21T05:00:30Z");
    assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 30);
    assert!(store.remove(&kinds::PODS, "default", "web-1-a").is_some());
    assert_eq!(store.get(&kinds::PODS, "default", "web-1-a"), None);
}

#[test]
fn foreground_deletion_keeps_the_owner_until_its_dependents_are_gone() {
    let store = store();
    let set = store.create(&kinds::REPLICA_SETS, json!({"metadata": {"name": "web"}, "spec": {}})).unwrap();
    let mut pod = owned("web-a", &set);
    pod["spec"] = json!({"nodeName": "node-1"});
    store.create(&kinds::PODS, pod).unwrap();
    let how = Deletion { propagation: Propagation::Foreground, ..Deletion::default() };
    let marked = store.delete(&kinds::REPLICA_SETS, "default", "web", &how).unwrap();
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(store.get(&kinds::REPLICA_SETS, "default", "web").is_some());
    store.remove(&kinds::PODS, "default", "web-a");
    assert_eq!(store.get(&kinds::REPLICA_SETS, "default", "web"), None);
}

#[test]
fn orphaned_dependents_stay_and_lose_the_reference() {
    let store = store();
    let set = store.create(&kinds::REPLICA_SETS, json!({"metadata": {"name": "web"}, "spec": {}})).unwrap();
    store.create(&kinds::PODS, owned("web-a", &set)).unwrap();
    let how = Deletion { propagation: Propagation::Orphan, ..Deletion::default() };
    store.delete(&kinds::REPLICA_SETS, "default", "web", &how).unwrap();
    let pod = store.get(&kinds::PODS, "default", "web-a").unwrap();
    assert_eq!(pod["metadata"].get("ownerReferences"), None);
}

#[test]
fn a_namespace_goes_when_its_last_pod_has_ended() {
    let store = store();
    store.create(&kinds::NAMESPACES, json!({"metadata": {"name": "shop"}})).unwrap();
    let pod = json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": {"nodeName": "node-1"}});
    store.create(&kinds::PODS, pod).unwrap();
    let marked = store.delete(&kinds::NAMESPACES, "", "shop", &Deletion::default()).unwrap();
    assert_eq!(marked["status"]["phase"], "Terminating");
    store.empty_namespace("shop");
    let late = store.create(&kinds::CONFIG_MAPS, json!({"metadata": {"name": "c", "namespace": "shop"}}));
    assert_eq!(
        late.unwrap_err().message,
        "configmaps \"c\" is forbidden: unable to create new content in namespace shop because it is being terminated"
    );
    store.remove(&kinds::PODS, "shop", "p");
    assert_eq!(store.get(&kinds::NAMESPACES, "", "shop"), None);
}

#[test]
fn a_held_object_goes_with_its_last_finalizer() {
    let store = store();
    let mut held = config("c");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    store.create(&kinds::CONFIG_MAPS, held).unwrap();
    store.delete(&kinds::CONFIG_MAPS, "default", "c", &Deletion::default()).unwrap();
    assert!(store.get(&kinds::CONFIG_MAPS, "default", "c").is_some());
    store.modify(&kinds::CONFIG_MAPS, "default", "c", |c| c["metadata"]["finalizers"] = json!([])).unwrap();
    assert_eq!(store.get(&kinds::CONFIG_MAPS, "default", "c"), None);
}

#[test]
fn history_tells_every_change_until_it_is_compacted() {
    let store = store();
    let start = store.revision();
    store.create(&kinds::CONFIG_MAPS, config("c")).unwrap();
    store.modify(&kinds::CONFIG_MAPS, "default", "c", |c| c["data"]["a"] = json!("2")).unwrap();
    store.delete(&kinds::CONFIG_MAPS, "default", "c", &Deletion::default()).unwrap();
    let events: Vec<_> = store
        .history_since(&kinds::CONFIG_MAPS, start)
        .unwrap()
        .iter()
        .map(|c| (c.event, c.revision - start))
        .collect();
    assert_eq!(events, [(Event::Added, 1), (Event::Modified, 2), (Event::Deleted, 3)]);
    store.compact(store.revision());
    assert_eq!(
        store.history_since(&kinds::CONFIG_MAPS, start).unwrap_err(),
        Gone { asked: start, oldest: store.revision() }
    );
}

#[test]
fn a_list_as_of_a_revision_undoes_what_came_later() {
    let store = store();
    store.create(&kinds::CONFIG_MAPS, config("a")).unwrap();
    store.create(&kinds::CONFIG_MAPS, config("b")).unwrap();
    let (then, revision) = store.list(&kinds::CONFIG_MAPS, Some("default"));
    store.delete(&kinds::CONFIG_MAPS, "default", "a", &Deletion::default()).unwrap();
    store.modify(&kinds::CONFIG_MAPS, "default", "b", |c| c["data"]["a"] = json!("2")).unwrap();
    store.create(&kinds::CONFIG_MAPS, config("c")).unwrap();
    assert_eq!(store.list_at(&kinds::CONFIG_MAPS, Some("default"), revision).unwrap(), then);
}

#[test]
fn a_delete_with_another_uid_in_mind_is_refused() {
    let store = store();
    store.create(&kinds::CONFIG_MAPS, config("c")).unwrap();
    let how = Deletion { uid: Some("other".into()), ..Deletion::default() };
    let refused = store.delete(&kinds::CONFIG_MAPS, "default", "c", &how).unwrap_err();
    assert_eq!((refused.code, refused.reason), (409, "Conflict"));
}
