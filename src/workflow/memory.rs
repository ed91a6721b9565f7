//! Closed incidents are remembered, beside the work on open ones and never in its way.
//!
//! The truth is the store: what was missed (a crash, a full queue, a knowledge base or a model that was away) is found
//! again by comparing both, at the start, soon after something went wrong, and every hour.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Workflow;
use crate::incident::{Incident, IncidentId};
use crate::store::{IncidentFilter, MAX_PAGE, StoreError};

/// Closed incidents that are looked through by a comparison, newest first.
const LOOKED_BACK: usize = 1_000;

/// Incidents that are remembered by one write.
const BATCH: usize = 50;

/// How long it waits for more after the first, so that a storm costs few writes.
const GATHER: Duration = Duration::from_millis(200);

/// When the store is compared with what is remembered.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// After the first failure; doubles with each further one in a row.
    again: Duration,
    /// When nothing has failed, and the most after failures.
    longest: Duration,
}

impl Pace {
    const SERVING: Self = Self { again: Duration::from_secs(30), longest: Duration::from_secs(3_600) };

    /// How long after `failures` in a row the next comparison is due.
    fn after(self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return self.longest };
        self.again.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest)
    }
}

impl Workflow {
    /// Remembers closed incidents until `shutdown`: those that were missed, and each soon after it closed.
    pub async fn remember(&self, shutdown: CancellationToken) {
        let Some(closings) = self.recall.closings() else { return };
        shutdown.run_until_cancelled(self.remember_all(closings, Pace::SERVING)).await;
    }

    async fn remember_all(&self, mut closings: Receiver<IncidentId>, pace: Pace) {
        if !self.recall.opened().await {
            return;
        }
        let mut failures = 0;
        let mut due = Instant::now();
        let mut ids = Vec::new();
        loop {
            tokio::select! {
                () = sleep_until(due) => {
                    failures = if self.remember_missed().await { 0 } else { failures + 1 };
                    due = Instant::now() + pace.after(failures);
                }
                named = closings.recv_many(&mut ids, BATCH) => {
                    if named == 0 {
                        return;
                    }
                    // Where a comparison is due soon anyway, it brings these, too.
                    if !self.remember_named(&mut ids, &mut closings).await && failures == 0 {
                        failures = 1;
                        due = Instant::now() + pace.after(failures);
                    }
                }
            }
        }
    }

    /// Remembers those that have closed, with those that close right after them. Says whether it could.
    async fn remember_named(&self, ids: &mut Vec<IncidentId>, closings: &mut Receiver<IncidentId>) -> bool {
        sleep(GATHER).await;
        while ids.len() < BATCH
            && let Ok(id) = closings.try_recv()
        {
            ids.push(id);
        }
        ids.sort();
        ids.dedup();
        let result = self.remember_batch(ids).await;
        let count = ids.len();
        ids.clear();
        if let Err(error) = &result {
            let error = format!("{error:#}");
            warn!(error, count, "closed incidents could not be remembered; tried again later");
        }
        result.is_ok()
    }

    /// Remembers what closed while nobody was there to remember it. Says whether it could.
    async fn remember_missed(&self) -> bool {
        match self.catch_up().await {
            Ok(0) => true,
            Ok(count) => {
                info!(count, "incidents that had closed before are remembered now");
                true
            }
            Err(error) => {
                let error = format!("{error:#}");
                warn!(
                    error,
                    "closed incidents could not be compared with those remembered; tried again later"
                );
                false
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

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
