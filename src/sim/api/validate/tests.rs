use super::*;
use crate::sim::kinds;

fn deployment() -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"restartPolicy": "Always", "containers": [{"name": "web", "image": "web:1"}]},
        }},
    })
}

fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut object = deployment();
    change(&mut object);
    check(&kinds::DEPLOYMENTS, &object).map_or_else(|error| error.message, |()| "accepted".to_owned())
}

#[test]
fn missing_and_contradictory_fields_are_named_by_their_paths() {
    assert_eq!(refused(|_| ()), "accepted");
    assert_eq!(
        refused(|d| d["spec"]["template"]["spec"]["containers"] = json!([])),
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers: Required value"
    );
    assert_eq!(
        refused(|d| d["spec"]["template"]["metadata"]["labels"] = json!({"app": "db"})),
        "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"db\"}: \
         `selector` does not match template `labels`"
    );
    assert_eq!(
        refused(|d| d["spec"]["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "128Mi"}})),
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].resources.requests: Invalid value: \
         \"128Mi\": must be less than or equal to memory limit of 64Mi"
    );
    assert_eq!(
        refused(|d| d["spec"] = json!({"replicas": -1})),
        "Deployment.apps \"web\" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, \
         spec.selector: Required value, spec.template.spec.containers: Required value]"
    );
    assert!(refused(|d| d["metadata"]["name"] = json!("Web_1")).contains("RFC 1123 subdomain"));
}

#[test]
fn a_selector_and_a_pods_spec_cannot_change() {
    let mut next = deployment();
    next["spec"]["selector"] = json!({"matchLabels": {"app": "other"}});
    let refused = check_change(&kinds::DEPLOYMENTS, &deployment(), &next).unwrap_err();
    assert_eq!(
        refused.message,
        "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: \
         {\"matchLabels\":{\"app\":\"other\"}}: field is immutable"
    );
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}});
    let mut image = pod.clone();
    image["spec"]["containers"][0]["image"] = json!("a:2");
    assert_eq!(check_change(&kinds::PODS, &pod, &image), Ok(()));
    let mut command = pod.clone();
    command["spec"]["containers"][0]["command"] = json!(["x"]);
    assert_eq!(check_change(&kinds::PODS, &pod, &command).map_err(|e| e.code), Err(422));
}
