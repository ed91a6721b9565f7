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
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::agents::{Agents, Parts};
    use crate::egress::Egress;
    use crate::incident::{Event, Fingerprint, Outcome, Scope, Severity, Signal, SignalSource, SignalState};
    use crate::recall::{Places, Recall};
    use crate::remediate::Policy;
    use crate::settings::{Environment, Settings};
    use crate::store::Store;
    use crate::workflow::Clusters;

    #[test]
    fn comparisons_come_soon_after_a_failure_and_hourly_otherwise() {
        let minutes = |failures| Pace::SERVING.after(failures).as_secs_f64() / 60.0;
        assert_eq!([0, 1, 2, 3, 7, 8, u32::MAX].map(minutes), [60.0, 0.5, 1.0, 2.0, 32.0, 60.0, 60.0]);
    }

    fn signal() -> Signal {
        Signal {
            fingerprint: Fingerprint("f-1".to_owned()),
            source: SignalSource::Alertmanager,
            state: SignalState::Firing,
            name: "KubePodCrashLooping".to_owned(),
            severity: Severity::Critical,
            scope: Scope { cluster: "prod-eu".to_owned(), ..Scope::default() },
            summary: "A pod restarts again and again".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            starts_at: jiff::Timestamp::now(),
            ends_at: None,
            expression: None,
            generator_url: None,
        }
    }

    /// A workflow over a store and a knowledge base in a folder.
    async fn workflow(folder: &std::path::Path) -> Workflow {
        let text = format!(
            "[store]\nurl = \"sqlite://{}\"\n[knowledge]\nmodel = \"none\"\n[[clusters]]\nname = \"prod-eu\"\nurl = \
             \"http://127.0.0.1:1\"\n",
            folder.join("kubewright.db").display()
        );
        let settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
        let egress = Egress::new(&settings.egress).unwrap();
        let places = Places {
            documents: settings.knowledge.documents(egress.scrubber()),
            episodes: settings.knowledge.episodes(egress.scrubber()),
            manifest: None,
        };
        let store = Store::open(&settings.store).await.unwrap();
        let policy = Arc::new(Policy::load(&settings.automation).unwrap());
        let clusters = Clusters::connect(&settings).await.unwrap();
        let recall = Recall::new(Some(places)).await;
        let agents = Agents::new(Parts {
            settings: settings.agents.clone(),
            egress,
            observers: clusters.observers(),
            default_cluster: "prod-eu".to_owned(),
            recall: recall.clone(),
            store: store.clone(),
            more_tools: Vec::new(),
        });
        Workflow::new(store, clusters, policy, recall, agents.unwrap(), Arc::new(settings), "test")
    }

    #[tokio::test]
    async fn an_incident_that_was_missed_is_remembered_while_serving() {
        let folder = tempfile::tempdir().unwrap();
        let workflow = workflow(folder.path()).await;
        let stop = CancellationToken::new();
        let (recall, stopped) = (workflow.recall.clone(), stop.clone());
        let opened = tokio::spawn(async move { recall.run(stopped).await });
        workflow.recall.settled().await;
        let closings = workflow.recall.closings().unwrap();
        let often = Pace { again: Duration::from_millis(20), longest: Duration::from_millis(20) };
        let (remembering, stopped) = (workflow.clone(), stop.clone());
        let remembered = tokio::spawn(async move {
            stopped.run_until_cancelled(remembering.remember_all(closings, often)).await;
        });

        // It closes in the store and nobody names it, as when another replica has died over it.
        let received = workflow.store.receive(vec![signal()]).await.unwrap();
        let id = received.first().and_then(|received| received.incident()).unwrap().clone();
        let closed = Event::Closed { outcome: Outcome::ClosedByPerson, reason: "Closed by ada".to_owned() };
        workflow.store.act::<std::convert::Infallible>(&id, |_| Ok(vec![closed])).await.unwrap();
        let there = async {
            while !workflow.recall.remembered().await.unwrap().contains(id.as_str()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), there).await.unwrap();
        stop.cancel();
        remembered.await.unwrap();
        opened.await.unwrap();
    }
}
