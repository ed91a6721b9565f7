//! The durable side of a run: it is written when it begins, after each answer of the model and when it ends.
//!
//! What is written went to a model or came from one: it holds placeholders, which are never restored here. A write that
//! fails is logged and tried again with the next one; the run goes on.

use std::time::Duration;

use jiff::Timestamp;
use rig_core::message::Message;

use super::records::{Earlier, Records, Task, spent};
use super::redacted::redacted;
use super::{Record, RunError};
use crate::egress::Session;
use crate::store::{
    KeptRun, MOST_MESSAGE_BYTES, MOST_RUN_BYTES, MOST_RUN_MESSAGES, MessageDetail, RunId, RunMessage,
    RunState, RunSummary, Store,
};

/// How long a run waits for one write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest outcome, characters.
const LONGEST_OUTCOME: usize = 2_000;

/// A run in the store.
pub(crate) struct Keeping {
    store: Store,
    run: KeptRun,
    unsaved: Vec<RunMessage>,
    bytes: usize,
    is_kept: bool,
    /// Whether an answer of a model waits to be written.
    is_due: bool,
}

impl Keeping {
    /// A new run with its first messages. Nothing is written yet.
    pub(crate) fn begin(records: &Records, task: &Task<'_>, session: &Session, first: &[&Message]) -> Self {
        let run = KeptRun {
            summary: summary(records, task, session),
            step: records.step.clone(),
            task: task.key(),
            repairs: 0,
            memory: serde_json::Value::Null,
            ground: records.take_ground(),
        };
        let mut keeping = Self {
            store: records.store.clone(),
            run,
            unsaved: Vec::new(),
            bytes: 0,
            is_kept: false,
            is_due: true,
        };
        for message in first {
            keeping.note(message, MessageDetail::default(), session);
        }
        keeping
    }

    /// A run that goes on, with what it has used so far and its messages; `None` where not all of it was kept.
    pub(super) fn again(records: &Records, earlier: Earlier) -> Option<(Self, Record, Vec<Message>)> {
        let Earlier { mut run, messages } = earlier;
        if run.summary.messages_dropped > 0 || messages.is_empty() {
            return None;
        }
        let read = messages.iter().map(|message| serde_json::from_value(message.body.clone()).ok());
        let said = read.collect::<Option<Vec<Message>>>()?;
        let summary = &mut run.summary;
        (summary.state, summary.outcome, summary.finished_at) = (RunState::Running, None, None);
        let record = Record {
            before: Duration::from_millis(summary.took_ms),
            turns: summary.turns,
            repairs: run.repairs,
            models: summary.models.clone(),
            tools: summary.tools.clone(),
            spent: spent(&run),
            ..Record::begin()
        };
        let bytes = messages.iter().map(|message| size(&message.body)).sum();
        let store = records.store.clone();
        let keeping = Self { store, run, unsaved: Vec::new(), bytes, is_kept: true, is_due: true };
        Some((keeping, record, said))
    }

    /// Its name, once it is in the store.
    pub(crate) fn id(&self) -> Option<RunId> {
        self.is_kept.then(|| self.run.summary.id.clone())
    }

    /// Adds a message; it is written with the next write.
    pub(crate) fn note(&mut self, message: &Message, detail: MessageDetail, session: &Session) {
        self.is_due |= matches!(message, Message::Assistant(_));
        let summary = &mut self.run.summary;
        let body = redacted(message, session);
        let bytes = body.as_ref().map_or(usize::MAX, size);
        let fits = bytes <= MOST_MESSAGE_BYTES
            && self.bytes + bytes <= MOST_RUN_BYTES
            && (summary.messages as usize) < MOST_RUN_MESSAGES;
        match body {
            Some(body) if fits => {
                self.bytes += bytes;
                summary.messages += 1;
                self.unsaved.push(RunMessage { seq: summary.messages, at: now(), body, detail });
            }
            _ => summary.messages_dropped += 1,
        }
    }

    /// Writes what a model has said since the last write, and everything where nothing was written yet.
    pub(super) async fn save_if_due(&mut self, record: &Record, session: &Session) {
        if self.is_due {
            self.save(record, session).await;
        }
    }

    /// Writes the end of a run.
    pub(crate) async fn finish(
        &mut self,
        record: &Record,
        session: &Session,
        state: RunState,
        outcome: &str,
    ) {
        let outcome: String = outcome.chars().take(LONGEST_OUTCOME).collect();
        let summary = &mut self.run.summary;
        summary.state = state;
        summary.outcome = Some(session.trusted(&outcome));
        summary.finished_at = Some(now());
        self.save(record, session).await;
    }

    async fn save(&mut self, record: &Record, session: &Session) {
        let summary = &mut self.run.summary;
        summary.turns = record.turns;
        summary.models.clone_from(&record.models);
        summary.tools.clone_from(&record.tools);
        summary.input_tokens = record.spent.input_tokens;
        summary.output_tokens = record.spent.output_tokens;
        summary.cost = record.spent.cost;
        summary.took_ms = record.took_ms();
        summary.updated_at = now();
        self.run.repairs = record.repairs;
        self.run.memory = serde_json::to_value(session.memory()).unwrap_or_default();
        let write = self.store.keep_run(&self.run, &self.unsaved);
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Ok(())) => {
                self.unsaved.clear();
                (self.is_kept, self.is_due) = (true, false);
            }
            Ok(Err(error)) => {
                tracing::warn!(run = %self.run.summary.id, %error, "a run could not be kept; it goes on");
            }
            Err(_) => {
                tracing::warn!(run = %self.run.summary.id, "a run could not be kept in time; it goes on");
            }
        }
    }
}

/// A run that has done nothing yet.
fn summary(records: &Records, task: &Task<'_>, session: &Session) -> RunSummary {
    let now = now();
    RunSummary {
        id: RunId::random(),
        kind: records.kind,
        agent: task.agent.to_owned(),
        state: RunState::Running,
        incident: records.incident.clone(),
        conversation: records.conversation.clone(),
        parent: records.parent(),
        cycle: task.cycle,
        question: session.trusted(task.question),
        prompt: task.prompt.to_owned(),
        models: Vec::new(),
        tools: std::collections::BTreeMap::new(),
        outcome: None,
        turns: 0,
        input_tokens: 0,
        output_tokens: 0,
        cost: 0.0,
        took_ms: 0,
        messages: 0,
        messages_dropped: 0,
        started_at: now,
        updated_at: now,
        finished_at: None,
    }
}

/// How far a run is that ended like this.
pub(crate) fn state_of<T>(answer: &Result<T, RunError>) -> RunState {
    match answer {
        Ok(_) => RunState::Finished,
        Err(RunError::Cancelled) => RunState::Cancelled,
        Err(_) => RunState::Failed,
    }
}

fn size(body: &serde_json::Value) -> usize {
    serde_json::to_string(body).map_or(usize::MAX, |text| text.len())
}

/// As exact as it is stored.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
