//! Bad input: whatever a dump holds, the diagnosis is partial at worst, bounded in time, and always the same.
//!
//! The fuzz targets run some hundred cases with every test run; `KUBEWRIGHT_FUZZ_CASES=20000 cargo test hostile` runs more.
//! A case is a seed: a failure is repeated with the seed that proptest prints.
//!
//! | bad input | shown by |
//! | --- | --- |
//! | truncated JSON, torn archives | `a_dump_with_torn_and_garbled_files_is_diagnosed`, `what_was_skipped_of_a_broken_dump_is_told` |
//! | unknown kinds and versions | `arbitrary_objects_of_every_kind_are_diagnosed`, `what_was_skipped_of_a_broken_dump_is_told` |
//! | missing fields, wrong types | `a_realistic_cluster_with_anything_broken_is_diagnosed`, `pruned` beside this folder |
//! | owners in a circle | `objects_that_own_each_other_or_themselves_end` |
//! | 50 MB of log | `fifty_megabytes_of_log_are_read_from_their_end_only` |
//! | escapes and markup in logs, names, messages | `check::clean`; in the terminal: `tests/it/diagnose_cli.rs` and `cli::diagnose::show` |
//! | clock skew, times to come | `clocks` |
//! | arbitrary bytes in a log | `observe::logs::mine::miner`, whose own target this is |

mod chaos;
mod check;
mod clocks;
mod dump;
mod realistic;
mod words;

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use self::chaos::Chaos;
use self::check::check;
use self::dump::{Files, read};

/// How many cases a target runs: its share of the usual number, or what the environment asks for.
fn cases(usual: u32) -> Config {
    let asked = std::env::var("KUBEWRIGHT_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    // A seed says it all: there is nothing to shrink, and no file to keep.
    Config {
        cases: asked.unwrap_or(usual),
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn arbitrary_objects_of_every_kind_are_diagnosed(seed in any::<u64>()) {
        let mut chaos = Chaos::new(seed);
        let items: Vec<Value> = (0..chaos.below(24) + 1).map(|_| chaos.object()).collect();
        let mut files = Files::default();
        files.json("objects.json", &json!({"kind": "List", "items": items}));
        if let Some(snapshot) = read(&files) {
            check(&snapshot);
        }
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_realistic_cluster_with_anything_broken_is_diagnosed(seed in any::<u64>()) {
        let mut chaos = Chaos::new(seed);
        let mut documents = realistic::documents();
        for _ in 0..chaos.below(12) + 1 {
            chaos.mutate(&mut documents);
        }
        let files = realistic::files(&documents);
        if let Some(snapshot) = read(&files) {
            check(&snapshot);
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_dump_with_torn_and_garbled_files_is_diagnosed(seed in any::<u64>()) {
        let mut chaos = Chaos::new(seed);
        let mut files = realistic::files(&realistic::documents());
        for _ in 0..chaos.below(4) + 1 {
            files.tear(&mut chaos);
        }
        if let Some(snapshot) = read(&files) {
            check(&snapshot);
        }
        let archive = files.packed(&mut chaos);
        if let Some(snapshot) = dump::read_archive(&archive) {
            check(&snapshot);
        }
    }
}

#[test]
fn the_realistic_cluster_has_something_to_find() {
    let snapshot = read(&realistic::files(&realistic::documents())).unwrap();
    let diagnosis = crate::diagnose::diagnose(&snapshot, &[]);
    let causes: Vec<_> =
        diagnosis.hypotheses.iter().map(|found| format!("{} {}", found.code, found.object)).collect();
    assert!(causes.iter().any(|cause| cause == "memory.exhausted Deployment shop/cart"), "{causes:?}");
    assert!(diagnosis.evidence.len() > 10, "{:?}", diagnosis.evidence);
    check(&snapshot);
}

#[test]
fn objects_that_own_each_other_or_themselves_end() {
    let owned = |kind: &str, name: &str, by: (&str, &str)| {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": "shop", "name": name, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": by.0, "name": by.1, "uid": "u", "controller": true}]},
            "spec": {"replicas": 1, "selector": {}, "serviceName": "a", "template": {"spec": {"containers": []}}}})
    };
    let items = json!([
        owned("Deployment", "a", ("ReplicaSet", "b")),
        owned("ReplicaSet", "b", ("Deployment", "a")),
        owned("ReplicaSet", "c", ("ReplicaSet", "c")),
        owned("StatefulSet", "d", ("Pod", "e")),
        owned("Pod", "e", ("StatefulSet", "d")),
        owned("Pod", "f", ("ReplicaSet", "b")),
    ]);
    let mut files = Files::default();
    files.json("objects.json", &json!({"kind": "List", "items": items}));
    let snapshot = read(&files).unwrap();
    assert!(!snapshot.objects.replica_sets.is_empty());
    check(&snapshot);
}
