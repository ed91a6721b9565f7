//! What dependencies refuse: who is at fault, and what is no fault.

use serde_json::{Value, json};

use crate::diagnose::world::{World, crash, object};

/// Code and object of each cause, best first.
fn causes(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(code, object, _)| format!("{code} {object}")).collect()
}

/// A database `db` on port 3306, and `callers` that are told its address.
fn shop(callers: &[&str]) -> World {
    let mut world = World::new().deployment("db", 1);
    let objects = &mut world.snapshot.objects;
    let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].image = Some("mysql:8.4".to_owned());
    objects.services[0].spec.as_mut().unwrap().ports = Some(object(json!([{"port": 3306}])));
    callers.iter().fold(world, |world, caller| {
        let env = json!([{"name": "DB_HOST", "value": "db"}, {"name": "DB_PASSWORD", "value": "p"}]);
        world.deployment(caller, 1).environment(caller, &env)
    })
}

const READ_ONLY: &str = "Error 1290: The MySQL server is running with the --read-only option so it cannot execute this statement\n";
const FULL: &str = "Error 1040: Too many connections\n";
const DENIED: &str = "Error 1045: Access denied for user 'app'@'10.1.0.7' (using password: YES)\n";

#[test]
fn a_database_that_refuses_writes_or_connections_is_at_fault_though_nothing_else_shows_it() {
    let world = shop(&["orders"]);
    assert_eq!(
        causes(&world.clone().log("orders-1-0", &READ_ONLY.repeat(4))),
        ["database.read_only Deployment shop/db"]
    );
    assert_eq!(
        causes(&world.clone().log("orders-1-0", &FULL.repeat(4))),
        ["database.connections_exhausted Deployment shop/db"]
    );
    let own = "[Warning] Too many connections\n".repeat(4);
    assert_eq!(causes(&world.log("db-1-0", &own)), ["database.connections_exhausted Deployment shop/db"]);
}

#[test]
fn a_refusal_that_is_over_or_was_met_once_is_no_cause() {
    let world = shop(&["orders"]);
    for log in [READ_ONLY.to_owned(), format!("{}{}", FULL.repeat(4), "served an order\n".repeat(80))] {
        assert_eq!(causes(&world.clone().log("orders-1-0", &log)), Vec::<String>::new());
    }
}

#[test]
fn of_several_callers_the_one_whose_login_is_refused_is_at_fault() {
    let world = shop(&["orders", "stock"]).log("orders-1-0", &DENIED.repeat(4));
    assert_eq!(causes(&world), ["dependency.authentication Deployment shop/orders"]);
}

#[test]
fn a_server_that_refuses_everybody_is_at_fault() {
    let world = shop(&["orders", "stock"]);
    let world = world.log("orders-1-0", &DENIED.repeat(4)).log("stock-1-0", &DENIED.repeat(4));
    assert_eq!(causes(&world), ["dependency.authentication Deployment shop/db"]);
}

#[test]
fn a_password_from_a_secret_of_its_own_is_the_secrets_fault() {
    let env = json!([{"name": "DB_HOST", "value": "db"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "orders-db", "key": "password"}}}]);
    let world = shop(&["orders", "stock"]).environment("orders", &env).secret("orders-db", &["password"]);
    let world = world.log("orders-1-0", &DENIED.repeat(4));
    assert_eq!(causes(&world), ["dependency.authentication Secret shop/orders-db"]);
}

#[test]
fn a_database_that_is_not_there_is_the_askers_fault() {
    let env = json!([{"name": "DB_HOST", "value": "db"}, {"name": "DB_NAME", "value": "ordres"}]);
    let world = shop(&["orders"]).environment("orders", &env);
    let world = world.log("orders-1-0", &"Error 1049: Unknown database 'ordres'\n".repeat(4));
    assert_eq!(causes(&world), ["database.unknown_schema Deployment shop/orders"]);
}

/// `front` ends, and its log says so.
fn ends(front: World, log: &str) -> World {
    front.deployment("front", 0).pod("front", 1, "front-1-x", crash(1, "Error", 5)).log("front-1-x", log)
}

#[test]
fn a_port_that_a_service_does_not_have_is_the_callers_fault() {
    let refused = "dial tcp: connect to db:3307: connection refused\n".repeat(3);
    let world = ends(shop(&[]), &refused);
    assert_eq!(causes(&world), ["dependency.wrong_address Deployment shop/front"]);
    let right = "connect to db:3306: connection refused\n".repeat(3);
    let causes = causes(&ends(shop(&[]), &right));
    assert!(!causes.iter().any(|cause| cause.starts_with("dependency.wrong_address")), "{causes:?}");
}

#[test]
fn a_name_that_no_service_has_is_blamed_on_whoever_holds_it() {
    let unknown = "lookup carts on 10.96.0.10:53: no such host\n".repeat(3);
    let world = ends(World::new().deployment("cart", 1), &unknown);
    assert_eq!(causes(&world), ["dependency.wrong_address Deployment shop/front"]);
    let mut world = ends(World::new().deployment("cart", 1), &unknown);
    let spec = world.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].env_from = Some(object(json!([{"configMapRef": {"name": "settings"}}])));
    world.snapshot.objects.config_maps.push(object(json!({"namespace": "shop", "name": "settings", "keys": ["CART_URL"],
        "created_at": null, "changed_at": null, "addresses": crate::observe::addresses("CART_URL", "http://carts:80")})));
    assert_eq!(causes(&world), ["dependency.wrong_address ConfigMap shop/settings"]);
}

#[test]
fn a_namespace_that_is_misspelt_is_the_callers_fault() {
    let unknown = "getaddrinfo ENOTFOUND cart.shpo\n".repeat(3);
    let world = ends(World::new().deployment("cart", 1), &unknown);
    assert_eq!(causes(&world), ["dependency.wrong_address Deployment shop/front"]);
}

#[test]
fn a_service_that_stands_for_a_name_which_does_not_resolve_is_at_fault() {
    let mut world = ends(World::new(), &"getaddrinfo ENOTFOUND mail\n".repeat(3));
    world.snapshot.objects.services.push(object(json!({"metadata": {"namespace": "shop", "name": "mail"},
        "spec": {"type": "ExternalName", "externalName": "mail.example.invalid"}})));
    assert_eq!(causes(&world), ["dependency.wrong_address Service shop/mail"]);
}

#[test]
fn a_certificate_that_expired_is_blamed_on_the_secret_that_holds_it() {
    let expired = "Get \"https://cart:443/\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid\n";
    let mut world =
        World::new().deployment("cart", 1).deployment("front", 1).secret("cart-tls", &["tls.crt", "tls.key"]);
    let spec = world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.volumes = Some(object(json!([{"name": "tls", "secret": {"secretName": "cart-tls"}}])));
    assert_eq!(
        causes(&world.clone().log("front-1-0", &expired.repeat(4))),
        ["tls.certificate_expired Secret shop/cart-tls"]
    );
    let other = expired.replace("certificate has expired or is not yet valid", "unknown authority");
    let causes = causes(&world.log("front-1-0", &other.repeat(4)));
    assert!(!causes.iter().any(|cause| cause.starts_with("tls.")), "{causes:?}");
}

#[test]
fn a_gateway_that_passes_on_to_nowhere_is_told_from_other_programs() {
    let upstream = "host not found in upstream \"carts\" in /etc/nginx/conf.d/default.conf:3\n".repeat(3);
    let mut world = ends(World::new().deployment("cart", 1), &upstream);
    let spec = world.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[0].image = Some("nginx:1.29".to_owned());
    assert_eq!(causes(&world)[0], "gateway.misrouted Deployment shop/front");
}

const UNRESOLVED: &str = "Error: getaddrinfo EAI_AGAIN cart\n";

#[test]
fn names_that_exist_and_do_not_resolve_for_one_program_are_its_own_fault_and_for_several_the_clusters() {
    let world = World::new().deployment("cart", 1).deployment("front", 1).deployment("back", 1);
    let one = world.clone().log("front-1-0", &UNRESOLVED.repeat(4));
    assert_eq!(causes(&one), ["dns.resolution_failed Deployment shop/front"]);
    let both = one.log("back-1-0", &UNRESOLVED.repeat(4));
    assert_eq!(causes(&both), ["dns.resolution_failed Service kube-system/kube-dns"]);
    let once = world.log("front-1-0", &format!("{UNRESOLVED}{}", "served\n".repeat(80)));
    assert_eq!(causes(&once), Vec::<String>::new());
}

/// A program that ends over a setting that comes from here.
fn setting(spec: &Value, log: &str) -> Vec<String> {
    let mut world =
        World::new().deployment("web", 0).pod("web", 1, "web-1-x", crash(1, "Error", 5)).log("web-1-x", log);
    let mut whole = json!({"containers": [{"name": "app", "image": "i"}]});
    json_patch::merge(&mut whole, spec);
    let objects = &mut world.snapshot.objects;
    objects.deployments[0].spec.as_mut().unwrap().template.spec = Some(object(whole.clone()));
    objects.pods[0].spec = Some(object(whole));
    objects
        .config_maps
        .push(object(json!({"namespace": "shop", "name": "settings", "keys": ["CACHE_TTL", "app.yml"],
        "created_at": null, "changed_at": null})));
    causes(&world)
}

#[test]
fn a_setting_that_cannot_be_used_is_blamed_on_whoever_holds_it() {
    let invalid = "invalid value for CACHE_TTL\n";
    let own = json!({"containers": [{"name": "app", "env": [{"name": "CACHE_TTL", "value": "soon"}]}]});
    assert_eq!(setting(&own, invalid), ["config.invalid_value Deployment shop/web"]);
    let map = json!({"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "settings"}}]}]});
    assert_eq!(setting(&map, invalid), ["config.invalid_value ConfigMap shop/settings"]);
    let file = json!({"containers": [{"name": "app", "volumeMounts": [{"name": "v", "mountPath": "/etc/app"}]}],
        "volumes": [{"name": "v", "configMap": {"name": "settings"}}]});
    let broken = "fatal: parsing /etc/app/app.yml: yaml: line 3: mapping values are not allowed\n";
    assert_eq!(setting(&file, broken), ["config.invalid_value ConfigMap shop/settings"]);
    assert_eq!(setting(&map, "out of luck\n"), ["workload.crash_loop Deployment shop/web"]);
}
