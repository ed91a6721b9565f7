//! Which incident a chat is about.

use axum::http::HeaderMap;

use crate::http::error::ApiError;
use crate::http::incidents::find_id;
use crate::incident::IncidentId;
use crate::store::{FindError, Store};

/// The header that names an incident.
pub(super) const HEADER: &str = "x-kubewright-incident";

/// How a message names an incident: `incident:inc-7h2k`.
const MARK: &str = "incident:";

/// The incident that is named; one that was named on purpose must exist.
pub(super) async fn named(
    store: &Store,
    name: Option<&str>,
    param: &'static str,
) -> Result<Option<IncidentId>, ApiError> {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => Ok(Some(find_id(store, name).await.map_err(|error| error.with_param(param))?)),
        None => Ok(None),
    }
}

/// The incident that the header names.
pub(super) fn in_header(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let text = headers.get(HEADER).map(|value| value.to_str());
    text.transpose()
        .map_err(|_| ApiError::bad_request("bad_incident", "X-Kubewright-Incident must be plain text"))
}

/// The incident that the newest of `texts` that names one names. One that does not exist is the answer's to say.
pub(super) async fn in_texts<'a>(
    store: &Store,
    texts: impl DoubleEndedIterator<Item = &'a str>,
) -> Result<Option<IncidentId>, ApiError> {
    let Some(name) = texts.rev().find_map(in_text) else { return Ok(None) };
    match store.find(name).await {
        Ok(id) => Ok(Some(id)),
        Err(FindError::NotFound(_) | FindError::Ambiguous { .. }) => Ok(None),
        Err(FindError::Store(error)) => Err(error.into()),
    }
}

fn in_text(text: &str) -> Option<&str> {
    let after = text.get(text.rfind(MARK)? + MARK.len()..)?.trim_start();
    let end =
        after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(after.len());
    after.get(..end).filter(|name| !name.is_empty() && name.len() <= 64)
}

#[cfg(test)]
mod tests {
    use super::in_text;

    #[test]
    fn a_message_names_an_incident_by_its_mark() {
        assert_eq!(in_text("incident:inc-7h2k, why?"), Some("inc-7h2k"));
        assert_eq!(in_text("about incident: 7h2k"), Some("7h2k"));
        assert_eq!(in_text("incident:a incident:b"), Some("b"));
        assert_eq!(in_text("incident: "), None);
        assert_eq!(in_text("the incident is over"), None);
    }
}
