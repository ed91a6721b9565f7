//! What each version did: one line a version in a file beside the truth. Lost lines lose words, never passages.

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What made a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// The version.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// In words: `ingested runbooks (git 3f2a…)`, `restored version 12`.
    pub what: String,
    /// The source that it was about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Documents added.
    #[serde(default)]
    pub added: usize,
    /// Documents changed.
    #[serde(default)]
    pub changed: usize,
    /// Documents removed.
    #[serde(default)]
    pub removed: usize,
}

impl Happened {
    /// What is noted where files were put in order and no document was touched.
    pub const TIDIED: &str = "tidied";

    /// Whether it touched no document.
    #[must_use]
    pub fn is_housekeeping(&self) -> bool {
        self.what == Self::TIDIED
    }
}

const FILE: &str = "history.jsonl";

/// Most of the file that is read.
const MOST: u64 = 4 << 20;

pub(super) fn append(folder: &Path, happened: &Happened) {
    let write = || -> anyhow::Result<()> {
        let mut file = std::fs::File::options().create(true).append(true).open(folder.join(FILE))?;
        let mut line = serde_json::to_vec(happened)?;
        line.push(b'\n');
        Ok(file.write_all(&line)?)
    };
    if let Err(error) = write() {
        tracing::warn!(%error, "what this version of the knowledge base did could not be noted");
    }
}

pub(super) fn read(folder: &Path) -> Vec<Happened> {
    use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
    let Ok(mut file) = std::fs::File::open(folder.join(FILE)) else { return Vec::new() };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length > MOST && file.seek(SeekFrom::Start(length - MOST)).is_err() {
        return Vec::new();
    }
    let lines = BufReader::new(file.take(MOST)).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}
