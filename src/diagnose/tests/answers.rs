//! Services whose answers callers complain about: whose program answers, on which port, and in which version.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};

const NOT_FOUND: &str = "AxiosError: Request failed with status code 404 http://cart/items\n";

/// A caller that complains of `cart`, beside another Deployment of another program that was made so many minutes ago.
fn world(line: &str, times: usize, minutes: i64) -> World {
    let mut world = World::new().deployment("web", 1).deployment("cart", 1).deployment("other", 1);
    world = world.log("web-1-0", &line.repeat(times));
    for (number, deployment) in world.snapshot.objects.deployments.iter_mut().enumerate() {
        let at = ago(if number == 2 { minutes } else { 9_000 });
        deployment.metadata.creation_timestamp = object(json!(at.to_string()));
    }
    world
}

/// Makes the Service `cart` select by a label that `other` has, too.
fn sharing(mut world: World) -> World {
    let shared = || Some([("tier".to_owned(), "back".to_owned())].into());
    let objects = &mut world.snapshot.objects;
    objects.services[1].spec.as_mut().unwrap().selector = shared();
    for name in ["cart", "other"] {
        let deployments =
            objects.deployments.iter_mut().filter(|found| found.metadata.name.as_deref() == Some(name));
        deployments.for_each(|found| {
            found.spec.as_mut().unwrap().template.metadata.as_mut().unwrap().labels = shared()
        });
    }
    world
}

fn at_fault(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(_, object, _)| object).collect()
}

#[test]
fn pods_of_another_program_behind_a_service_are_the_fault_of_who_came_last() {
    assert_eq!(at_fault(&sharing(world(NOT_FOUND, 20, 9_000))), ["Service shop/cart"]);
    assert_eq!(at_fault(&sharing(world(NOT_FOUND, 20, 12))), ["Deployment shop/other"]);
}

#[test]
fn a_second_version_of_the_same_program_or_answers_that_nobody_minds_are_left_alone() {
    let nobody = Vec::<String>::new();
    assert_eq!(at_fault(&world(NOT_FOUND, 20, 12)), nobody, "it is not behind the Service");
    assert_eq!(at_fault(&sharing(world(NOT_FOUND, 2, 12))), nobody);
    assert_eq!(at_fault(&sharing(world("GET http://cart/items status=200\n", 20, 12))), nobody);
    let mut canary = sharing(world(NOT_FOUND, 20, 12));
    let spec = canary.snapshot.objects.deployments[2].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].image = Some("registry.test/cart:2".to_owned());
    assert_eq!(at_fault(&canary), nobody);
}

fn with_ports(mut world: World, ports: &Value, target: &Value) -> World {
    let objects = &mut world.snapshot.objects;
    let spec = objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].ports = object(ports.clone());
    objects.services[1].spec.as_mut().unwrap().ports =
        object(json!([{"name": "http", "port": 80, "targetPort": target}]));
    world
}

#[test]
fn a_service_that_leads_to_a_port_for_metrics_is_at_fault_where_there_is_one_for_calls() {
    let both = json!([{"name": "web", "containerPort": 8080}, {"name": "metrics", "containerPort": 9100}]);
    for target in [json!("metrics"), json!(9100)] {
        assert_eq!(
            at_fault(&with_ports(world(NOT_FOUND, 20, 9_000), &both, &target)),
            ["Service shop/cart"],
            "{target}"
        );
    }
    let nobody = Vec::<String>::new();
    assert_eq!(at_fault(&with_ports(world(NOT_FOUND, 20, 9_000), &both, &json!("web"))), nobody);
    let only = json!([{"name": "metrics", "containerPort": 9100}]);
    assert_eq!(
        at_fault(&with_ports(world(NOT_FOUND, 20, 9_000), &only, &json!("metrics"))),
        nobody,
        "it is what it is for"
    );
    assert_eq!(at_fault(&with_ports(world("fine\n", 20, 9_000), &both, &json!("metrics"))), nobody);
}

#[test]
fn a_paused_deployment_whose_change_never_came_is_at_fault_where_callers_wait_for_it() {
    let paused = |wanted: &str, rolled_out: &str, line: &str| {
        let mut world = world(line, 20, 9_000);
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[1].spec.as_mut().unwrap();
        spec.paused = Some(true);
        spec.template.spec.as_mut().unwrap().containers[0].image = Some(wanted.to_owned());
        let set = objects
            .replica_sets
            .iter_mut()
            .find(|set| set.metadata.name.as_deref() == Some("cart-1"))
            .unwrap();
        set.spec.as_mut().unwrap().template =
            object(json!({"spec": {"containers": [{"name": "app", "image": rolled_out}]}}));
        at_fault(&world)
    };
    assert_eq!(paused("registry.test/cart:2", "registry.test/cart:1", NOT_FOUND), ["Deployment shop/cart"]);
    assert_eq!(paused("registry.test/cart:1", "registry.test/cart:1", NOT_FOUND), Vec::<String>::new());
    assert_eq!(paused("registry.test/cart:2", "registry.test/cart:1", "fine\n"), Vec::<String>::new());
}
