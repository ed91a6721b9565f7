use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::agents::{Agents, Parts, Sources};
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
        sources: Sources {
            observers: clusters.observers(),
            default_cluster: Some("prod-eu".to_owned()),
            rules: Arc::default(),
            recall: recall.clone(),
            store: store.clone(),
        },
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
