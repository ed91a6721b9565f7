//! Pods that a webhook changed as they were made.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, crash, object, waiting};

/// A new pod of a Deployment whose template is `template`; `made` is what became of it, `status` how it is.
fn world(template: &Value, made: &Value, status: &Value) -> World {
    let base = json!({"containers": [{"name": "app", "image": "registry.test/web:1"}]});
    let merged = |more: &Value| {
        let mut spec = base.clone();
        json_patch::merge(&mut spec, more);
        spec
    };
    let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status.clone());
    let objects = &mut world.snapshot.objects;
    objects.pods[0].metadata.creation_timestamp = object(json!(ago(9).to_string()));
    objects.pods[0].spec = object(merged(made));
    let set = objects.replica_sets[0].spec.as_mut().unwrap();
    set.template = object(json!({"metadata": {"labels": {"app": "web"}}, "spec": merged(template)}));
    world
}

/// A configuration that changes pods, made so many minutes ago.
fn with_webhook(mut world: World, minutes: i64) -> World {
    world.snapshot.objects.mutating_webhooks.push(object(json!({
        "metadata": {"name": "stamp", "creationTimestamp": ago(minutes).to_string()},
        "webhooks": [{"name": "stamp.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "clientConfig": {},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}],
    })));
    world
}

fn blames_the_webhook(world: &World) -> bool {
    world.causes().first().is_some_and(|(code, object, _)| {
        code == "admission.injected" && object == "MutatingWebhookConfiguration stamp"
    })
}

fn unschedulable() -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "lastTransitionTime": ago(9).to_string(), "message": "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."}]})
}

#[test]
fn what_a_young_webhook_changed_and_what_fails_for_it_point_at_the_webhook() {
    let none = json!({});
    let container = |more: Value| {
        let mut container = json!({"name": "app", "image": "registry.test/web:1"});
        json_patch::merge(&mut container, &more);
        json!({"containers": [container]})
    };
    let own = container(json!({"command": ["/web"], "env": [{"name": "MODE", "value": "plain"}]}));
    let pulls = waiting("ImagePullBackOff", "manifest unknown: not found");
    for (template, made, status) in [
        (&none, json!({"nodeSelector": {"pool": "far"}}), unschedulable()),
        (&none, container(json!({"image": "mirror.test/web:1"})), pulls),
        (
            &own,
            container(json!({"command": ["/wrap", "/web"], "env": [{"name": "MODE", "value": "plain"}]})),
            crash(1, "Error", 4),
        ),
        (
            &own,
            container(json!({"command": ["/web"], "env": [{"name": "MODE", "value": "odd"}]})),
            crash(1, "Error", 4),
        ),
    ] {
        let world = world(template, &made, &status);
        assert!(!blames_the_webhook(&world), "there is none");
        assert!(blames_the_webhook(&with_webhook(world, 20)), "{made}");
    }
}

#[test]
fn a_webhook_that_was_always_there_is_to_blame_only_where_it_spared_an_older_pod() {
    let made = json!({"nodeSelector": {"pool": "far"}});
    let old = with_webhook(world(&json!({}), &made, &unschedulable()), 90 * 24 * 60);
    assert!(!blames_the_webhook(&old));
    let mut spared = old.pod("web", 1, "web-1-y", json!({}));
    let template = spared.snapshot.objects.replica_sets[0].spec.as_ref().unwrap().template.clone().unwrap();
    spared.snapshot.objects.pods[1].spec = template.spec;
    assert!(blames_the_webhook(&spared));
}

#[test]
fn a_program_that_was_rolled_out_and_writes_other_images_since_is_at_fault_itself() {
    let pulls = waiting("ImagePullBackOff", "manifest unknown: not found");
    let made = json!({"containers": [{"name": "app", "image": "mirror.test/web:1"}]});
    let old = with_webhook(world(&json!({}), &made, &pulls), 90 * 24 * 60);
    assert!(blames_the_webhook(&old), "nobody else takes images from elsewhere");
    let pinned = json!({"containers": [{"name": "app", "image": "registry.test/web:1@sha256:0123"}]});
    let pinned = with_webhook(world(&json!({}), &pinned, &pulls), 90 * 24 * 60);
    assert!(!blames_the_webhook(&pinned), "a digest is the same image");
    let crashing = with_webhook(world(&json!({}), &made, &crash(1, "Error", 4)), 90 * 24 * 60);
    assert!(!blames_the_webhook(&crashing), "the image was found");
    let mut behind = old.deployment("stamp", 1).rollout("stamp", &[("containers[app].args", "(1)", "(2)")]);
    behind.snapshot.changes[0].at = ago(12);
    behind.snapshot.objects.mutating_webhooks[0].webhooks.as_mut().unwrap()[0].client_config =
        object(json!({"service": {"namespace": "shop", "name": "stamp"}}));
    let first = behind.causes().into_iter().next().map(|(code, object, _)| format!("{code} {object}"));
    assert_eq!(first.as_deref(), Some("admission.injected Deployment shop/stamp"));
}

#[test]
fn what_the_api_server_fills_in_and_what_other_trouble_is_about_are_left_alone() {
    let token = json!({"volumes": [{"name": "kube-api-access-x", "projected": {"sources": []}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        "priority": 0, "serviceAccountName": "default"});
    let container = |more: Value| {
        let mut container = json!({"name": "app", "image": "registry.test/web:1"});
        json_patch::merge(&mut container, &more);
        json!({"containers": [container]})
    };
    let limits = container(json!({"resources": {"limits": {"memory": "1Gi"}}}));
    let filled =
        container(json!({"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}}));
    let added = container(json!({"env": [{"name": "AGENT_HOST", "value": "10.0.0.1"}]}));
    for (template, made, status) in [
        (&json!({}), token, unschedulable()),
        (&limits, filled, unschedulable()),
        (&json!({}), added, crash(1, "Error", 4)),
        (&json!({}), json!({"nodeSelector": {"pool": "far"}}), crash(1, "Error", 4)),
        (&json!({}), container(json!({"image": "mirror.test/web:1"})), unschedulable()),
    ] {
        assert!(!blames_the_webhook(&with_webhook(world(template, &made, &status), 20)), "{made}");
    }
}

#[test]
fn a_namespace_that_chooses_nodes_and_a_range_that_gives_amounts_need_no_webhook() {
    let made = json!({"nodeSelector": {"pool": "far"}});
    let mut chosen = with_webhook(world(&json!({}), &made, &unschedulable()), 20);
    chosen.snapshot.objects.namespaces.push(object(json!({"metadata": {"name": "shop",
        "annotations": {"scheduler.alpha.kubernetes.io/node-selector": "pool=far"}}})));
    assert!(!blames_the_webhook(&chosen));
    let made = json!({"containers": [{"name": "app", "image": "registry.test/web:1", "resources": {"requests": {"cpu": "64"}}}]});
    let mut given = with_webhook(world(&json!({}), &made, &unschedulable()), 20);
    assert!(blames_the_webhook(&given));
    given.snapshot.objects.limit_ranges.push(object(json!({"metadata": {"namespace": "shop", "name": "r"}})));
    assert!(!blames_the_webhook(&given));
}
