//! Services, probes, nodes and load: what is blamed, and what is not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};
use crate::incident::ObjectRef;
use crate::observe::{Connectivity, ConnectivityCheck, ConnectivityResult, NodeService, ReadingKind};

/// A Service in front of a Deployment whose container declares a port.
fn routed(port: &Value, declared: &Value, unreachable: bool) -> Vec<String> {
    let mut world = World::new().deployment("web", 1);
    let objects = &mut world.snapshot.objects;
    let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].ports = Some(object(declared.clone()));
    objects.services[0].spec.as_mut().unwrap().ports = Some(object(json!([port])));
    if unreachable {
        world.snapshot.recorded.connectivity.push(Connectivity {
            namespace: "shop".to_owned(),
            service: "web".to_owned(),
            port: Some(80),
            result: ConnectivityResult::Failed,
            checks: Vec::new(),
        });
    }
    world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect()
}

#[test]
fn a_service_that_leads_to_no_port_of_its_pods_is_blamed() {
    let declared = json!([{"containerPort": 8080, "name": "http"}]);
    let blamed = ["service.port_mismatch Service shop/web"];
    assert_eq!(routed(&json!({"port": 80, "targetPort": "web"}), &declared, false), blamed);
    assert_eq!(routed(&json!({"port": 80, "targetPort": 8080, "protocol": "UDP"}), &declared, false), blamed);
    assert_eq!(routed(&json!({"port": 80, "targetPort": 8081}), &declared, true), blamed);
}

#[test]
fn ports_that_are_right_or_merely_not_declared_are_not() {
    let declared = json!([{"containerPort": 8080, "name": "http"}]);
    for port in [
        json!({"port": 80, "targetPort": "http"}),
        json!({"port": 80, "targetPort": 8080}),
        json!({"port": 9090}),
    ] {
        assert_eq!(routed(&port, &declared, false), Vec::<String>::new(), "{port}");
    }
    assert_eq!(routed(&json!({"port": 80, "targetPort": "x"}), &json!([]), false), Vec::<String>::new());
}

/// A pod that is killed again and again, with a liveness probe that says so.
fn probed(probe: &Value, message: &str) -> Vec<String> {
    let status = json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(7).to_string()}],
        "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 3, "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 143, "reason": "Error", "startedAt": ago(3).to_string(), "finishedAt": ago(2).to_string()}}}]});
    let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status);
    let container = &mut world.snapshot.objects.pods[0].spec.as_mut().unwrap().containers[0];
    container.ports = Some(object(json!([{"containerPort": 8080}])));
    container.liveness_probe = Some(object(probe.clone()));
    let world = world.event("web-1-x", "Unhealthy", &format!("Liveness probe failed: {message}"), 2);
    world.codes().into_iter().filter(|code| code.starts_with("probe.")).collect()
}

#[test]
fn what_is_wrong_with_a_probe_is_told() {
    let http = |port: u16| json!({"httpGet": {"path": "/", "port": port}, "periodSeconds": 5});
    let malformed = "Get \"http://10.0.0.1:8080/\": malformed HTTP response";
    assert_eq!(probed(&http(8080), malformed), ["probe.liveness.wrong_protocol"]);
    assert_eq!(
        probed(&http(8081), "dial tcp 10.0.0.1:8081: connect: connection refused"),
        ["probe.liveness.wrong_port"]
    );
    assert_eq!(probed(&http(8080), "HTTP probe failed with statuscode: 404"), ["probe.liveness.wrong_path"]);
    assert_eq!(
        probed(
            &json!({"exec": {"command": ["/bin/ok"]}}),
            "OCI runtime exec failed: exec: \"/bin/ok\": stat /bin/ok: no such file or directory"
        ),
        ["probe.liveness.wrong_command"]
    );
    let refused = "dial tcp 10.0.0.1:8080: connect: connection refused";
    assert_eq!(
        probed(&json!({"tcpSocket": {"port": 8080}, "periodSeconds": 5}), refused),
        ["probe.liveness.impatient"]
    );
}

#[test]
fn a_program_that_says_itself_that_it_is_ill_has_no_wrong_probe() {
    let http = json!({"httpGet": {"path": "/", "port": 8080}});
    assert_eq!(probed(&http, "HTTP probe failed with statuscode: 503"), Vec::<String>::new());
    // It ran for a minute, and the probe is patient for longer: something else ends it.
    let patient = json!({"tcpSocket": {"port": 8080}, "initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 1});
    assert_eq!(probed(&patient, "connect: connection refused"), Vec::<String>::new());
}

fn service(active: bool) -> NodeService {
    NodeService { active: Some(active), ..NodeService::default() }
}

#[test]
fn a_runtime_or_scheduler_that_is_down_is_blamed_and_one_with_a_stand_in_is_not() {
    let mut world = World::new().node("n-1", "True").node("n-2", "True");
    let services = &mut world.snapshot.recorded.node_services;
    services.insert("n-1".to_owned(), BTreeMap::from([("containerd".to_owned(), service(false))]));
    assert_eq!(world.causes()[0].0, "node.component_down");
    let services = &mut world.snapshot.recorded.node_services;
    services.insert("n-1".to_owned(), BTreeMap::from([("kube-scheduler".to_owned(), service(false))]));
    assert_eq!(world.causes()[0].1, "Node n-1");
    let services = &mut world.snapshot.recorded.node_services;
    services.insert("n-2".to_owned(), BTreeMap::from([("kube-scheduler".to_owned(), service(true))]));
    assert_eq!(world.causes(), []);
}

#[test]
fn a_pod_that_no_scheduler_has_looked_at_tells_of_the_scheduler() {
    let mut world = World::new();
    let pod = |minutes: i64| {
        object(
            json!({"metadata": {"namespace": "shop", "name": "web-1", "creationTimestamp": ago(minutes).to_string()},
            "spec": {"containers": []}, "status": {"phase": "Pending"}}),
        )
    };
    world.snapshot.objects.pods = vec![pod(5)];
    assert_eq!(world.causes()[0].1, "Scheduler default-scheduler");
    world.snapshot.objects.pods = vec![pod(0)];
    assert_eq!(world.causes(), []);
}

#[test]
fn of_slow_programs_the_one_that_lacks_cpu_or_is_called_by_the_others_is_blamed() {
    let service = |name: &str| ObjectRef::new("Service", "shop", name);
    let slow = World::new()
        .deployment("cart", 1)
        .deployment("web", 1)
        .environment("web", &json!([{"name": "CART_ADDR", "value": "cart:80"}]))
        .reading(ReadingKind::LatencyP99, service("cart"), 4.0, 0.1)
        .reading(ReadingKind::LatencyP99, service("web"), 5.0, 0.2);
    let causes = slow.causes();
    assert_eq!((causes[0].0.as_str(), causes[0].1.as_str()), ("network.degraded", "Deployment shop/cart"));
    let pod = ObjectRef::new("Pod", "shop", "cart-1-0");
    let throttled = slow.reading(ReadingKind::CpuThrottling, pod, 0.8, 0.1).causes();
    assert_eq!((throttled[0].0.as_str(), throttled[0].1.as_str()), ("cpu.saturated", "Deployment shop/cart"));
    let calm =
        World::new().deployment("cart", 1).reading(ReadingKind::LatencyP99, service("cart"), 0.05, 0.04);
    assert_eq!(calm.causes(), []);
}

#[test]
fn a_node_from_which_nothing_is_reached_is_told_from_a_service_that_is_down() {
    let check = |service: &str, first: bool, second: bool| Connectivity {
        namespace: "shop".to_owned(),
        service: service.to_owned(),
        port: Some(80),
        result: ConnectivityResult::Partial,
        checks: [("n-1", first), ("n-2", second)]
            .map(|(node, ok)| ConnectivityCheck { node: Some(node.to_owned()), ok: Some(ok), text: None })
            .to_vec(),
    };
    let mut world =
        World::new().node("n-1", "True").node("n-2", "True").deployment("cart", 1).deployment("web", 1);
    world.snapshot.recorded.connectivity = vec![check("cart", false, true), check("web", false, true)];
    assert_eq!(world.causes()[0].1, "Node n-1");
    world.snapshot.recorded.connectivity = vec![check("cart", false, true), check("web", true, false)];
    assert_eq!(world.causes(), []);
}

#[test]
fn a_service_that_has_not_the_port_on_which_it_is_called_is_blamed() {
    let world = |port: u16| {
        let mut world = World::new().deployment("web", 1);
        world.snapshot.recorded.connectivity.push(Connectivity {
            namespace: "shop".to_owned(),
            service: "web".to_owned(),
            port: Some(port),
            result: ConnectivityResult::Failed,
            checks: Vec::new(),
        });
        world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect::<Vec<_>>()
    };
    assert_eq!(world(8080), ["service.port_mismatch Service shop/web"]);
    assert_eq!(world(80), Vec::<String>::new());
}
