//! What was found, as it is sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document_href;
use crate::recall::{Citation, SearchResponse, SearchResult};

/// An answer of the knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchAnswer {
    /// How it was searched in the end: `lexical`, `vector` or `hybrid`.
    pub mode: String,
    /// Why it was not searched as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// The passages, the best first.
    pub results: Vec<PassageFound>,
    /// Among the documents that matched: how many have which value, by key.
    pub facets: BTreeMap<String, BTreeMap<String, usize>>,
    /// What the question was widened by, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expansions: Vec<String>,
    /// How long it took, milliseconds.
    pub took_ms: f64,
}

/// A passage that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PassageFound {
    /// The passage's identity, for feedback.
    pub id: String,
    /// Final score; comparable within one answer only.
    pub score: f32,
    /// What it is made of.
    pub parts: ScoreParts,
    /// The document's title.
    pub title: String,
    /// The best part of the passage, plain text.
    pub snippet: Excerpt,
    /// The whole passage, plain text.
    pub text: String,
    /// Where it stands.
    pub citation: CitedPlace,
    /// What is known about its document.
    pub attributes: About,
    /// Where the very same text stands as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<CitedPlace>,
}

/// What a score is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScoreParts {
    /// By words: sum of BM25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
    /// The document's rank by words, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical_rank: Option<usize>,
    /// By meaning: cosine similarity, -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<f32>,
    /// The document's rank by meaning, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_rank: Option<usize>,
    /// What a cross-encoder said of the document's best passage, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
    /// How far the passage is believed, 0 to 1.
    pub trust: f32,
}

/// A piece of text with the words that matched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Excerpt {
    /// Plain text.
    pub text: String,
    /// Byte ranges of `text` that matched: first, and first after.
    pub highlights: Vec<[usize; 2]>,
}

/// Where a passage stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CitedPlace {
    /// The document, as its source names it.
    pub uri: String,
    /// The source that brought it.
    pub source: String,
    /// Its name within the source.
    pub path: String,
    /// Title and headings above the passage, outermost first.
    pub headings: Vec<String>,
    /// First and last line.
    pub lines: LineRange,
    /// The document's text on this server.
    pub href: String,
}

/// First and last line, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineRange {
    /// First.
    pub first: u32,
    /// Last.
    pub last: u32,
}

/// What is known about a document beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct About {
    /// `troubleshooting`, `configuration`, `security`, `monitoring`, `incident` or `runbook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The Kubernetes versions that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k8s_version: Option<String>,
    /// `info`, `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Free words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Diagnosis codes that it helps with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Alerts that it answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// Of a past incident: cluster, namespace, workload, outcome, incident.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When its text last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
}

impl From<SearchResponse> for SearchAnswer {
    fn from(response: SearchResponse) -> Self {
        let SearchResponse { mode, degraded, results, facets, expansions, took_ms } = response;
        let results = results.into_iter().map(PassageFound::from).collect();
        Self { mode: mode.name().to_owned(), degraded, results, facets, expansions, took_ms }
    }
}

impl From<SearchResult> for PassageFound {
    fn from(found: SearchResult) -> Self {
        let parts = found.parts;
        Self {
            id: found.id,
            score: found.score,
            parts: ScoreParts {
                lexical: parts.lexical,
                lexical_rank: parts.lexical_rank,
                vector: parts.vector,
                vector_rank: parts.vector_rank,
                rerank: parts.rerank,
                trust: parts.trust,
            },
            title: found.title,
            snippet: Excerpt {
                text: found.snippet.text,
                highlights: found.snippet.highlights.into_iter().map(|(from, to)| [from, to]).collect(),
            },
            text: found.text,
            citation: found.citation.into(),
            attributes: About {
                category: found.attributes.category.map(|category| category.name().to_owned()),
                k8s_version: found.attributes.k8s_version,
                severity: found.attributes.severity.map(|severity| severity.name().to_owned()),
                tags: found.attributes.tags,
                codes: found.attributes.codes,
                alerts: found.attributes.alerts,
                labels: found.attributes.labels,
                last_updated: found.attributes.last_updated,
            },
            also: found.also.into_iter().map(CitedPlace::from).collect(),
        }
    }
}

impl From<Citation> for CitedPlace {
    fn from(citation: Citation) -> Self {
        let Citation { uri, source, path, headings, lines } = citation;
        let href = document_href(&source, &path);
        Self { uri, source, path, headings, lines: LineRange { first: lines.first, last: lines.last }, href }
    }
}
