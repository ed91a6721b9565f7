//! `search_knowledge`: passages of documents and runbooks.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::metrics_query::limit;
use super::schema::schema_of;
use super::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::{EvidenceSource, ObjectRef, Score};
use crate::recall::{Filter, KnowledgeError, RecallError, SearchRequest, SearchResult};

/// Passages shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 5;
const MOST: usize = 15;

/// Most of one passage that is shown, characters.
const LONGEST_PASSAGE: usize = 1800;

/// Most conditions.
const MOST_FILTERS: usize = 16;

/// Signal strength of a document: it says what is usual, not what is so here.
const STRENGTH: f64 = 0.2;

/// Searches the knowledge base.
pub(super) struct SearchKnowledge;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// What is looked for: words, a sentence, an error message, the name of an alert.
    query: String,
    /// Conditions as key=value. Keys: source, path, category, severity, tag, code, alert, k8s_version. Values of one key
    /// are alternatives, keys must all hold. As in ["category=runbook", "alert=KubePodCrashLooping"].
    #[serde(default)]
    filters: Vec<String>,
    /// How many passages, 1 to 15; 5 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for SearchKnowledge {
    fn name(&self) -> &'static str {
        "search_knowledge"
    }

    fn description(&self) -> &'static str {
        "Searches the knowledge base (runbooks, Kubernetes documentation, the team's own documents) by words and by \
         meaning, and gives passages with their citation: address, headings, lines. Use it for what an error or alert \
         means and how it is repaired. It knows nothing of the present state of the cluster."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { search(arguments(given)?, context).await })
    }
}

async fn search(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let k = limit(given.limit, DEFAULT, MOST)?;
    if given.query.trim().is_empty() {
        return Err(ToolError::Arguments("query: it is empty; say what you look for".to_owned()));
    }
    if given.filters.len() > MOST_FILTERS {
        return Err(ToolError::Arguments(format!("filters: at most {MOST_FILTERS}")));
    }
    let filter =
        Filter::parse(&given.filters).map_err(|error| ToolError::Arguments(format!("filters: {error}")))?;
    let request = SearchRequest { filter, k, ..SearchRequest::new(given.query) };
    let response = context.recall.search(&request).await.map_err(failed)?;
    if response.results.is_empty() {
        let text = match response.degraded {
            Some(why) => format!("Nothing was found, which says little: {why}."),
            None => {
                "Nothing in the knowledge base answers that. Use other words or fewer filters.".to_owned()
            }
        };
        return Ok(ToolOutput { text, ..ToolOutput::default() });
    }
    let degraded = response.degraded.map(|why| format!("(searched less well than usual: {why})\n\n"));
    let passages: Vec<String> = response.results.iter().map(passage).collect();
    let text = degraded.unwrap_or_default() + &passages.join("\n\n");
    let cited: Vec<Observation> = response.results.iter().map(|found| cited(found, context.now)).collect();
    Ok(ToolOutput::bounded(text, "ask a narrower question or set a smaller limit").with(cited))
}

pub(super) fn failed(error: RecallError) -> ToolError {
    match error {
        RecallError::Failed(error) => match error.downcast_ref::<KnowledgeError>() {
            Some(KnowledgeError::Invalid(reason)) => ToolError::Arguments(format!("query: {reason}")),
            _ => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the knowledge base could not be searched for a tool"
                );
                ToolError::Unavailable("the knowledge base failed; go on without it".to_owned())
            }
        },
        other => ToolError::Unavailable(format!("{other}; go on without it")),
    }
}

fn passage(found: &SearchResult) -> String {
    let citation = &found.citation;
    format!(
        "[{}]\n{} lines {}-{}\n{}",
        citation.headings.join(" › "),
        citation.uri,
        citation.lines.first,
        citation.lines.last,
        shortened(&found.text, LONGEST_PASSAGE)
    )
}

/// At most so many characters.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn cited(found: &SearchResult, now: Timestamp) -> Observation {
    let citation = &found.citation;
    let headings = citation.headings.join(" › ");
    Observation {
        source: EvidenceSource::Document,
        object: ObjectRef::cluster_wide("Document", format!("{}/{}", citation.source, citation.path)),
        statement: shortened(&format!("{headings}: {}", found.snippet.text), 300),
        strength: Score::new(STRENGTH),
        at: found.attributes.last_updated.unwrap_or(now),
        fields: fields(found, headings),
    }
}

/// Where a passage stands.
pub(super) fn fields(found: &SearchResult, headings: String) -> BTreeMap<String, String> {
    let citation = &found.citation;
    let fields = [
        ("uri", citation.uri.clone()),
        ("document", format!("{}/{}", citation.source, citation.path)),
        ("headings", headings),
        ("lines", format!("{}-{}", citation.lines.first, citation.lines.last)),
        ("passage", found.id.clone()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
