//! SIGKILL at random points of an ingestion: afterwards the knowledge base opens, shows the old state or the new one, and a
//! second run completes it, with no document lost or doubled.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// The folder of documents in one of its versions: every document names the version in its text.
fn write(folder: &Path, count: usize, version: usize) {
    let documents = folder.join("docs");
    std::fs::create_dir_all(&documents).unwrap();
    for number in 0..count {
        let text = format!(
            "# Runbook {number}\n\n## Meaning\n\nVersion{version} of runbook {number} about evictions.\n\n## Repair\n\n{}\n",
            "Free some memory on the node. ".repeat(number)
        );
        std::fs::write(documents.join(format!("{number}.md")), text).unwrap();
    }
}

fn kubewright(folder: &Path, model: &str, arguments: &[&str]) -> Command {
    let config = folder.join("kubewright.toml");
    let text = format!(
        "[knowledge]\nfolder = {:?}\nmodel = {model:?}\n\n[[clusters]]\nname = \"none\"\nenvironment = \"test\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.join("knowledge")
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    command.args(arguments).arg("--config").arg(config).stdin(Stdio::null());
    command
}

fn ingest(folder: &Path, model: &str) -> Command {
    let documents = folder.join("docs").display().to_string();
    kubewright(folder, model, &["ingest", &documents, "--name", "docs"])
}

fn succeeded(output: &Output) -> &[u8] {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    &output.stdout
}

fn json(folder: &Path, model: &str, arguments: &[&str]) -> Value {
    let output = kubewright(folder, model, &[arguments, &["-o", "json"]].concat()).output().unwrap();
    serde_json::from_slice(succeeded(&output)).unwrap()
}

/// How many passages each document has.
fn listed(folder: &Path, model: &str) -> BTreeMap<String, u64> {
    let list = json(folder, model, &["knowledge", "list"]);
    let documents = list.as_array().unwrap();
    let by_path: BTreeMap<String, u64> = documents
        .iter()
        .map(|document| {
            (document["path"].as_str().unwrap().to_owned(), document["passages"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(by_path.len(), documents.len(), "a document is listed twice");
    by_path
}

/// The versions that a search shows among all documents.
fn versions(folder: &Path, model: &str, count: usize) -> Vec<String> {
    let answer = json(folder, model, &["search", "evictions", "-k", "100", "--per-document", "1"]);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), count, "every document once");
    let word = |result: &Value| {
        let text = result["text"].as_str().unwrap();
        text.split_whitespace().find(|word| word.starts_with("Version")).unwrap().to_owned()
    };
    let mut versions: Vec<String> = results.iter().map(word).collect();
    versions.sort();
    versions.dedup();
    versions
}

fn kill_at_random(model: &str, count: usize, kills: usize, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut random = SmallRng::seed_from_u64(seed);
    write(folder, count, 0);
    let started = Instant::now();
    succeeded(&ingest(folder, model).output().unwrap());
    let whole = started.elapsed();
    let expected = listed(folder, model);
    assert_eq!(expected.len(), count);
    let mut cut_off = 0;
    for version in 1..=kills {
        write(folder, count, version);
        let mut child = ingest(folder, model).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * random.random_range(0.02..1.0)));
        cut_off += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = versions(folder, model, count);
        let (old, new) = (format!("Version{}", version - 1), format!("Version{version}"));
        assert!(
            seen == [old] || seen == [new.clone()],
            "a reader saw {seen:?} while version {version} came in"
        );
        succeeded(&ingest(folder, model).output().unwrap());
        assert_eq!(versions(folder, model, count), [new]);
        assert_eq!(listed(folder, model), expected);
    }
    assert!(cut_off * 2 > kills, "only {cut_off} of {kills} ingestions were cut off");
}

#[test]
fn an_ingestion_by_words_survives_kills() {
    kill_at_random("none", 30, 16, 1);
}

#[test]
fn an_ingestion_by_words_survives_other_kills() {
    kill_at_random("none", 30, 16, 2);
}

#[test]
fn an_ingestion_by_words_survives_more_kills() {
    kill_at_random("none", 30, 15, 3);
}

#[test]
#[cfg(feature = "vectors")]
fn an_ingestion_with_vectors_survives_kills() {
    kill_at_random("all-MiniLM-L6-v2-int8", 6, 3, 4);
}
