//! Secrets by reference: the name of a variable, or of a file.

use secrecy::SecretString;
use serde::Deserialize;

use super::{Environment, Problems};

/// Largest secret file that is read.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Names where a secret is. Exactly one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRef {
    /// An environment variable.
    env: Option<String>,
    /// A file; surrounding white space is cut.
    file: Option<std::path::PathBuf>,
}

impl SecretRef {
    /// Reads the secret, or adds the reason why it cannot be had.
    pub(super) fn resolve(
        &self,
        environment: &Environment,
        place: &str,
        problems: &mut Problems,
    ) -> Option<SecretString> {
        let read = match (&self.env, &self.file) {
            (Some(name), None) => environment
                .get(name)
                .cloned()
                .ok_or_else(|| format!("environment variable {name} is not set; export it or use `file`")),
            (None, Some(path)) => read_file(path),
            _ => Err("name exactly one of `env` and `file`".to_owned()),
        };
        match read.map(|text| text.trim().to_owned()) {
            Ok(text) if text.is_empty() => problems.add(place, "the secret is empty"),
            Ok(text) => return Some(SecretString::from(text)),
            Err(message) => problems.add(place, message),
        }
        None
    }
}

fn read_file(path: &std::path::Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.len();
    if size > MAX_SECRET_BYTES {
        return Err(format!("{} has {size} bytes; a secret has at most {MAX_SECRET_BYTES}", path.display()));
    }
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
