//! Search.

use axum::Json;
use axum::extract::{RawQuery, State};
use url::form_urlencoded;
use utoipa::IntoParams;

use super::SearchAnswer;
use crate::http::error::ApiError;
use crate::http::{ErrorBody, HttpState};
use crate::recall::{Filter, MOST_RESULTS, Mode, SearchRequest};

/// Longest filter, bytes, and most of them.
const LONGEST_FILTER: usize = 500;
const MOST_FILTERS: usize = 32;

/// Most passages of one document.
const MOST_PER_DOCUMENT: usize = 20;

/// What is looked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "names the parameters; a key may come several times, so they are read one by one"
)]
pub(super) struct SearchQuery {
    /// Words, a sentence, an alert with its expression, a log line.
    q: String,
    /// How many passages, 1 to 100; 10 unless set.
    #[param(minimum = 1, maximum = 100)]
    k: Option<usize>,
    /// `lexical`, `vector` or `hybrid`; hybrid unless set.
    mode: Option<String>,
    /// `key=value`, as often as wanted: values of one key are alternatives, keys must all hold.
    filter: Option<Vec<String>>,
    /// Most passages of one document, 1 to 20; 2 unless set.
    #[param(minimum = 1, maximum = 20)]
    per_document: Option<usize>,
    /// `true`: also search by other wordings of the question, where a language model is configured. Takes its time.
    reformulate: Option<bool>,
}

/// Passages of documents that answer a question, the best first.
#[utoipa::path(
    get,
    path = "/api/v1/knowledge/search",
    operation_id = "search_knowledge",
    tag = "knowledge",
    params(SearchQuery),
    responses(
        (status = 200, body = SearchAnswer),
        (status = 400, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn search(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
) -> Result<Json<SearchAnswer>, ApiError> {
    let (request, reformulate) = parse(query.as_deref().unwrap_or_default())?;
    let answer = if reformulate {
        state.recall.search_reworded(&request).await?
    } else {
        state.recall.search(&request).await?
    };
    Ok(Json(answer.into()))
}

fn parse(query: &str) -> Result<(SearchRequest, bool), ApiError> {
    let mut request = SearchRequest::new("");
    let mut reformulate = false;
    let mut filters = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "q" => request.query = value.into_owned(),
            "k" => request.k = number(&key, &value, MOST_RESULTS)?,
            "per_document" => request.per_document = number(&key, &value, MOST_PER_DOCUMENT)?,
            "mode" => request.mode = mode(&value)?,
            "reformulate" => reformulate = truth(&value)?,
            "filter" if value.len() <= LONGEST_FILTER => filters.push(value.into_owned()),
            "filter" => return Err(bad(format!("a filter has at most {LONGEST_FILTER} bytes"))),
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(bad(format!(
                    "unknown parameter {other:?}; there are q, k, mode, filter, per_document, reformulate"
                )));
            }
        }
    }
    if filters.len() > MOST_FILTERS {
        return Err(bad(format!("at most {MOST_FILTERS} filters are taken")));
    }
    if request.query.trim().is_empty() {
        return Err(bad("q is empty; say what you look for".to_owned()));
    }
    request.filter = Filter::parse(&filters).map_err(|error| bad(error.to_string()))?;
    Ok((request, reformulate))
}

fn truth(value: &str) -> Result<bool, ApiError> {
    value.parse().map_err(|_| bad("reformulate is true or false".to_owned()))
}

/// A number from 1 to `most`.
pub(super) fn number(key: &str, value: &str, most: usize) -> Result<usize, ApiError> {
    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| bad(format!("{key} must be a number from 1 to {most}")))
}

fn mode(value: &str) -> Result<Mode, ApiError> {
    let found = Mode::ALL.into_iter().find(|mode| mode.name() == value);
    found.ok_or_else(|| bad(format!("mode is one of {}", Mode::ALL.map(Mode::name).join(", "))))
}

fn bad(message: String) -> ApiError {
    ApiError::bad_request("bad_query", message)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::recall::{Filter, Mode};

    #[test]
    fn a_question_is_read_with_all_its_filters() {
        let (request, reformulate) =
            parse("q=pod+is+killed&k=3&mode=lexical&filter=category%3Drunbook&filter=tag=oom&per_document=1&reformulate=true")
                .unwrap();
        assert_eq!((request.query.as_str(), request.k, request.per_document), ("pod is killed", 3, 1));
        assert_eq!((request.mode, reformulate), (Mode::Lexical, true));
        assert_eq!(request.filter, Filter::parse(&["category=runbook", "tag=oom"]).unwrap());
    }

    #[test]
    fn garbage_is_refused_with_what_there_is() {
        for (query, named) in [
            ("", "q is empty"),
            ("q=%20", "q is empty"),
            ("q=a&k=0", "1 to 100"),
            ("q=a&k=101", "1 to 100"),
            ("q=a&k=-1", "1 to 100"),
            ("q=a&per_document=21", "1 to 20"),
            ("q=a&mode=magic", "hybrid"),
            ("q=a&filter=colour=red", "category"),
            ("q=a&filter=runbook", "key=value"),
            ("q=a&limit=3", "per_document"),
            ("q=a&reformulate=please", "true or false"),
        ] {
            let refusal = parse(query).unwrap_err().to_string();
            assert!(refusal.contains(named), "{query}: {refusal}");
        }
    }
}
