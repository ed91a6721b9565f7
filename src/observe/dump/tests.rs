//! Dumps of every shape, whole and broken.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{ConnectivityResult, Snapshot};
use super::{DumpError, DumpLimits, DumpRequest, read_dump, write_dump};
use crate::incident::{ObjectRef, SignalState};

fn request() -> DumpRequest {
    let now = "2026-03-01T13:00:00Z".parse().unwrap();
    DumpRequest { cluster: "dump".to_owned(), namespace: None, workload: None, now }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(path: &Path) -> Snapshot {
    read_dump(path, &request(), &DumpLimits::default()).unwrap()
}

fn reasons(snapshot: &Snapshot, collector: &str) -> Vec<String> {
    let of = snapshot.gaps.iter().filter(|gap| gap.collector == collector);
    of.map(|gap| gap.reason.clone()).collect()
}

fn list(items: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name,
        "creationTimestamp": "2026-03-01T12:00:00Z", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "app"}]}})
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.objects.pods.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect()
}

/// Everything that a folder can hold.
fn whole() -> Vec<(&'static str, String)> {
    [gathered(), noted()].concat()
}

/// Objects, alerts and logs.
fn gathered() -> Vec<(&'static str, String)> {
    let secret = json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "shop", "name": "db",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "aHVudGVyMg=="}},
        "data": {"password": "aHVudGVyMg=="}, "stringData": {"other": "hunter2"}}]);
    let alerts = json!([{"labels": {"alertname": "Slow", "namespace": "shop", "service": "db", "severity": "critical"},
        "annotations": {"description": "latency is high"}, "startsAt": "2026-03-01T12:20:00Z", "status": {"state": "active"},
        "values": [{"metric": "p90", "normal": 5.5, "current": 205.0, "unit": "ms", "changePercent": 3600.0, "peak": 300.0}]}]);
    vec![
        ("pods.json", list(&json!([pod("db-0"), pod("db-1")]))),
        ("events.json", list(&json!([]))),
        ("secrets.json", list(&secret)),
        ("alerts.json", alerts.to_string()),
        (
            "gateways.json",
            list(&json!([{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"namespace": "shop", "name": "edge", "managedFields": [{}]}}])),
        ),
        (
            "logs/shop/db-0/app.log",
            "\u{1b}[31mERROR cannot open 1\u{1b}[0m\nERROR cannot open 2\n".to_owned(),
        ),
        ("logs/shop/db-0/app.previous.log", "panic\n".to_owned()),
    ]
}

/// What is noted beside the objects.
fn noted() -> Vec<(&'static str, String)> {
    vec![
        (
            "dump-info.json",
            json!({"collectedAt": "2026-03-01T12:30:00Z", "namespaces": ["shop"]}).to_string(),
        ),
        (
            "node-services.json",
            json!({"node-1": {"kubelet": {"active": false, "state": "inactive (dead)"},
            "containerd": {"active": null}}})
            .to_string(),
        ),
        (
            "connectivity.json",
            json!([{"namespace": "shop", "service": "db", "port": 5432, "result": "failed",
            "checks": [{"node": "node-1", "ok": false, "text": "refused"}, {"ok": null}]}])
            .to_string(),
        ),
        (
            "dependencies.json",
            json!({"db": {"calledBy": ["shop"], "calls": [], "database": true}}).to_string(),
        ),
        (
            "log-summaries.json",
            json!({"db": {"totalLines": 10, "totalErrors": 1, "errorRatio": 0.1,
            "patterns": [{"count": 1, "ratio": 0.1, "sample": "x"}]}})
            .to_string(),
        ),
        ("log-errors.json", json!({"db": ["is waiting to start"]}).to_string()),
        (
            "node-details.json",
            json!({"node-1": {"lease": {"holderIdentity": "node-1"}, "allocated":
            {"requests": {"cpu": "2"}, "requestsPercent": {"cpu": 50}}, "nonTerminatedPods":
            [{"namespace": "other", "name": "a", "requests": {"cpu": "2"}}]}})
            .to_string(),
        ),
        (
            "manifests.json",
            json!([{"app": "db", "live": false, "manifest": {"kind": "Secret",
            "metadata": {"name": "s"}, "stringData": {"x": "hunter2"}}}])
            .to_string(),
        ),
    ]
}

fn files<'a>(files: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    files.iter().map(|(path, text)| (*path, text.as_str())).collect()
}

#[test]
fn a_folder_with_everything_becomes_a_snapshot() {
    let whole = whole();
    let snapshot = read(folder(&files(&whole)).path());
    assert_eq!(snapshot.taken_at, "2026-03-01T12:30:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(
        (names(&snapshot), snapshot.objects.secrets[0].keys.clone()),
        (vec!["db-0", "db-1"], vec!["password".to_owned()])
    );
    let signal = &snapshot.signals[0];
    assert_eq!(
        (signal.state, signal.scope.subject()),
        (SignalState::Firing, Some(ObjectRef::new("Service", "shop", "db")))
    );
    let value = &snapshot.recorded.alert_values[&signal.fingerprint.0][0];
    assert_eq!((value.normal, value.change_percent, value.peak), (Some(5.5), Some(3600.0), Some(300.0)));
    let recorded = &snapshot.recorded;
    assert!(
        recorded.knows("events") && recorded.knows_in("pods", "shop") && !recorded.knows_in("pods", "other")
    );
    assert!(!recorded.knows("configmaps") && recorded.knows("connectivity"));
    assert_eq!(recorded.node_services["node-1"]["kubelet"].active, Some(false));
    assert_eq!(recorded.node_services["node-1"]["containerd"].active, None);
    assert_eq!(
        (recorded.connectivity[0].result, recorded.connectivity[0].port),
        (ConnectivityResult::Failed, Some(5432))
    );
    assert_eq!(recorded.node_details["node-1"].allocated.requests_percent["cpu"], 50.0);
    assert!(recorded.dependencies["db"].database && !recorded.manifests[0].live);
    assert_eq!(snapshot.objects.others.len(), 1);
    assert_eq!(snapshot.logs.len(), 2);
    assert_eq!(snapshot.log_patterns[0].source, ObjectRef::new("StatefulSet", "shop", "db"));
    let text = serde_json::to_string(&snapshot).unwrap();
    for gone in ["hunter2", "aHVudGVyMg==", "\\u001b"] {
        assert!(!text.contains(gone), "{gone}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let whole = whole();
    let first = read(folder(&files(&whole)).path());
    let out = TempDir::new().unwrap();
    write_dump(&first, &out.path().join("dump")).unwrap();
    assert_eq!(read(&out.path().join("dump")), first);
    assert!(
        write_dump(&first, &out.path().join("dump")).is_err(),
        "a folder that holds something is left alone"
    );
}

#[test]
fn a_pod_with_the_name_of_a_path_writes_no_file_elsewhere() {
    let mut snapshot = read(folder(&[("pods.json", &list(&json!([pod("a")])))]).path());
    snapshot.logs.push(super::super::LogExcerpt {
        namespace: "..".to_owned(),
        pod: "../../x".to_owned(),
        container: "/etc/y".to_owned(),
        previous: false,
        text: "z".to_owned(),
        truncated: false,
    });
    let out = TempDir::new().unwrap();
    write_dump(&snapshot, &out.path().join("dump")).unwrap();
    assert!(!out.path().join("dump/logs").exists());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn cluster_info_dumps_and_must_gathers_are_read_as_they_are() {
    let (pods, yaml) =
        (list(&json!([pod("db-0")])), "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\n");
    let logs = "==== START logs for container app of pod shop/db-0 ====\nfatal: no\n==== END logs for container app of pod shop/db-0 ====\n";
    let gathered = folder(&[
        ("must/quay/cluster-scoped-resources/core/nodes/node-1.yaml", yaml),
        ("must/quay/namespaces/shop/core/pods.yaml", &pods),
        ("must/quay/namespaces/shop/pods/db-0/app/app/logs/current.log", "fatal: no\n"),
    ]);
    let dumped =
        folder(&[("nodes.json", &list(&json!([]))), ("shop/pods.json", &pods), ("shop/db-0/logs.txt", logs)]);
    let everything = folder(&[("all.txt", &format!("{pods}\n{logs}"))]);
    for (place, nodes) in [(gathered, 1), (dumped, 0), (everything, 0)] {
        let snapshot = read(place.path());
        assert_eq!((names(&snapshot), snapshot.objects.nodes.len()), (vec!["db-0"], nodes));
        assert_eq!(snapshot.logs.len(), 1, "{:?}", snapshot.gaps);
        assert_eq!(
            (snapshot.logs[0].container.as_str(), snapshot.logs[0].text.as_str()),
            ("app", "fatal: no\n")
        );
        assert_eq!(snapshot.taken_at, "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap());
    }
}

#[test]
fn one_bad_object_or_file_loses_no_other() {
    let odd = json!([pod("a"), 7, {"kind": "Pod", "metadata": {"namespace": "shop", "name": "b", "labels": 5}},
        {"kind": "Wonder", "apiVersion": "v1"}, {"no": "kind"}, pod("a"), pod("c")]);
    let torn = list(
        &json!([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}, {"kind": "Service"}]),
    );
    let place = folder(&[
        ("pods.json", &list(&odd)),
        ("services.json", &torn[..torn.len() - 12]),
        ("nodes.yaml", "items: [\n"),
        ("connectivity.json", "[{\"service\": \"a\"}, {\"port\": 1}]"),
        ("node-details.json", "{"),
        ("picture.png", "\u{fffd}"),
        ("notes.txt", "see ticket"),
    ]);
    let snapshot = read(place.path());
    assert_eq!(names(&snapshot), ["a", "b", "c"]);
    assert_eq!(snapshot.objects.services.len(), 1);
    assert_eq!(snapshot.recorded.connectivity.len(), 1);
    for (collector, word) in [
        ("pods", "fields of 1 objects"),
        ("services", "ends too early"),
        ("nodes", "no YAML"),
        ("connectivity", "1 entries"),
        ("node-details", "cannot be read"),
        ("events", "not in the dump"),
        ("dump", "Wonder (1)"),
        ("dump", "2 files"),
    ] {
        let found = reasons(&snapshot, collector);
        assert!(found.iter().any(|reason| reason.contains(word)), "{collector} {word}: {:?}", snapshot.gaps);
    }
    assert!(!snapshot.recorded.knows("services") && !snapshot.recorded.knows("nodes"));
}

#[test]
fn times_of_a_wrong_clock_do_not_make_the_dump_younger_than_now() {
    let mut late = pod("a");
    late["metadata"]["creationTimestamp"] = json!("2099-01-01T00:00:00Z");
    let snapshot = read(folder(&[("pods.json", &list(&json!([late, pod("b")])))]).path());
    assert_eq!(snapshot.taken_at, "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap());
    let said =
        folder(&[("pods.json", &list(&json!([pod("a")]))), ("collected-at.txt", "2026-03-01T12:01:00\n")]);
    assert_eq!(read(said.path()).taken_at, "2026-03-01T12:01:00Z".parse::<Timestamp>().unwrap());
}

#[test]
fn a_folder_without_objects_is_an_error_that_says_what_to_do() {
    let place = folder(&[("readme.md", "x")]);
    let error = read_dump(place.path(), &request(), &DumpLimits::default()).unwrap_err();
    assert!(
        matches!(&error, DumpError::Empty { .. }) && error.to_string().contains("kubectl get"),
        "{error}"
    );
    let gone = read_dump(Path::new("/nowhere/at/all"), &request(), &DumpLimits::default());
    assert!(matches!(gone, Err(DumpError::Unreadable { .. })));
    let file = folder(&[("x", "no tar")]);
    let no_tar = read_dump(&file.path().join("x"), &request(), &DumpLimits::default());
    assert!(matches!(no_tar, Err(DumpError::NotADump(_))));
}

#[test]
fn limits_hold_and_are_told() {
    let log = "line\n".repeat(1000);
    let place = folder(&[
        ("pods.json", &list(&json!([pod("a"), pod("b"), pod("c")]))),
        (
            "nodes.json",
            &list(&json!(vec![json!({"kind": "Node", "metadata": {"name": "x".repeat(100)}}); 50])),
        ),
        ("logs/shop/a/app.log", &log),
    ]);
    let limits = DumpLimits { file_bytes: 3000, log_bytes: 103, objects: 2, ..DumpLimits::default() };
    let snapshot = read_dump(place.path(), &request(), &limits).unwrap();
    assert_eq!((names(&snapshot), snapshot.objects.nodes.len()), (vec!["a", "b"], 0));
    assert!(
        snapshot.logs[0].truncated && snapshot.logs[0].text.len() == 100,
        "{}",
        snapshot.logs[0].text.len()
    );
    assert!(reasons(&snapshot, "nodes")[0].contains("left out"), "{:?}", snapshot.gaps);
    assert!(reasons(&snapshot, "dump")[0].contains("more than 2 objects"), "{:?}", snapshot.gaps);
    assert!(!snapshot.recorded.knows("pods") && !snapshot.recorded.knows("nodes"));
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        // Not `set_path`, which refuses names that climb.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn a_tar_is_read_like_the_folder_in_it_and_nothing_leaves_it() {
    let pods = list(&json!([pod("a")]));
    let plain = tar(&[
        ("dump/pods.json", pods.as_bytes()),
        ("../../escape/nodes.json", pods.as_bytes()),
        ("/etc/nodes.json", pods.as_bytes()),
        ("dump/logs/shop/a/app.log", b"hello\n"),
    ]);
    let place = TempDir::new().unwrap();
    for (name, bytes) in [("dump.tar", plain.clone()), ("dump.tar.gz", packed(&plain))] {
        let path = place.path().join(name);
        fs::write(&path, bytes).unwrap();
        let snapshot = read(&path);
        assert_eq!((names(&snapshot), snapshot.logs.len()), (vec!["a"], 1));
        assert_eq!(reasons(&snapshot, "dump").iter().filter(|reason| reason.contains("outside")).count(), 2);
    }
}

#[test]
fn a_bomb_and_a_torn_archive_end_with_what_came_before() {
    let pods = list(&json!([pod("a")]));
    let zeros = vec![b' '; 40 << 20];
    let whole = tar(&[("pods.json", pods.as_bytes()), ("nodes.json", &zeros)]);
    let place = TempDir::new().unwrap();
    for (name, bytes) in [("bomb.tar.gz", packed(&whole)), ("torn.tar", whole[..2000].to_vec())] {
        let path = place.path().join(name);
        fs::write(&path, bytes).unwrap();
        let snapshot = read(&path);
        assert_eq!(names(&snapshot), ["a"], "{name}");
        assert!(
            reasons(&snapshot, "dump").iter().any(|reason| reason.contains("archive is broken")),
            "{:?}",
            snapshot.gaps
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the files: a Snapshot or an error, and never a panic.
    #[test]
    fn garbage_never_panics(text in ".{0,400}", cut in 0_usize..2000, junk in "[a-z{}\\[\\]\",:0-9 \n-]{0,300}") {
        let pods = list(&json!([pod("a"), pod("b")]));
        let cut = pods.get(..pods.floor_char_boundary(cut.min(pods.len()))).unwrap_or_default();
        let place = folder(&[("pods.json", cut), ("events.yaml", &junk), ("x", &text), ("alerts.json", &junk),
            ("node-details.json", &text), ("dump-info.json", &junk), ("kubewright-notes.json", &text),
            ("logs/a/b/c.log", &text), ("a/b/logs.txt", &junk), ("services.json", &junk)]);
        let _ = read_dump(place.path(), &request(), &DumpLimits::default());
    }
}
