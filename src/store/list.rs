//! Lists of incidents, newest first, page by page, without reading their whole states.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;

use super::sql::{json, key, plain, timestamp};
use super::{Store, StoreError, answered};
use crate::incident::{IncidentId, ObjectRef, Outcome, Phase, Severity};

/// Most incidents on one page.
pub const MAX_PAGE: usize = 200;

/// Which incidents; everything that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// In this phase.
    pub phase: Option<Phase>,
    /// `true` not closed, `false` closed.
    pub open: Option<bool>,
    /// In this cluster.
    pub cluster: Option<String>,
    /// In this namespace.
    pub namespace: Option<String>,
    /// With this severity.
    pub severity: Option<Severity>,
    /// With this text in the title, whatever the case.
    pub text: Option<String>,
}

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// Its name.
    #[schema(value_type = String)]
    pub id: IncidentId,
    /// One line for people.
    pub title: String,
    /// The next step.
    pub phase: Phase,
    /// How it ended, once closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The worst severity among its alerts.
    pub severity: Severity,
    /// Name of the cluster.
    pub cluster: String,
    /// Namespace, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The object that the first alert points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<ObjectRef>,
    /// Code of the best Hypothesis, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When the first alert arrived.
    pub opened_at: Timestamp,
    /// When the last event was applied.
    pub updated_at: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// The incidents, newest first.
    pub incidents: Vec<IncidentSummary>,
    /// What gives the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    title: String,
    phase: String,
    outcome: Option<String>,
    severity: i64,
    cluster: String,
    namespace: Option<String>,
    subject: Option<String>,
    cause: Option<String>,
    opened_at: i64,
    updated_at: i64,
    closed_at: Option<i64>,
}

/// A value for a placeholder.
enum Value {
    Text(String),
    Number(i64),
}

impl Store {
    /// A page of at most `limit` (and at most [`MAX_PAGE`]) incidents that fit `filter`, newest first. `cursor` is
    /// [`Page::next_cursor`] of the page before.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave.
    pub async fn incidents(
        &self,
        filter: &IncidentFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let after = cursor.map(read_cursor).transpose()?;
        let limit = limit.clamp(1, MAX_PAGE);
        let (conditions, values) = conditions(filter, after);
        let sql = format!(
            "SELECT id, title, phase, outcome, severity, cluster, namespace, subject, cause, opened_at, \
             updated_at, closed_at FROM incidents{conditions} ORDER BY opened_at DESC, id DESC LIMIT {}",
            limit + 1
        );
        let mut query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql));
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        let rows = answered(query.fetch_all(&self.inner.readers));
        page(rows.await?, limit)
    }
}

fn page(mut rows: Vec<Row>, limit: usize) -> Result<Page, StoreError> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| write_cursor(row.opened_at, &row.id));
    let incidents = rows.into_iter().map(Row::summary).collect::<Result<_, _>>()?;
    Ok(Page { incidents, next_cursor })
}

fn conditions(filter: &IncidentFilter, after: Option<(i64, String)>) -> (String, Vec<Value>) {
    let mut parts: Vec<String> = Vec::new();
    let mut values = Vec::new();
    let mut with = |condition: &str, value: Value| {
        values.push(value);
        parts.push(condition.replace("$", &format!("${}", values.len())));
    };
    if let Some(phase) = filter.phase {
        with("phase = $", Value::Text(phase.as_str().to_owned()));
    }
    if let Some(cluster) = &filter.cluster {
        with("cluster = $", Value::Text(key(cluster)));
    }
    if let Some(namespace) = &filter.namespace {
        with("namespace = $", Value::Text(key(namespace)));
    }
    if let Some(severity) = filter.severity {
        with("severity = $", Value::Number(rank(severity)));
    }
    if let Some(text) = &filter.text {
        with("LOWER(title) LIKE $ ESCAPE '!'", Value::Text(containing(text)));
    }
    if let Some((opened_at, id)) = after {
        values.push(Value::Number(opened_at));
        values.push(Value::Text(id));
        parts.push(format!("(opened_at, id) < (${}, ${})", values.len() - 1, values.len()));
    }
    match filter.open {
        Some(true) => parts.push("closed_at IS NULL".to_owned()),
        Some(false) => parts.push("closed_at IS NOT NULL".to_owned()),
        None => {}
    }
    let all = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    (all, values)
}

/// A `LIKE` pattern for `text` anywhere, taken literally.
fn containing(text: &str) -> String {
    let text = plain(text).to_lowercase();
    format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

/// The number that severities are stored as, least to worst.
pub(super) fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

fn severity(rank: i64) -> Option<Severity> {
    match rank {
        0 => Some(Severity::Info),
        1 => Some(Severity::Warning),
        2 => Some(Severity::Critical),
        _ => None,
    }
}

fn outcome(name: &str) -> Option<Outcome> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

pub(super) fn write_cursor(opened_at: i64, id: &str) -> String {
    hex::encode(format!("{opened_at} {id}"))
}

pub(super) fn read_cursor(cursor: &str) -> Result<(i64, String), StoreError> {
    let read = || {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        let (opened_at, id) = text.split_once(' ')?;
        Some((opened_at.parse().ok()?, plain(id)))
    };
    read().ok_or(StoreError::Cursor)
}

impl Row {
    fn summary(self) -> Result<IncidentSummary, StoreError> {
        let corrupt = || StoreError::Corrupt { what: format!("incident {}", self.id) };
        let subject = self.subject.as_deref().map(|text| json(text, || format!("incident {}", self.id)));
        Ok(IncidentSummary {
            phase: Phase::from_name(&self.phase).ok_or_else(corrupt)?,
            outcome: self.outcome.as_deref().map(|name| outcome(name).ok_or_else(corrupt)).transpose()?,
            severity: severity(self.severity).ok_or_else(corrupt)?,
            subject: subject.transpose()?,
            opened_at: timestamp(self.opened_at, "incident")?,
            updated_at: timestamp(self.updated_at, "incident")?,
            closed_at: self.closed_at.map(|at| timestamp(at, "incident")).transpose()?,
            id: IncidentId::from_text(self.id),
            title: self.title,
            cluster: self.cluster,
            namespace: self.namespace,
            cause: self.cause,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_was_made_of() {
        let cursor = write_cursor(1_763_694_587_124_676, "inc-7h2kq0m4x9ta");
        assert_eq!(read_cursor(&cursor).unwrap(), (1_763_694_587_124_676, "inc-7h2kq0m4x9ta".to_owned()));
    }

    #[test]
    fn garbage_is_no_cursor() {
        for garbage in ["", "zz", "41", "ff20ff", "2d", &"0".repeat(100_001)] {
            assert!(matches!(read_cursor(garbage), Err(StoreError::Cursor)), "{garbage:.20}");
        }
    }

    #[test]
    fn conditions_number_their_placeholders() {
        let filter = IncidentFilter {
            phase: Some(Phase::Triage),
            open: Some(true),
            text: Some("50%_Off!".to_owned()),
            ..IncidentFilter::default()
        };
        let (sql, values) = conditions(&filter, Some((7, "inc-a".to_owned())));
        assert_eq!(
            sql,
            " WHERE phase = $1 AND LOWER(title) LIKE $2 ESCAPE '!' AND (opened_at, id) < ($3, $4) AND closed_at IS \
             NULL"
        );
        assert!(matches!(&values[1], Value::Text(pattern) if pattern == "%50!%!_off!!%"));
    }
}
