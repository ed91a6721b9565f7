//! What kube clients rely on: versions, pages, watches with bookmarks, conflicts, discovery.

use kubewright::sim::kinds::CONFIG_MAPS;
use kubewright::sim::objects::Deletion;
use serde_json::{Value, json};

use super::stage::Stage;

async fn watch(stage: &Stage, path: &str) -> Vec<Value> {
    let text = stage.http.get(format!("{}{path}", stage.url)).send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn config(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "data": {}})
}

#[tokio::test]
async fn pages_show_the_list_as_it_was_when_the_first_was_read() {
    let stage = Stage::start().await;
    for name in ["a", "b", "c"] {
        stage.store.create(&CONFIG_MAPS, config(name)).unwrap();
    }
    let path = "/api/v1/namespaces/shop/configmaps?limit=2";
    let first = stage.get(path).await;
    assert_eq!(first["metadata"]["remainingItemCount"], 2);
    stage.store.delete(&CONFIG_MAPS, "shop", "c", &Deletion::default()).unwrap();
    let next = first["metadata"]["continue"].as_str().unwrap();
    let second = stage.get(&format!("{path}&continue={next}")).await;
    let names: Vec<_> =
        second["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["c", "web-config"]);
    assert_eq!(second["metadata"], json!({"resourceVersion": first["metadata"]["resourceVersion"]}));
    stage.store.compact(stage.store.revision());
    let expired = stage.get(&format!("{path}&continue={next}")).await;
    assert_eq!((&expired["code"], &expired["reason"]), (&json!(410), &json!("Expired")));
}

#[tokio::test]
async fn a_watch_starts_with_what_exists_and_marks_its_end() {
    let stage = Stage::start().await;
    let path = "/api/v1/namespaces/shop/configmaps?watch=true&allowWatchBookmarks=true&sendInitialEvents=true\
                &resourceVersionMatch=NotOlderThan&timeoutSeconds=0";
    let events = watch(&stage, path).await;
    let shown: Vec<_> =
        events.iter().map(|e| (e["type"].as_str().unwrap(), &e["object"]["metadata"]["name"])).collect();
    assert_eq!(shown[..2], [("ADDED", &json!("web-config")), ("BOOKMARK", &Value::Null)]);
    assert_eq!(events[1]["object"]["metadata"]["annotations"], json!({"k8s.io/initial-events-end": "true"}));
    assert_eq!(events[1]["object"]["metadata"]["resourceVersion"], stage.store.revision().to_string());
}

#[tokio::test]
async fn a_watch_resumes_from_a_version_and_an_old_one_is_gone() {
    let stage = Stage::start().await;
    let start = stage.store.revision();
    stage.store.create(&CONFIG_MAPS, config("a")).unwrap();
    stage
        .store
        .modify(&CONFIG_MAPS, "shop", "a", |a| a["metadata"]["labels"] = json!({"tier": "x"}))
        .unwrap();
    stage.store.delete(&CONFIG_MAPS, "shop", "a", &Deletion::default()).unwrap();
    let path = |query: &str| {
        format!("/api/v1/configmaps?watch=true&timeoutSeconds=0&resourceVersion={start}{query}")
    };
    let types = |events: Vec<Value>| {
        events.iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types(watch(&stage, &path("")).await), ["ADDED", "MODIFIED", "DELETED"]);
    // With a selector an object comes into view when it starts to match.
    assert_eq!(types(watch(&stage, &path("&labelSelector=tier%3Dx")).await), ["ADDED", "DELETED"]);
    stage.store.compact(stage.store.revision());
    let gone = watch(&stage, &path("")).await;
    assert_eq!((gone.len(), &gone[0]["type"], &gone[0]["object"]["code"]), (1, &json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn writes_based_on_an_old_version_conflict() {
    let stage = Stage::start().await;
    let url = format!("{}/api/v1/namespaces/shop/configmaps/web-config", stage.url);
    let read: Value = stage.http.get(&url).send().await.unwrap().json().await.unwrap();
    stage.store.modify(&CONFIG_MAPS, "shop", "web-config", |c| c["data"]["a"] = json!("1")).unwrap();
    let put = stage.http.put(&url).json(&read).send().await.unwrap();
    assert_eq!(put.status(), 409);
    let body =
        json!({"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}, "data": {"a": "2"}});
    let patch =
        stage.http.patch(&url).header("content-type", "application/merge-patch+json").body(body.to_string());
    let answer = patch.send().await.unwrap();
    assert_eq!(answer.status(), 409);
    let status: Value = answer.json().await.unwrap();
    assert_eq!(
        status["message"],
        "Operation cannot be fulfilled on configmaps \"web-config\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    let stale = json!({"preconditions": {"uid": "another"}});
    assert_eq!(stage.http.delete(&url).json(&stale).send().await.unwrap().status(), 409);
}

#[tokio::test]
async fn discovery_says_the_same_in_both_forms() {
    let stage = Stage::start().await;
    let mut legacy = Vec::new();
    for group in stage.get("/apis").await["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let list = stage.get(&format!("/apis/{}", version["groupVersion"].as_str().unwrap())).await;
            let resources =
                list["resources"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned());
            legacy.extend(
                resources
                    .filter(|name| !name.contains('/'))
                    .map(|name| format!("{}/{name}", version["groupVersion"].as_str().unwrap())),
            );
        }
    }
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let answer = stage.http.get(format!("{}/apis", stage.url)).header("accept", accept).send().await.unwrap();
    let aggregated: Value = answer.json().await.unwrap();
    let mut modern = Vec::new();
    for group in aggregated["items"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            for resource in version["resources"].as_array().unwrap() {
                let name = |value: &Value| value.as_str().unwrap().to_owned();
                modern.push(format!(
                    "{}/{}/{}",
                    name(&group["metadata"]["name"]),
                    name(&version["version"]),
                    name(&resource["resource"])
                ));
            }
        }
    }
    assert_eq!(legacy, modern);
    assert!(modern.contains(&"autoscaling/v1/horizontalpodautoscalers".to_owned()));
}

#[tokio::test]
async fn metadata_alone_can_be_asked_for() {
    let stage = Stage::start().await;
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let url = format!("{}/api/v1/namespaces/shop/configmaps", stage.url);
    let list: Value =
        stage.http.get(url).header("accept", accept).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "web-config");
    assert_eq!(list["items"][0].get("data"), None);
}
