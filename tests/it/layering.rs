//! Imports point inward. Reads the `use crate::` lines of every room and fails on an edge that points outward.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may import. `main`, `app` and tests may import everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("incident", &[]),
    ("settings", &[]),
    ("telemetry", &[]),
    ("intake", &["incident", "settings"]),
    ("observe", &["incident", "settings", "telemetry"]),
    ("diagnose", &["incident", "observe"]),
    ("cases", &["incident", "observe", "diagnose"]),
    ("remediate", &["incident", "observe", "settings", "telemetry"]),
    ("store", &["incident", "intake", "observe", "settings", "telemetry"]),
    ("recall", &["incident", "settings", "telemetry"]),
    ("egress", &["settings", "telemetry"]),
    (
        "agents",
        &[
            "incident",
            "observe",
            "recall",
            "diagnose",
            "remediate",
            "store",
            "egress",
            "settings",
            "telemetry",
        ],
    ),
    (
        "workflow",
        &[
            "incident",
            "observe",
            "recall",
            "diagnose",
            "remediate",
            "agents",
            "store",
            "settings",
            "telemetry",
        ],
    ),
    (
        "http",
        &[
            "incident",
            "intake",
            "observe",
            "recall",
            "diagnose",
            "cases",
            "agents",
            "store",
            "settings",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "agents",
            "incident",
            "observe",
            "recall",
            "diagnose",
            "cases",
            "remediate",
            "store",
            "egress",
            "settings",
            "telemetry",
            "http",
            "app",
            "sim",
            "workflow",
        ],
    ),
    ("sim", &[]),
];

/// Crates that only some rooms may name.
const CONFINED: &[(&str, &[&str])] = &[
    ("kube", &["observe", "remediate", "sim"]),
    ("k8s_openapi", &["observe", "remediate", "sim", "diagnose", "cases"]),
    ("sqlx", &["store"]),
    ("axum", &["http", "sim", "app"]),
    ("regorus", &["remediate"]),
    ("rig_core", &["agents"]),
    ("rmcp", &["agents"]),
    ("kubewright_ingest", &["recall", "settings", "cli"]),
    ("tantivy", &[]),
    ("lancedb", &[]),
    ("fastembed", &[]),
];

/// The files of a room; test modules stand outside the layering.
fn sources(room: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(room).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        if is_test {
            continue;
        } else if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rooms() -> BTreeMap<String, Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut rooms = BTreeMap::<String, Vec<PathBuf>>::new();
    let mut all = Vec::new();
    sources(&root, &mut all);
    for path in all {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        let room = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        rooms.entry(room).or_default().push(path);
    }
    rooms
}

/// What follows `prefix` in the code lines of a file, up to the next character that ends a name.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| {
            line.match_indices(prefix).map(|(at, _)| &line[at + prefix.len()..]).collect::<Vec<_>>()
        })
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn rooms_import_only_what_lies_further_in() {
    let mut outward = Vec::new();
    for (room, files) in rooms() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == room) else { continue };
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for imported in names_after(&text, "crate::") {
                let known = ALLOWED.iter().any(|(name, _)| *name == imported) || imported == "app";
                if known && imported != room && !allowed.contains(&imported.as_str()) {
                    outward.push(format!("{}: {room} imports {imported}", file.display()));
                }
            }
        }
    }
    assert!(outward.is_empty(), "edges that point outward:\n{}", outward.join("\n"));
}

#[test]
fn every_room_is_on_the_map() {
    let known = |room: &str| ALLOWED.iter().any(|(name, _)| *name == room);
    let unknown: Vec<String> = rooms()
        .into_keys()
        .filter(|room| !known(room) && !["main", "lib", "app"].contains(&room.as_str()))
        .collect();
    assert_eq!(unknown, Vec::<String>::new(), "add the new room to ALLOWED");
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let mut strays = Vec::new();
    for (room, files) in rooms() {
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for (name, homes) in CONFINED {
                let used = text.lines().any(|line| {
                    let line = line.trim_start();
                    line.starts_with(&format!("use {name}::")) || line.contains(&format!(" {name}::"))
                });
                if used && !homes.contains(&room.as_str()) && !file.ends_with("main.rs") {
                    strays.push(format!("{}: {name} belongs in {homes:?}", file.display()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}
