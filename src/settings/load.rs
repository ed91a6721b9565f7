//! From a file's text to raw sections, keeping every problem.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{AgentsSettings, EgressSettings, KnowledgeSettings, Problems, Settings, raw, validate, wording};

/// The process environment, as a map.
pub type Environment = BTreeMap<String, String>;

/// The variable that says where this program is; the program sets it itself. Without it PDFs are read in this process.
pub const PROGRAM_VARIABLE: &str = "KUBEWRIGHT_PROGRAM";

/// Largest configuration file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

const SECTIONS: [&str; 11] = [
    "server",
    "store",
    "intake",
    "observe",
    "diagnosis",
    "automation",
    "verify",
    "egress",
    "knowledge",
    "agents",
    "clusters",
];

impl Settings {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Problems`] with every problem found: an unreadable file, TOML that does not parse, unknown keys, bad values.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Problems> {
        let file = path.display().to_string();
        Self::parse(&read(path, &file)?, &file, environment)
    }

    /// Checks a configuration given as text; `file` names it in messages.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, file: &str, environment: &Environment) -> Result<Self, Problems> {
        let mut reader = Reader::new(text, file)?;
        let sections = reader.sections();
        reader.refuse_unknown_sections();
        let mut problems = reader.problems;
        let settings = validate::settings(sections, file, environment, &mut problems);
        settings.filter(|_| problems.0.is_empty()).ok_or(problems)
    }
}

impl KnowledgeSettings {
    /// Reads and checks what the commands on the knowledge base need of a configuration file, with what leaves for a
    /// remote embedding model; its other sections may be incomplete.
    ///
    /// # Errors
    /// As [`Settings::load`], for these sections.
    pub fn load(path: &Path, environment: &Environment) -> Result<(Self, EgressSettings), Problems> {
        let file = path.display().to_string();
        let mut reader = Reader::new(&read(path, &file)?, &file)?;
        reader.refuse_unknown_sections();
        let (raw, store, egress) =
            (reader.section("knowledge"), reader.section("store"), reader.section("egress"));
        let mut problems = reader.problems;
        let settings = validate::knowledge(raw, &store, egress, &file, environment, &mut problems);
        if problems.0.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

impl AgentsSettings {
    /// Reads and checks the file of the agents that a configuration file names, else `agents.toml` beside it; the
    /// configuration's other sections may be incomplete, and it need not be there.
    ///
    /// # Errors
    /// As [`Settings::load`], for these.
    pub fn of_configuration(path: &Path, environment: &Environment) -> Result<Self, Problems> {
        let file = path.display().to_string();
        let text = if path.is_file() { read(path, &file)? } else { String::new() };
        let mut reader = Reader::new(&text, &file)?;
        let raw = reader.section("agents");
        let mut problems = reader.problems;
        let settings = validate::agents(raw, &file, environment, &mut problems);
        if problems.0.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// What can be used of that file though something in it or in the configuration is wrong: whoever tells those
    /// problems can look for further ones in it.
    #[must_use]
    pub fn usable_part(path: &Path, environment: &Environment) -> Self {
        let file = path.display().to_string();
        let text = read(path, &file).unwrap_or_default();
        let Ok(mut reader) = Reader::new(&text, &file) else { return Self::default() };
        let raw = reader.section("agents");
        validate::agents(raw, &file, environment, &mut reader.problems)
    }
}

pub(super) fn read(path: &Path, file: &str) -> Result<String, Problems> {
    read_limited(path).map_err(|message| {
        let mut problems = Problems::default();
        problems.add(file, message);
        problems
    })
}

pub(super) fn read_limited(path: &Path) -> Result<String, String> {
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
    pub(super) diagnosis: raw::Diagnosis,
    pub(super) automation: raw::Automation,
    pub(super) verify: raw::Verify,
    pub(super) egress: raw::Egress,
    pub(super) knowledge: raw::Knowledge,
    pub(super) agents: raw::Agents,
    pub(super) clusters: Vec<raw::Cluster>,
}

struct Reader<'a> {
    table: toml::Table,
    file: &'a str,
    problems: Problems,
}

impl<'a> Reader<'a> {
    fn new(text: &str, file: &'a str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        match text.parse::<toml::Table>() {
            Ok(table) => Ok(Self { table, file, problems }),
            Err(error) => {
                problems.add(file, wording::of_syntax(text, &error));
                Err(problems)
            }
        }
    }

    fn refuse_unknown_sections(&mut self) {
        for key in self.table.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
            let known = SECTIONS.join(", ");
            self.problems.add(format!("{}: {key}", self.file), format!("unknown section; known are {known}"));
        }
    }

    fn sections(&mut self) -> Sections {
        Sections {
            server: self.section("server"),
            store: self.section("store"),
            intake: self.section("intake"),
            observe: self.section("observe"),
            diagnosis: self.section("diagnosis"),
            automation: self.section("automation"),
            verify: self.section("verify"),
            egress: self.section("egress"),
            knowledge: self.section("knowledge"),
            agents: self.section("agents"),
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
        wording::section(&format!("{}: {key}", self.file), value, &mut self.problems)
    }
}
