//! The durable truth: incidents, their events, the alerts behind them, the latest Snapshot of each, conversations, the
//! runs of agents, and what language models have used.
//!
//! Owns every SQL statement, the transaction boundaries and the row leases that let several replicas share work. It
//! decides nothing: incidents move by [`crate::incident::Incident::apply`], alerts are routed by
//! [`crate::intake::correlate`]; the store executes both inside one transaction. One code serves SQLite and PostgreSQL;
//! the few differences are in `engine`.

mod claim;
mod commit;
mod conversations;
mod engine;
mod episodes;
mod error;
mod find;
mod held;
mod ledger;
mod list;
mod open;
mod read;
mod received;
mod remove;
mod results;
mod runs;
mod snapshot;
mod sql;
mod usage;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use claim::Rest;
pub use commit::Commit;
pub use conversations::{
    About, Conversation, ConversationId, ConversationPage, ConversationRetention, Link, Message, Saying,
    Speaker, Suspicious,
};
pub use error::{ActError, CommitError, FindError, StoreError};
pub use list::{IncidentFilter, IncidentSummary, MAX_PAGE, Page};
pub use received::Received;
pub use results::KeptResult;
pub use runs::{
    KeptRun, MOST_MESSAGE_BYTES, MOST_RUN_BYTES, MOST_RUN_MESSAGES, MessageDetail, RunFilter, RunId, RunKind,
    RunMessage, RunPage, RunRetention, RunState, RunSummary, Tidied, ToolRecord,
};
use sqlx::AnyPool;
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};
pub use usage::{Account, Ceiling, DayUsage, Overrun, Reserved, Resource, Usage, UsageScope, UsedBy};

use crate::incident::IncidentId;
use engine::Engine;
use usage::Bookings;
use writer::Writer;

/// How long any single call may take before it is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// Changes that a subscriber may lag behind before it misses some (and is told so).
const FEED: usize = 1024;

/// The durable truth. Cheap to clone; all clones share the connections and the writer task.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    /// Connections for statements that only read.
    readers: AnyPool,
    /// Connections for transactions that write; on SQLite exactly one, so that writers queue instead of colliding.
    writers: AnyPool,
    /// Who may write beside the intake of alerts. Taken before a connection, so that the queue for the connections holds
    /// no more than these, and a delivery waits for few others however many workers commit.
    turns: Semaphore,
    intake: Writer,
    bookings: Bookings,
    feed: broadcast::Sender<IncidentId>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("engine", &self.inner.engine).finish_non_exhaustive()
    }
}

impl Store {
    /// Identifiers of incidents that something happened to in this process, after it was made durable. A receiver that
    /// lags behind by more than a thousand misses some and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<IncidentId> {
        self.inner.feed.subscribe()
    }

    /// Waits for a turn to write.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.inner.turns.acquire().await.map_err(|_| StoreError::Closed)
    }

    fn announce(&self, id: &IncidentId) {
        // Nobody listening is not an error.
        let _ = self.inner.feed.send(id.clone());
    }
}

/// Gives a database call its deadline.
async fn within_deadline<T, E: From<StoreError>>(call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Timeout.into()),
    }
}

/// Gives one statement its deadline.
async fn answered<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    within_deadline(async { Ok(statement.await?) }).await
}
