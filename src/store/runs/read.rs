//! Reading runs: lists, one whole, and those of a step that is repeated.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::super::list::{read_cursor, write_cursor};
use super::super::sql::{json, key, plain, timestamp};
use super::super::{ConversationId, MAX_PAGE, Store, StoreError, answered};
use super::write::BILLIONTHS;
use super::{
    KeptRun, MOST_RUN_MESSAGES, RunFilter, RunId, RunKind, RunMessage, RunPage, RunState, RunSummary,
};
use crate::incident::IncidentId;

/// What every identifier begins with, and people leave out.
const PREFIX: &str = "run-";

/// Candidates shown when a beginning fits several.
const CANDIDATES: i64 = 5;

/// Most runs of one step that are read again.
const MOST_OF_STEP: i64 = 100;

/// What lists show.
const COLUMNS: &str = "id, kind, agent, incident_id, conversation_id, parent_id, cycle, state, question, prompt_hash, \
     models, tools, outcome, turns, input_tokens, output_tokens, cost, took_ms, message_count, dropped_count, \
     started_at, updated_at, finished_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    agent: String,
    incident_id: Option<String>,
    conversation_id: Option<String>,
    parent_id: Option<String>,
    cycle: i64,
    state: String,
    question: String,
    prompt_hash: String,
    models: String,
    tools: String,
    outcome: Option<String>,
    turns: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost: i64,
    took_ms: i64,
    message_count: i64,
    dropped_count: i64,
    started_at: i64,
    updated_at: i64,
    finished_at: Option<i64>,
}

/// What a repeated step needs beside [`Row`].
#[derive(sqlx::FromRow)]
struct SideRow {
    #[sqlx(flatten)]
    row: Row,
    step: Option<String>,
    task: Option<String>,
    repairs: i64,
    memory: String,
    ground: Option<String>,
}

type MessageRow = (String, i64, i64, String, String);

impl Store {
    /// The run without its messages; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run(&self, id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = $1");
        let query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql)).bind(key(id.as_str()));
        let row = answered(query.fetch_optional(&self.inner.readers));
        row.await?.map(Row::summary).transpose()
    }

    /// All messages of a run that are kept, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run_messages(&self, id: &RunId) -> Result<Vec<RunMessage>, StoreError> {
        let query = sqlx::query_as::<sqlx::Any, MessageRow>(
            "SELECT run_id, seq, at, body, detail FROM run_messages WHERE run_id = $1 ORDER BY seq LIMIT $2",
        )
        .bind(key(id.as_str()))
        .bind(i64::try_from(MOST_RUN_MESSAGES).unwrap_or(i64::MAX));
        let rows = answered(query.fetch_all(&self.inner.readers)).await?;
        rows.into_iter().map(|row| Ok(message(row)?.1)).collect()
    }

    /// A page of at most `limit` (and at most [`MAX_PAGE`]) runs that fit `filter`, newest first. `cursor` is
    /// [`RunPage::next_cursor`] of the page before.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave.
    pub async fn runs(
        &self,
        filter: &RunFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<RunPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        // Later than any that is stored, so that one statement serves the first page too.
        let (before, id) = cursor.map(read_cursor).transpose()?.unwrap_or((i64::MAX, String::new()));
        let (conditions, values) = conditions(filter);
        let sql = format!(
            "SELECT {COLUMNS} FROM runs WHERE (started_at < $1 OR (started_at = $1 AND id < $2)){conditions} \
             ORDER BY started_at DESC, id DESC LIMIT $3"
        );
        let mut query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql))
            .bind(before)
            .bind(id)
            .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
        for value in values {
            query = query.bind(value);
        }
        let mut rows = answered(query.fetch_all(&self.inner.readers)).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| write_cursor(row.started_at, &row.id));
        let runs = rows.into_iter().map(Row::summary).collect::<Result<_, _>>()?;
        Ok(RunPage { runs, next_cursor })
    }

    /// Runs whose identifiers begin with `prefix`, a few at most; the one that is meant exactly comes alone. `run-` may
    /// be left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_runs(&self, prefix: &str) -> Result<Vec<RunId>, StoreError> {
        let prefix = prefix.trim();
        if prefix.is_empty() {
            return Ok(Vec::new());
        }
        let whole = if prefix.starts_with(PREFIX) { prefix.to_owned() } else { format!("{PREFIX}{prefix}") };
        let whole = plain(&whole.to_ascii_lowercase());
        // Not LIKE and not a range: those depend on the collation of the database.
        let query = sqlx::query_scalar::<sqlx::Any, String>(
            "SELECT id FROM runs WHERE substr(id, 1, $1) = $2 ORDER BY id LIMIT $3",
        )
        .bind(i32::try_from(whole.chars().count()).unwrap_or(i32::MAX))
        .bind(whole.clone())
        .bind(CANDIDATES);
        let mut ids = answered(query.fetch_all(&self.inner.readers)).await?;
        if ids.contains(&whole) {
            ids = vec![whole];
        }
        Ok(ids.into_iter().map(RunId).collect())
    }

    /// The runs of a step with their messages, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn runs_of_step(&self, step: &str) -> Result<Vec<(KeptRun, Vec<RunMessage>)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, step, task, repairs, memory, ground FROM runs WHERE step = $1 \
             ORDER BY started_at, id LIMIT $2"
        );
        let query =
            sqlx::query_as::<sqlx::Any, SideRow>(AssertSqlSafe(sql)).bind(key(step)).bind(MOST_OF_STEP);
        let rows = answered(query.fetch_all(&self.inner.readers)).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let query = sqlx::query_as::<sqlx::Any, MessageRow>(
            "SELECT m.run_id, m.seq, m.at, m.body, m.detail FROM run_messages m JOIN runs r ON r.id = m.run_id \
             WHERE r.step = $1 ORDER BY m.run_id, m.seq",
        )
        .bind(key(step));
        let mut messages: HashMap<String, Vec<RunMessage>> = HashMap::new();
        for row in answered(query.fetch_all(&self.inner.readers)).await? {
            let (run, message) = message(row)?;
            messages.entry(run).or_default().push(message);
        }
        let with_messages = |row: SideRow| {
            let said = messages.remove(&row.row.id).unwrap_or_default();
            Ok((row.kept()?, said))
        };
        rows.into_iter().map(with_messages).collect()
    }
}

fn conditions(filter: &RunFilter) -> (String, Vec<String>) {
    let RunFilter { incident, conversation, agent, state, kind } = filter;
    let wanted = [
        ("incident_id", incident.as_ref().map(|id| key(id.as_str()))),
        ("conversation_id", conversation.as_ref().map(|id| key(id.as_str()))),
        ("agent", agent.as_deref().map(key)),
        ("state", state.map(|state| state.as_str().to_owned())),
        ("kind", kind.map(|kind| kind.as_str().to_owned())),
    ];
    let mut values = Vec::new();
    let mut conditions = String::new();
    for (column, value) in wanted {
        let Some(value) = value else { continue };
        values.push(value);
        conditions.push_str(&format!(" AND {column} = ${}", values.len() + 3));
    }
    (conditions, values)
}

fn message(row: MessageRow) -> Result<(String, RunMessage), StoreError> {
    let (run, seq, at, body, detail) = row;
    let what = || format!("message {seq} of run {run}");
    let message = RunMessage {
        seq: number(seq),
        at: timestamp(at, &what())?,
        body: json(&body, what)?,
        detail: json(&detail, what)?,
    };
    Ok((run, message))
}

fn number<T: TryFrom<i64> + Default>(stored: i64) -> T {
    T::try_from(stored).unwrap_or_default()
}

impl Row {
    fn summary(self) -> Result<RunSummary, StoreError> {
        let what = || format!("run {}", self.id);
        let corrupt = || StoreError::Corrupt { what: what() };
        Ok(RunSummary {
            kind: RunKind::from_name(&self.kind).ok_or_else(corrupt)?,
            state: RunState::from_name(&self.state).ok_or_else(corrupt)?,
            models: json(&self.models, what)?,
            tools: json(&self.tools, what)?,
            started_at: timestamp(self.started_at, "run")?,
            updated_at: timestamp(self.updated_at, "run")?,
            finished_at: self.finished_at.map(|at| timestamp(at, "run")).transpose()?,
            #[expect(clippy::cast_precision_loss, reason = "exact up to nine million US dollars")]
            cost: self.cost as f64 / BILLIONTHS,
            id: RunId(self.id),
            agent: self.agent,
            incident: self.incident_id.map(IncidentId::from_text),
            conversation: self.conversation_id.map(ConversationId::from_text),
            parent: self.parent_id.map(RunId),
            cycle: number(self.cycle),
            question: self.question,
            prompt: self.prompt_hash,
            outcome: self.outcome,
            turns: number(self.turns),
            input_tokens: number(self.input_tokens),
            output_tokens: number(self.output_tokens),
            took_ms: number(self.took_ms),
            messages: number(self.message_count),
            messages_dropped: number(self.dropped_count),
        })
    }
}

impl SideRow {
    fn kept(self) -> Result<KeptRun, StoreError> {
        let id = self.row.id.clone();
        let what = || format!("run {id}");
        Ok(KeptRun {
            memory: json(&self.memory, what)?,
            ground: self.ground.as_deref().map(|text| json(text, what)).transpose()?,
            summary: self.row.summary()?,
            step: self.step,
            task: self.task.unwrap_or_default(),
            repairs: number(self.repairs),
        })
    }
}
