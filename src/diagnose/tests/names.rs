//! Names that do not resolve: whether the servers or the Service in front of them are at fault.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};
use crate::incident::ObjectRef;
use crate::observe::{Change, ChangeKind};

/// Programs that cannot look anything up, and the cluster's DNS, whose Service leads questions to the port.
fn world(callers: &[&str], port: &Value) -> World {
    let line = "Get \"http://orders/\": dial tcp: lookup orders on 10.96.0.10:53: read udp 10.1.0.9:4000->10.96.0.10:53: i/o timeout\n";
    let mut world = World::new().deployment("orders", 1);
    for name in callers {
        world = world.deployment(name, 1).log(&format!("{name}-1-0"), &line.repeat(20));
    }
    let labels = json!({"k8s-app": "kube-dns"});
    let ports = json!([{"name": "dns", "containerPort": 53, "protocol": "UDP"}]);
    let spec =
        json!({"containers": [{"name": "coredns", "image": "registry.test/coredns:1", "ports": ports}]});
    let objects = &mut world.snapshot.objects;
    objects.deployments.push(object(json!({"metadata": {"namespace": "kube-system", "name": "coredns"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}})));
    objects.pods.push(object(
        json!({"metadata": {"namespace": "kube-system", "name": "coredns-x", "labels": labels}, "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
    ));
    objects.services.push(object(json!({"metadata": {"namespace": "kube-system", "name": "kube-dns"},
        "spec": {"selector": labels, "clusterIP": "10.96.0.10", "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": port},
            {"name": "metrics", "port": 9153, "targetPort": 9153}]}})));
    world
}

fn first(world: &World) -> String {
    world.causes().into_iter().next().map(|(code, object, _)| format!("{code} {object}")).unwrap_or_default()
}

#[test]
fn a_dns_service_that_leads_to_a_port_that_nobody_serves_is_at_fault() {
    let expected = "dns.resolution_failed Service kube-system/kube-dns";
    for callers in [&["web"] as &[_], &["web", "cart"]] {
        assert_eq!(first(&world(callers, &json!(5353))), expected);
        assert_eq!(first(&world(callers, &json!("dns-udp"))), expected);
    }
}

#[test]
fn servers_that_are_asked_on_their_port_are_at_fault_themselves() {
    let expected = "dns.resolution_failed Deployment kube-system/coredns";
    assert_eq!(first(&world(&["web", "cart"], &json!(53))), expected);
    assert_eq!(first(&world(&["web", "cart"], &json!("dns"))), expected);
    assert_eq!(first(&world(&["web"], &json!(53))), "dns.resolution_failed Deployment shop/web");
}

#[test]
fn a_dns_service_of_which_nobody_complains_is_no_cause() {
    assert_eq!(first(&world(&[], &json!(5353))), "");
}

/// The servers read a ConfigMap that was written so many minutes ago.
fn rewritten(minutes: i64) -> World {
    let mut world = world(&["web", "cart"], &json!(53));
    let deployments = world.snapshot.objects.deployments.iter_mut();
    for deployment in deployments.filter(|own| own.metadata.name.as_deref() == Some("coredns")) {
        let spec = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.volumes = Some(object(json!([{"name": "config", "configMap": {"name": "coredns"}}])));
    }
    world.change(Change {
        kind: ChangeKind::Configuration,
        object: ObjectRef::new("ConfigMap", "kube-system", "coredns"),
        at: ago(minutes),
        revision: None,
        previous_revision: None,
        fields: Vec::new(),
    })
}

#[test]
fn what_the_servers_answer_by_is_at_fault_where_it_was_written_shortly_before() {
    assert_eq!(first(&rewritten(20)), "dns.resolution_failed ConfigMap kube-system/coredns");
    assert_eq!(first(&rewritten(200)), "dns.resolution_failed Deployment kube-system/coredns");
}

#[test]
fn an_agent_of_the_nodes_that_does_not_listen_where_it_was_asked_is_at_fault() {
    let of_node = |asked: &str, told: &str| {
        let mut world = world(&["web", "cart"], &json!(53));
        for log in &mut world.snapshot.logs {
            log.text = log.text.replace("10.96.0.10:53", asked);
        }
        world.snapshot.objects.daemon_sets.push(object(json!({
            "metadata": {"namespace": "kube-system", "name": "node-local-dns"},
            "spec": {"selector": {}, "template": {"spec": {"hostNetwork": true, "containers": [
                {"name": "node-cache", "args": ["-localip", told, "-conf", "/etc/Corefile"]}]}}}})));
        first(&world)
    };
    let (agent, servers) = ("DaemonSet kube-system/node-local-dns", "Deployment kube-system/coredns");
    let address = "169.254.20.10:53";
    assert_eq!(of_node(address, "169.254.20.11"), format!("dns.resolution_failed {agent}"));
    assert_eq!(of_node(address, "169.254.20.10,10.96.0.10"), format!("dns.resolution_failed {servers}"));
    assert_eq!(of_node("10.96.0.10:53", "169.254.20.11"), format!("dns.resolution_failed {servers}"));
}
