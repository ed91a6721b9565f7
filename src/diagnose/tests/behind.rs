//! What lies behind what callers say: a rollout of the callee, a consumer that is off, servers that DNS asks in vain, an
//! account without its pull secret.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object, waiting};
use crate::incident::ObjectRef;
use crate::observe::LogPattern;

fn at_fault(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(_, object, _)| object).collect()
}

fn pattern(source: &str, sample: &str, count: u64, minutes: i64) -> LogPattern {
    LogPattern {
        namespace: "shop".to_owned(),
        source: ObjectRef::new("Deployment", "shop", source),
        template: sample.to_owned(),
        sample: sample.to_owned(),
        count,
        stack_trace: None,
        trace_excerpt: None,
        first_seen: Some(ago(minutes)),
        last_seen: Some(ago(0)),
        level: None,
        around_onset: None,
        trend: None,
    }
}

#[test]
fn a_program_that_gives_wrong_answers_since_its_rollout_is_at_fault() {
    let world = |count: u64, minutes: i64| {
        let mut world = World::new().deployment("web", 1).deployment("cart", 1);
        world = world.rollout("cart", &[("containers[app].env[CURRENCY]", "(literal)", "(none)")]);
        let line = "GET http://cart/prices: unexpected status 404";
        world.snapshot.log_patterns.push(pattern("web", line, count, minutes));
        world.log("web-1-0", &format!("{}{line}\n", "GET / 200\n".repeat(30)))
    };
    let mut always = world(60, 7);
    always.snapshot.logs[0].text = "GET http://cart/prices: unexpected status 404\n".to_owned();
    assert_eq!(at_fault(&always), Vec::<String>::new(), "it may have said so before");
    let line = always.snapshot.logs[0].text.clone();
    let mut reaches = always.clone();
    reaches.snapshot.logs[0].text = format!("{} GET / 200\n{line}", ago(20));
    assert_eq!(at_fault(&reaches), ["Deployment shop/cart"]);
    always.snapshot.logs[0].text = format!("{} GET / 200\n{line}", ago(7));
    assert_eq!(at_fault(&always), Vec::<String>::new(), "it begins after the rollout");
    assert_eq!(at_fault(&world(60, 7)), ["Deployment shop/cart"]);
    for (count, minutes) in [(3, 7), (60, 1), (60, 30)] {
        assert_eq!(at_fault(&world(count, minutes)), Vec::<String>::new(), "{count} {minutes}");
    }
    let both = world(60, 7).rollout("web", &[("containers[app].image", "web:1", "web:2")]);
    assert_eq!(at_fault(&both), Vec::<String>::new(), "who asks otherwise may be wrong");
}

#[test]
fn a_queue_that_is_full_points_at_the_consumer_that_nobody_runs() {
    let world = |replicas: i32, line: &str| {
        let mut world =
            World::new().deployment("queue", 1).deployment("web", 1).deployment("sender", replicas);
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].image = Some("registry.test/rabbitmq:4".to_owned());
        objects.services.retain(|service| service.metadata.name.as_deref() != Some("sender"));
        objects.services[0].spec.as_mut().unwrap().ports = object(json!([{"port": 5672}]));
        let env = json!([{"name": "AMQP_URL", "value": "amqp://queue:5672"}]);
        world.environment("sender", &env).environment("web", &env).log("web-1-0", &line.repeat(8))
    };
    let full = "basic.nack from queue:5672: queue 'letters' reached max-length\n";
    assert_eq!(at_fault(&world(0, full))[0], "Deployment shop/sender");
    assert_eq!(at_fault(&world(1, full))[0], "Deployment shop/queue");
    assert_eq!(at_fault(&world(0, "all is well\n")), Vec::<String>::new());
}

#[test]
fn names_outside_that_the_cluster_asks_for_in_vain_point_at_whom_it_is_told_to_ask() {
    let world = |server: &str, caller: &str| {
        let mut world = World::new().deployment("web", 1).log("web-1-0", &caller.repeat(6));
        let labels = json!({"k8s-app": "kube-dns"});
        let spec = json!({"containers": [{"name": "app"}], "volumes": [{"name": "conf", "configMap": {"name": "names"}}]});
        let objects = &mut world.snapshot.objects;
        objects.services.push(object(json!({"metadata": {"namespace": "kube-system", "name": "kube-dns"},
            "spec": {"selector": labels, "clusterIP": "10.96.0.10", "ports": [{"port": 53}]}})));
        objects.endpoint_slices.push(object(
            json!({"metadata": {"namespace": "kube-system", "name": "kube-dns-1",
            "labels": {"kubernetes.io/service-name": "kube-dns"}}, "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.1.9.9"], "conditions": {"ready": true}}]}),
        ));
        objects.deployments.push(object(json!({"metadata": {"namespace": "kube-system", "name": "names"},
            "spec": {"selector": {}, "template": {"metadata": {"labels": labels}, "spec": spec}}})));
        let mut told = pattern("names", server, 40, 12);
        told.namespace = "kube-system".to_owned();
        told.source = ObjectRef::new("Deployment", "kube-system", "names");
        let mut excerpt = world.snapshot.logs[0].clone();
        (excerpt.namespace, excerpt.pod, excerpt.text) =
            ("kube-system".to_owned(), "names-x".to_owned(), format!("{server}\n").repeat(20));
        world.snapshot.logs.push(excerpt);
        world.snapshot.objects.pods.push(object(json!({"metadata": {"namespace": "kube-system", "name": "names-x", "labels": labels,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "names", "uid": "n", "controller": true}]},
            "spec": spec, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})));
        at_fault(&world)
    };
    let unanswered =
        "[ERROR] plugin/errors: 2 bank.example. A: read udp 10.1.9.9:4107->192.0.2.53:53: i/o timeout";
    let lookup = "Error: getaddrinfo EAI_AGAIN bank.example\n";
    assert_eq!(world(unanswered, lookup)[0], "ConfigMap kube-system/names");
    assert!(!world("[INFO] reloading", lookup).contains(&"ConfigMap kube-system/names".to_owned()));
    assert_eq!(world(unanswered, "all is well\n"), Vec::<String>::new(), "nobody minds");
}

#[test]
fn a_pull_secret_that_older_pods_have_from_their_account_is_missed_there() {
    let world = |account: &Value, template: &Value, old: &Value| {
        let refused = waiting("ImagePullBackOff", "pull access denied: 401 Unauthorized, anonymous token");
        let mut world = World::new().deployment("web", 1).pod("web", 1, "web-1-x", refused);
        let objects = &mut world.snapshot.objects;
        let mut spec = json!({"serviceAccountName": "runner"});
        json_patch::merge(&mut spec, template);
        let merged = |more: &Value| {
            let mut whole = json!({"serviceAccountName": "runner", "containers": [{"name": "app", "image": "registry.test/web:2"}]});
            json_patch::merge(&mut whole, more);
            object(whole)
        };
        objects.deployments[0].spec.as_mut().unwrap().template.spec = merged(template);
        objects.pods[0].spec = merged(old);
        objects.pods[1].spec = merged(template);
        let mut runner = json!({"metadata": {"namespace": "shop", "name": "runner"}});
        json_patch::merge(&mut runner, account);
        objects.service_accounts.push(object(runner));
        objects.service_accounts.push(object(json!({"metadata": {"namespace": "shop", "name": "default"}})));
        at_fault(&world).into_iter().next().unwrap_or_default()
    };
    let none = json!({});
    let with = json!({"imagePullSecrets": [{"name": "login"}]});
    assert_eq!(world(&none, &none, &with), "ServiceAccount shop/runner");
    assert_eq!(world(&none, &none, &none), "Deployment shop/web", "nobody ever had it");
    assert_eq!(world(&with, &none, &with), "Deployment shop/web", "it still gives it");
}

#[test]
fn jobs_that_fail_are_the_fault_of_the_cron_job_that_makes_them() {
    let world = |owner: &Value| {
        let mut world = World::new();
        world.snapshot.objects.jobs.push(object(json!({"metadata": {"namespace": "shop", "name": "mail-1", "ownerReferences": owner,
            "creationTimestamp": ago(30).to_string()}, "status": {"failed": 1, "conditions": [{"type": "Failed", "status": "True",
            "reason": "BackoffLimitExceeded", "lastTransitionTime": ago(20).to_string()}]}})));
        at_fault(&world)
    };
    let owner = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "mail", "uid": "u", "controller": true}]);
    assert_eq!(world(&owner), ["CronJob shop/mail"]);
    assert_eq!(world(&json!([])), ["Job shop/mail-1"]);
}

#[test]
fn a_name_that_nobody_has_is_not_taken_for_the_database_that_the_words_are_of() {
    let line = "failed to connect to postgres: lookup records-old.shop on 10.96.0.10:53: no such host\n";
    let mut world =
        World::new().deployment("records", 1).deployment("web", 1).log("web-1-0", &line.repeat(6));
    world.snapshot.objects.services[0].spec.as_mut().unwrap().ports = object(json!([{"port": 5432}]));
    let world = world.environment("web", &json!([{"name": "DB_HOST", "value": "records-old.shop"}]));
    let causes = world.causes();
    assert_eq!(
        (causes[0].0.as_str(), causes[0].1.as_str()),
        ("dependency.wrong_address", "Deployment shop/web")
    );
}

#[test]
fn a_server_without_connections_points_at_the_client_that_was_multiplied() {
    let world = |young: usize, owner: &str| {
        let mut world = World::new().deployment("db", 1).deployment("web", 2);
        let spec =
            world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].image = Some("registry.test/postgres:17".to_owned());
        for number in 0..young {
            world = world.pod("web", 1, &format!("web-1-new{number}"), json!({}));
            let pod = world.snapshot.objects.pods.last_mut().unwrap();
            pod.metadata.creation_timestamp = object(json!(ago(12).to_string()));
            pod.metadata.owner_references.as_mut().unwrap()[0].name = owner.to_owned();
        }
        let line = "FATAL: sorry, too many clients already\n".repeat(8);
        let world =
            world.environment("web", &json!([{"name": "DB_HOST", "value": "db"}])).log("web-1-0", &line);
        at_fault(&world)[0].clone()
    };
    assert_eq!(world(6, "web-1"), "Deployment shop/web");
    assert_eq!(world(1, "web-1"), "Deployment shop/db");
    assert_eq!(world(6, "web-2"), "Deployment shop/db", "they take the place of others");
}
