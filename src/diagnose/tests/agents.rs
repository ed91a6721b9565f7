//! Pods that wait for an agent of their node, for pods beside them, or for a node that is gone.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, crash, object};

/// An agent of node-1 that mounts `host_path`, in the state.
fn agent(mut world: World, host_path: &str, status: &Value) -> World {
    let objects = &mut world.snapshot.objects;
    let spec = json!({"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.test/agent:1"}],
        "volumes": [{"name": "socket", "hostPath": {"path": host_path}}]});
    objects.daemon_sets.push(object(json!({"metadata": {"namespace": "infra", "name": "agent"},
        "spec": {"selector": {}, "template": {"metadata": {"labels": {"app": "agent"}}, "spec": spec}}})));
    let mut pod = json!({
        "metadata": {"namespace": "infra", "name": "agent-x", "labels": {"app": "agent"}, "creationTimestamp": ago(900).to_string(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "d", "controller": true}]},
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": []}});
    json_patch::merge(&mut pod["status"], status);
    objects.pods.push(object(pod));
    world
}

fn at_fault(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(_, object, _)| object).collect()
}

/// A pod of node-1 that waits for its volume.
fn waits_for_volume(message: &str) -> World {
    let pending = json!({"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": []});
    World::new().deployment("store", 0).pod("store", 1, "store-1-x", pending).event(
        "store-1-x",
        "FailedMount",
        message,
        12,
    )
}

const NO_DRIVER: &str = "MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to \
    create newCsiDriverClient: driver name disk.test not found in the list of registered CSI drivers";

#[test]
fn a_volume_without_its_driver_is_the_fault_of_the_driver_that_does_not_run_there() {
    let sockets = "/var/lib/kubelet/plugins/disk.test/";
    let down = agent(waits_for_volume(NO_DRIVER), sockets, &crash(1, "Error", 6));
    assert!(at_fault(&down).iter().all(|object| object == "DaemonSet infra/agent"), "{:?}", at_fault(&down));
    let up = agent(waits_for_volume(NO_DRIVER), sockets, &json!({}));
    assert_eq!(at_fault(&up), ["Deployment shop/store"]);
    let other = agent(waits_for_volume(NO_DRIVER), "/var/log", &crash(1, "Error", 6));
    assert!(at_fault(&other).contains(&"Deployment shop/store".to_owned()), "it mounts nothing");
    let late = agent(waits_for_volume("mount failed: exit status 32"), sockets, &crash(1, "Error", 6));
    assert!(at_fault(&late).contains(&"Deployment shop/store".to_owned()), "the driver was there");
}

/// A pod that asks for a device, of which the one node has two and offers so many.
fn waits_for_device(offered: &str) -> World {
    let mut world = World::new();
    world.snapshot.objects.nodes.push(object(json!({"metadata": {"name": "node-1"}, "spec": {},
        "status": {"capacity": {"test.example/card": "2"}, "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110", "test.example/card": offered},
            "conditions": [{"type": "Ready", "status": "True"}]}})));
    world.snapshot.objects.pods.push(object(json!({
        "metadata": {"namespace": "shop", "name": "draw"},
        "spec": {"containers": [{"name": "app", "resources": {"limits": {"test.example/card": "4"}}}]},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient test.example/card."}]}})));
    world
}

#[test]
fn a_device_that_is_not_offered_is_the_fault_of_the_plug_in_that_does_not_run_there() {
    let sockets = "/var/lib/kubelet/device-plugins";
    let down = agent(waits_for_device("0"), sockets, &crash(1, "Error", 6));
    assert_eq!(at_fault(&down)[0], "DaemonSet infra/agent");
    let up = agent(waits_for_device("0"), sockets, &json!({}));
    assert_eq!(at_fault(&up), ["Pod shop/draw"]);
    let few = agent(waits_for_device("2"), sockets, &crash(1, "Error", 6));
    assert_eq!(at_fault(&few)[0], "Pod shop/draw", "it offers what there is");
}

#[test]
fn a_volume_that_a_dead_node_holds_is_the_fault_of_the_node() {
    let busy = "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node";
    let pending = json!({"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": []});
    let world = |ready: &str| {
        let mut world = World::new().node("node-1", ready).node("node-2", "True").deployment("store", 1);
        world = world.pod("store", 1, "store-1-x", pending.clone());
        world.snapshot.objects.pods[1].spec.as_mut().unwrap().node_name = Some("node-2".to_owned());
        at_fault(&world.event("store-1-x", "FailedAttachVolume", busy, 12))
    };
    assert_eq!(world("Unknown"), ["Node node-1"]);
    assert_eq!(world("True"), ["Deployment shop/store"]);
}

#[test]
fn a_pod_that_must_be_near_pods_which_nobody_wants_points_at_who_should_want_them() {
    let near = |replicas: i32| {
        let mut world = waits_for_device("4").deployment("cache", 0);
        world.snapshot.objects.deployments[0].spec.as_mut().unwrap().replicas = Some(replicas);
        let spec = world.snapshot.objects.pods[0].spec.as_mut().unwrap();
        spec.affinity = object(json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "cache"}}}]}}));
        world.snapshot.objects.nodes[0].metadata.labels =
            Some([("kubernetes.io/hostname".to_owned(), "node-1".to_owned())].into());
        at_fault(&world)
    };
    assert_eq!(near(0)[0], "Deployment shop/cache");
    assert!(near(1).contains(&"Pod shop/draw".to_owned()), "they will come");
}

#[test]
fn pods_that_the_kubelet_rejects_for_their_security_context_are_their_workloads_fault() {
    let rejected = |reason: &str, minutes: i64| {
        let status = json!({"phase": "Failed", "reason": reason, "message": "Pod was rejected", "startTime": ago(minutes).to_string(),
            "conditions": null, "containerStatuses": null});
        at_fault(&World::new().deployment("web", 0).pod("web", 1, "web-1-x", status))
    };
    assert_eq!(rejected("SysctlForbidden", 5), ["Deployment shop/web"]);
    assert_eq!(rejected("SysctlForbidden", 500), Vec::<String>::new(), "left behind");
    assert_eq!(rejected("NodeAffinity", 5), Vec::<String>::new(), "a node was restarted");
}

#[test]
fn a_server_that_does_not_list_its_clients_is_at_fault_with_its_list() {
    let world = |line: &str, key: &str| {
        let unready = crash(1, "Error", 4);
        let mut world =
            World::new().deployment("db", 1).deployment("web", 0).pod("web", 1, "web-1-0", unready);
        let env = json!([{"name": "DB_HOST", "value": "db"}, {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "p"}}}]);
        world = world
            .secret("login", &["p"])
            .environment("web", &env)
            .log("web-1-0", &format!("{line}\n").repeat(6));
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].image = Some("registry.test/postgres:17".to_owned());
        spec.volumes = Some(object(json!([{"name": "conf", "configMap": {"name": "db-conf"}}])));
        let mut map = objects.secrets[0].clone();
        (map.name, map.keys) = ("db-conf".to_owned(), vec![key.to_owned()]);
        objects.config_maps.push(map);
        at_fault(&world)
    };
    let hba =
        "FATAL: no pg_hba.conf entry for host \"10.0.0.9\", user \"web\", database \"web\", no encryption";
    assert_eq!(world(hba, "pg_hba.conf")[0], "ConfigMap shop/db-conf");
    assert_eq!(world(hba, "postgresql.conf")[0], "Deployment shop/db");
    let password = "FATAL: password authentication failed for user \"web\"";
    assert_eq!(world(password, "pg_hba.conf")[0], "Secret shop/login");
}

#[test]
fn an_agent_without_a_pod_on_the_node_is_at_fault_where_it_has_others() {
    let sockets = "/var/lib/kubelet/plugins/disk.test/";
    let world = |node: &str| {
        let mut world = agent(waits_for_volume(NO_DRIVER), sockets, &json!({}));
        let pod = world.snapshot.objects.pods.last_mut().unwrap();
        pod.spec.as_mut().unwrap().node_name = Some(node.to_owned());
        world
    };
    assert_eq!(at_fault(&world("node-2")), ["DaemonSet infra/agent"]);
    assert_eq!(at_fault(&world("node-1")), ["Deployment shop/store"], "it is there");
    let mut nowhere = world("node-2");
    nowhere.snapshot.objects.pods.pop();
    assert_eq!(at_fault(&nowhere), ["Deployment shop/store"], "it may not be meant to run");
}

#[test]
fn a_pod_that_must_be_near_pods_which_fit_no_node_themselves_waits_for_these() {
    let unschedulable = json!({"phase": "Pending", "containerStatuses": null, "conditions": [{"type": "PodScheduled",
        "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
    let near = |status: serde_json::Value, node: Option<&str>| {
        let mut world = waits_for_device("4").deployment("cache", 0).pod("cache", 1, "cache-1-x", status);
        world.snapshot.objects.deployments[0].spec.as_mut().unwrap().replicas = Some(1);
        let spec = world.snapshot.objects.pods[0].spec.as_mut().unwrap();
        spec.affinity = object(json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["cache"]}]}}]}}));
        world.snapshot.objects.nodes[0].metadata.labels =
            Some([("kubernetes.io/hostname".to_owned(), "node-1".to_owned())].into());
        let spec = world.snapshot.objects.pods[1].spec.as_mut().unwrap();
        spec.node_name = node.map(str::to_owned);
        spec.containers[0].resources = object(json!({"requests": {"cpu": "9"}}));
        at_fault(&world)
    };
    assert_eq!(near(unschedulable, None), ["Deployment shop/cache"]);
    let elsewhere = near(json!({}), Some("node-9"));
    assert_eq!(elsewhere, ["Pod shop/draw"], "it runs, though not where the pod may go");
}

/// A claim that waits for its provisioner, whose Deployment wants so many replicas and has such pods.
fn waits_for_claim(replicas: i32, status: Option<serde_json::Value>) -> Vec<String> {
    let mut world = World::new().deployment("maker", 0);
    let spec = world.snapshot.objects.deployments[0].spec.as_mut().unwrap();
    spec.replicas = Some(replicas);
    spec.template.spec.as_mut().unwrap().containers[0].name = "csi-provisioner".to_owned();
    world = status.into_iter().fold(world, |world, status| world.pod("maker", 1, "maker-1-x", status));
    let pending = json!({"phase": "Pending", "containerStatuses": null});
    let mut world = world.deployment("store", 0).pod("store", 1, "store-1-x", pending);
    let objects = &mut world.snapshot.objects;
    objects.pods.last_mut().unwrap().spec.as_mut().unwrap().volumes =
        Some(object(json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])));
    objects.storage_classes.push(object(json!({"metadata": {"name": "fast"}, "provisioner": "disk.test"})));
    objects.claims.push(object(
        json!({"metadata": {"namespace": "shop", "name": "data", "creationTimestamp": ago(20).to_string()},
        "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}),
    ));
    at_fault(&world)
}

#[test]
fn a_claim_whose_provisioner_does_not_run_is_the_provisioners_fault() {
    assert_eq!(waits_for_claim(0, None), ["Deployment shop/maker"]);
    assert_eq!(waits_for_claim(1, Some(crash(1, "Error", 6)))[0], "Deployment shop/maker");
    assert_eq!(waits_for_claim(1, Some(json!({}))), ["PersistentVolumeClaim shop/data"]);
}

#[test]
fn an_image_that_a_registry_of_the_cluster_does_not_give_is_the_registrys_fault_while_it_is_down() {
    let pull = |replicas: i32, status: serde_json::Value| {
        let world = World::new().deployment("registry", 0).pod("registry", 1, "registry-1-x", status);
        let why = "failed to pull image: dial tcp 10.96.0.1:5000: connect: connection refused";
        let mut world = world.deployment("web", 0).pod(
            "web",
            1,
            "web-1-x",
            crate::diagnose::world::waiting("ImagePullBackOff", why),
        );
        world.snapshot.objects.deployments[0].spec.as_mut().unwrap().replicas = Some(replicas);
        at_fault(&world)
    };
    assert_eq!(pull(1, crash(1, "Error", 6)), ["Deployment shop/registry"]);
    assert_eq!(pull(1, json!({})), ["Deployment shop/web"], "it runs");
}

#[test]
fn callers_on_a_node_whose_network_agent_fails_are_its_symptoms() {
    let calls = |agent_node: &str, name: &str| {
        let line = "connect to http://db:80: i/o timeout\n".repeat(20);
        let world = World::new().deployment("db", 1).deployment("web", 1).log("web-1-0", &line);
        let mut world = agent(world, "/run", &crash(1, "Error", 6));
        let objects = &mut world.snapshot.objects;
        objects.daemon_sets[0].metadata.name = Some(name.to_owned());
        let pod = objects.pods.last_mut().unwrap();
        pod.metadata.owner_references.as_mut().unwrap()[0].name = name.to_owned();
        pod.spec.as_mut().unwrap().node_name = Some(agent_node.to_owned());
        at_fault(&world)
    };
    assert_eq!(calls("node-1", "kube-proxy"), ["DaemonSet infra/kube-proxy"]);
    assert!(
        calls("node-2", "kube-proxy").contains(&"Deployment shop/db".to_owned()),
        "the caller is elsewhere"
    );
    assert!(calls("node-1", "log-reader").contains(&"Deployment shop/db".to_owned()), "it connects nobody");
}

#[test]
fn a_volume_that_nobody_attaches_is_the_fault_of_the_attacher_that_does_not_run() {
    let attach = |status: serde_json::Value| {
        let why = "timed out waiting for external-attacher of disk.test CSI driver to attach volume pvc-1";
        let mut world = waits_for_volume(why).deployment("hands", 0).pod("hands", 1, "hands-1-x", status);
        let hands = world.snapshot.objects.deployments.last_mut().unwrap().spec.as_mut().unwrap();
        hands.template.spec.as_mut().unwrap().containers[0].name = "csi-attacher".to_owned();
        hands.replicas = Some(1);
        at_fault(&world)
    };
    assert_eq!(attach(crash(1, "Error", 6)), ["Deployment shop/hands"]);
    assert_eq!(attach(json!({})), ["Deployment shop/store"], "it runs");
}
