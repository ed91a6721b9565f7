//! Callers that do not trust a certificate any more: whether what they trust was written, or the server has changed.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};
use crate::observe::KeyedObject;

const UNTRUSTED: &str = "Get \"https://orders:443/\": tls: failed to verify certificate: x509: certificate signed by unknown authority\n";

fn written(name: &str, key: &str, minutes: i64) -> KeyedObject {
    KeyedObject {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        keys: vec![key.to_owned()],
        created_at: Some(ago(minutes)),
        changed_at: None,
        addresses: Vec::new(),
        changed_keys: Vec::new(),
        version: None,
    }
}

/// A caller made ten hours ago that mounts a ConfigMap written so many minutes ago, and complains.
fn world(line: &str, minutes: i64, path: &str, env: &Value) -> World {
    let mut world = World::new()
        .deployment("web", 1)
        .deployment("orders", 1)
        .log("web-1-0", &line.repeat(20))
        .environment("web", env);
    let objects = &mut world.snapshot.objects;
    objects.config_maps.push(written("roots", "ca.pem", minutes));
    for deployment in &mut objects.deployments {
        deployment.metadata.creation_timestamp = Some(object(json!(ago(600).to_string())));
    }
    let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.volumes = Some(object(json!([{"name": "trusted", "configMap": {"name": "roots"}}])));
    spec.containers[0].volume_mounts = Some(object(json!([{"name": "trusted", "mountPath": path}])));
    world
}

fn first(world: &World) -> String {
    world.causes().into_iter().next().map(|(code, object, _)| format!("{code} {object}")).unwrap_or_default()
}

fn named() -> Value {
    json!([{"name": "SSL_CERT_FILE", "value": "/etc/roots/ca.pem"}])
}

const WRITTEN: &str = "config.bad_change ConfigMap shop/roots";

#[test]
fn authorities_that_were_written_lately_are_at_fault() {
    assert_eq!(first(&world(UNTRUSTED, 26, "/etc/roots", &named())), WRITTEN);
    let java =
        json!([{"name": "JAVA_OPTS", "value": "-Djavax.net.ssl.trustStore=/etc/roots/store.jks -Xmx1g"}]);
    assert_eq!(first(&world(UNTRUSTED, 26, "/etc/roots/", &java)), WRITTEN);
    assert_eq!(first(&world(UNTRUSTED, 26, "/etc/ssl/certs", &json!([]))), WRITTEN);
}

#[test]
fn old_authorities_other_mounts_and_other_errors_are_not() {
    assert_ne!(first(&world(UNTRUSTED, 599, "/etc/roots", &named())), WRITTEN);
    assert_ne!(first(&world(UNTRUSTED, 26, "/etc/settings", &named())), WRITTEN);
    let handshake = "Get \"https://orders:443/\": tls: handshake failure\n";
    assert_ne!(first(&world(handshake, 26, "/etc/roots", &named())), WRITTEN);
    let of_client = "Get \"https://orders:443/\": remote error: tls: unknown certificate authority\n";
    assert_ne!(first(&world(of_client, 26, "/etc/roots", &named())), WRITTEN);
}

#[test]
fn a_server_that_has_a_new_certificate_or_whom_others_do_not_trust_either_is_at_fault() {
    let mut renewed = world(UNTRUSTED, 26, "/etc/roots", &named());
    renewed.snapshot.objects.secrets.push(written("orders-tls", "tls.crt", 30));
    let spec = renewed.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.volumes = Some(object(json!([{"name": "tls", "secret": {"secretName": "orders-tls"}}])));
    assert_ne!(first(&renewed), WRITTEN);
    let others = world(UNTRUSTED, 26, "/etc/roots", &named())
        .deployment("cart", 1)
        .log("cart-1-0", &UNTRUSTED.repeat(20));
    assert_ne!(first(&others), WRITTEN);
}
