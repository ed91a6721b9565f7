//! Beginning, continuing and removing conversations.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::super::sql::{key, micros, plain};
use super::super::{Store, StoreError, within_deadline};
use super::{Conversation, ConversationId, Saying};

impl Store {
    /// Keeps a new conversation, without messages yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_conversation(&self, conversation: &Conversation) -> Result<(), StoreError> {
        within_deadline(async {
            let _turn = self.turn().await?;
            sqlx::query::<sqlx::Any>(
                "INSERT INTO conversations (id, title, agent, incident_id, cluster, namespaces, message_count, \
                 started_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)",
            )
            .bind(key(conversation.id.as_str()))
            .bind(plain(&conversation.title))
            .bind(plain(&conversation.agent))
            .bind(conversation.incident.as_ref().map(|incident| plain(incident.as_str())))
            .bind(conversation.cluster.as_deref().map(plain))
            .bind(serde_json::to_string(&conversation.namespaces)?)
            .bind(micros(conversation.started_at))
            .bind(micros(conversation.updated_at))
            .execute(&self.inner.writers)
            .await?;
            Ok(())
        })
        .await
    }

    /// Adds messages to the end of a conversation, all or none. `false` when there is no such conversation (any more).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_messages(&self, id: &ConversationId, said: &[Saying]) -> Result<bool, StoreError> {
        within_deadline(self.try_add(id, said)).await
    }

    async fn try_add(&self, id: &ConversationId, said: &[Saying]) -> Result<bool, StoreError> {
        let _turn = self.turn().await?;
        let engine = &self.inner.engine;
        let mut transaction = self.inner.writers.begin_with(engine.begin()).await?;
        let sql = format!("SELECT message_count FROM conversations WHERE id = $1{}", engine.for_update());
        let last = sqlx::query_scalar::<sqlx::Any, i64>(sqlx::AssertSqlSafe(sql))
            .bind(key(id.as_str()))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(mut seq) = last else { return Ok(false) };
        let now = Timestamp::now();
        for one in said {
            seq += 1;
            insert(&mut transaction, id, seq, now, one).await?;
        }
        sqlx::query::<sqlx::Any>(
            "UPDATE conversations SET message_count = $1, updated_at = $2 WHERE id = $3",
        )
        .bind(seq)
        .bind(micros(now))
        .bind(key(id.as_str()))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a conversation with all its messages. `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_conversation(&self, id: &ConversationId) -> Result<bool, StoreError> {
        within_deadline(async {
            let _turn = self.turn().await?;
            let removed = sqlx::query::<sqlx::Any>("DELETE FROM conversations WHERE id = $1")
                .bind(key(id.as_str()))
                .execute(&self.inner.writers)
                .await?;
            Ok(removed.rows_affected() > 0)
        })
        .await
    }
}

async fn insert(
    connection: &mut AnyConnection,
    id: &ConversationId,
    seq: i64,
    now: Timestamp,
    said: &Saying,
) -> Result<(), StoreError> {
    sqlx::query::<sqlx::Any>(
        "INSERT INTO messages (conversation_id, seq, at, speaker, body, text) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key(id.as_str()))
    .bind(seq)
    .bind(micros(now))
    .bind(said.speaker.as_str())
    // serde_json writes NUL as an escape.
    .bind(serde_json::to_string(&said.about)?)
    .bind(plain(&said.text))
    .execute(connection)
    .await?;
    Ok(())
}
