//! What was found becomes Evidence: context with its citation, weaker than anything that was seen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use url::Url;

use super::question::line;
use super::{Category, Citation, SearchResult};
use crate::incident::{Evidence, EvidenceId, EvidenceSource, ObjectRef, Score};

/// Code of the Evidence that cites a document.
pub const PASSAGE: &str = "knowledge.passage";
/// Code of the Evidence that cites a past incident.
pub const EPISODE: &str = "knowledge.episode";

/// Longest statement, characters.
const LONGEST_STATEMENT: usize = 300;

/// Signal strength of the first, and how much less each further one has. Never above what a finding says.
const STRONGEST: f64 = 0.3;
const STEP: f64 = 0.1;

/// A document as Evidence; `rank` is its place in the answer, from 0.
pub(super) fn passage(found: &SearchResult, rank: u32, now: Timestamp) -> Evidence {
    let citation = &found.citation;
    let object = ObjectRef::cluster_wide("Document", format!("{}/{}", citation.source, citation.path));
    cited(found, EvidenceSource::Document, PASSAGE, object, rank, now)
}

/// A past incident as Evidence.
pub(super) fn episode(found: &SearchResult, rank: u32, now: Timestamp) -> Evidence {
    let object = ObjectRef::cluster_wide("Incident", found.citation.path.clone());
    let mut evidence = cited(found, EvidenceSource::PastIncident, EPISODE, object, rank, now);
    let outcome = found.attributes.labels.get("outcome").cloned().unwrap_or_default();
    evidence.statement =
        format!("{} ({}): {}", found.citation.path, outcome.replace('_', " "), evidence.statement);
    evidence.fields.insert("incident".to_owned(), found.citation.path.clone());
    evidence.fields.insert("outcome".to_owned(), outcome);
    evidence
}

fn cited(
    found: &SearchResult,
    source: EvidenceSource,
    code: &str,
    object: ObjectRef,
    rank: u32,
    now: Timestamp,
) -> Evidence {
    let place = headings(&found.citation);
    Evidence {
        // Numbered by whoever appends it.
        id: EvidenceId(0),
        source,
        code: code.to_owned(),
        object,
        statement: line(&format!("{place}: {}", found.snippet.text), LONGEST_STATEMENT),
        strength: Score::new((STRONGEST - STEP * f64::from(rank)).max(STEP)),
        at: found.attributes.last_updated.unwrap_or(now),
        fields: fields(found, place),
    }
}

fn fields(found: &SearchResult, headings: String) -> BTreeMap<String, String> {
    let Citation { uri, source, path, lines, .. } = &found.citation;
    let category = found.attributes.category.map_or("document", Category::name);
    let fields = [
        ("category", category.to_owned()),
        ("uri", uri.clone()),
        ("document", format!("{source}/{path}")),
        ("headings", headings),
        ("lines", format!("{}-{}", lines.first, lines.last)),
        ("score", format!("{:.4}", found.score)),
        ("passage", found.id.clone()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `Container killed for memory › How to tell`.
fn headings(citation: &Citation) -> String {
    line(&citation.headings.join(" › "), LONGEST_STATEMENT / 2)
}

/// Where a document's text is on this server. Slashes in the source's name are encoded, those in the path stay.
#[must_use]
pub fn document_href(source: &str, path: &str) -> String {
    let Ok(mut url) = Url::parse("http://localhost/api/v1/knowledge/documents") else { return String::new() };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(source).extend(path.split('/'));
    }
    url.path().to_owned()
}

#[cfg(test)]
mod tests {
    use super::document_href;

    #[test]
    fn a_link_keeps_the_slashes_of_the_path_and_encodes_those_of_the_source() {
        assert_eq!(
            document_href("https://wiki.example/a b", "node/what? is #this.md"),
            "/api/v1/knowledge/documents/https:%2F%2Fwiki.example%2Fa%20b/node/what%3F%20is%20%23this.md"
        );
    }
}
