//! Our causes in the words of another vocabulary.
//!
//! A label file is TOML: each `[[label]]` names a root cause of the vocabulary, what kind of object it is about, and which of
//! our Hypotheses mean it, by their code and where needed by the Evidence for them. The first label that fits counts. Some
//! files are built in (`labels/*.toml` in the project); a vocabulary alone picks the built-in one that knows most of it.

mod app;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::incident::{Evidence, Hypothesis, ObjectRef};

pub use app::App;
pub use file::{BUILT_IN, Vocabulary};

/// What kind of object a root cause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A workload with its pods and its Service, under one name.
    App,
    /// A node.
    Node,
    /// A namespace.
    Namespace,
}

impl Target {
    const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Node => "node",
            Self::Namespace => "namespace",
        }
    }
}

/// Why labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It is no label file.
    #[error("{path} is neither a label file nor a vocabulary: {reason}")]
    Invalid {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// One root cause of a vocabulary, and which of our Hypotheses mean it.
#[derive(Debug, Clone)]
pub struct Label {
    /// Its name in the vocabulary.
    pub root_cause: String,
    /// What it is about.
    pub target: Target,
    /// Codes of Hypotheses; one ending in `*` stands for all that begin so.
    codes: Vec<String>,
    /// Codes of Evidence, at least one of which must speak for the Hypothesis; none: any will do.
    evidence: Vec<String>,
    /// What the statement of the Hypothesis, or a statement or field of that Evidence, must say.
    says: Option<Regex>,
}

/// A vocabulary with what our codes mean in it.
#[derive(Debug, Clone)]
pub struct Labels {
    /// What it is called.
    pub name: String,
    labels: Vec<Label>,
    /// Names that mean the same, to the first of them.
    aliases: BTreeMap<String, String>,
}

impl Labels {
    /// Reads a label file or a vocabulary; the name of a built-in one will do.
    ///
    /// # Errors
    /// [`LabelsError`] with what is wrong.
    pub fn read(path: &Path) -> Result<Self, LabelsError> {
        file::read(path)
    }

    /// The built-in labels that know most of these root causes; `None` where none knows any.
    #[must_use]
    pub fn fitting(root_causes: &BTreeSet<String>) -> Option<Self> {
        file::fitting(root_causes)
    }

    /// Restricts them to a vocabulary.
    #[must_use]
    pub fn within(mut self, vocabulary: &Vocabulary) -> Self {
        self.aliases.extend(vocabulary.aliases());
        let known = vocabulary.root_causes(&self);
        let kept = std::mem::take(&mut self.labels);
        let kept = kept.into_iter().filter(|label| known.contains(&self.canonical(&label.root_cause)));
        self.labels = kept.collect();
        self
    }

    /// The name that a root cause and its aliases share: lower case, without outer blanks.
    #[must_use]
    pub fn canonical(&self, root_cause: &str) -> String {
        let name = normal(root_cause);
        self.aliases.get(&name).cloned().unwrap_or(name)
    }

    /// What a Hypothesis means in the vocabulary, and the object at fault in its words; `None` where it has no word for it.
    #[must_use]
    pub fn label(
        &self,
        hypothesis: &Hypothesis,
        evidence: &[Evidence],
        app: &App<'_>,
    ) -> Option<(String, String)> {
        let cited: Vec<&Evidence> =
            evidence.iter().filter(|piece| hypothesis.evidence_for.contains(&piece.id)).collect();
        self.labels.iter().filter(|label| label.fits(hypothesis, &cited)).find_map(|label| {
            let name = fault_object(label.target, &hypothesis.object, &cited, app)?;
            Some((label.root_cause.clone(), format!("{}/{name}", label.target.as_str())))
        })
    }
}

/// Lower case without outer blanks.
pub(super) fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Label {
    fn fits(&self, hypothesis: &Hypothesis, cited: &[&Evidence]) -> bool {
        let code = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => hypothesis.code.starts_with(beginning),
            None => hypothesis.code == *wanted,
        };
        if !self.codes.iter().any(code) {
            return false;
        }
        let speaks = |piece: &&&Evidence| self.evidence.is_empty() || self.evidence.contains(&piece.code);
        let speaking: Vec<&Evidence> = cited.iter().filter(speaks).copied().collect();
        if !self.evidence.is_empty() && speaking.is_empty() {
            return false;
        }
        let Some(says) = &self.says else { return true };
        let said = |piece: &&Evidence| {
            says.is_match(&piece.statement) || piece.fields.values().any(|value| says.is_match(value))
        };
        says.is_match(&hypothesis.statement) || speaking.iter().any(said)
    }
}

fn fault_object(target: Target, object: &ObjectRef, cited: &[&Evidence], app: &App<'_>) -> Option<String> {
    match target {
        Target::App => app.of(object),
        Target::Node if object.kind == "Node" => Some(object.name.clone()),
        Target::Node => {
            let node =
                cited.iter().find(|piece| piece.object.kind == "Node").map(|piece| piece.object.name.clone());
            node.or_else(|| cited.iter().find_map(|piece| piece.fields.get("node").cloned()))
        }
        Target::Namespace if object.kind == "Namespace" => Some(object.name.clone()),
        Target::Namespace => Some(object.namespace.clone()).filter(|namespace| !namespace.is_empty()),
    }
}
