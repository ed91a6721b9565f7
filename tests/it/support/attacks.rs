//! The attempts under `tests/attacks/`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One attempt.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attack {
    /// Unique.
    pub(crate) id: String,
    /// How the text arrives.
    pub(crate) channel: String,
    /// What it is after.
    pub(crate) tries: Tries,
    /// What arrives.
    pub(crate) text: String,
    /// What must not leave the process.
    #[serde(default)]
    pub(crate) canaries: Vec<String>,
}

/// What an attempt is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tries {
    Action,
    Secret,
    Tool,
}

#[derive(Deserialize)]
struct File {
    attacks: Vec<Attack>,
}

#[derive(Deserialize)]
struct Benign {
    lines: Vec<String>,
}

/// Every attempt of every channel.
pub(crate) fn attacks() -> Vec<Attack> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension().is_some_and(|extension| extension == "toml") && !path.ends_with(BENIGN)
    });
    files.sort();
    files.iter().flat_map(|path| read::<File>(path).attacks).collect()
}

/// What must arrive as it is.
pub(crate) fn benign() -> Vec<String> {
    read::<Benign>(&folder().join(BENIGN)).lines
}

const BENIGN: &str = "benign.toml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
