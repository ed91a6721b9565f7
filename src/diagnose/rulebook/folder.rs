//! The users' rule files, read whole and bounded.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::problem::RuleProblem;

/// Largest rule file, bytes.
const FILE_BYTES: u64 = 256 * 1024;

/// Most rule files in a folder.
const MOST_FILES: usize = 200;

/// Most rules of all files, the program's own among them.
pub(super) const MOST_RULES: usize = 500;

/// Names and texts of the `*.toml` files that lie in the folder itself, in the order of their names. Links are followed: a
/// mounted ConfigMap consists of them. What begins with a dot is nobody's rule.
pub(super) fn files(folder: &Path) -> (Vec<(String, String)>, Vec<RuleProblem>) {
    let mut problems = Vec::new();
    let mut paths = match paths(folder) {
        Ok(paths) => paths,
        Err(error) => {
            let message = format!("the folder of rules cannot be read ({error}); name one that is there");
            problems.push(RuleProblem::of_file(&folder.display().to_string(), message));
            return (Vec::new(), problems);
        }
    };
    if paths.len() > MOST_FILES {
        let message = format!("holds {} rule files; the first {MOST_FILES} are read", paths.len());
        problems.push(RuleProblem::of_file(&folder.display().to_string(), message));
        paths.truncate(MOST_FILES);
    }
    let mut files = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(message) => problems.push(RuleProblem::of_file(&path.display().to_string(), message)),
        }
    }
    (files, problems)
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let hidden = |path: &Path| {
        path.file_name().is_none_or(|name| name.as_encoded_bytes().first().is_none_or(|first| *first == b'.'))
    };
    let is_rule_file = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml") && !hidden(path);
    let mut paths: Vec<PathBuf> = entries.into_iter().filter(is_rule_file).collect();
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, String> {
    let told = |error: io::Error| format!("cannot be read: {error}");
    // Asked before it is opened: opening a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(told)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is larger than {FILE_BYTES} bytes; share its rules out among several files"));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}
