use serde_json::json;

use crate::sim::kinds;
use crate::sim::objects::ObjectStore;

#[test]
fn a_deployment_is_completed_as_the_api_server_completes_it() {
    let given = json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{
                "name": "web", "image": "registry.example/web:1.0", "ports": [{"containerPort": 80}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            }]},
        }},
    });
    let stored = ObjectStore::new().create(&kinds::DEPLOYMENTS, given).unwrap();
    assert_eq!(
        stored["spec"],
        json!({
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{
                    "name": "web", "image": "registry.example/web:1.0", "resources": {},
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "readinessProbe": {
                        "httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1,
                        "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                    },
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                }],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "securityContext": {}, "schedulerName": "default-scheduler",
            }},
        })
    );
}

#[test]
fn services_get_addresses_of_their_own_and_keep_them() {
    let store = ObjectStore::new();
    let service = |name: &str| json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
    let first = store.create(&kinds::SERVICES, service("a")).unwrap();
    let second = store.create(&kinds::SERVICES, service("b")).unwrap();
    assert_ne!(first["spec"]["clusterIP"], second["spec"]["clusterIP"]);
    assert_eq!(first["spec"]["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    let mut replaced = service("a");
    replaced["metadata"]["namespace"] = json!("default");
    let updated = store.update(&kinds::SERVICES, replaced, crate::sim::objects::Write::Main).unwrap();
    assert_eq!(updated["spec"]["clusterIP"], first["spec"]["clusterIP"]);
}

#[test]
fn a_pod_knows_its_quality_of_service() {
    let store = ObjectStore::new();
    let quality = |name: &str, resources: serde_json::Value| {
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i", "resources": resources}]}});
        store.create(&kinds::PODS, pod).unwrap()["status"]["qosClass"].clone()
    };
    let full = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
    let part = json!({"requests": {"cpu": "1"}});
    assert_eq!(
        [quality("a", json!({})), quality("b", full), quality("c", part)],
        [json!("BestEffort"), json!("Guaranteed"), json!("Burstable")]
    );
}

#[test]
fn the_plain_text_of_a_secret_becomes_data() {
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}});
    let stored = ObjectStore::new().create(&kinds::SECRETS, secret).unwrap();
    assert_eq!((&stored["data"], stored.get("stringData")), (&json!({"password": "aHVudGVyMg=="}), None));
}
