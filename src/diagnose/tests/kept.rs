//! Programs that their surroundings keep from running: what is blamed, and what is not.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, crash, object, waiting};

fn causes(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect()
}

/// A program that ends and says this; its pod has a claim mounted at `/data`.
fn says(log: &str, status: &Value) -> World {
    let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status.clone());
    let spec = world.snapshot.objects.pods[0].spec.as_mut().unwrap();
    spec.volumes =
        Some(object(json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}])));
    spec.containers[0].volume_mounts = Some(object(json!([{"name": "data", "mountPath": "/data"}])));
    world.log("web-1-x", log)
}

#[test]
fn what_a_program_says_of_its_surroundings_when_it_ends_is_the_cause() {
    let cases = [
        ("listen tcp :8080: bind: address already in use", "container.port_conflict Deployment shop/web"),
        ("mkdir /data/db: permission denied", "storage.permission_denied Deployment shop/web"),
        ("open /data/db: read-only file system", "storage.permission_denied Deployment shop/web"),
        ("open /tmp/cache: read-only file system", "security.context_forbids Deployment shop/web"),
        ("listen tcp :80: bind: permission denied", "security.context_forbids Deployment shop/web"),
        ("exec /app/web: exec format error", "image.wrong_architecture Deployment shop/web"),
        ("Error: unknown flag: --fast", "container.bad_command Deployment shop/web"),
        ("write /data/wal/1: no space left on device", "storage.full PersistentVolumeClaim shop/web-data"),
    ];
    for (log, cause) in cases {
        assert_eq!(causes(&says(log, &crash(1, "Error", 5))), [cause], "{log}");
    }
}

#[test]
fn a_program_that_runs_and_one_that_was_killed_for_memory_are_not_kept_by_their_surroundings() {
    for log in [
        "chmod /data/x: permission denied",
        "open /tmp/x: read-only file system",
        "bind: address already in use",
    ] {
        assert_eq!(causes(&says(log, &json!({}))), Vec::<String>::new(), "{log}");
        let killed = causes(&says(log, &crash(137, "OOMKilled", 5)));
        assert_eq!(killed, ["memory.exhausted Deployment shop/web"], "{log}");
    }
}

#[test]
fn what_the_kubelet_says_of_a_container_is_the_cause() {
    let cases = [
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            "security.context_forbids",
        ),
        ("RunContainerError", "exec: \"/app/web\": exec format error", "image.wrong_architecture"),
        (
            "CreateContainerError",
            "error mounting \"/x\" to rootfs at \"/etc/web.conf\": not a directory",
            "storage.mount_failed",
        ),
        (
            "CreateContainerError",
            "chdir to cwd (\"/srv\") set in config.json failed: no such file or directory",
            "container.bad_command",
        ),
    ];
    for (reason, message, code) in cases {
        let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", waiting(reason, message));
        assert_eq!(causes(&world), [format!("{code} Deployment shop/web")], "{message}");
    }
}

/// A pod that waits for its containers, with a Warning about it.
fn told(reason: &str, message: &str) -> Vec<String> {
    let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", waiting("ContainerCreating", ""));
    causes(&world.event("web-1-x", reason, message, 7))
}

#[test]
fn volumes_and_networks_that_a_pod_does_not_get_are_the_cause() {
    assert_eq!(
        told("FailedMount", "mount.nfs: access denied by server while mounting 10.0.0.1:/x"),
        ["storage.permission_denied Deployment shop/web"]
    );
    assert_eq!(
        told("FailedMount", "hostPath type check failed: /x is not a directory"),
        ["storage.mount_failed Deployment shop/web"]
    );
    assert_eq!(
        told(
            "FailedCreatePodSandBox",
            "plugin type=\"bridge\" failed (add): no IP addresses available in range set"
        ),
        ["network.sandbox_failed Node node-1"]
    );
    assert_eq!(
        told("FailedMount", "object \"shop\"/\"kube-root-ca.crt\" not registered"),
        Vec::<String>::new()
    );
}

fn evicted(message: &str) -> Vec<String> {
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": ago(20).to_string(),
        "conditions": [{"type": "DisruptionTarget", "status": "True", "lastTransitionTime": ago(5).to_string()}],
        "containerStatuses": null});
    causes(&World::new().node("node-1", "True").deployment("web", 0).pod("web", 1, "web-1-x", status))
}

#[test]
fn a_pod_that_used_more_disk_than_it_may_is_at_fault_itself() {
    let own = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.";
    assert_eq!(evicted(own), ["storage.full Deployment shop/web"]);
    assert_eq!(
        evicted("The node was low on resource: memory."),
        Vec::<String>::new(),
        "the node says nothing of it"
    );
}

#[test]
fn a_pod_that_does_not_go_is_told_with_its_finalizers() {
    let mut world = World::new().deployment("web", 1);
    let pod = &mut world.snapshot.objects.pods[0].metadata;
    pod.finalizers = Some(vec!["example.com/drain".to_owned()]);
    pod.deletion_timestamp = Some(object(json!(ago(30).to_string())));
    assert_eq!(causes(&world), ["pod.stuck_terminating Pod shop/web-1-0"]);
    let pod = &mut world.snapshot.objects.pods[0].metadata;
    pod.deletion_timestamp = Some(object(json!(ago(1).to_string())));
    assert_eq!(causes(&world), Vec::<String>::new());
}

#[test]
fn an_init_container_that_waits_points_at_what_it_waits_for() {
    let started = |minutes: i64| {
        let state = json!({"running": {"startedAt": ago(minutes).to_string()}});
        json!({"phase": "Pending", "initContainerStatuses": [{"name": "wait", "image": "i", "imageID": "", "ready": false,
            "restartCount": 0, "state": state}],
            "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"running": null, "waiting": {"reason": "PodInitializing"}}}]})
    };
    let world = |minutes: i64| {
        let world = World::new().deployment("cart", 0).crashing("cart", 1, 1, "Error").deployment("web", 0);
        let mut world = world.pod("web", 1, "web-1-x", started(minutes));
        let wait = json!([{"name": "wait", "image": "i", "command": ["sh", "-c", "until nc -z cart 80; do sleep 1; done"]}]);
        world.snapshot.objects.pods[1].spec.as_mut().unwrap().init_containers = Some(object(wait));
        world
    };
    assert_eq!(causes(&world(10)), ["workload.crash_loop Deployment shop/cart"]);
    assert!(world(10).codes().contains(&"pod.init.waits".to_owned()));
    assert!(!world(1).codes().contains(&"pod.init.waits".to_owned()));
}

#[test]
fn two_containers_that_declare_one_port_conflict_where_one_of_them_ends() {
    let world = |status: &Value| {
        let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status.clone());
        let twice = json!([{"name": "app", "image": "i", "ports": [{"containerPort": 8080}]},
            {"name": "side", "image": "i", "ports": [{"containerPort": 8080}]}]);
        world.snapshot.objects.pods[0].spec.as_mut().unwrap().containers = object(twice);
        causes(&world)
    };
    assert_eq!(world(&crash(1, "Error", 5)), ["container.port_conflict Deployment shop/web"]);
    assert_eq!(world(&json!({})), Vec::<String>::new());
    assert_eq!(world(&crash(137, "OOMKilled", 5)), ["memory.exhausted Deployment shop/web"]);
}
