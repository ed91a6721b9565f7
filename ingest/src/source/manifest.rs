//! The list of sources, as `sources.toml` has it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::location::{Place, split_glob, web_url};
use super::outlet::globs;
use super::{Location, LocationError, SourceSpec};
use crate::{Attributes, Category, Severity};

/// Largest manifest, bytes.
const MANIFEST_BYTES: u64 = 1 << 20;

/// A list of sources, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The sources in the order of the file.
    pub sources: Vec<SourceSpec>,
}

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// Larger than any list of sources is.
    #[error("{path} is larger than 1 MiB; is it a list of sources?", path = .0.display())]
    TooLarge(PathBuf),
    /// What is wrong in it, all at once, each with its key.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
}

/// One `[[source]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Entry {
    name: String,
    path: Option<String>,
    glob: Option<String>,
    url: Option<String>,
    sitemap: Option<String>,
    git: Option<String>,
    archive: Option<String>,
    builtin: Option<bool>,
    reference: Option<String>,
    category: Option<String>,
    severity: Option<String>,
    tags: Vec<String>,
    k8s_version: Option<String>,
    trust: Option<f32>,
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Manifest {
    /// Reads and checks a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, or with all problems in it at once.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let unreadable = |error| ManifestError::Unreadable { path: path.to_owned(), error };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let bytes = super::files::read_limited(file, MANIFEST_BYTES).map_err(unreadable)?;
        let bytes = bytes.ok_or_else(|| ManifestError::TooLarge(path.to_owned()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| ManifestError::Problems(vec![format!("{} is not UTF-8", path.display())]))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")))
    }

    /// Checks a text. Paths in it are relative to `base`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ManifestError> {
        let table: toml::Table =
            text.parse().map_err(|error| ManifestError::Problems(vec![of_syntax(text, &error)]))?;
        let mut problems = Vec::new();
        let mut entries = Vec::new();
        for (key, value) in table {
            match value {
                toml::Value::Array(array) if key == "source" => entries = array,
                _ if key == "source" => problems.push("source: write [[source]], with two brackets".into()),
                _ => problems.push(format!("{key}: unknown; the only key is [[source]]")),
            }
        }
        let mut sources = Vec::new();
        let mut names = BTreeSet::new();
        for (index, value) in entries.into_iter().enumerate() {
            let mut found = Vec::new();
            let mut place = format!("source {}", index + 1);
            match value.try_into::<Entry>() {
                Err(error) => found.push(error.message().to_owned()),
                Ok(entry) => {
                    if !entry.name.is_empty() {
                        place = format!("source {} ({})", index + 1, entry.name);
                        if !names.insert(entry.name.clone()) {
                            found.push("name: another source has it already".into());
                        }
                    }
                    sources.extend(entry.check(base, &mut found));
                }
            }
            problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
        }
        if problems.is_empty() { Ok(Self { sources }) } else { Err(ManifestError::Problems(problems)) }
    }
}

/// Why a text is no TOML, with its line but without quoting it: URLs may carry passwords.
fn of_syntax(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

impl Entry {
    /// The source, or what is wrong with it.
    fn check(self, base: &Path, problems: &mut Vec<String>) -> Option<SourceSpec> {
        if self.name.trim().is_empty() {
            problems.push("name: is missing".into());
        }
        let location = self.location(base, problems);
        let category = named("category", self.category.as_deref(), Category::named, problems, || {
            Category::ALL.map(Category::name).join(", ")
        });
        let severity = named("severity", self.severity.as_deref(), Severity::named, problems, || {
            [Severity::Info, Severity::Warning, Severity::Critical].map(Severity::name).join(", ")
        });
        if self.trust.is_some_and(|trust| !(0.0..=1.0).contains(&trust)) {
            problems.push("trust: must be from 0 to 1".into());
        }
        for (key, patterns) in [("include", &self.include), ("exclude", &self.exclude)] {
            if let Err(error) = globs(patterns) {
                problems.push(format!("{key}: {error}"));
            }
        }
        let attributes = Attributes {
            category,
            severity,
            k8s_version: self.k8s_version,
            tags: self.tags,
            trust: self.trust,
            ..Attributes::default()
        };
        let (name, include, exclude) = (self.name, self.include, self.exclude);
        Some(SourceSpec { name, location: location?, attributes, include, exclude })
    }

    fn location(&self, base: &Path, problems: &mut Vec<String>) -> Option<Location> {
        let builtin = self.builtin.filter(|on| *on).map(|_| "");
        let given: Vec<(&str, &str)> = [
            ("path", self.path.as_deref()),
            ("glob", self.glob.as_deref()),
            ("url", self.url.as_deref()),
            ("sitemap", self.sitemap.as_deref()),
            ("git", self.git.as_deref()),
            ("archive", self.archive.as_deref()),
            ("builtin", builtin),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect();
        if self.reference.is_some() && self.git.is_none() {
            problems.push("reference: only git has one".into());
        }
        let (key, value) = match given.as_slice() {
            [one] => *one,
            [] => {
                problems
                    .push("one of path, glob, url, sitemap, git, archive, builtin = true is missing".into());
                return None;
            }
            [(first, _), (second, _), ..] => {
                problems
                    .push(format!("{first} and {second}: a source has one place; make two sources of it"));
                return None;
            }
        };
        place(key, value, self.reference.clone(), base)
            .map_err(|error| problems.push(format!("{key}: {error}")))
            .ok()
    }
}

fn place(key: &str, value: &str, reference: Option<String>, base: &Path) -> Result<Location, LocationError> {
    let here = || base.join(value);
    Ok(match key {
        "path" if here().is_dir() => Location::Folder(here()),
        "path" => Location::File(here()),
        "glob" => {
            let (folder, pattern) = split_glob(value);
            Location::Glob { base: base.join(folder), pattern }
        }
        "url" => Location::Url(web_url(value)?),
        "sitemap" => Location::Sitemap(web_url(value)?),
        "archive" if value.contains("://") => Location::Archive(Place::Remote(web_url(value)?)),
        "archive" => Location::Archive(Place::Local(here())),
        "git" => {
            let remote = value.contains("://") || value.starts_with("git@");
            let text = if remote { value.to_owned() } else { here().to_string_lossy().into_owned() };
            match Location::git(&text)? {
                Location::Git { place, reference: None } => Location::Git { place, reference },
                other => other,
            }
        }
        _ => Location::BuiltIn,
    })
}

fn named<T>(
    key: &str,
    text: Option<&str>,
    parse: fn(&str) -> Option<T>,
    problems: &mut Vec<String>,
    possible: impl Fn() -> String,
) -> Option<T> {
    let text = text?;
    let parsed = parse(text);
    if parsed.is_none() {
        problems.push(format!("{key}: `{text}` is unknown; possible are {}", possible()));
    }
    parsed
}
