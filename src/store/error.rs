//! What can go wrong, in words that are safe to show: no connection URL, password or SQL in any of them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::incident::{IncidentId, TransitionError};

/// A call of the store that did not succeed. Nothing of it was saved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The setting cannot be understood.
    #[error("store.url: {reason}")]
    Url {
        /// What is wrong and how to write it.
        reason: String,
    },
    /// The SQLite file cannot be made or opened.
    #[error("the database file {} cannot be opened; check that its folder can be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// No connection to the database.
    #[error("the database at {at} cannot be reached; check store.url, the network and the credentials")]
    Unreachable {
        /// Host, port and database, or the file; never the user or the password.
        at: String,
        /// What the driver says.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The tables could not be brought up to date.
    #[error("the tables in {at} cannot be brought up to date; was it last used by a newer kubewright?")]
    Migrate {
        /// Where.
        at: String,
        /// What the driver says.
        #[source]
        source: Arc<sqlx::migrate::MigrateError>,
    },
    /// More alerts are waiting to be written than the queue holds. Ask again.
    #[error("too many alerts are waiting to be stored; send it again in a moment")]
    Busy,
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// The store has been closed.
    #[error("the store is closed: the program is shutting down")]
    Closed,
    /// The database answered with an error.
    #[error("the database failed")]
    Database(#[source] Arc<sqlx::Error>),
    /// A stored value cannot be read back.
    #[error("the stored {what} cannot be read; was it written by a newer kubewright?")]
    Corrupt {
        /// Which value.
        what: String,
    },
    /// A value cannot be written as JSON.
    #[error("a value cannot be written as JSON")]
    Encode(#[source] Arc<serde_json::Error>),
    /// An alert was routed to an incident that cannot take it: the routing and the transitions disagree.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The cursor is not one that a page gave.
    #[error("the cursor is not valid; use next_cursor of the page before, or leave it out")]
    Cursor,
}

impl StoreError {
    /// Whether it is the same for everybody who asks now, as when the database is away.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout | Self::Closed | Self::Busy => true,
            Self::Database(error) => matches!(
                **error,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error => Self::Database(Arc::new(error)),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encode(Arc::new(error))
    }
}

/// Events that could not be added to an incident. None of them was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// No such incident.
    #[error("there is no incident {0}")]
    NotFound(IncidentId),
    /// Somebody else works on the incident now; stop.
    #[error("the lease on incident {0} is lost: another worker has taken over")]
    LeaseLost(IncidentId),
    /// An event does not fit what the incident has become meanwhile.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A person's wish that could not be carried out. `R` is the caller's own reason to refuse.
#[derive(Debug, thiserror::Error)]
pub enum ActError<R> {
    /// No such incident.
    #[error("there is no incident {0}")]
    NotFound(IncidentId),
    /// The caller's closure said no.
    #[error("{0}")]
    Refused(R),
    /// The event does not fit the phase that the incident is in.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<R> From<sqlx::Error> for ActError<R> {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A beginning of an identifier that does not name exactly one incident.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FindError {
    /// None begins so.
    #[error("no incident begins with \"{0}\"; `kubewright incidents list` shows those that exist")]
    NotFound(String),
    /// Several begin so.
    #[error("\"{prefix}\" fits several incidents: {}; write more of it", list(candidates))]
    Ambiguous {
        /// What was asked.
        prefix: String,
        /// Some that begin so.
        candidates: Vec<IncidentId>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(ids: &[IncidentId]) -> String {
    ids.iter().map(IncidentId::as_str).collect::<Vec<_>>().join(", ")
}
