//! Dumps in memory, written to a temporary folder or archive and read as a user's would be.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::chaos::Chaos;
use super::check::check;
use super::realistic;
use crate::observe::{DumpLimits, DumpRequest, Snapshot, read_dump};

/// The files of a dump.
#[derive(Default)]
pub(super) struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    pub(super) fn json(&mut self, path: &str, value: &Value) {
        self.text(path, &value.to_string());
    }

    pub(super) fn text(&mut self, path: &str, text: &str) {
        self.0.push((path.to_owned(), text.as_bytes().to_vec()));
    }

    /// Cuts a file off, or writes garbage over it, or into it.
    pub(super) fn tear(&mut self, chaos: &mut Chaos) {
        let file = chaos.below(self.0.len());
        let bytes = &mut self.0[file].1;
        let at = chaos.below(bytes.len());
        match chaos.below(3) {
            0 => bytes.truncate(at),
            1 => *bytes = garbage(chaos),
            _ => drop(bytes.splice(at..at, garbage(chaos)).collect::<Vec<_>>()),
        }
    }

    /// As `dump.tar.gz`, sometimes torn off.
    pub(super) fn packed(&self, chaos: &mut Chaos) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, bytes.as_slice()).unwrap();
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&archive.into_inner().unwrap()).unwrap();
        let mut packed = packer.finish().unwrap();
        if chaos.below(2) == 0 {
            packed.truncate(chaos.below(packed.len()));
        }
        packed
    }
}

fn garbage(chaos: &mut Chaos) -> Vec<u8> {
    (0..chaos.below(300)).map(|_| u8::try_from(chaos.below(256)).unwrap()).collect()
}

fn request() -> DumpRequest {
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    DumpRequest { cluster: "dump".to_owned(), namespace: None, workload: None, now }
}

/// What is read of the files; `None` where that is an error, which says that nothing of it is a dump.
pub(super) fn read(files: &Files) -> Option<Snapshot> {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in &files.0 {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    read_dump(folder.path(), &request(), &DumpLimits::default()).ok()
}

pub(super) fn read_archive(bytes: &[u8]) -> Option<Snapshot> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dump.tar.gz");
    fs::write(&path, bytes).unwrap();
    read_dump(&path, &request(), &DumpLimits::default()).ok()
}

#[test]
fn fifty_megabytes_of_log_are_read_from_their_end_only() {
    let mut files = realistic::files(&realistic::documents());
    let line = "2026-03-01T11:59:00Z INFO request 4711 served in 12 ms \u{1b}[31m<b>fine</b>\n";
    let mut log = line.repeat(50 * 1024 * 1024 / line.len());
    log.push_str("panic: out of cheese\n");
    files.text("logs/shop/web-2-x/app.log", &log);
    let snapshot = read(&files).unwrap();
    let excerpt = snapshot.logs.iter().find(|excerpt| excerpt.pod == "web-2-x").unwrap();
    assert!(excerpt.truncated && excerpt.text.len() <= 1024 * 1024, "{}", excerpt.text.len());
    assert!(excerpt.text.ends_with("panic: out of cheese\n"), "the end is kept");
    check(&snapshot);
    let diagnosis = crate::diagnose::diagnose(&snapshot, &[]);
    let last_words = diagnosis.evidence.iter().find(|piece| piece.statement.contains("out of cheese"));
    assert!(last_words.is_some(), "{:?}", diagnosis.evidence);
}

#[test]
fn what_was_skipped_of_a_broken_dump_is_told() {
    let mut files = realistic::files(&realistic::documents());
    files.json("items.json", &json!({"kind": "List", "items": [
        {"apiVersion": "apps/v0alpha7", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "later"},
            "spec": {"replicas": "many"}},
        {"apiVersion": "example.test/v1", "kind": "Mystery", "metadata": {"name": "m"}}, 7, null, "pod",
    ]}));
    files.text("replicasets.json", "{\"kind\": \"List\", \"items\": [{\"kind\": \"ReplicaSet\", \"metad");
    let snapshot = read(&files).unwrap();
    let told: Vec<String> =
        snapshot.gaps.iter().map(|gap| format!("{}: {}", gap.collector, gap.reason)).collect();
    let says = |words: &str| told.iter().any(|told| told.contains(words));
    assert!(says("replicasets.json cannot be read to its end"), "{told:?}");
    assert!(says("3 objects of no kind were skipped"), "{told:?}");
    assert!(says("fields of 1 objects of Deployment do not fit their type and were dropped"), "{told:?}");
    let diagnosis = crate::diagnose::diagnose(&snapshot, &[]);
    assert!(!diagnosis.hypotheses.is_empty() && !diagnosis.healthy, "what can be read is diagnosed");
    assert!(!diagnosis.blind.is_empty(), "{told:?}");
}
