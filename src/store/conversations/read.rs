//! Reading conversations.

use sqlx::AssertSqlSafe;

use super::super::list::{read_cursor, write_cursor};
use super::super::sql::{json, key, plain, timestamp};
use super::super::{MAX_PAGE, Store, StoreError, answered};
use super::{Conversation, ConversationId, ConversationPage, Message, Speaker};
use crate::incident::IncidentId;

/// Most messages of one read.
const MAX_MESSAGES: usize = 500;

const COLUMNS: &str =
    "id, title, agent, incident_id, cluster, namespaces, message_count, started_at, updated_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    title: String,
    agent: String,
    incident_id: Option<String>,
    cluster: Option<String>,
    namespaces: String,
    message_count: i64,
    started_at: i64,
    updated_at: i64,
}

impl Row {
    fn conversation(self) -> Result<Conversation, StoreError> {
        let namespaces = json(&self.namespaces, || format!("conversation {}", self.id))?;
        Ok(Conversation {
            namespaces,
            started_at: timestamp(self.started_at, "conversation")?,
            updated_at: timestamp(self.updated_at, "conversation")?,
            id: ConversationId::from_text(self.id),
            title: self.title,
            agent: self.agent,
            incident: self.incident_id.map(IncidentId::from_text),
            cluster: self.cluster,
            messages: self.message_count,
        })
    }
}

impl Store {
    /// The conversation; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM conversations WHERE id = $1");
        let query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql)).bind(key(id.as_str()));
        let row = answered(query.fetch_optional(&self.inner.readers));
        row.await?.map(Row::conversation).transpose()
    }

    /// A page of at most `limit` (and at most [`MAX_PAGE`]) conversations, the one that was last spoken in first;
    /// `about`: only those about this incident. `cursor` is [`ConversationPage::next_cursor`] of the page before.
    ///
    /// # Errors
    /// [`StoreError::Cursor`] for a cursor that no page gave.
    pub async fn conversations(
        &self,
        about: Option<&IncidentId>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ConversationPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        // Later than any that is stored, so that one statement serves the first page too.
        let (before, id) = cursor.map(read_cursor).transpose()?.unwrap_or((i64::MAX, String::new()));
        let narrowed = about.map_or("", |_| " AND incident_id = $4");
        let sql = format!(
            "SELECT {COLUMNS} FROM conversations WHERE (updated_at < $1 OR (updated_at = $1 AND id < $2)){narrowed} \
             ORDER BY updated_at DESC, id DESC LIMIT $3"
        );
        let query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql))
            .bind(before)
            .bind(id)
            .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
        let query = match about {
            Some(incident) => query.bind(plain(incident.as_str())),
            None => query,
        };
        let mut rows = answered(query.fetch_all(&self.inner.readers)).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| write_cursor(row.updated_at, &row.id));
        let conversations = rows.into_iter().map(Row::conversation).collect::<Result<_, _>>()?;
        Ok(ConversationPage { conversations, next_cursor })
    }

    /// Messages of a conversation after `after` (0: from the beginning), oldest first, at most `limit` and at most 500.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn messages(
        &self,
        id: &ConversationId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let query = sqlx::query_as::<sqlx::Any, (i64, i64, String, String, String)>(
            "SELECT seq, at, speaker, text, body FROM messages WHERE conversation_id = $1 AND seq > $2 \
             ORDER BY seq LIMIT $3",
        )
        .bind(key(id.as_str()))
        .bind(after)
        .bind(i64::try_from(limit.min(MAX_MESSAGES)).unwrap_or(0));
        let rows = answered(query.fetch_all(&self.inner.readers)).await?;
        rows.into_iter().map(|row| message(id, row)).collect()
    }
}

fn message(id: &ConversationId, row: (i64, i64, String, String, String)) -> Result<Message, StoreError> {
    let (seq, at, speaker, text, body) = row;
    let what = || format!("message {seq} of conversation {id}");
    Ok(Message {
        seq,
        at: timestamp(at, &what())?,
        speaker: Speaker::from_name(&speaker).ok_or_else(|| StoreError::Corrupt { what: what() })?,
        text,
        about: json(&body, what)?,
    })
}
