//! Query parameters of a request, checked.

use std::collections::HashMap;
use std::time::Duration;

use super::selectors::{FieldSelector, LabelSelector};
use crate::sim::objects::ApiError;

/// Parameters of get, list and watch.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadOptions {
    /// Which labels objects must have.
    pub labels: LabelSelector,
    /// Which fields objects must have.
    pub fields: FieldSelector,
    /// Objects a page holds at most; zero for all.
    pub limit: usize,
    /// Where the next page starts.
    pub continue_token: Option<String>,
    /// The version asked for; none when absent or empty.
    pub resource_version: Option<u64>,
    /// `Exact`, `NotOlderThan` or empty.
    pub version_match: String,
    /// Whether the client understands bookmarks.
    pub bookmarks: bool,
    /// Whether the watch starts with what exists.
    pub initial_events: Option<bool>,
    /// When the watch ends.
    pub timeout: Option<Duration>,
    /// What table rows carry: `Metadata`, `Object` or `None`.
    pub include_object: String,
}

/// Parameters of a write.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteOptions {
    /// Nothing is stored.
    pub dry_run: bool,
    /// Who writes.
    pub field_manager: Option<String>,
    /// Whether an apply takes fields from other managers.
    pub force: bool,
    /// Whether unknown fields are an error.
    pub strict: bool,
}

/// The decoded query of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// Decodes a query string; the first of repeated parameters counts.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let mut map = HashMap::new();
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            map.entry(key.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(map)
    }

    /// A parameter, empty when absent.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// Whether a parameter is `true` or `1`.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.text(key), "true" | "1")
    }

    /// A whole number; none when absent.
    ///
    /// # Errors
    /// 400 when it is something else.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.text(key) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| invalid_number(key, text)),
        }
    }

    /// The parameters of a read.
    ///
    /// # Errors
    /// 400 naming the parameter at fault.
    pub(super) fn read(&self) -> Result<ReadOptions, ApiError> {
        let version = self.text("resourceVersion");
        let resource_version = match version {
            "" => None,
            text => Some(text.parse().map_err(|_| invalid_version(text))?),
        };
        let seconds = self.number("timeoutSeconds")?;
        Ok(ReadOptions {
            labels: LabelSelector::parse(self.text("labelSelector"))?,
            fields: FieldSelector::parse(self.text("fieldSelector"))?,
            limit: self.number("limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            continue_token: Some(self.text("continue").to_owned()).filter(|token| !token.is_empty()),
            resource_version,
            version_match: self.text("resourceVersionMatch").to_owned(),
            bookmarks: self.flag("allowWatchBookmarks"),
            initial_events: Some(self.text("sendInitialEvents"))
                .filter(|t| !t.is_empty())
                .map(|t| t == "true"),
            timeout: seconds.and_then(|n| u64::try_from(n).ok()).map(Duration::from_secs),
            include_object: self.text("includeObject").to_owned(),
        })
    }

    /// The parameters of a write.
    ///
    /// # Errors
    /// 400 naming the parameter at fault.
    pub(super) fn write(&self) -> Result<WriteOptions, ApiError> {
        let dry_run = match self.text("dryRun") {
            "" => false,
            "All" => true,
            other => {
                return Err(ApiError::bad_request(format!(
                    "Invalid value: \"{other}\": dryRun: Unsupported value: \"{other}\": supported values: \"All\""
                )));
            }
        };
        Ok(WriteOptions {
            dry_run,
            field_manager: Some(self.text("fieldManager").to_owned()).filter(|name| !name.is_empty()),
            force: self.flag("force"),
            strict: self.text("fieldValidation") == "Strict",
        })
    }
}

fn invalid_number(key: &str, text: &str) -> ApiError {
    ApiError::bad_request(format!("invalid value \"{text}\" for parameter {key}: a whole number is expected"))
}

fn invalid_version(text: &str) -> ApiError {
    ApiError::bad_request(format!(
        "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
    ))
}
