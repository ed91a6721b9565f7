//! Finding case folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::evaluate::CasesError;
use super::truth::Truth;

/// Deepest folder that is looked into.
const DEPTH: usize = 6;

/// Most cases.
const MOST: usize = 100_000;

/// Largest `truth.json`, bytes.
const TRUTH_BYTES: u64 = 1024 * 1024;

/// One incident with the truth about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name; its path below the cases where that is only a number.
    pub name: String,
    /// What may be read: a folder or a tar.
    pub dump: PathBuf,
    /// What is known.
    pub truth: Truth,
}

/// The cases below a folder, in the order of their paths; the folder itself may be one.
///
/// # Errors
/// [`CasesError`] when the folder cannot be read, holds no case, or a `truth.json` cannot be read.
pub fn cases(root: &Path) -> Result<Vec<Case>, CasesError> {
    let mut folders = Vec::new();
    find(root, DEPTH, &mut folders)
        .map_err(|error| CasesError::Unreadable { path: root.to_owned(), error })?;
    if folders.is_empty() {
        return Err(CasesError::None(root.to_owned()));
    }
    folders.iter().map(|folder| case(root, folder)).collect()
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.join("truth.json").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == 0 || found.len() >= MOST {
        return Ok(());
    }
    let mut inner: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    inner.retain(|path| path.is_dir());
    inner.sort();
    // One that may not be read hides its cases, not those beside it.
    inner.iter().try_for_each(|path| find(path, depth - 1, found).or(Ok(())))
}

fn case(root: &Path, folder: &Path) -> Result<Case, CasesError> {
    let path = folder.join("truth.json");
    let unreadable = |error| CasesError::Unreadable { path: path.clone(), error };
    if fs::metadata(&path).map_err(unreadable)?.len() > TRUTH_BYTES {
        return Err(unreadable(io::Error::other("larger than 1 MiB")));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    let truth =
        serde_json::from_str(&text).map_err(|error| CasesError::Truth { path: path.clone(), error })?;
    Ok(Case { name: name(root, folder), dump: dump(folder), truth })
}

fn name(root: &Path, folder: &Path) -> String {
    let own = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !own.is_empty() && !own.bytes().all(|byte| byte.is_ascii_digit()) {
        return own;
    }
    let below = folder.strip_prefix(root).unwrap_or(folder);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn dump(folder: &Path) -> PathBuf {
    let packed = ["dump.tar.gz", "dump.tgz", "dump.tar"].map(|name| folder.join(name));
    packed.into_iter().find(|path| path.is_file()).unwrap_or_else(|| folder.join("dump"))
}
