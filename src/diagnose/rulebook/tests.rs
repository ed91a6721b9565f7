//! Rules as data: what they find, what they leave alone, and what is said about broken ones.

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{BUILT_IN, BUILT_IN_NAME, RuleBook, read};
use crate::diagnose::Diagnosis;
use crate::diagnose::world::{World, ago};
use crate::incident::{Hypothesis, ObjectRef, Proposer};
use crate::observe::NodeService;

/// A rule about programs that cannot reach something, with more tables.
fn rule(more: &str) -> String {
    format!("[[rule]]\ncode = \"cache.cold\"\nmeaning = \"A cache is empty.\"\nconfidence = 0.97\n{more}\n")
}

fn book(text: &str) -> RuleBook {
    let mut book = RuleBook::built_in();
    assert_eq!(book.add("test.toml", text), []);
    book
}

fn found(diagnosis: &Diagnosis) -> Option<&Hypothesis> {
    diagnosis.hypotheses.iter().find(|found| found.code == "cache.cold")
}

fn objects(world: &World, text: &str) -> Vec<String> {
    let found = book(text).diagnose(&world.snapshot, &[]).hypotheses;
    found
        .into_iter()
        .filter(|found| found.code == "cache.cold")
        .map(|found| found.object.to_string())
        .collect()
}

fn crashing() -> World {
    World::new().deployment("web", 0).crashing("web", 1, 1, "Error")
}

const CRASHES: &str = "[rule.when]\nfindings = \"pod.container.*\"\n";

fn problems(text: &str) -> Vec<String> {
    read::rules("test.toml", text).1.iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_rules_have_no_problem() {
    let (rules, problems) = read::rules(BUILT_IN_NAME, BUILT_IN);
    assert_eq!(problems, []);
    assert_eq!(rules.len(), BUILT_IN.matches("[[rule]]").count());
}

#[test]
fn a_rule_says_its_cause_with_slots_filled_and_evidence_cited() {
    let text = rule(
        "statement = \"{subject} ended with {field.exit_code}: {{{name} in {namespace}}}, {field.none}.\"\n\
         runbook = \"https://wiki.test/cache\"\nplaybook = \"workload.crash_loop\"\n[rule.when]\n\
         findings = \"pod.container.exited\"",
    );
    let diagnosis = book(&text).diagnose(&crashing().snapshot, &[]);
    let hypothesis = found(&diagnosis).unwrap();
    assert_eq!(hypothesis.statement, "Deployment shop/web ended with 1: {web in shop}, (unknown).");
    assert_eq!(hypothesis.object, ObjectRef::new("Deployment", "shop", "web"));
    assert_eq!(hypothesis.proposer, Proposer::Rule("cache.cold".to_owned()));
    assert_eq!(hypothesis.runbook.as_deref(), Some("https://wiki.test/cache"));
    assert_eq!(hypothesis.playbook.as_deref(), Some("workload.crash_loop"));
    let exited = diagnosis.evidence.iter().find(|piece| piece.code == "pod.container.exited").unwrap();
    assert!(hypothesis.evidence_for.contains(&exited.id), "{:?}", hypothesis.evidence_for);
}

#[test]
fn without_what_it_begins_from_a_rule_says_nothing() {
    let healthy = World::new().deployment("web", 1);
    assert_eq!(objects(&healthy, &rule(CRASHES)), Vec::<String>::new());
    assert!(book(&rule(CRASHES)).diagnose(&healthy.snapshot, &[]).healthy);
}

#[test]
fn each_condition_on_the_subject_decides() {
    let conditions = [
        ("kind = \"Deployment\"", "kind = \"StatefulSet\""),
        ("namespace = [\"x\", \"sh?p\"]", "namespace = \"prod-*\""),
        ("name = \"w*\"", "name = \"w\""),
        ("labels = { app = \"web\" }", "labels = { app = \"db\" }"),
        (
            "object = { \"spec.template.spec.containers.*.image\" = \"*/web:1\" }",
            "object = { \"spec.template.spec.containers.*.image\" = \"*/web:2\" }",
        ),
        (
            "object = { \"spec.template.spec.containers.0.name\" = \"app\" }",
            "object = { \"spec.replicas\" = \"7\" }",
        ),
        ("fields = { container = \"app\" }", "fields = { container = \"sidecar\" }"),
        ("says = '(?i)ended with'", "says = 'Saturday'"),
        ("log = 'no route to [a-z]+'", "log = 'no route to [0-9]+'"),
    ];
    let world = crashing().log("web-1-x", "start\nno route to cache\n");
    for (fits, other) in conditions {
        let with = |condition: &str| objects(&world, &rule(&format!("{CRASHES}{condition}")));
        assert_eq!(with(fits), ["Deployment shop/web"], "{fits}");
        assert_eq!(with(other), Vec::<String>::new(), "{other}");
    }
}

#[test]
fn what_is_required_may_lie_along_the_graph() {
    let env = json!([{"name": "CACHE_HOST", "value": "cache"}]);
    let calling = crashing().deployment("cache", 0).environment("web", &env);
    let broken = calling.clone().crashing("cache", 1, 137, "OOMKilled");
    let text = rule(&format!(
        "blame = \"calls > selects\"\n{CRASHES}name = \"web\"\n[[rule.requires]]\nalong = \"calls > selects\"\n\
         findings = \"pod.container.oom_killed\"\n"
    ));
    assert_eq!(objects(&broken, &text), ["Deployment shop/cache"]);
    assert_eq!(objects(&calling, &text), Vec::<String>::new());
    let backwards = rule(
        "[rule.when]\nfindings = \"pod.container.oom_killed\"\n[[rule.requires]]\nalong = \"selected-by > called-by\"\n\
         name = \"web\"\n",
    );
    assert_eq!(objects(&broken, &backwards), ["Deployment shop/cache"]);
}

#[test]
fn a_rule_may_blame_the_node_and_what_is_mounted() {
    let reads = json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "a"}}}]);
    let world = crashing().node("node-1", "True").environment("web", &reads).secret("login", &["a"]);
    let blames = |path: &str| objects(&world, &rule(&format!("blame = \"{path}\"\n{CRASHES}")));
    assert_eq!(blames("runs-on"), ["Node node-1"]);
    assert_eq!(blames("reads-config:Secret"), ["Secret shop/login"]);
    assert_eq!(blames("reads-config:ConfigMap"), Vec::<String>::new());
    assert_eq!(blames("reads-config:Secret/log*"), ["Secret shop/login"]);
    assert_eq!(blames("reads-config:Secret/*-tls"), Vec::<String>::new());
}

#[test]
fn what_must_not_hold_keeps_a_rule_quiet() {
    let text = rule(&format!("{CRASHES}[[rule.unless]]\nfindings = \"pod.container.oom_killed\"\n"));
    assert_eq!(objects(&crashing(), &text), ["Deployment shop/web"]);
    let killed = World::new().deployment("web", 0).crashing("web", 1, 137, "OOMKilled");
    assert_eq!(objects(&killed, &text), Vec::<String>::new());
}

#[test]
fn support_raises_and_contradiction_lowers_the_confidence() {
    let world = crashing().log("web-1-x", "panic: no cache\n");
    let sure = |more: &str| {
        let text = rule(&format!("level = \"mechanism\"\n{CRASHES}{more}")).replace("0.97", "0.5");
        let diagnosis = book(&text).diagnose(&world.snapshot, &[]);
        let hypothesis = found(&diagnosis).unwrap();
        (hypothesis.confidence.value(), hypothesis.evidence_against.len())
    };
    assert_eq!(sure(""), (0.5, 0));
    assert_eq!(sure("[[rule.supports]]\nfindings = \"log.*\"\ntimes = 1.4\n"), (0.7, 0));
    assert_eq!(sure("[[rule.contradicts]]\nfindings = \"log.*\"\ntimes = 0.5\n"), (0.25, 1));
    assert_eq!(sure("[[rule.contradicts]]\nfindings = \"metric.*\"\n"), (0.5, 0));
}

#[test]
fn a_more_specific_rule_of_a_user_takes_the_place_of_a_general_one() {
    let diagnosis = book(&rule(CRASHES)).diagnose(&crashing().snapshot, &[]);
    let codes: Vec<_> = diagnosis.hypotheses.iter().map(|found| found.code.as_str()).collect();
    assert_eq!(codes, ["cache.cold"], "workload.crash_loop says less");
}

#[test]
fn a_rule_for_a_known_cause_has_its_confidence_and_meaning() {
    let text = "[[rule]]\ncode = \"memory.exhausted\"\n[rule.when]\nfindings = \"pod.container.exited\"\nlog = 'heap'\n";
    let (rules, problems) = read::rules("test.toml", text);
    assert_eq!(problems, []);
    assert!((rules[0].confidence - 0.95).abs() < f64::EPSILON && rules[0].meaning.contains("memory"));
    let world = crashing().log("web-1-x", "heap exhausted\n");
    let first = &book(text).diagnose(&world.snapshot, &[]).hypotheses[0];
    assert_eq!((first.code.as_str(), first.playbook.as_deref()), ("memory.exhausted", None));
}

#[test]
fn every_problem_is_told_at_once_with_file_rule_and_field() {
    let text = "[[rule]]\ncode = \"Cold\"\nconfidence = 1.5\nstatement = \"{objekt} {\"\nblame = \"cals\"\n\
                playbook = \"reboot\"\n[rule.when]\nfindings = \"pod.container.oomkilled\"\nsays = '('\ntimes = 2.0\n\
                [[rule.requires]]\n[[rule.unless]]\nfindign = \"x\"\n[[rule.supports]]\nfindings = \"log.*\"\ntimes = 0.5\n\
                [[rule]]\nmeaning = 7\n";
    let told = problems(text).join("\n");
    insta::assert_snapshot!(told);
}

#[test]
fn a_broken_rule_leaves_the_others_of_its_file() {
    let text = rule(CRASHES) + "[[rule]]\ncode = \"x\"\n" + &rule(CRASHES).replace("cold", "warm");
    let mut book = RuleBook::built_in();
    let before = book.rules().count();
    assert!(!book.add("test.toml", &text).is_empty());
    assert_eq!(book.rules().count(), before + 2);
}

#[test]
fn what_is_no_file_of_rules_is_told_as_such() {
    let cases = [
        ("", "holds no rule"),
        ("[[rule", "is not TOML"),
        ("rule = 7", "holds no rule"),
        ("[rules]\na = 1\n", "\"rules\" is not known here"),
        ("\u{0}\u{1b}[31m", "is not TOML"),
    ];
    for (text, expected) in cases {
        let told = problems(text).join("\n");
        assert!(told.contains(expected), "{text:?}: {told}");
    }
}

#[test]
fn a_folder_is_read_with_its_files_in_order_and_bad_ones_told() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("b.toml", rule(CRASHES).replace("cold", "warm").as_bytes());
    write("a.toml", rule(CRASHES).as_bytes());
    write("notes.txt", b"not a rule");
    write(".hidden.toml", b"[[");
    write("large.toml", &vec![b'#'; 300 * 1024]);
    write("binary.toml", &[0xff, 0xfe, 0x00]);
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    let (book, problems) = RuleBook::with_folder(folder.path());
    let own = RuleBook::built_in().rules().count();
    let codes: Vec<_> = book.rules().skip(own).map(|rule| rule.code.as_str()).collect();
    assert_eq!(codes, ["cache.cold", "cache.warm"]);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let told_of = |name: &str, what: &str| told.iter().any(|told| told.contains(name) && told.contains(what));
    assert!(told_of("large.toml", "larger than") && told_of("binary.toml", "UTF-8"), "{told:?}");
    assert!(told_of("folder.toml", "is not a file") && told.len() == 3, "{told:?}");
}

#[test]
fn a_folder_that_is_not_there_leaves_the_built_in_rules() {
    let (book, problems) = RuleBook::with_folder(std::path::Path::new("/nowhere/rules"));
    assert_eq!(book.rules().count(), RuleBook::built_in().rules().count());
    assert!(problems[0].to_string().contains("cannot be read"), "{problems:?}");
}

#[test]
fn rules_are_bounded_in_number() {
    let text: String =
        (0..250).map(|number| rule(CRASHES).replace("cold", &format!("cold_{number}"))).collect();
    let mut book = RuleBook::built_in();
    let told: Vec<String> =
        (0..3).flat_map(|_| book.add("many.toml", &text)).map(|told| told.to_string()).collect();
    assert_eq!(book.rules().count(), super::folder::MOST_RULES);
    assert!(told.iter().any(|told| told.contains("first 200 are read")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("more than 500 rules")), "{told:?}");
}

fn kubelet(active: bool) -> NodeService {
    NodeService { active: Some(active), ..NodeService::default() }
}

#[test]
fn a_node_whose_kubelet_is_down_explains_what_is_on_it() {
    let mut world = World::new().node("node-1", "Unknown").deployment("web", 1);
    world
        .snapshot
        .recorded
        .node_services
        .insert("node-1".to_owned(), BTreeMap::from([("kubelet".to_owned(), kubelet(false))]));
    let causes = world.causes();
    assert_eq!((causes[0].0.as_str(), causes[0].1.as_str()), ("node.component_down", "Node node-1"));
    let mut healthy = World::new().node("node-1", "True").deployment("web", 1);
    healthy
        .snapshot
        .recorded
        .node_services
        .insert("node-1".to_owned(), BTreeMap::from([("kubelet".to_owned(), kubelet(true))]));
    assert_eq!(healthy.causes(), []);
}

fn evicting(evicted: bool) -> World {
    let mut world = World::new().node("node-1", "True").deployment("web", 1);
    let node = &mut world.snapshot.objects.nodes[0];
    node.status.as_mut().unwrap().conditions.as_mut().unwrap()[1].status = "True".to_owned();
    if evicted {
        return world.pod(
            "web",
            1,
            "web-1-x",
            json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk",
                "startTime": ago(5).to_string()}),
        );
    }
    world
}

#[test]
fn a_node_under_pressure_is_a_cause_and_more_so_once_it_throws_pods_out() {
    let sure = |world: &World| {
        let mut causes = world.causes().into_iter();
        causes.find(|(code, ..)| code == "node.pressure").map(|(_, object, sure)| (object, sure))
    };
    let [warned, evicts] = [false, true].map(|evicted| sure(&evicting(evicted)).unwrap());
    assert_eq!((warned.0.as_str(), evicts.0.as_str()), ("Node node-1", "Node node-1"));
    assert!(warned.1 < evicts.1, "{warned:?} {evicts:?}");
    assert_eq!(sure(&World::new().node("node-1", "True").deployment("web", 1)), None, "short of nothing");
}
