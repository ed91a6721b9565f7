//! Reading scenarios: the built-in ones and files of one's own.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{Chapter, Database, Program, Route, Scenario};

/// Largest scenario file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The built-in scenarios, in the order in which they are listed.
const BUILTIN: &[(&str, &str)] = &[
    ("bad-deploy", include_str!("bad-deploy.toml")),
    ("missing-config", include_str!("missing-config.toml")),
    ("oom", include_str!("oom.toml")),
    ("image-pull", include_str!("image-pull.toml")),
    ("hpa-maxed", include_str!("hpa-maxed.toml")),
    ("node-not-ready", include_str!("node-not-ready.toml")),
    ("database-password", include_str!("database-password.toml")),
    ("healthy", include_str!("healthy.toml")),
];

const WORLDS: &[(&str, &str)] = &[("northwind", include_str!("worlds/northwind.toml"))];

/// Why a scenario can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// There is no built-in scenario of this name.
    #[error("there is no scenario `{0}`; there are: {list}", list = names().join(", "))]
    Unknown(String),
    /// It builds on a world that doesn't exist.
    #[error("there is no world `{0}`")]
    UnknownWorld(String),
    /// The file can't be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("{0} is larger than {MAX_FILE} bytes")]
    TooLarge(String),
    /// The text is no scenario.
    #[error("not a scenario: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A manifest in it is no Kubernetes object.
    #[error("manifests of the scenario: {0}")]
    Manifest(String),
}

/// What several scenarios share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldFile {
    #[serde(default)]
    chapters: Vec<Chapter>,
    #[serde(default)]
    programs: Vec<Program>,
    #[serde(default)]
    databases: Vec<Database>,
    #[serde(default)]
    routes: Vec<Route>,
}

/// The names of the built-in scenarios.
pub fn names() -> Vec<&'static str> {
    BUILTIN.iter().map(|(name, _)| *name).collect()
}

impl Scenario {
    /// A built-in scenario.
    ///
    /// # Errors
    /// [`ScenarioError::Unknown`] with the names that exist.
    pub fn builtin(name: &str) -> Result<Self, ScenarioError> {
        let found = BUILTIN.iter().find(|(known, _)| *known == name);
        let (_, text) = found.ok_or_else(|| ScenarioError::Unknown(name.to_owned()))?;
        Self::parse(text)
    }

    /// A scenario from a file.
    ///
    /// # Errors
    /// When the file can't be read, is larger than 1 MiB, or isn't a scenario.
    pub fn from_file(path: &Path) -> Result<Self, ScenarioError> {
        let unreadable = |source| ScenarioError::Unreadable { path: path.display().to_string(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
            return Err(ScenarioError::TooLarge(path.display().to_string()));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// A scenario from its TOML text, completed by the world it builds on.
    ///
    /// # Errors
    /// When the text isn't a scenario or its world doesn't exist.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text)?;
        if let Some(name) = scenario.world.clone() {
            let found = WORLDS.iter().find(|(known, _)| *known == name);
            let (_, text) = found.ok_or(ScenarioError::UnknownWorld(name))?;
            scenario.build_on(toml::from_str(text)?);
        }
        for chapter in &scenario.chapters {
            manifests(&chapter.manifests)?;
        }
        scenario.chapters.sort_by_key(|chapter| std::cmp::Reverse(chapter.age));
        Ok(scenario)
    }

    /// Takes over what the world declares; the scenario's own programs and routes go before the world's.
    fn build_on(&mut self, world: WorldFile) {
        let own = std::mem::take(&mut self.chapters);
        self.chapters = world.chapters.into_iter().chain(own).collect();
        let is_new_program = |p: &Program| !self.programs.iter().any(|own| own.image == p.image);
        let programs: Vec<Program> = world.programs.into_iter().filter(is_new_program).collect();
        self.programs.extend(programs);
        let is_new_route = |r: &Route| !self.routes.iter().any(|own| own.service == r.service);
        let routes: Vec<Route> = world.routes.into_iter().filter(is_new_route).collect();
        self.routes.extend(routes);
        let is_new_database = |d: &Database| !self.databases.iter().any(|own| own.name == d.name);
        let databases: Vec<Database> = world.databases.into_iter().filter(is_new_database).collect();
        self.databases.extend(databases);
    }
}

/// The objects of a YAML text with several documents.
///
/// # Errors
/// When it isn't YAML or a document isn't a Kubernetes object of a known kind.
pub(crate) fn manifests(yaml: &str) -> Result<Vec<serde_json::Value>, ScenarioError> {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(yaml).map_err(|error| ScenarioError::Manifest(error.to_string()))?;
    let objects: Vec<serde_json::Value> = documents.into_iter().filter(|d| !d.is_null()).collect();
    for object in &objects {
        if crate::sim::kinds::of(object).is_none() {
            let what =
                object.get("kind").and_then(serde_json::Value::as_str).unwrap_or("something without a kind");
            return Err(ScenarioError::Manifest(format!("{what} is not a kind that is served")));
        }
    }
    Ok(objects)
}

/// A duration such as `2d`, `90s` or `1m30s`; days have 24 hours.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a duration such as 90s or 2d")))
}

/// As [`duration`], for a field that may be absent.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(signed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_is_complete() {
        for name in names() {
            let scenario = Scenario::builtin(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(scenario.name, name);
            assert!(!scenario.alerts.is_empty(), "{name} has no alert");
            assert!(!scenario.chapters.is_empty(), "{name} has no healthy state");
        }
    }

    #[test]
    fn an_unknown_scenario_is_refused_with_the_names_that_exist() {
        let error = Scenario::builtin("nonsense").unwrap_err().to_string();
        assert!(error.contains("`nonsense`") && error.contains("bad-deploy, missing-config"), "{error}");
    }

    #[test]
    fn unknown_fields_and_bad_durations_are_refused() {
        let text = include_str!("healthy.toml");
        assert!(Scenario::parse(&format!("surprise = 1\n{text}")).is_err());
        assert!(Scenario::parse(&text.replace("age = \"", "age = \"x")).is_err());
        assert!(Scenario::parse("").is_err());
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1800ms"), Some(Duration::from_millis(1_800)));
        for garbage in ["", "x", "-5s", "5"] {
            assert_eq!(parse_duration(garbage), None, "{garbage}");
        }
    }
}
