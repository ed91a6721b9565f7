//! Refused logins of programs with credentials for several servers: which of them is meant.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, crash};

const WRONG: &str = "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair\n";

fn from_secret(variable: &str, secret: &str) -> Value {
    json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}})
}

/// A program that a cache refuses, and that also logs in to a database.
fn world(env: &Value, written: &[(&str, i64)]) -> World {
    let unready = crash(1, "Error", 4);
    let mut world = World::new().deployment("cache", 1).deployment("records", 1).deployment("web", 0);
    world = world.pod("web", 1, "web-1-0", unready).log("web-1-0", &WRONG.repeat(6));
    for (deployment, image, port) in [(0, "docker.test/valkey:8", 6379), (1, "docker.test/postgres:17", 5432)]
    {
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[deployment].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].image = Some(image.to_owned());
        let ports = objects.services[deployment].spec.as_mut().unwrap().ports.as_mut().unwrap();
        ports[0].port = port;
    }
    let made = |minutes: i64| -> Timestamp { ago(minutes) };
    for (secret, minutes) in written {
        world = world.secret(secret, &["password"]);
        world.snapshot.objects.secrets.last_mut().unwrap().created_at = Some(made(*minutes));
    }
    world.environment("web", env)
}

fn at_fault(world: &World) -> String {
    world.causes().into_iter().next().map(|(_, object, _)| object).unwrap_or_default()
}

#[test]
fn the_variable_that_begins_as_that_of_the_address_does_holds_the_password() {
    let old = [("one", 9000), ("two", 9000)];
    let env = json!([{"name": "PGHOST", "value": "records"}, from_secret("PGPASSWORD", "one"),
        {"name": "STORE_URL", "value": "redis://cache:6379/1"}, from_secret("STORE_PASSWORD", "two")]);
    assert_eq!(at_fault(&world(&env, &old)), "Secret shop/two");
    let env = json!([{"name": "PGHOST", "value": "cache"}, from_secret("PGPASSWORD", "one"),
        {"name": "STORE_URL", "value": "postgres://records:5432/1"}, from_secret("STORE_PASSWORD", "two")]);
    assert_eq!(at_fault(&world(&env, &old)), "Secret shop/one", "names matter less than addresses");
}

#[test]
fn the_software_and_the_names_of_servers_tell_variables_apart() {
    let old = [("one", 9000), ("two", 9000)];
    let addresses = json!({"name": "A", "value": "redis://cache:6379"});
    for variable in ["REDIS_PASSWORD", "CACHE_PASSWORD"] {
        let env = json!([addresses, from_secret("POSTGRES_PASSWORD", "one"), from_secret(variable, "two")]);
        assert_eq!(at_fault(&world(&env, &old)), "Secret shop/two", "{variable}");
    }
}

#[test]
fn of_two_that_fit_alike_the_one_written_last_is_meant() {
    let addresses = json!({"name": "A", "value": "redis://cache:6379"});
    let env = json!([addresses, from_secret("FIRST_PASSWORD", "one"), from_secret("SECOND_PASSWORD", "two")]);
    assert_eq!(at_fault(&world(&env, &[("one", 9000), ("two", 15)])), "Secret shop/two");
    assert_eq!(at_fault(&world(&env, &[("one", 15), ("two", 9000)])), "Secret shop/one");
}

#[test]
fn a_program_that_logs_nothing_of_the_kind_is_left_alone() {
    let env = json!([{"name": "A", "value": "redis://cache:6379"}, from_secret("REDIS_PASSWORD", "two")]);
    let mut quiet = world(&env, &[("two", 15)]);
    quiet.snapshot.logs.clear();
    assert!(!quiet.causes().iter().any(|(code, ..)| code == "dependency.authentication"));
}
