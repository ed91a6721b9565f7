//! Closed incidents are remembered, beside the work on open ones and never in its way.
//!
//! The truth is the store: what was missed (a crash, a full queue, a knowledge base that was away) is found again at the
//! next start by comparing both.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Workflow;
use crate::incident::{Incident, IncidentId};
use crate::store::{IncidentFilter, MAX_PAGE, StoreError};

/// Closed incidents that are looked through at the start, newest first.
const LOOKED_BACK: usize = 1_000;

/// Incidents that are remembered by one write.
const BATCH: usize = 50;

/// How long it waits for more after the first, so that a storm costs few writes.
const GATHER: Duration = Duration::from_millis(200);

impl Workflow {
    /// Remembers closed incidents until `shutdown`: first those that were missed before, then each soon after it closed.
    pub async fn remember(&self, shutdown: CancellationToken) {
        let Some(closings) = self.recall.closings() else { return };
        shutdown.run_until_cancelled(self.remember_all(closings)).await;
    }

    async fn remember_all(&self, mut closings: Receiver<IncidentId>) {
        if !self.recall.opened().await {
            return;
        }
        self.remember_missed().await;
        let mut ids = Vec::new();
        while closings.recv_many(&mut ids, BATCH).await > 0 {
            tokio::time::sleep(GATHER).await;
            while ids.len() < BATCH
                && let Ok(id) = closings.try_recv()
            {
                ids.push(id);
            }
            ids.sort();
            ids.dedup();
            if let Err(error) = self.remember_batch(&ids).await {
                let error = format!("{error:#}");
                warn!(
                    error,
                    count = ids.len(),
                    "closed incidents could not be remembered; tried at the next start"
                );
            }
            ids.clear();
        }
    }

    /// Remembers what closed while nobody was there to remember it.
    async fn remember_missed(&self) {
        match self.catch_up().await {
            Ok(0) => {}
            Ok(count) => info!(count, "incidents that had closed before are remembered now"),
            Err(error) => {
                let error = format!("{error:#}");
                warn!(
                    error,
                    "closed incidents could not be compared with those remembered; tried at the next start"
                );
            }
        }
    }

    /// Remembers the closed ones of these. What is open will be named again when it closes.
    async fn remember_batch(&self, ids: &[IncidentId]) -> anyhow::Result<usize> {
        let mut closed: Vec<Incident> = Vec::new();
        for id in ids {
            closed.extend(self.store.incident(id).await?.filter(|incident| !incident.is_open()));
        }
        Ok(self.recall.remember(&closed).await?)
    }

    async fn catch_up(&self) -> anyhow::Result<usize> {
        let remembered = self.recall.remembered().await?;
        let missed: Vec<IncidentId> =
            self.newest_closed().await?.into_iter().filter(|id| !remembered.contains(id.as_str())).collect();
        let mut count = 0;
        for batch in missed.chunks(BATCH) {
            count += self.remember_batch(batch).await?;
        }
        Ok(count)
    }

    async fn newest_closed(&self) -> Result<Vec<IncidentId>, StoreError> {
        let closed = IncidentFilter { open: Some(false), ..IncidentFilter::default() };
        let mut ids = Vec::new();
        let mut cursor = None;
        while ids.len() < LOOKED_BACK {
            let page = self.store.incidents(&closed, cursor.as_deref(), MAX_PAGE).await?;
            ids.extend(page.incidents.into_iter().map(|incident| incident.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(ids)
    }
}
