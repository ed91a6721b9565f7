//! Secrets by reference: the name of a variable, or of a file.
//!
//! Who writes the secret itself where its place belongs is told what to write; what was written is never repeated.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::{Environment, Problems};

/// Largest secret file that is read.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// What to write where something else stands.
const FORM: &str =
    "say where it is: { env = \"NAME\" } or { file = \"/path\" }; the secret itself is not written here";

/// Names where a secret is. Reading one never fails, so that no error of a parser quotes what stands there; what is
/// wrong with it is said by [`SecretRef::resolve`].
#[derive(Debug, Clone)]
pub(super) struct SecretRef(Option<Place>);

#[derive(Debug, Clone)]
enum Place {
    /// An environment variable.
    Variable(String),
    /// A file; surrounding white space is cut.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(place(&toml::Value::deserialize(deserializer)?)))
    }
}

/// Exactly one of the two keys, with a text.
fn place(written: &toml::Value) -> Option<Place> {
    let mut entries = written.as_table()?.iter();
    let (key, value) = entries.next().filter(|_| entries.next().is_none())?;
    let text = value.as_str()?.to_owned();
    match key.as_str() {
        "env" => Some(Place::Variable(text)),
        "file" => Some(Place::File(text.into())),
        _ => None,
    }
}

impl SecretRef {
    /// Reads the secret, or adds the reason why it cannot be had.
    pub(super) fn resolve(
        &self,
        environment: &Environment,
        place: &str,
        problems: &mut Problems,
    ) -> Option<SecretString> {
        let read = match &self.0 {
            Some(Place::Variable(name)) => environment.get(name).cloned().ok_or_else(|| unset(name)),
            Some(Place::File(path)) => read_file(path).map_err(|why| format!("{}: {why}", shown(path))),
            None => Err(FORM.to_owned()),
        };
        match read.map(|text| text.trim().to_owned()) {
            Ok(text) if text.is_empty() => problems.add(place, "the secret is empty"),
            Ok(text) => return Some(SecretString::from(text)),
            Err(message) => problems.add(place, message),
        }
        None
    }
}

/// A variable is named only where it looks like one: the secret itself often stands there by mistake.
fn unset(name: &str) -> String {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    // Keys of clouds are of capitals and digits as well, but without a gap.
    let is_name =
        name.chars().all(upper) && (name.contains('_') || !name.contains(|c: char| c.is_ascii_digit()));
    if is_name && !name.is_empty() {
        return format!("environment variable {name} is not set; export it or use `file`");
    }
    "there is no environment variable of the name that `env` gives; export it or use `file`. The secret itself is not \
     written here"
        .to_owned()
}

/// A path is repeated only where it looks like one.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    match text.starts_with(['/', '.', '~']) {
        true => text,
        false => "the path that `file` gives".to_owned(),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_SECRET_BYTES {
        return Err(format!("has {size} bytes; a secret has at most {MAX_SECRET_BYTES}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
