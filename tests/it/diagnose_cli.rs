//! `diagnose`, `snapshot`, `eval diagnosis` and `incidents export`: the program as people start it, against the simulator and
//! against dumps of ill will.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use kubewright::incident::{Event, Gap, ObjectRef, Scope};
use kubewright::observe::{DumpLimits, DumpRequest, Recorded, Snapshot, read_dump};
use kubewright::sim::{Scenario, Sim, SimOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);

async fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    command.args(args).env_clear().current_dir(folder).env("USER", "ada").env("HOME", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    tokio::time::timeout(LIMIT, command.output()).await.expect("the command ends").unwrap()
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{text}\n{}", stderr(output));
    text
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn json_of(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, &[args, &["-o", "json"]].concat()).await;
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The simulated cluster, and a folder whose configuration names it.
async fn simulated(scenario: &str) -> (Sim, TempDir) {
    let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"northwind\"\nurl = \"{}\"\n\
         prometheus = {{ url = \"{}\" }}\nloki = {{ url = \"{}\" }}\n",
        folder.path().join("kubewright.db").display(),
        sim.kubernetes_url(),
        sim.prometheus_url(),
        sim.loki_url()
    );
    fs::write(folder.path().join("kubewright.toml"), text).unwrap();
    (sim, folder)
}

fn first(report: &Value) -> (String, String) {
    let cause = &report["causes"][0];
    (cause["code"].as_str().unwrap_or_default().to_owned(), cause["object"]["name"].to_string())
}

fn read(dump: &Path) -> Snapshot {
    let now = jiff::Timestamp::now();
    let request = DumpRequest { cluster: "northwind".to_owned(), namespace: None, workload: None, now };
    read_dump(dump, &request, &DumpLimits::default()).unwrap()
}

#[tokio::test]
async fn a_live_cluster_and_the_snapshot_of_it_give_the_same_cause() {
    let (sim, folder) = simulated("bad-deploy").await;
    let live = json_of(folder.path(), &["diagnose", "-n", "shop", "deploy/checkout"]).await;
    let written =
        run(folder.path(), &["snapshot", "--namespace", "shop", "deploy/checkout", "-o", "dump"]).await;
    assert!(stdout(&written).contains("objects and"), "{}", stdout(&written));
    sim.shutdown().await;
    let kept = json_of(folder.path(), &["diagnose", "--dump", "dump"]).await;
    assert_eq!(first(&live), first(&kept));
    assert_eq!(first(&kept), ("deploy.bad_rollout".to_owned(), "\"checkout\"".to_owned()));
    assert_eq!(
        (&live["subject"], &live["not_seen"]),
        (&json!("Deployment shop/checkout in northwind"), &json!([]))
    );
    let text = stdout(&run(folder.path(), &["diagnose", "--dump", "dump", "-o", "text"]).await);
    assert!(text.contains("1. Deployment shop/checkout") && text.contains("Ruled out"), "{text}");
    let markdown = stdout(&run(folder.path(), &["diagnose", "--dump", "dump", "-o", "markdown"]).await);
    assert!(markdown.starts_with("# ") && markdown.contains("## Root causes"), "{markdown}");
    let again = run(folder.path(), &["snapshot", "--namespace", "shop", "-o", "dump"]).await;
    assert!(!again.status.success(), "a folder that holds something is left alone");
}

#[tokio::test]
async fn a_snapshot_survives_the_way_through_its_folder_without_a_value_of_a_secret() {
    let (sim, folder) = simulated("database-password").await;
    stdout(&run(folder.path(), &["snapshot", "--namespace", "payments", "-o", "dump"]).await);
    sim.shutdown().await;
    let dump = folder.path().join("dump");
    let snapshot = read(&dump);
    assert!(
        !snapshot.objects.secrets.is_empty() && snapshot.recorded.knows("networkpolicies"),
        "{:?}",
        snapshot.recorded
    );
    let secrets: Value =
        serde_json::from_str(&fs::read_to_string(dump.join("secrets.json")).unwrap()).unwrap();
    let values = secrets["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|secret| secret["data"].as_object().unwrap().values());
    assert!(values.clone().count() > 0 && values.clone().all(|value| value == "REDACTED"), "{secrets}");
    let copy = folder.path().join("copy");
    kubewright::observe::write_dump(&snapshot, &copy).unwrap();
    assert_eq!(read(&copy), snapshot);
}

#[tokio::test]
async fn a_healthy_cluster_is_told_to_be_one() {
    let (sim, folder) = simulated("healthy").await;
    let report = json_of(folder.path(), &["diagnose", "-n", "shop"]).await;
    sim.shutdown().await;
    assert_eq!((&report["healthy"], &report["causes"]), (&json!(true), &json!([])), "{report}");
    assert!(report["headline"].as_str().unwrap().starts_with("Nothing is wrong"));
}

#[tokio::test]
async fn what_cannot_be_reached_or_read_is_told_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let no_dump = run(folder.path(), &["diagnose", "--dump", "nowhere"]).await;
    assert!(
        !no_dump.status.success() && stderr(&no_dump).contains("cannot be opened"),
        "{}",
        stderr(&no_dump)
    );
    let no_folder = run(folder.path(), &["snapshot", "--namespace", "shop"]).await;
    assert!(stderr(&no_folder).contains("-o DIR"), "{}", stderr(&no_folder));
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/notes.txt"), "kept").unwrap();
    let full = run(folder.path(), &["snapshot", "--namespace", "shop", "-o", "full/"]).await;
    assert!(stderr(&full).contains("is not empty; name a new folder"), "{}", stderr(&full));
    let no_rules = run(folder.path(), &["rules", "check"]).await;
    assert!(!no_rules.status.success() && stderr(&no_rules).contains("--rules DIR"), "{}", stderr(&no_rules));
    let no_cluster = stderr(&run(folder.path(), &["diagnose", "-n", "shop"]).await);
    assert_eq!(no_cluster.matches("No such file").count(), 1, "{no_cluster}");
    let no_format = run(folder.path(), &["check", "-o", "jsn"]).await;
    assert_eq!(no_format.status.code(), Some(2), "{}", stderr(&no_format));
    assert!(stderr(&no_format).contains("possible values: table, json, yaml"), "{}", stderr(&no_format));
    fs::write(
        folder.path().join("kubewright.toml"),
        format!(
            "[store]\nurl = \"sqlite://{}/db\"\n[[clusters]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n",
            folder.path().display()
        ),
    )
    .unwrap();
    let report = json_of(folder.path(), &["diagnose", "-n", "shop"]).await;
    assert_eq!(report["healthy"], false);
    assert!(!report["not_seen"].as_array().unwrap().is_empty(), "{report}");
}

/// A dump of ill will: owners in a circle, times to come, escapes and markup everywhere, half a file, things unknown.
fn hostile(dump: &Path) {
    let escape = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}<script>x</script>[a](javascript:b)\r\n# x";
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": escape, "imageID": "", "ready": false,
        "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": escape}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": escape, "finishedAt": "2099-01-01T00:00:00Z"}}}]});
    let objects = json!([
        {"kind": "Pod", "apiVersion": "v1", "metadata": {"namespace": "shop", "name": "a", "creationTimestamp": "2099-01-01T00:00:00Z",
            "ownerReferences": owner("ReplicaSet", "b")}, "spec": {"containers": [{"name": "app", "image": escape}]}, "status": status},
        {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": {"namespace": "shop", "name": "b", "ownerReferences": owner("Deployment", "c")}},
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"namespace": "shop", "name": "c", "ownerReferences": owner("ReplicaSet", "b")}},
        {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"namespace": "shop", "name": "j", "ownerReferences": owner("CronJob", "k")}},
        {"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"namespace": "shop", "name": "k", "ownerReferences": owner("Job", "j")}},
        {"kind": "Event", "apiVersion": "v1", "metadata": {"namespace": "shop", "name": "e"}, "type": "Warning", "reason": "BackOff",
            "message": escape, "count": 9, "lastTimestamp": "2099-01-01T00:00:00Z",
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "a"}},
        {"kind": escape, "apiVersion": "example.com/v1", "metadata": {"name": escape}},
        {"kind": "Mystery", "apiVersion": "v1"}, [], null, "text",
    ]);
    let mut text = json!({"kind": "List", "items": objects}).to_string();
    fs::create_dir_all(dump.join("logs/shop/a")).unwrap();
    fs::write(dump.join("everything.json"), &text).unwrap();
    text.truncate(text.len() / 2);
    fs::write(dump.join("nodes.json"), &text).unwrap();
    fs::write(dump.join("logs/shop/a/app.log"), format!("FATAL {escape}\nerror: {escape}\n\u{0}\n")).unwrap();
}

#[tokio::test]
async fn a_dump_of_ill_will_gives_a_partial_result_and_nothing_that_a_terminal_obeys() {
    let folder = TempDir::new().unwrap();
    hostile(&folder.path().join("dump"));
    for format in ["text", "json", "yaml", "markdown"] {
        let shown = stdout(&run(folder.path(), &["diagnose", "--dump", "dump", "-o", format]).await);
        let obeyed =
            |character: &char| (character.is_control() && *character != '\n') || *character == '\u{202e}';
        assert_eq!(shown.chars().find(obeyed), None, "{format}: {shown:?}");
        assert!(shown.contains("shop"), "{format}: {shown}");
    }
    let report = json_of(folder.path(), &["diagnose", "--dump", "dump"]).await;
    assert!(!report["causes"].as_array().unwrap().is_empty(), "{report}");
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("ends too early") && gaps.contains("Mystery"), "{gaps}");
    let markdown = stdout(&run(folder.path(), &["diagnose", "--dump", "dump", "-o", "markdown"]).await);
    assert!(!markdown.lines().any(|line| line.starts_with("# x")), "{markdown}");
}

#[tokio::test]
async fn an_incident_becomes_a_case_that_the_evaluation_reads() {
    let stage = Stage::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let router = stage.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = TempDir::new().unwrap();
    let id = stage.crash().await;
    let export = |to: &'static str, more: &[&'static str]| {
        let args = [&["--server", server.as_str(), "incidents", "export", id.as_str(), "--to", to][..], more]
            .concat();
        args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<String>>()
    };
    let call = async |args: Vec<String>| {
        run(folder.path(), &args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };

    let truth = ["--object", "Deployment/shop/checkout", "--cause", "memory.exhausted"];
    let early = call(export("early", &truth)).await;
    assert!(stderr(&early).contains("no Snapshot"), "{}", stderr(&early));
    stage.advance(&id, vec![observed()], Some(out_of_memory())).await;
    let unsure = call(export("unsure", &[])).await;
    assert!(stderr(&unsure).contains("--object KIND/NAMESPACE/NAME"), "{}", stderr(&unsure));
    stdout(&call(export("cases/one", &truth)).await);

    let written = fs::read_to_string(folder.path().join("cases/one/dump/pods.json")).unwrap();
    assert!(!written.contains("hunter2") && written.contains("REDACTED"), "{written}");
    let report =
        json_of(folder.path(), &["eval", "diagnosis", "--cases", "cases", "--out", "lines.jsonl"]).await;
    assert_eq!(
        (&report["objects"]["cases"], &report["objects"]["first"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    let line: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("lines.jsonl")).unwrap()).unwrap();
    assert_eq!(
        line["predictions"][0]["object"],
        json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"})
    );
    let table = stdout(&run(folder.path(), &["eval", "diagnosis", "--cases", "cases"]).await);
    assert!(table.contains("first right 1/1") && table.contains("Calibration"), "{table}");
}

fn observed() -> Event {
    Event::Observed { objects: 3, logs: 0, readings: 0, gaps: Vec::<Gap>::new() }
}

/// A Deployment whose container is killed for want of memory, and that has a password in its environment.
fn out_of_memory() -> Snapshot {
    let spec = json!({"containers": [{"name": "app", "image": "registry.test/checkout:1", "resources": {"limits": {"memory": "64Mi"}},
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]});
    let ended = json!({"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-03-01T11:59:00Z"});
    let objects = json!({
        "deployments": [{"metadata": {"namespace": "shop", "name": "checkout"}, "spec": {"replicas": 1,
            "selector": {"matchLabels": {"app": "checkout"}}, "template": {"metadata": {"labels": {"app": "checkout"}}, "spec": spec}},
            "status": {"replicas": 1}}],
        "replica_sets": [{"metadata": {"namespace": "shop", "name": "checkout-1", "ownerReferences":
            [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout", "uid": "u", "controller": true}]}, "spec": {"selector": {}}}],
        "pods": [{"metadata": {"namespace": "shop", "name": "checkout-1-x", "labels": {"app": "checkout"}, "ownerReferences":
            [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-1", "uid": "u", "controller": true}]}, "spec": spec,
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 6,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}]}}],
    });
    Snapshot {
        cluster: "prod-eu".to_owned(),
        taken_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        scope: Scope {
            cluster: "prod-eu".to_owned(),
            namespace: Some("shop".to_owned()),
            ..Scope::default()
        },
        focus: Some(ObjectRef::new("Deployment", "shop", "checkout")),
        signals: Vec::new(),
        objects: serde_json::from_value(objects).unwrap(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    }
}

/// The rules and cases that come with the project, and the folder that they are in.
fn examples() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules").display().to_string()
}

#[tokio::test]
async fn rules_of_a_folder_find_what_the_built_in_ones_do_not() {
    let (folder, rules) = (TempDir::new().unwrap(), examples());
    let dump = format!("{rules}/cases/expired-licence/dump");
    let plain = json_of(folder.path(), &["diagnose", "--dump", &dump]).await;
    let with_rules = json_of(folder.path(), &["diagnose", "--dump", &dump, "--rules", &rules]).await;
    assert_eq!(first(&plain).1, "\"plotter\"");
    assert_eq!(first(&with_rules), ("licence.expired".to_owned(), "\"plotter-licence\"".to_owned()));
    assert_eq!(with_rules["causes"][0]["runbook"], "https://wiki.example/licences");
    let cases = format!("{rules}/cases");
    let report = json_of(folder.path(), &["eval", "diagnosis", "--cases", &cases, "--rules", &rules]).await;
    assert_eq!(report["objects"]["first"], 2, "{report}");
    let listed = stdout(&run(folder.path(), &["rules", "list", "--rules", &rules]).await);
    assert!(listed.contains("licence.expired") && listed.contains("container-out-of-memory.md"), "{listed}");
}

#[tokio::test]
async fn a_broken_rule_is_told_everywhere_and_stops_nothing() {
    let (folder, examples) = (TempDir::new().unwrap(), examples());
    let (path, rules) = (folder.path(), folder.path().join("rules"));
    fs::create_dir(&rules).unwrap();
    fs::copy(format!("{examples}/licence.toml"), rules.join("licence.toml")).unwrap();
    fs::write(rules.join("broken.toml"), "[[rule]]\ncode = \"\\u001b[2J\"\n[rule.when]\nlog = '('\n")
        .unwrap();
    let check = run(path, &["rules", "check", "--rules", "rules"]).await;
    let told = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1), "{told}");
    assert!(
        told.contains("broken.toml: rule 1") && told.contains("when.log") && told.contains("code:"),
        "{told}"
    );
    assert!(!told.contains('\u{1b}'), "{told:?}");
    let dump = format!("{examples}/cases/expired-licence/dump");
    let report = json_of(path, &["diagnose", "--dump", &dump, "--rules", "rules"]).await;
    assert_eq!(first(&report).0, "licence.expired");
    assert!(report["rules_left_out"].to_string().contains("broken.toml"), "{report}");
    let text = "[diagnosis]\nrules = \"rules\"\n[store]\nurl = \"sqlite://kubewright.db\"\n[knowledge]\nenabled = false\n\
                [[clusters]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    fs::write(path.join("kubewright.toml"), text).unwrap();
    let checked = String::from_utf8(run(path, &["check"]).await.stdout).unwrap();
    assert!(checked.contains("diagnosis") && checked.contains("broken.toml: rule 1"), "{checked}");
}
