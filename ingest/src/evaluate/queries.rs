//! The query file: one JSON object a line, `{"id","query","relevant":[paths relative to the corpus]}`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

use serde::Deserialize;

/// Longest line, bytes.
const LINE_BYTES: u64 = 64 << 10;
/// Most queries of one file.
const QUERIES: usize = 100_000;

/// A question and the documents that answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Names the query in reports. Never searched for: it may give the answer away.
    pub id: String,
    /// What is searched for.
    pub text: String,
    /// Paths of the right documents relative to the corpus, one or more.
    pub relevant: BTreeSet<String>,
}

/// Why a query file cannot be used. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum QueriesError {
    /// The file cannot be read on, or is not UTF-8.
    #[error("line {line} of the query file cannot be read; the file must be UTF-8 text")]
    Read {
        /// Which line.
        line: usize,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A line that is no query.
    #[error("line {line} of the query file is no query; expected {{\"id\",\"query\",\"relevant\":[paths]}}")]
    Form {
        /// Which line.
        line: usize,
        /// Where in the line, and what was expected.
        #[source]
        source: serde_json::Error,
    },
    /// A query that asks nothing or that no document answers.
    #[error("line {line} of the query file has an empty {field}; fill it in or remove the line")]
    Empty {
        /// Which line.
        line: usize,
        /// Which field.
        field: &'static str,
    },
    /// A line that is too long.
    #[error("line {line} of the query file is longer than {LINE_BYTES} bytes; is this a query file?")]
    LongLine {
        /// Which line.
        line: usize,
    },
    /// More lines than a query file may have.
    #[error("the query file has more than {QUERIES} queries; split it")]
    TooMany,
}

#[derive(Deserialize)]
struct RawQuery {
    id: String,
    query: String,
    relevant: Vec<String>,
}

/// Reads a query file; empty lines are skipped, other fields of a line are left alone.
///
/// # Errors
/// The first line that is no query, with its number; too many or too long lines.
pub fn read(mut from: impl BufRead) -> Result<Vec<Query>, QueriesError> {
    let mut queries = Vec::new();
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let length = from
            .by_ref()
            .take(LINE_BYTES + 1)
            .read_line(&mut text)
            .map_err(|source| QueriesError::Read { line, source })?;
        if length == 0 {
            break;
        }
        if length as u64 > LINE_BYTES {
            return Err(QueriesError::LongLine { line });
        }
        if text.trim().is_empty() {
            continue;
        }
        if queries.len() == QUERIES {
            return Err(QueriesError::TooMany);
        }
        queries.push(query(line, &text)?);
    }
    Ok(queries)
}

fn query(line: usize, text: &str) -> Result<Query, QueriesError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw: RawQuery = serde_json::from_str(text).map_err(|source| QueriesError::Form { line, source })?;
    let relevant: BTreeSet<String> =
        raw.relevant.iter().map(|path| relative(path).to_owned()).filter(|path| !path.is_empty()).collect();
    if raw.query.trim().is_empty() {
        return Err(QueriesError::Empty { line, field: "query" });
    }
    if relevant.is_empty() {
        return Err(QueriesError::Empty { line, field: "relevant" });
    }
    Ok(Query { id: raw.id, text: raw.query, relevant })
}

/// The relevant paths that are not among the `documents` of the corpus, by the query that names them.
#[must_use]
pub fn not_among(queries: &[Query], documents: &BTreeSet<String>) -> BTreeMap<String, Vec<String>> {
    let absent = |query: &Query| -> Vec<String> {
        query.relevant.iter().filter(|path| !documents.contains(relative(path))).cloned().collect()
    };
    let named = queries.iter().map(|query| (query.id.clone(), absent(query)));
    named.filter(|(_, absent)| !absent.is_empty()).collect()
}

/// A path as paths are compared: without `./` or `/` before it.
pub(super) fn relative(path: &str) -> &str {
    path.trim().trim_start_matches("./").trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Query>, QueriesError> {
        read(text.as_bytes())
    }

    #[test]
    fn queries_are_read_and_paths_made_alike() {
        let text = "\u{feff}{\"id\":\"a\",\"query\":\"pod waits\",\"relevant\":[\"./x/a.md\",\"x/a.md\"],\"note\":1}\n\n\
                    {\"id\":\"b\",\"query\":\"node\",\"relevant\":[\"/b.md\"]}";
        let queries = read_text(text).unwrap();
        assert_eq!(queries.len(), 2);
        assert_eq!(queries[0].relevant, BTreeSet::from(["x/a.md".to_owned()]));
        assert_eq!(queries[1].relevant, BTreeSet::from(["b.md".to_owned()]));
    }

    #[test]
    fn paths_that_the_corpus_does_not_have_are_named_with_their_query() {
        let text = "{\"id\":\"a\",\"query\":\"q\",\"relevant\":[\"x/a.md\"]}\n\
                    {\"id\":\"b\",\"query\":\"q\",\"relevant\":[\"./b.md\",\"docs/b.md\"]}";
        let corpus = BTreeSet::from(["x/a.md".to_owned(), "b.md".to_owned()]);
        let absent = not_among(&read_text(text).unwrap(), &corpus);
        assert_eq!(absent, BTreeMap::from([("b".to_owned(), vec!["docs/b.md".to_owned()])]));
    }

    #[test]
    fn a_line_that_is_no_query_is_named_by_its_number() {
        let good = "{\"id\":\"a\",\"query\":\"q\",\"relevant\":[\"a\"]}\n";
        let error = read_text(&format!("{good}\nnonsense")).unwrap_err();
        assert!(matches!(error, QueriesError::Form { line: 3, .. }), "{error}");
        let error =
            read_text(&format!("{good}{{\"id\":\"a\",\"query\":\" \",\"relevant\":[\"a\"]}}")).unwrap_err();
        assert!(matches!(error, QueriesError::Empty { line: 2, field: "query" }), "{error}");
        let error = read_text("{\"id\":\"a\",\"query\":\"q\",\"relevant\":[\"./\"]}").unwrap_err();
        assert!(matches!(error, QueriesError::Empty { line: 1, field: "relevant" }), "{error}");
    }

    #[test]
    fn broken_text_and_endless_lines_are_refused() {
        assert!(matches!(read(&[b'{', 0xff, 0xfe, b'\n'][..]), Err(QueriesError::Read { line: 1, .. })));
        let endless = "x".repeat(usize::try_from(LINE_BYTES).unwrap() + 10);
        assert!(matches!(read_text(&endless), Err(QueriesError::LongLine { line: 1 })));
    }

    #[test]
    fn a_file_has_a_largest_number_of_queries() {
        let line = "{\"id\":\"a\",\"query\":\"q\",\"relevant\":[\"a\"]}\n";
        assert!(matches!(read_text(&line.repeat(QUERIES + 1)), Err(QueriesError::TooMany)));
    }
}
