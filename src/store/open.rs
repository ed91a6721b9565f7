//! Opening and closing.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::{Semaphore, broadcast};

use super::engine::Engine;
use super::usage::Bookings;
use super::writer::{Intake, Writer};
use super::{FEED, Inner, Store, StoreError, within_deadline};
use crate::settings::StoreSettings;

/// The correlation window of [`Store::open`]; the same as the default of the settings.
const DEFAULT_WINDOW: Duration = Duration::from_secs(600);

impl Store {
    /// Opens the database with the default correlation window of ten minutes. See [`Store::open_with`].
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub async fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        Self::open_with(settings, DEFAULT_WINDOW).await
    }

    /// Opens the database, makes it if it is a file that does not exist, brings its tables up to date, and starts the
    /// task that writes alerts. Firing alerts about the same workload join one incident within `correlation_window`.
    ///
    /// # Errors
    /// [`StoreError::Url`], [`StoreError::File`], [`StoreError::Unreachable`] or [`StoreError::Migrate`].
    pub async fn open_with(
        settings: &StoreSettings,
        correlation_window: Duration,
    ) -> Result<Self, StoreError> {
        let url = settings.url.expose_secret();
        let engine = Engine::of(url)?;
        let (readers, writers) = within_deadline(engine.connect(url)).await?;
        sqlx::migrate!("src/store/migrations")
            .run(&writers)
            .await
            .map_err(|source| StoreError::Migrate { at: engine.place(), source: Arc::new(source) })?;
        let (feed, _) = broadcast::channel(FEED);
        let intake = Writer::start(Intake {
            engine: engine.clone(),
            pool: writers.clone(),
            feed: feed.clone(),
            correlation_window,
        });
        Ok(Self {
            inner: Arc::new(Inner {
                turns: Semaphore::new(engine.turns()),
                engine,
                readers,
                writers,
                intake,
                bookings: Bookings::default(),
                feed,
            }),
        })
    }

    /// Writes the alerts that are still waiting and what models have used, then lets go of the database. Calls made later answer
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.bookings.finish().await;
        self.inner.turns.close();
        self.inner.intake.finish().await;
        self.inner.readers.close().await;
        self.inner.writers.close().await;
    }
}
