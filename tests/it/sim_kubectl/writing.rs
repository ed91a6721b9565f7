//! apply, patch, set, scale, label, create, delete.

use kubewright::sim::kinds::{CONFIG_MAPS, DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS};
use serde_json::{Value, json};

use super::stage::Stage;

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, labels: {app: api}}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: registry.example/api:1.0
        resources: {limits: {memory: 128Mi}}
        env: [{name: A, value: a}, {name: B, value: b}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: api-config}
data: {MODE: slow, COLOUR: blue}
";

fn container(stage: &Stage) -> Value {
    stage.store.get(&DEPLOYMENTS, "shop", "web").unwrap()["spec"]["template"]["spec"]["containers"][0].clone()
}

#[tokio::test]
async fn apply_creates_then_changes_nothing_then_removes_what_the_manifest_dropped() {
    let stage = Stage::start().await;
    let file = stage.kubectl.file("api.yaml", MANIFEST);
    let first = stage.kubectl.ok(&format!("apply -f {file}")).await;
    assert_eq!(first, "deployment.apps/api created\nconfigmap/api-config created\n");
    let revision = stage.store.revision();
    let second = stage.kubectl.ok(&format!("apply -f {file}")).await;
    assert_eq!(second, "deployment.apps/api unchanged\nconfigmap/api-config unchanged\n");
    assert_eq!(stage.store.revision(), revision);
    let less = MANIFEST.replace(", COLOUR: blue", "").replace(", {name: B, value: b}", "");
    stage.kubectl.file("api.yaml", &less);
    let third = stage.kubectl.ok(&format!("apply -f {file}")).await;
    assert_eq!(third, "deployment.apps/api configured\nconfigmap/api-config configured\n");
    let api = stage.store.get(&DEPLOYMENTS, "shop", "api").unwrap();
    let container = &api["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"], json!([{"name": "A", "value": "a"}]));
    let config = stage.store.get(&CONFIG_MAPS, "shop", "api-config").unwrap();
    assert_eq!(config["data"], json!({"MODE": "slow"}));
}

#[tokio::test]
async fn server_side_apply_defends_the_fields_of_other_managers() {
    let stage = Stage::start().await;
    let file = stage.kubectl.file("api.yaml", MANIFEST);
    stage.kubectl.ok(&format!("apply --server-side -f {file}")).await;
    stage.kubectl.ok("set resources deployment/api --limits=memory=256Mi").await;
    let refused = stage.kubectl.refused(&format!("apply --server-side -f {file}")).await;
    let dry =
        stage.kubectl.ok(&format!("apply --server-side --force-conflicts --dry-run=server -f {file}")).await;
    assert!(
        refused.starts_with(
            "error: Apply failed with 1 conflict: conflict with \"kubectl-set\" using apps/v1: \
             .spec.template.spec.containers[name=\"api\"].resources.limits.memory"
        ),
        "{refused}"
    );
    assert!(dry.contains("deployment.apps/api serverside-applied (server dry run)"), "{dry}");
    let memory = |stage: &Stage| {
        let deployment = stage.store.get(&DEPLOYMENTS, "shop", "api").unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"].clone()
    };
    assert_eq!(memory(&stage), "256Mi");
    stage.kubectl.ok(&format!("apply --server-side --force-conflicts -f {file}")).await;
    assert_eq!(memory(&stage), "128Mi");
}

#[tokio::test]
async fn server_side_apply_takes_over_what_client_side_apply_made() {
    let stage = Stage::start().await;
    let file = stage.kubectl.file("api.yaml", MANIFEST);
    stage.kubectl.ok(&format!("apply -f {file}")).await;
    stage.kubectl.ok(&format!("apply --server-side -f {file}")).await;
    stage.kubectl.file("api.yaml", &MANIFEST.replace(", COLOUR: blue", ""));
    stage.kubectl.ok(&format!("apply --server-side -f {file}")).await;
    let config = stage.store.get(&CONFIG_MAPS, "shop", "api-config").unwrap();
    assert_eq!(config["data"], json!({"MODE": "slow"}));
}

#[tokio::test]
async fn diff_shows_what_apply_would_change_and_changes_nothing() {
    let stage = Stage::start().await;
    let file = stage.kubectl.file("api.yaml", MANIFEST);
    stage.kubectl.ok(&format!("apply -f {file}")).await;
    let revision = stage.store.revision();
    stage.kubectl.ok(&format!("diff -f {file}")).await;
    stage.kubectl.file("api.yaml", &MANIFEST.replace("api:1.0", "api:2.0"));
    let output = stage.kubectl.command(&format!("diff -f {file}")).output().await.unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("-        image: registry.example/api:1.0"), "{shown}");
    assert!(shown.contains("+        image: registry.example/api:2.0"), "{shown}");
    assert_eq!(stage.store.revision(), revision);
}

#[tokio::test]
async fn all_three_kinds_of_patches_do_what_they_say() {
    let stage = Stage::start().await;
    let kubectl = &stage.kubectl;
    kubectl
        .ok(r#"patch deploy web --type=json -p [{"op":"replace","path":"/spec/replicas","value":3}]"#)
        .await;
    kubectl.ok(r#"patch deploy web --type=merge -p {"metadata":{"annotations":{"a":"b"}}}"#).await;
    let env =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"X","value":"1"}]}]}}}}"#;
    kubectl.ok(&format!("patch deploy web -p {env}")).await;
    let deployment = stage.store.get(&DEPLOYMENTS, "shop", "web").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(deployment["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(container(&stage)["env"], json!([{"name": "X", "value": "1"}]));
    assert_eq!(container(&stage)["image"], "registry.example/web:1.0");
    let failed = kubectl
        .refused(r#"patch deploy web --type=json -p [{"op":"test","path":"/spec/replicas","value":9}]"#)
        .await;
    assert_eq!(
        failed,
        "The request is invalid: the server rejected our request due to an error in our request"
    );
}

#[tokio::test]
async fn set_changes_image_environment_and_resources_of_one_container() {
    let stage = Stage::start().await;
    stage.kubectl.ok("set image deploy/web web=registry.example/web:1.1").await;
    stage.kubectl.ok("set env deploy/web MODE=fast").await;
    stage.kubectl.ok("set resources deploy/web --limits=memory=256Mi").await;
    let container = container(&stage);
    assert_eq!(container["image"], "registry.example/web:1.1");
    assert_eq!(container["env"], json!([{"name": "MODE", "value": "fast"}]));
    assert_eq!(container["resources"], json!({"limits": {"memory": "256Mi"}}));
    assert_eq!(stage.store.get(&DEPLOYMENTS, "shop", "web").unwrap()["metadata"]["generation"], 4);
    let refused = stage.kubectl.refused("set resources deploy/web --requests=memory=1Gi").await;
    assert!(refused.contains("must be less than or equal to memory limit of 256Mi"), "{refused}");
}

#[tokio::test]
async fn scale_works_through_its_subresource_and_a_dry_run_stores_nothing() {
    let stage = Stage::start().await;
    stage.kubectl.ok("scale deploy/web --replicas=5 --dry-run=server").await;
    assert_eq!(stage.store.get(&DEPLOYMENTS, "shop", "web").unwrap()["spec"]["replicas"], 2);
    stage.kubectl.ok("scale deploy/web --replicas=5").await;
    assert_eq!(stage.store.get(&DEPLOYMENTS, "shop", "web").unwrap()["spec"]["replicas"], 5);
    let refused = stage.kubectl.refused("scale deploy/web --current-replicas=2 --replicas=1").await;
    assert!(refused.contains("Expected replicas to be 2, was 5"), "{refused}");
    let audit = stage.get("/sim/audit").await;
    let writes: Vec<_> =
        audit.as_array().unwrap().iter().map(|e| (&e["verb"], &e["dry_run"], &e["status"])).collect();
    assert_eq!(
        writes,
        [(&json!("PATCH"), &json!(true), &json!(200)), (&json!("PATCH"), &json!(false), &json!(200))]
    );
}

#[tokio::test]
async fn labels_annotations_and_cordons_are_small_patches() {
    let stage = Stage::start().await;
    let (label, note, cordon) = tokio::join!(
        stage.kubectl.ok("label deploy web tier=front"),
        stage.kubectl.ok("annotate configmap web-config note=hello"),
        stage.kubectl.ok("cordon node-1"),
    );
    assert_eq!(
        [label, note, cordon],
        ["deployment.apps/web labeled\n", "configmap/web-config annotated\n", "node/node-1 cordoned\n"]
    );
    let nodes = stage.kubectl.table("get nodes --no-headers").await;
    assert_eq!(nodes[0][..2], ["node-1", "Ready,SchedulingDisabled"]);
    assert_eq!(stage.kubectl.ok("uncordon node-1").await, "node/node-1 uncordoned\n");
}

#[tokio::test]
async fn objects_that_kubectl_sends_as_protobuf_arrive_whole() {
    let stage = Stage::start().await;
    let (config, job, scaler, secret, refused) = tokio::join!(
        stage.kubectl.ok("create configmap other --from-literal=a=b"),
        stage.kubectl.ok("create job once --image=registry.example/once:1"),
        stage.kubectl.ok("autoscale deploy web --min=1 --max=3 --cpu-percent=80"),
        stage.kubectl.json("create secret generic s --from-literal=password=hunter2"),
        stage.kubectl.refused("create configmap web-config --from-literal=a=b"),
    );
    assert_eq!(
        [config, job, scaler],
        [
            "configmap/other created\n",
            "job.batch/once created\n",
            "horizontalpodautoscaler.autoscaling/web autoscaled\n"
        ]
    );
    assert_eq!(secret["data"], json!({"password": "aHVudGVyMg=="}));
    assert_eq!(refused, "error: failed to create configmap: configmaps \"web-config\" already exists");
    let stored = stage.store.get(&HORIZONTAL_POD_AUTOSCALERS, "shop", "web").unwrap();
    assert_eq!(
        stored["spec"],
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        })
    );
    let table = stage.kubectl.ok("get hpa --no-headers").await;
    assert!(table.contains("Deployment/web") && table.contains("cpu: <unknown>/80%"), "{table}");
}

#[tokio::test]
async fn mistakes_in_a_manifest_are_named() {
    let stage = Stage::start().await;
    let unknown = stage.kubectl.file("unknown.yaml", &MANIFEST.replace("replicas:", "replicaz:"));
    let typed = stage.kubectl.file("typed.yaml", &MANIFEST.replace("replicas: 1", "replicas: one"));
    let labels = stage
        .kubectl
        .file("labels.yaml", &MANIFEST.replace("matchLabels: {app: api}", "matchLabels: {app: db}"));
    let refused = |file: String| async { stage.kubectl.refused(&format!("apply -f {}", { file })).await };
    let (unknown, typed, labels) = tokio::join!(refused(unknown), refused(typed), refused(labels));
    assert!(unknown.contains("strict decoding error: unknown field \"spec.replicaz\""), "{unknown}");
    assert!(typed.contains("Deployment in version \"v1\" cannot be handled as a Deployment"), "{typed}");
    assert!(labels.contains("`selector` does not match template `labels`"), "{labels}");
}

#[tokio::test]
async fn deleting_a_deployment_takes_its_pods_along_unless_they_are_orphaned() {
    let stage = Stage::start().await;
    stage.kubectl.ok("delete rs web-1 --cascade=orphan").await;
    let orphan = stage.store.get(&PODS, "shop", "web-1-good").unwrap();
    assert_eq!(orphan["metadata"].get("ownerReferences"), None);
    assert_eq!(orphan["metadata"].get("deletionTimestamp"), None);
    assert_eq!(stage.kubectl.ok("delete deploy web").await, "deployment.apps \"web\" deleted\n");
    assert_eq!(
        stage.kubectl.ok("delete pod web-1-good --grace-period=0 --force").await,
        "pod \"web-1-good\" force deleted\n"
    );
    assert_eq!(stage.store.get(&PODS, "shop", "web-1-good"), None);
}

#[tokio::test]
async fn deleting_a_namespace_empties_it_a_moment_later() {
    let stage = Stage::start().await;
    stage.kubectl.ok("create namespace tmp").await;
    stage.kubectl.ok("create configmap c -n tmp --from-literal=a=b").await;
    // A client that deletes the namespace and then its content, as `delete -f` does, finds both.
    for path in ["/api/v1/namespaces/tmp", "/api/v1/namespaces/tmp/configmaps/c"] {
        assert_eq!(stage.http.delete(format!("{}{path}", stage.url)).send().await.unwrap().status(), 200);
    }
    stage.kubectl.ok("create namespace full").await;
    stage.kubectl.ok("create configmap c -n full --from-literal=a=b").await;
    assert_eq!(stage.kubectl.ok("delete namespace full").await, "namespace \"full\" deleted\n");
    assert_eq!(stage.store.list(&CONFIG_MAPS, Some("full")).0.len(), 0);
}
