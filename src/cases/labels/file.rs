//! Label files and vocabularies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::RegexBuilder;
use serde::Deserialize;

use super::{Label, Labels, LabelsError, Target, normal};

/// The label files that come with the program, by name.
pub const BUILT_IN: [(&str, &str); 1] =
    [("cloud-opsbench", include_str!("../../../labels/cloud-opsbench.toml"))];

/// Largest file, bytes.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Largest compiled pattern, bytes.
const PATTERN_BYTES: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    name: String,
    #[serde(default)]
    aliases: Vec<Vec<String>>,
    #[serde(default)]
    label: Vec<RawLabel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabel {
    root_cause: String,
    target: Target,
    codes: Vec<String>,
    #[serde(default)]
    evidence: Vec<String>,
    says: Option<String>,
}

/// The root causes that may be predicted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vocabulary {
    root_causes: Vec<VocabularyEntry>,
    #[serde(default)]
    aliases: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
struct VocabularyEntry {
    root_cause: String,
}

impl Vocabulary {
    /// A vocabulary of a JSON file; `None` where there is none, or it is none.
    #[must_use]
    pub fn beside(cases: &Path) -> Option<Self> {
        let text = text(&cases.join("labels.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(super) fn aliases(&self) -> BTreeMap<String, String> {
        aliases(&self.aliases)
    }

    pub(super) fn root_causes(&self, labels: &Labels) -> BTreeSet<String> {
        self.root_causes.iter().map(|entry| labels.canonical(&entry.root_cause)).collect()
    }

    /// The built-in labels that fit best, restricted to it.
    #[must_use]
    pub fn labels(&self) -> Option<Labels> {
        let names = self.root_causes.iter().map(|entry| entry.root_cause.clone()).collect();
        fitting(&names).map(|labels| labels.within(self))
    }
}

/// Each name but the first of a group to the first.
fn aliases(groups: &[Vec<String>]) -> BTreeMap<String, String> {
    let pairs = groups.iter().filter_map(|group| Some((group.first()?, group)));
    pairs.flat_map(|(first, group)| group.iter().map(|name| (normal(name), normal(first)))).collect()
}

pub(super) fn read(path: &Path) -> Result<Labels, LabelsError> {
    let named = BUILT_IN.iter().find(|(name, _)| Path::new(name) == path);
    let invalid = |reason: String| LabelsError::Invalid { path: path.to_owned(), reason };
    if let Some((_, text)) = named {
        return parse(text).map_err(invalid);
    }
    let text = text(path).map_err(|error| LabelsError::Unreadable { path: path.to_owned(), error })?;
    if !text.trim_start().starts_with('{') {
        return parse(&text).map_err(invalid);
    }
    let vocabulary: Vocabulary = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    vocabulary.labels().ok_or_else(|| {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        invalid(format!("no built-in labels know any of its root causes; there are {}", known.join(", ")))
    })
}

fn text(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES {
        return Err(std::io::Error::other("larger than 4 MiB"));
    }
    fs::read_to_string(path)
}

pub(super) fn parse(text: &str) -> Result<Labels, String> {
    let file: LabelFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let labels = file.label.into_iter().map(label).collect::<Result<_, _>>()?;
    Ok(Labels { name: file.name, labels, aliases: aliases(&file.aliases) })
}

fn label(raw: RawLabel) -> Result<Label, String> {
    let says = raw.says.as_deref().map(|pattern| {
        let regex = RegexBuilder::new(pattern).case_insensitive(true).size_limit(PATTERN_BYTES).build();
        regex.map_err(|error| format!("`says` of {}: {error}", raw.root_cause))
    });
    Ok(Label {
        says: says.transpose()?,
        root_cause: raw.root_cause,
        target: raw.target,
        codes: raw.codes,
        evidence: raw.evidence,
    })
}

pub(super) fn fitting(root_causes: &BTreeSet<String>) -> Option<Labels> {
    let built_in = BUILT_IN.iter().filter_map(|(_, text)| parse(text).ok());
    let known = |labels: &Labels| {
        let names: BTreeSet<String> =
            labels.labels.iter().map(|label| labels.canonical(&label.root_cause)).collect();
        root_causes.iter().filter(|name| names.contains(&labels.canonical(name))).count()
    };
    built_in
        .map(|labels| (known(&labels), labels))
        .filter(|(known, _)| *known > 0)
        .max_by_key(|(known, _)| *known)
        .map(|(_, labels)| labels)
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, parse};

    #[test]
    fn every_built_in_file_is_valid_and_bears_its_name() {
        for (name, text) in BUILT_IN {
            assert_eq!(parse(text).unwrap().name, name);
        }
    }

    #[test]
    fn a_wrong_key_or_pattern_is_told() {
        let wrong = [
            "name = 'x'\nlable = []",
            "name = 'x'\n[[label]]\nroot_cause = 'a'\ntarget = 'app'\ncodes = []\nsays = '('",
        ];
        for text in wrong {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
