//! The loop that finds due incidents and has each driven by a task of its own.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use super::Workflow;
use super::lease::LEASE;

/// Incidents worked on at the same time in one process.
const CONCURRENCY: usize = 8;
/// How often the store is asked for due incidents when nothing in this process says that there are any: timers, leases
/// of crashed replicas, alerts that another replica took in.
const POLL: Duration = Duration::from_millis(500);

impl Workflow {
    /// Works until `shutdown`, then lets running steps finish their current commit and gives the leases back.
    pub async fn run(&self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let slots = std::sync::Arc::new(Semaphore::new(CONCURRENCY));
        let mut news = self.store.subscribe();
        info!(owner = %self.owner, "ready to work on incidents");
        while !shutdown.is_cancelled() {
            let claimed = self.claim_into(&slots, &tasks, &shutdown).await;
            if claimed == 0 && !pause(&mut news, &shutdown).await {
                break;
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Claims as many due incidents as there are free slots; returns how many.
    async fn claim_into(
        &self,
        slots: &std::sync::Arc<Semaphore>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> usize {
        let free = slots.available_permits();
        if free == 0 {
            return 0;
        }
        let due = match self.store.claim(&self.owner, Timestamp::now(), LEASE, free).await {
            Ok(due) => due,
            Err(error) => {
                error!(%error, "could not ask the store for due incidents; trying again");
                return 0;
            }
        };
        let count = due.len();
        for incident in due {
            let Ok(slot) = slots.clone().acquire_owned().await else { break };
            let (workflow, shutdown) = (self.clone(), shutdown.clone());
            tasks.spawn(async move {
                // Boxed: it holds whole Snapshots across its steps.
                Box::pin(workflow.drive(incident, &shutdown)).await;
                drop(slot);
            });
        }
        count
    }
}

/// Waits for news or the next poll; `false` at shutdown.
async fn pause(
    news: &mut broadcast::Receiver<crate::incident::IncidentId>,
    shutdown: &CancellationToken,
) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => return false,
        received = news.recv() => {
            if matches!(received, Err(broadcast::error::RecvError::Closed)) {
                tokio::time::sleep(POLL).await;
            }
        }
        () = tokio::time::sleep(POLL) => {}
    }
    true
}
