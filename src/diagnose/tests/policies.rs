//! NetworkPolicies: which one is blamed for a call that does not get through, and which are not.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};

const TIMEOUT: &str = "dial tcp: connect to http://orders:80: i/o timeout\n";
const LOOKUP: &str =
    "dial tcp: lookup orders on 10.96.0.10:53: read udp 10.1.0.9:4000->10.96.0.10:53: i/o timeout\n";

fn world(line: &str, policies: &[Value]) -> World {
    let mut world = World::new().deployment("web", 1).deployment("orders", 1).log("web-1-0", &line.repeat(4));
    for (number, spec) in policies.iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        world.snapshot.objects.network_policies.push(object(json!({
            "metadata": {"namespace": "shop", "name": format!("policy-{number}"), "creationTimestamp": ago(100 - number).to_string()},
            "spec": spec})));
    }
    world
}

fn blamed(line: &str, policies: &[Value]) -> Vec<String> {
    let causes = world(line, policies).causes().into_iter();
    causes.filter(|(code, ..)| code == "network.policy_denies").map(|(_, object, _)| object).collect()
}

fn ingress(selector: &Value, rules: &Value) -> Value {
    json!({"podSelector": selector, "policyTypes": ["Ingress"], "ingress": rules})
}

fn egress(rules: &Value) -> Value {
    json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": rules})
}

fn from(app: &str) -> Value {
    json!([{"from": [{"podSelector": {"matchLabels": {"app": app}}}]}])
}

const NOBODY: [&str; 0] = [];

#[test]
fn a_policy_that_lets_the_caller_in_no_more_is_blamed() {
    let orders = json!({"matchLabels": {"app": "orders"}});
    assert_eq!(blamed(TIMEOUT, &[ingress(&orders, &json!([]))]), ["NetworkPolicy shop/policy-0"]);
    assert_eq!(blamed(TIMEOUT, &[ingress(&orders, &from("wbe"))]), ["NetworkPolicy shop/policy-0"]);
    let elsewhere =
        json!([{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}]}]);
    assert_eq!(blamed(TIMEOUT, &[ingress(&orders, &elsewhere)]), ["NetworkPolicy shop/policy-0"]);
}

#[test]
fn a_policy_for_another_port_is_blamed_and_one_for_the_right_port_is_not() {
    let on = |port: &Value| ingress(&json!({}), &json!([{"ports": [{"port": port}]}]));
    assert_eq!(blamed(TIMEOUT, &[on(&json!(8081))]), ["NetworkPolicy shop/policy-0"]);
    assert_eq!(blamed(TIMEOUT, &[on(&json!(80))]), NOBODY);
    assert_eq!(
        blamed(TIMEOUT, &[ingress(&json!({}), &json!([{"ports": [{"port": 60, "endPort": 90}]}]))]),
        NOBODY
    );
    assert_eq!(
        blamed(TIMEOUT, &[ingress(&json!({}), &json!([{"ports": [{"port": 80, "protocol": "UDP"}]}]))]),
        ["NetworkPolicy shop/policy-0"]
    );
}

#[test]
fn of_several_policies_the_one_that_nearly_allows_it_is_blamed_and_not_the_wall_behind() {
    let policies = [ingress(&json!({}), &from("wbe")), ingress(&json!({}), &json!([]))];
    assert_eq!(blamed(TIMEOUT, &policies), ["NetworkPolicy shop/policy-0"]);
}

#[test]
fn policies_only_add_so_one_that_allows_it_is_enough() {
    assert_eq!(
        blamed(TIMEOUT, &[ingress(&json!({}), &json!([])), ingress(&json!({}), &from("web"))]),
        NOBODY
    );
    assert_eq!(blamed(TIMEOUT, &[ingress(&json!({}), &json!([{}]))]), NOBODY);
    let all = json!([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]);
    assert_eq!(blamed(TIMEOUT, &[ingress(&json!({}), &all)]), NOBODY);
    assert_eq!(blamed(TIMEOUT, &[ingress(&json!({"matchLabels": {"app": "other"}}), &json!([]))]), NOBODY);
}

#[test]
fn a_caller_that_may_not_send_is_blamed_on_the_policy_of_its_own_side() {
    assert_eq!(blamed(TIMEOUT, &[egress(&json!([]))]), ["NetworkPolicy shop/policy-0"]);
    let to_orders = json!([{"to": [{"podSelector": {"matchLabels": {"app": "orders"}}}]}]);
    assert_eq!(blamed(TIMEOUT, &[egress(&to_orders)]), NOBODY);
}

#[test]
fn names_that_cannot_be_asked_for_are_blamed_on_the_policy_that_forgot_them() {
    let to_orders = json!([{"to": [{"podSelector": {"matchLabels": {"app": "orders"}}}]}]);
    assert_eq!(blamed(LOOKUP, &[egress(&to_orders)]), ["NetworkPolicy shop/policy-0"]);
    let names = json!([{"ports": [{"port": 53, "protocol": "UDP"}]}]);
    assert_eq!(blamed(LOOKUP, &[egress(&to_orders), egress(&names)]), NOBODY);
    let system = json!([{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]}]);
    assert_eq!(blamed(LOOKUP, &[egress(&system)]), NOBODY);
}

#[test]
fn an_address_outside_is_compared_with_the_blocks_that_a_policy_allows() {
    let to = |cidr: &str| egress(&json!([{"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": 443}]}]));
    for line in [
        "connect ETIMEDOUT 203.0.113.77:443 url https://bank.example/pay\n",
        "dial tcp 203.0.113.77:443: i/o timeout\n",
    ] {
        assert_eq!(blamed(line, &[to("203.0.113.0/26")]), ["NetworkPolicy shop/policy-0"], "{line}");
        assert_eq!(blamed(line, &[to("203.0.113.0/24")]), NOBODY, "{line}");
    }
}

#[test]
fn a_host_outside_that_may_not_be_reached_is_blamed_on_the_policy() {
    let line = "Get \"https://api.example.com/v1\": dial tcp: i/o timeout\n";
    let inside = json!([{"to": [{"podSelector": {}}]}, {"ports": [{"port": 53, "protocol": "UDP"}]}]);
    assert_eq!(blamed(line, &[egress(&inside)]), ["NetworkPolicy shop/policy-0"]);
    let outside = json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}]);
    assert_eq!(blamed(line, &[egress(&outside)]), NOBODY);
}

#[test]
fn policies_that_nobody_complains_of_and_other_complaints_are_no_finding() {
    let closed = [ingress(&json!({}), &json!([])), egress(&json!([]))];
    assert_eq!(blamed("all is well\n", &closed), NOBODY);
    assert_eq!(
        blamed("password authentication failed for user \"app\" at host \"orders\"\n", &closed),
        NOBODY
    );
    assert_eq!(world("all is well\n", &closed).codes(), Vec::<String>::new());
}

#[test]
fn a_time_out_about_nobody_by_name_points_at_the_one_new_policy_that_keeps_the_caller_out() {
    let line = "error communicating with database: Connection timed out (os error 110)\n";
    let orders = json!({"matchLabels": {"app": "orders"}});
    let closed = ingress(&orders, &json!([]));
    assert_eq!(blamed(line, std::slice::from_ref(&closed)), ["NetworkPolicy shop/policy-0"]);
    assert_eq!(blamed(line, &[ingress(&orders, &from("web"))]), NOBODY);
    let mut old = world(line, &[closed]);
    old.snapshot.objects.network_policies[0].metadata.creation_timestamp =
        Some(object(json!(ago(3000).to_string())));
    assert_eq!(old.causes(), []);
}

#[test]
fn an_exception_that_holds_the_caller_is_blamed_and_one_that_does_not_is_not() {
    let unavailable = "orders unavailable: timed out connecting to orders:80\n";
    let of = |except: &str| {
        let block = json!({"cidr": "10.1.0.0/16", "except": [except]});
        ingress(&json!({"matchLabels": {"app": "orders"}}), &json!([{"from": [{"ipBlock": block}]}]))
    };
    let blamed = |line: &str, except: &str| -> Vec<String> {
        let mut world = world(line, &[of(except)]).log("web-1-0", &line.repeat(20));
        for pod in &mut world.snapshot.objects.pods {
            pod.status.as_mut().unwrap().pod_ip = Some("10.1.2.9".to_owned());
        }
        let causes = world.causes().into_iter();
        causes.filter(|(code, ..)| code == "network.policy_denies").map(|(_, object, _)| object).collect()
    };
    for line in [TIMEOUT, unavailable] {
        assert_eq!(blamed(line, "10.1.2.0/23"), ["NetworkPolicy shop/policy-0"], "{line}");
        assert_eq!(blamed(line, "10.1.4.0/23"), NOBODY, "{line}");
    }
    // What is unavailable and answers so was reached.
    assert_eq!(blamed("503 Service Unavailable from http://orders:80\n", "10.1.2.0/23"), NOBODY);
}

#[test]
fn a_rollout_that_took_the_label_away_is_blamed_and_not_the_older_policy() {
    let policy = ingress(&json!({"matchLabels": {"app": "orders"}}), &from("wbe"));
    let first = |field: (&str, &str, &str)| {
        let world = world(TIMEOUT, std::slice::from_ref(&policy)).rollout("web", &[field]);
        let status = json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(7).to_string()}]});
        let causes = world.log("web-2-0", &TIMEOUT.repeat(20)).pod("web", 2, "web-2-0", status).causes();
        causes.into_iter().next().map(|(code, object, _)| format!("{code} {object}")).unwrap()
    };
    assert_eq!(first(("labels[tier]", "backend", "(none)")), "deploy.bad_rollout Deployment shop/web");
    assert_eq!(
        first(("containers[app].env[A]", "1", "2")),
        "network.policy_denies NetworkPolicy shop/policy-0"
    );
}
