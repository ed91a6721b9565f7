//! Writing runs, turn by turn.

use sqlx::AnyConnection;

use super::super::sql::{key, micros, plain};
use super::super::{Store, StoreError, within_deadline};
use super::{KeptRun, LONGEST_TEXT, MOST_SIDE_BYTES, RunId, RunMessage};

/// Money is stored in billionths of a US dollar.
pub(super) const BILLIONTHS: f64 = 1e9;

const UPSERT: &str = "INSERT INTO runs (id, kind, agent, incident_id, conversation_id, parent_id, step, task, cycle, \
     state, question, prompt_hash, models, tools, outcome, turns, repairs, input_tokens, output_tokens, cost, took_ms, \
     message_count, dropped_count, started_at, updated_at, finished_at, memory, ground) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
     $24, $25, $26, $27, $28) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, models = excluded.models, tools = excluded.tools, \
     outcome = excluded.outcome, turns = excluded.turns, repairs = excluded.repairs, \
     input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost = excluded.cost, \
     took_ms = excluded.took_ms, message_count = excluded.message_count, dropped_count = excluded.dropped_count, \
     updated_at = excluded.updated_at, finished_at = excluded.finished_at, memory = excluded.memory";

impl Store {
    /// Writes a run as it is now and adds `new` messages, all or nothing. A message that is there already stays as it is,
    /// so it is safe to write the same again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_run(&self, run: &KeptRun, new: &[RunMessage]) -> Result<(), StoreError> {
        within_deadline(async {
            let _turn = self.turn().await?;
            let mut transaction = self.inner.writers.begin_with(self.inner.engine.begin()).await?;
            upsert(&mut transaction, run).await?;
            for message in new {
                insert(&mut transaction, &run.summary.id, message).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

async fn upsert(connection: &mut AnyConnection, run: &KeptRun) -> Result<(), StoreError> {
    let summary = &run.summary;
    sqlx::query::<sqlx::Any>(UPSERT)
        .bind(key(summary.id.as_str()))
        .bind(summary.kind.as_str())
        .bind(key(&summary.agent))
        .bind(summary.incident.as_ref().map(|id| key(id.as_str())))
        .bind(summary.conversation.as_ref().map(|id| key(id.as_str())))
        .bind(summary.parent.as_ref().map(|id| key(id.as_str())))
        .bind(run.step.as_deref().map(key))
        .bind(key(&run.task))
        .bind(i64::from(summary.cycle))
        .bind(summary.state.as_str())
        .bind(bounded(&summary.question))
        .bind(plain(&summary.prompt))
        .bind(serde_json::to_string(&summary.models)?)
        .bind(serde_json::to_string(&summary.tools)?)
        .bind(summary.outcome.as_deref().map(bounded))
        .bind(i64::from(summary.turns))
        .bind(i64::from(run.repairs))
        .bind(count(summary.input_tokens))
        .bind(count(summary.output_tokens))
        .bind(billionths(summary.cost))
        .bind(count(summary.took_ms))
        .bind(i64::from(summary.messages))
        .bind(i64::from(summary.messages_dropped))
        .bind(micros(summary.started_at))
        .bind(micros(summary.updated_at))
        .bind(summary.finished_at.map(micros))
        .bind(side(&run.memory)?.unwrap_or_else(|| "null".to_owned()))
        .bind(run.ground.as_ref().map(side).transpose()?.flatten())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(connection: &mut AnyConnection, id: &RunId, message: &RunMessage) -> Result<(), StoreError> {
    sqlx::query::<sqlx::Any>(
        "INSERT INTO run_messages (run_id, seq, at, body, detail) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (run_id, seq) DO NOTHING",
    )
    .bind(key(id.as_str()))
    .bind(i64::from(message.seq))
    .bind(micros(message.at))
    // serde_json writes NUL as an escape.
    .bind(serde_json::to_string(&message.body)?)
    .bind(serde_json::to_string(&message.detail)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// A text of a person or a model, not longer than is worth keeping in a list.
fn bounded(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// JSON beside the messages; `None` when it is too long: then nobody goes on with the run.
fn side(value: &serde_json::Value) -> Result<Option<String>, StoreError> {
    let text = serde_json::to_string(value)?;
    Ok((text.len() <= MOST_SIDE_BYTES).then_some(text))
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "an amount of money; beyond the range it saturates")]
fn billionths(dollars: f64) -> i64 {
    (dollars * BILLIONTHS).round() as i64
}
