//! Documents: as a source hands them over, and as a parser has understood them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a document is for; search filters by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// How to find a fault.
    Troubleshooting,
    /// How something is set up.
    Configuration,
    /// Permissions, secrets, hardening.
    Security,
    /// Metrics, alerts, dashboards.
    Monitoring,
    /// A post-mortem, or an incident that kubewright has seen.
    Incident,
    /// Steps for one kind of trouble.
    Runbook,
}

impl Category {
    /// All of them, for help texts and checks.
    pub const ALL: [Self; 6] = [
        Self::Troubleshooting,
        Self::Configuration,
        Self::Security,
        Self::Monitoring,
        Self::Incident,
        Self::Runbook,
    ];

    /// The name in front matter, manifests and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Troubleshooting => "troubleshooting",
            Self::Configuration => "configuration",
            Self::Security => "security",
            Self::Monitoring => "monitoring",
            Self::Incident => "incident",
            Self::Runbook => "runbook",
        }
    }

    /// The category with this name, case ignored.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// How bad the trouble is that a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Will hurt if left alone.
    Warning,
    /// Users are hurt.
    Critical,
}

impl Severity {
    /// All of them, for help texts and checks.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The name in front matter, manifests and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity with this name, case ignored.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// What is known about a document beside its text. Front matter says it, else the manifest's entry of its source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The Kubernetes versions that it is about, as its author wrote them (`>=1.27`, `1.30`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k8s_version: Option<String>,
    /// How bad the trouble is that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Free words to filter by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Diagnosis codes that it helps with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Alerts that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// What else to filter by: for a past incident its cluster, namespace and workload.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How far it is to be believed, 0 to 1. `None`: nobody said; counts as 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<f32>,
    /// When its text last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
}

impl Attributes {
    /// These, with what they leave open taken from `defaults`; tags, codes and alerts of both.
    #[must_use]
    pub fn or(mut self, defaults: &Self) -> Self {
        self.category = self.category.or(defaults.category);
        self.k8s_version = self.k8s_version.or_else(|| defaults.k8s_version.clone());
        self.severity = self.severity.or(defaults.severity);
        self.trust = self.trust.or(defaults.trust);
        self.last_updated = self.last_updated.or(defaults.last_updated);
        for (key, value) in &defaults.labels {
            self.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for (mine, theirs) in [
            (&mut self.tags, &defaults.tags),
            (&mut self.codes, &defaults.codes),
            (&mut self.alerts, &defaults.alerts),
        ] {
            mine.extend(theirs.iter().filter(|word| !mine.contains(word)).cloned().collect::<Vec<_>>());
        }
        self
    }
}

/// What a web server said about a version of a document, to ask later whether it has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Bytes with a name, as a source hands them over.
#[derive(Debug, Clone, PartialEq)]
pub struct RawDocument {
    /// Its name within the source, `/` between parts; identity across versions (`node/NodeClockSkew.md`).
    pub path: String,
    /// Where people find it: a file path, a URL, `git URL@commit:path`, `archive.zip!path`.
    pub uri: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// The media type that a server sent; else the name decides.
    pub media_type: Option<String>,
    /// When the text last changed, where the source knows.
    pub modified: Option<Timestamp>,
    /// For the next conditional request.
    pub validators: Validators,
}

/// Why something was not taken in; the rest goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was refused: a path or URL.
    pub uri: String,
    /// Why, and where it helps what to do, in one sentence.
    pub reason: String,
}

/// What a source comes upon.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A document with its bytes.
    Document(RawDocument),
    /// A document that has not changed since the version that we have (a server answered 304).
    Unchanged {
        /// Its name within the source.
        path: String,
    },
    /// Something that cannot be taken in.
    Refused(Refusal),
}

/// What a parser has understood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// From front matter, the first heading, `<title>`, or the file's name.
    pub title: String,
    /// What the document says about itself.
    pub attributes: Attributes,
    /// Its parts in reading order.
    pub blocks: Vec<Block>,
    /// What it says about itself that cannot be understood and does not count, each in one sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// One part of a document that is not torn apart without need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its text: prose as plain text without markup, code as it stands, tables with ` | ` between cells.
    pub text: String,
    /// The headings above it, outermost first, the document's title not among them when it is the only first level.
    pub headings: Vec<String>,
    /// First and last line in the source text, from 1; for formats without lines (PDF: pages) the nearest thing.
    pub lines: crate::Lines,
}

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockKind {
    /// Paragraphs, lists, quotations.
    Prose,
    /// A code block with its language, empty where unknown.
    Code(String),
    /// A table, its first line the header.
    Table,
}
