//! The two engines: how each is reached and the few places where they differ.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Executor};
use url::Url;

use super::StoreError;

/// How long a call waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Readers of the SQLite file; each keeps up to 2 MB of pages.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL of one replica.
const POSTGRES_CONNECTIONS: u32 = 10;

/// WAL lets readers pass the writer; FULL makes a commit survive loss of power.
const SQLITE_SETUP: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 10000; PRAGMA temp_store = MEMORY;";

/// A hung statement or a forgotten transaction must not hold rows for ever.
const POSTGRES_SETUP: &str = "SET statement_timeout = '20s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '60s';";

/// Any fixed number: names the lock under which replicas write alerts one batch after the other.
const INTAKE_LOCK: &str = "SELECT pg_advisory_xact_lock(7203113)";

/// The lock under which replicas look at what models have used, and book more.
const BOOKING_LOCK: &str = "SELECT pg_advisory_xact_lock(7203114)";

/// Which database, and where, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Engine {
    /// A file.
    Sqlite(PathBuf),
    /// A server; the text is `host:port/database`.
    Postgres(String),
}

impl Engine {
    /// Reads the setting. Relative SQLite paths are taken from the working directory.
    pub(super) fn of(url: &str) -> Result<Self, StoreError> {
        let hint = || StoreError::Url {
            reason:
                "write it like sqlite:///var/lib/kubewright/kubewright.db or postgres://user@host/database"
                    .to_owned(),
        };
        if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            return sqlite_path(path).map(Self::Sqlite);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(hint());
        }
        let parsed = Url::parse(url).map_err(|_| hint())?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).unwrap_or("the local socket");
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self::Postgres(format!("{host}{port}{}", parsed.path())))
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(server) => server.clone(),
        }
    }

    /// Opens the connections: first those that read, then those that write.
    pub(super) async fn connect(&self, url: &str) -> Result<(AnyPool, AnyPool), StoreError> {
        sqlx::any::install_default_drivers();
        match self {
            Self::Sqlite(path) => {
                create_file(path)
                    .map_err(|source| StoreError::File { path: path.clone(), source: Arc::new(source) })?;
                let url = sqlite_url(path)?;
                let writers = self.pool(&url, 1, SQLITE_SETUP).await?;
                Ok((self.pool(&url, SQLITE_READERS, SQLITE_SETUP).await?, writers))
            }
            Self::Postgres(_) => {
                let pool = self.pool(url, POSTGRES_CONNECTIONS, POSTGRES_SETUP).await?;
                Ok((pool.clone(), pool))
            }
        }
    }

    async fn pool(&self, url: &str, size: u32, setup: &'static str) -> Result<AnyPool, StoreError> {
        let unreachable = |source| StoreError::Unreachable { at: self.place(), source: Arc::new(source) };
        let options = AnyConnectOptions::from_str(url).map_err(unreachable)?.disable_statement_logging();
        AnyPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(ACQUIRE)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(setup)).await.map(|_| ()) })
            })
            .connect_with(options)
            .await
            .map_err(unreachable)
    }

    /// How many may write at a time beside the intake of alerts: one queues behind SQLite's single writer, and on
    /// PostgreSQL some connections stay free for alerts and readers.
    pub(super) fn turns(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => 6,
        }
    }

    /// How a transaction that writes begins. SQLite takes its write lock at once: a lock taken later could fail midway.
    pub(super) fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// Ends a `SELECT` whose rows are about to be changed. SQLite's write lock already covers the whole file.
    pub(super) fn for_update(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE",
        }
    }

    /// The same, passing over rows that another replica is changing.
    pub(super) fn for_update_skip_locked(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Makes the transaction the only one that takes alerts in, across all replicas, until it ends. Without it two
    /// replicas could open two incidents for one alert in the same moment. SQLite has a single writer anyway.
    pub(super) async fn serialize_intake(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if matches!(self, Self::Postgres(_)) {
            sqlx::query(INTAKE_LOCK).execute(connection).await?;
        }
        Ok(())
    }

    /// Makes the transaction the only one that books what models use, across all replicas, until it ends: sums that were
    /// compared with a limit must not change before more is booked.
    pub(super) async fn serialize_bookings(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if matches!(self, Self::Postgres(_)) {
            sqlx::query(BOOKING_LOCK).execute(connection).await?;
        }
        Ok(())
    }
}

fn sqlite_path(text: &str) -> Result<PathBuf, StoreError> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() || path == ":memory:" {
        let reason = "names no file; write it like sqlite:///var/lib/kubewright/kubewright.db".to_owned();
        return Err(StoreError::Url { reason });
    }
    std::path::absolute(path)
        .map_err(|source| StoreError::File { path: PathBuf::from(path), source: Arc::new(source) })
}

/// The driver takes only a URL, so whatever a path may hold has to be escaped.
fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let file = Url::from_file_path(path)
        .map_err(|()| StoreError::Url { reason: format!("{} is not a path of a file", path.display()) })?;
    Ok(format!("sqlite://{}", file.path()))
}

/// Makes the file and its folders, readable only by its owner: it holds what alerts say about a company.
fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_part_of_the_place() {
        let engine = Engine::of("postgres://kube:s3cret@db.example:5433/incidents?sslmode=require").unwrap();
        assert_eq!(engine, Engine::Postgres("db.example:5433/incidents".to_owned()));
        assert!(!format!("{engine:?}").contains("s3cret"));
    }

    #[test]
    fn sqlite_paths_may_be_relative_or_absolute() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(Engine::of("sqlite://kube.db").unwrap(), Engine::Sqlite(here.join("kube.db")));
        assert_eq!(
            Engine::of("sqlite:///tmp/a b/kube.db?mode=rwc").unwrap(),
            Engine::Sqlite("/tmp/a b/kube.db".into())
        );
    }

    #[test]
    fn what_is_no_database_is_refused_without_repeating_it() {
        for url in ["mysql://root:pw@host/db", "postgres:host:pw", "", "sqlite://", "sqlite::memory:"] {
            let message = Engine::of(url).unwrap_err().to_string();
            assert!(message.contains("write it like") && !message.contains("pw"), "{message}");
        }
    }
}
