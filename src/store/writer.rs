//! The task that writes alerts: it gathers what is waiting into one transaction, because a durable commit costs the same
//! for one alert as for hundreds.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyPool;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine::Engine;
use super::{Received, Store, StoreError, ledger, within_deadline};
use crate::incident::{IncidentId, Signal};

/// Deliveries that may wait to be written; further callers wait for room.
const QUEUE: usize = 256;

/// Alerts after which a batch takes no further delivery.
const BATCH: usize = 512;

/// How long a caller waits for room in the queue before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a caller waits for its answer; enough for a batch that failed and is tried delivery by delivery.
const ANSWER: Duration = Duration::from_secs(60);

/// One delivery and the place where its answer is awaited.
struct Delivery {
    signals: Vec<Signal>,
    answer: oneshot::Sender<Result<Vec<Received>, StoreError>>,
}

/// What the task needs to take alerts in.
pub(super) struct Intake {
    pub(super) engine: Engine,
    pub(super) pool: AnyPool,
    pub(super) feed: broadcast::Sender<IncidentId>,
    pub(super) correlation_window: Duration,
}

/// The handle on the task.
pub(super) struct Writer {
    queue: mpsc::Sender<Delivery>,
    stop: CancellationToken,
    task: TaskTracker,
}

impl Store {
    /// Takes alerts in: each opens an incident, joins one, ends one, or is counted as a repeat. When it returns `Ok`,
    /// all of it is on disk. The answers are in the order of `signals`. Safe to call again with the same alerts.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too much is waiting already: the sender should try again. On any error nothing of this
    /// delivery was saved, except after [`StoreError::Timeout`], when it may have been.
    pub async fn receive(&self, signals: Vec<Signal>) -> Result<Vec<Received>, StoreError> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        self.inner.intake.deliver(signals).await
    }

    /// Whether the task that writes alerts is alive.
    pub(super) fn takes_alerts(&self) -> bool {
        !self.inner.intake.queue.is_closed()
    }
}

impl Writer {
    /// Starts the task. It ends on [`Writer::finish`], or when the handle is dropped.
    pub(super) fn start(intake: Intake) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (stop, task) = (CancellationToken::new(), TaskTracker::new());
        task.spawn(run(intake, waiting, stop.clone()));
        task.close();
        Self { queue, stop, task }
    }

    async fn deliver(&self, signals: Vec<Signal>) -> Result<Vec<Received>, StoreError> {
        let room = match tokio::time::timeout(PATIENCE, self.queue.reserve()).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(StoreError::Closed),
            Err(_) => return Err(StoreError::Busy),
        };
        let (answer, answered) = oneshot::channel();
        room.send(Delivery { signals, answer });
        match tokio::time::timeout(ANSWER, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Timeout),
        }
    }

    /// Writes what is waiting and ends the task.
    pub(super) async fn finish(&self) {
        self.stop.cancel();
        self.task.wait().await;
    }
}

async fn run(intake: Intake, mut waiting: mpsc::Receiver<Delivery>, stop: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
            next = waiting.recv() => next,
        };
        let Some(first) = next else { return };
        intake.write(gather(first, &mut waiting)).await;
    }
}

/// What waits now, up to a bound; nothing is waited for, so a lone alert is written at once.
fn gather(first: Delivery, waiting: &mut mpsc::Receiver<Delivery>) -> Vec<Delivery> {
    let mut size = first.signals.len();
    let mut batch = vec![first];
    while size < BATCH {
        let Ok(next) = waiting.try_recv() else { break };
        size += next.signals.len();
        batch.push(next);
    }
    batch
}

impl Intake {
    /// Writes a batch in one transaction. If that fails, each delivery gets its own, so that one that cannot be
    /// written does not take the others with it.
    async fn write(&self, batch: Vec<Delivery>) {
        let all: Vec<&[Signal]> = batch.iter().map(|delivery| delivery.signals.as_slice()).collect();
        let written = self.transact(&all).await;
        drop(all);
        match written {
            Ok(received) => {
                for (delivery, received) in batch.into_iter().zip(received) {
                    self.answer(delivery, Ok(received));
                }
            }
            Err(error) if batch.len() == 1 || error.is_outage() => {
                for delivery in batch {
                    self.answer(delivery, Err(error.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, deliveries = batch.len(), "a batch of alerts failed; writing them singly");
                self.write_singly(batch).await;
            }
        }
    }

    async fn write_singly(&self, batch: Vec<Delivery>) {
        for delivery in batch {
            let written = self.transact(&[&delivery.signals]).await;
            self.answer(delivery, written.map(|received| received.into_iter().flatten().collect()));
        }
    }

    /// One transaction for several deliveries; one list of answers for each.
    async fn transact(&self, deliveries: &[&[Signal]]) -> Result<Vec<Vec<Received>>, StoreError> {
        within_deadline(async {
            let mut transaction = self.pool.begin_with(self.engine.begin()).await?;
            let now = Timestamp::now();
            let mut all = Vec::with_capacity(deliveries.len());
            for signals in deliveries {
                all.push(
                    ledger::receive(&mut transaction, &self.engine, signals, now, self.correlation_window)
                        .await?,
                );
            }
            transaction.commit().await?;
            Ok(all)
        })
        .await
    }

    fn answer(&self, delivery: Delivery, result: Result<Vec<Received>, StoreError>) {
        if let Ok(received) = &result {
            for id in received.iter().filter_map(Received::moved) {
                let _ = self.feed.send(id.clone());
            }
        }
        // A caller that has given up is not an error: its alerts are stored, and it will ask again.
        let _ = delivery.answer.send(result);
    }
}
