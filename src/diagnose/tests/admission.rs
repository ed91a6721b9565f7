//! Pods that the API server refuses: who is blamed, the rule or the template.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};

/// A Deployment whose newest ReplicaSet, made so many minutes ago, has been refused for five minutes; `before` pods of it
/// were let in.
fn refused(message: &str, made: i64, before: usize) -> World {
    let mut world = World::new().deployment("web", 0);
    world.snapshot.objects.deployments[0].spec.as_mut().unwrap().replicas = Some(2);
    let mut set = serde_json::to_value(world.snapshot.objects.replica_sets.remove(0)).unwrap();
    json_patch::merge(
        &mut set,
        &json!({
            "metadata": {"creationTimestamp": ago(made).to_string()},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "i:1"}]}}},
            "status": {"replicas": before, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": message, "lastTransitionTime": ago(5).to_string()}]}}),
    );
    world.snapshot.objects.replica_sets.push(object(set));
    (0..before).fold(world, |world, number| world.pod("web", 1, &format!("web-1-{number}"), json!({})))
}

fn first(world: &World) -> (String, String) {
    let causes = world.causes();
    (causes[0].0.clone(), causes[0].1.clone())
}

fn cause(code: &str, object: &str) -> (String, String) {
    (code.to_owned(), object.to_owned())
}

const INSECURE: &str = r#"pods "web-1-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)"#;

#[test]
fn pod_security_blames_a_new_template_and_else_the_namespace_that_has_become_strict() {
    let new = refused(INSECURE, 5, 0);
    assert_eq!(first(&new), cause("admission.pod_security", "Deployment shop/web"));
    let shown = new
        .diagnose()
        .evidence
        .into_iter()
        .find(|piece| piece.code == "admission.pod_security_violated")
        .unwrap();
    assert!(shown.fields["violation_2"].starts_with("runAsNonRoot"), "{:?}", shown.fields);
    assert_eq!(first(&refused(INSECURE, 5, 1)), cause("admission.pod_security", "Namespace shop"));
    assert_eq!(first(&refused(INSECURE, 600, 0)), cause("admission.pod_security", "Namespace shop"));
}

#[test]
fn a_restart_of_what_ran_before_does_not_make_the_template_guilty() {
    // The same security as in the revision before, of which a pod still runs; only the image is another.
    let mut world = refused(INSECURE, 5, 0);
    let mut former = serde_json::to_value(&world.snapshot.objects.replica_sets[0]).unwrap();
    json_patch::merge(
        &mut former,
        &json!({"metadata": {"name": "web-0", "annotations": {"deployment.kubernetes.io/revision": "0"}}, "status": {"conditions": []},
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "i:0"}]}}}}),
    );
    world.snapshot.objects.replica_sets.push(object(former));
    let world = world.pod("web", 0, "web-0-a", json!({}));
    assert_eq!(first(&world), cause("admission.pod_security", "Namespace shop"));
}

fn range(mut world: World, minutes: i64, limit: &Value) -> World {
    world.snapshot.objects.limit_ranges.push(object(json!({
        "metadata": {"namespace": "shop", "name": "bounds", "creationTimestamp": ago(minutes).to_string()},
        "spec": {"limits": [limit]}})));
    world
}

#[test]
fn amounts_outside_a_limit_range_blame_the_younger_of_the_two() {
    let message =
        r#"pods "web-1-x" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi"#;
    let limit = json!({"type": "Container", "max": {"memory": "256Mi"}});
    assert_eq!(
        first(&range(refused(message, 8, 0), 6, &limit)),
        cause("admission.limit_range", "LimitRange shop/bounds")
    );
    assert_eq!(
        first(&range(refused(message, 5, 0), 600, &limit)),
        cause("admission.limit_range", "Deployment shop/web")
    );
}

#[test]
fn a_tiny_default_limit_is_blamed_for_what_it_kills() {
    let limit = json!({"type": "Container", "default": {"memory": "128Mi"}});
    let world = || World::new().deployment("web", 0).crashing("web", 1, 137, "OOMKilled");
    assert_eq!(first(&range(world(), 60, &limit)), cause("admission.limit_range", "LimitRange shop/bounds"));
    let other = json!({"type": "Container", "default": {"memory": "1Gi"}});
    assert_eq!(first(&range(world(), 60, &other)), cause("memory.exhausted", "Deployment shop/web"));
    let mut stated = range(world(), 60, &limit);
    let template =
        stated.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    template.containers[0].resources = Some(object(json!({"limits": {"memory": "128Mi"}})));
    assert_eq!(first(&stated), cause("memory.exhausted", "Deployment shop/web"));
}

#[test]
fn a_quota_that_wants_amounts_blames_the_younger_of_the_two() {
    let message = r#"pods "web-1-x" is forbidden: failed quota: team: must specify limits.cpu for: app; limits.memory for: app"#;
    assert_eq!(first(&refused(message, 5, 0)), cause("quota.exceeded", "Deployment shop/web"));
    assert_eq!(first(&refused(message, 600, 0)), cause("quota.exceeded", "ResourceQuota shop/team"));
}

#[test]
fn classes_and_accounts_that_do_not_exist_are_named() {
    let message = r#"pods "web-1-x" is forbidden: no PriorityClass with name urgent was found"#;
    assert_eq!(first(&refused(message, 5, 0)), cause("admission.class_missing", "PriorityClass urgent"));
    let message = r#"pods "web-1-x" is forbidden: pod rejected: RuntimeClass "sandboxed" not found"#;
    assert_eq!(first(&refused(message, 5, 0)), cause("admission.class_missing", "RuntimeClass sandboxed"));
    let message = r#"pods "web-1-x" is forbidden: error looking up service account shop/runner: serviceaccount "runner" not found"#;
    assert_eq!(first(&refused(message, 5, 0)), cause("admission.refused", "ServiceAccount shop/runner"));
}

fn webhook(mut world: World, failure_policy: &str) -> World {
    world.snapshot.objects.validating_webhooks.push(object(json!({
        "metadata": {"name": "checks"},
        "webhooks": [{"name": "images.checks.test", "failurePolicy": failure_policy, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "shop", "name": "checker", "port": 443}}}]})));
    world
}

#[test]
fn a_denial_blames_a_new_template_and_else_the_configuration() {
    let message = r#"admission webhook "images.checks.test" denied the request: tag latest is not allowed"#;
    assert_eq!(
        first(&webhook(refused(message, 5, 0), "Fail")),
        cause("admission.denied", "Deployment shop/web")
    );
    assert_eq!(
        first(&webhook(refused(message, 600, 0), "Fail")),
        cause("admission.denied", "ValidatingWebhookConfiguration checks")
    );
    let message =
        "ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: tag latest is not allowed";
    assert_eq!(first(&refused(message, 5, 0)), cause("admission.denied", "Deployment shop/web"));
    assert_eq!(
        first(&refused(message, 600, 0)),
        cause("admission.denied", "ValidatingAdmissionPolicy no-latest")
    );
}

fn failing(why: &str) -> String {
    format!(
        r#"Internal error occurred: failed calling webhook "images.checks.test": failed to call webhook: Post "https://checker.shop.svc:443/validate?timeout=10s": {why}"#
    )
}

#[test]
fn a_webhook_that_cannot_be_called_blames_what_keeps_it_from_being_called() {
    let configuration = "ValidatingWebhookConfiguration checks";
    let gone = webhook(refused(&failing(r#"service "checker" not found"#), 600, 1), "Fail");
    assert_eq!(first(&gone), cause("admission.webhook_failed", configuration));
    let at = |why: &str| webhook(refused(&failing(why), 600, 1), "Fail").deployment("checker", 1);
    let untrusted = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert_eq!(first(&at(untrusted)), cause("admission.webhook_failed", configuration));
    assert_eq!(
        first(&at("context deadline exceeded")),
        cause("admission.webhook_failed", "Service shop/checker")
    );
    let port = r#"no service port 443 found for service "checker""#;
    assert_eq!(first(&at(port)), cause("admission.webhook_failed", configuration));
}

#[test]
fn a_webhook_whose_pods_fail_leads_to_why_they_fail() {
    let none = r#"no endpoints available for service "checker""#;
    let world = || {
        webhook(refused(&failing(none), 600, 1), "Fail").deployment("checker", 0).endpoints("checker", false)
    };
    let killed = world().crashing("checker", 1, 137, "OOMKilled");
    assert_eq!(first(&killed), cause("memory.exhausted", "Deployment shop/checker"));
    assert_eq!(first(&world()), cause("admission.webhook_failed", "Deployment shop/checker"));
}

#[test]
fn a_webhook_that_refuses_its_own_pods_is_mended_in_its_configuration() {
    let none = r#"no endpoints available for service "checker""#;
    let own = |message: &str| {
        let mut world = webhook(refused(&failing(none), 600, 1), "Fail").deployment("checker", 0);
        world.snapshot.objects.deployments[1].spec.as_mut().unwrap().replicas = Some(1);
        let set = world.snapshot.objects.replica_sets.last_mut().unwrap();
        set.status =
            object(json!({"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True",
            "reason": "FailedCreate", "message": message, "lastTransitionTime": ago(5).to_string()}]}));
        first(&world.endpoints("checker", false)).1
    };
    assert_eq!(own(&failing(none)), "ValidatingWebhookConfiguration checks");
    assert_ne!(own("exceeded quota: team"), "ValidatingWebhookConfiguration checks");
}

#[test]
fn webhooks_ranges_and_levels_that_refuse_nobody_are_no_finding() {
    let mut world = webhook(World::new().deployment("web", 1), "Fail");
    world = range(
        world,
        600,
        &json!({"type": "Container", "max": {"memory": "1Mi"}, "default": {"memory": "1Mi"}}),
    );
    world.snapshot.objects.namespaces.push(object(json!({
        "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})));
    assert_eq!(world.codes(), Vec::<String>::new());
}

/// A pod of `web` whose container of the name cannot be pulled.
fn unpulled(container: &str, webhooks: bool) -> World {
    let status = json!({"containerStatuses": [{"name": container, "image": "registry.test/proxy:9", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"running": null, "waiting": {"reason": "ImagePullBackOff", "message": "registry.test/proxy:9: not found"}}}]});
    let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status);
    world.snapshot.objects.pods[0]
        .spec
        .as_mut()
        .unwrap()
        .containers
        .push(object(json!({"name": "proxy", "image": "registry.test/proxy:9"})));
    if webhooks {
        world.snapshot.objects.mutating_webhooks.push(object(json!({
            "metadata": {"name": "injector"},
            "webhooks": [{"name": "inject.mesh.test", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]})));
    }
    world
}

#[test]
fn a_container_that_no_template_has_is_blamed_on_the_webhook_that_adds_it() {
    assert_eq!(
        first(&unpulled("proxy", true)),
        cause("admission.injected", "MutatingWebhookConfiguration injector")
    );
    assert_eq!(unpulled("proxy", true).causes().len(), 1);
    assert_eq!(first(&unpulled("proxy", false)), cause("image.pull_failed", "Deployment shop/web"));
    assert_eq!(first(&unpulled("app", true)), cause("image.pull_failed", "Deployment shop/web"));
}

#[test]
fn refused_credentials_that_were_just_written_are_blamed_on_their_secret() {
    let unauthorized = json!({"containerStatuses": [{"name": "app", "image": "registry.test/web:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"running": null, "waiting": {"reason": "ImagePullBackOff", "message": "registry.test/web:1: 401 Unauthorized"}}}]});
    let at = |minutes: i64| {
        let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", unauthorized.clone());
        world = world.secret("pull", &[".dockerconfigjson"]);
        world.snapshot.objects.secrets[0].created_at = Some(ago(minutes));
        let deployment = &mut world.snapshot.objects.deployments[0];
        deployment.metadata.creation_timestamp = Some(object(json!(ago(900).to_string())));
        let spec = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.image_pull_secrets = Some(vec![object(json!({"name": "pull"}))]);
        let pod = &mut world.snapshot.objects.pods[0];
        pod.metadata.creation_timestamp = Some(object(json!(ago(8).to_string())));
        first(&world)
    };
    assert_eq!(at(9), cause("image.pull_failed", "Secret shop/pull"));
    assert_eq!(at(895), cause("image.pull_failed", "Deployment shop/web"));
    assert_eq!(at(300), cause("image.pull_failed", "Deployment shop/web"));
}
