//! What documents say: passages for a question, and the runbook of an alert.

use serde_json::json;

use super::draft::prose;
use super::{Composer, words};
use crate::recall::{BUILT_IN, SearchRequest, SearchResult, document_href};

/// Passages that are told.
const PASSAGES: usize = 3;

/// Passages whose meaning is at least so like that of the question are about it, cosine similarity. Unrelated ones of
/// MiniLM lie below 0.3.
const ALIKE: f32 = 0.45;

/// Longest question that is searched for, bytes.
const LONGEST: usize = 2_000;

impl Composer<'_> {
    /// Tells the best passages for a question.
    pub(super) async fn search(&mut self, question: &str) {
        let query = question.get(..question.floor_char_boundary(LONGEST)).unwrap_or_default();
        let request = SearchRequest { k: PASSAGES, per_document: 1, ..SearchRequest::new(query) };
        let recall = &self.sources.recall;
        let read = async { recall.search(&request).await.map_err(|error| error.to_string()) };
        let arguments = json!({ "query": query, "k": PASSAGES });
        let found = self.reading("search_knowledge", arguments, read, |found| {
            format!("{} passages", found.results.len())
        });
        let found = match found.await {
            Ok(found) => found,
            Err(error) => return self.draft.blind([format!("documents: {error}")]),
        };
        self.draft.looked_at("the documents of the knowledge base");
        let matters = words::matters(question);
        let fitting = found.results.iter().filter(|passage| fits(passage, &matters));
        let lines: Vec<String> = fitting.map(|passage| self.passage(passage)).collect();
        if lines.is_empty() && !found.results.is_empty() {
            self.draft.say("The documents say nothing about it.");
        }
        self.draft.list("The documents say about it:", lines);
    }

    fn passage(&mut self, found: &SearchResult) -> String {
        let citation = &found.citation;
        let on_the_web = citation.uri.starts_with("https://") || citation.uri.starts_with("http://");
        let uri =
            if on_the_web { citation.uri.clone() } else { document_href(&citation.source, &citation.path) };
        let mark = self.draft.cite(&found.title, &uri);
        format!("{}: {} {mark}", prose(&citation.headings.join(" › ")), prose(&found.snippet.text))
    }

    /// Tells what an alert means: its runbook, else what documents say about it.
    pub(super) async fn explain_alert(&mut self, alert: &str) {
        let Some(runbook) = self.sources.recall.runbook_for_alert(alert).cloned() else {
            self.draft.looked_at(format!("the built-in runbooks, of which none is about {}", prose(alert)));
            return self.search(&format!("alert {alert}")).await;
        };
        let uri = document_href(BUILT_IN, &runbook.path);
        let mark = self.draft.cite(&runbook.title, &uri);
        let (title, meaning) =
            (prose(&runbook.title), prose(section(&runbook.text, "Meaning").unwrap_or_default()));
        self.draft.say(format!("Alert {} is about \"{title}\": {meaning} {mark}", prose(alert)));
        let asked = format!("{alert} {}", runbook.title);
        self.search(&asked).await;
    }
}

/// Whether a passage is about what was asked: it holds one of the words, or means nearly the same.
fn fits(passage: &SearchResult, matters: &[String]) -> bool {
    let text =
        format!("{} {} {}", passage.title, passage.citation.headings.join(" "), passage.text).to_lowercase();
    matters.is_empty()
        || matters.iter().any(|word| text.contains(word.as_str()))
        || passage.parts.vector.is_some_and(|likeness| likeness >= ALIKE)
}

/// The first paragraph below a heading of a Markdown text.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let mark = format!("\n## {heading}\n");
    let after = text.get(text.find(&mark)? + mark.len()..)?.trim_start();
    after.split("\n\n").next()
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn the_first_paragraph_below_a_heading_is_found() {
        let text = "# A\n\n## Meaning\nIt ends\nagain.\n\nMore.\n\n## How to tell\n- x\n";
        assert_eq!(section(text, "Meaning"), Some("It ends\nagain."));
        assert_eq!(section(text, "How to tell"), Some("- x\n"));
        assert_eq!(section(text, "What to do"), None);
    }
}
