//! From a file's text to raw sections, keeping every problem.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Problems, Settings, raw, validate};

/// The process environment, as a map.
pub type Environment = BTreeMap<String, String>;

/// Largest configuration file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

const SECTIONS: [&str; 7] = ["server", "store", "intake", "observe", "automation", "verify", "clusters"];

impl Settings {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Problems`] with every problem found: an unreadable file, TOML that does not parse, unknown keys, bad values.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Problems> {
        let file = path.display().to_string();
        let text = read(path).map_err(|message| {
            let mut problems = Problems::default();
            problems.add(&file, message);
            problems
        })?;
        Self::parse(&text, &file, environment)
    }

    /// Checks a configuration given as text; `file` names it in messages.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, file: &str, environment: &Environment) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut table = text.parse::<toml::Table>().unwrap_or_else(|error| {
            problems.add(file, error.to_string().trim_end().replace('\n', "\n    "));
            toml::Table::new()
        });
        if !problems.0.is_empty() {
            return Err(problems);
        }
        let mut reader = Reader { table: &mut table, file, problems };
        let sections = reader.sections();
        let mut problems = reader.problems;
        for key in table.keys() {
            let known = SECTIONS.join(", ");
            problems.add(format!("{file}: {key}"), format!("unknown section; known are {known}"));
        }
        let settings = validate::settings(sections, file, environment, &mut problems);
        settings.filter(|_| problems.0.is_empty()).ok_or(problems)
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("has {size} bytes; a configuration has at most {MAX_FILE_BYTES}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The raw sections of a file.
pub(super) struct Sections {
    pub(super) server: raw::Server,
    pub(super) store: raw::Store,
    pub(super) intake: raw::Intake,
    pub(super) observe: raw::Observe,
    pub(super) automation: raw::Automation,
    pub(super) verify: raw::Verify,
    pub(super) clusters: Vec<raw::Cluster>,
}

struct Reader<'a> {
    table: &'a mut toml::Table,
    file: &'a str,
    problems: Problems,
}

impl Reader<'_> {
    fn sections(&mut self) -> Sections {
        Sections {
            server: self.section("server"),
            store: self.section("store"),
            intake: self.section("intake"),
            observe: self.section("observe"),
            automation: self.section("automation"),
            verify: self.section("verify"),
            clusters: self.clusters(),
        }
    }

    fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        let Some(value) = self.table.remove(key) else { return T::default() };
        self.read(key, value).unwrap_or_default()
    }

    fn clusters(&mut self) -> Vec<raw::Cluster> {
        match self.table.remove("clusters") {
            None => Vec::new(),
            Some(toml::Value::Array(values)) => values
                .into_iter()
                .enumerate()
                .filter_map(|(index, value)| self.read(&format!("clusters[{index}]"), value))
                .collect(),
            Some(_) => {
                self.problems.add(format!("{}: clusters", self.file), "write each cluster as [[clusters]]");
                Vec::new()
            }
        }
    }

    fn read<T: DeserializeOwned>(&mut self, key: &str, value: toml::Value) -> Option<T> {
        value
            .try_into()
            .map_err(|error: toml::de::Error| {
                self.problems.add(format!("{}: {key}", self.file), error.message().to_owned());
            })
            .ok()
    }
}
