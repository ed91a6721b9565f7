//! Many at once: tasks of one process, and replicas on one database.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use kubewright::incident::{Event, IncidentId};
use kubewright::store::{Commit, CommitError, Received, Store, StoreError};

use super::site::{Site, alert, history, incident, opened, total};

const LEASE: Duration = Duration::from_secs(60);

async fn deliver_everywhere(stores: &[Store]) -> Vec<Received> {
    let tasks = (0..64).map(|number| {
        let store = stores[number % stores.len()].clone();
        tokio::spawn(async move { store.receive(vec![alert("a", "checkout", 0)]).await.unwrap().remove(0) })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn one_opened(received: &[Received]) {
    let opened: Vec<&Received> = received.iter().filter(|one| matches!(one, Received::Opened(_))).collect();
    assert_eq!(opened.len(), 1, "{received:?}");
    let ids: HashSet<_> = received.iter().map(Received::incident).collect();
    assert_eq!(ids.len(), 1);
}

pub(crate) async fn many_tasks_that_deliver_one_alert_open_one_incident(site: &Site) {
    let store = site.open().await;
    one_opened(&deliver_everywhere(std::slice::from_ref(&store)).await);
    assert_eq!(total(&store).await, 1);
}

pub(crate) async fn two_replicas_that_deliver_one_alert_open_one_incident(site: &Site) {
    let replicas = [site.open().await, site.open().await];
    one_opened(&deliver_everywhere(&replicas).await);
    assert_eq!(total(&replicas[0]).await, 1);
}

pub(crate) async fn two_workers_never_hold_the_same_incident(site: &Site) {
    let replicas = [site.open().await, site.open().await];
    let payload = (0..60).map(|number| alert(&format!("f{number}"), &format!("w{number}"), 0)).collect();
    replicas[0].receive(payload).await.unwrap();
    let now = Timestamp::now();
    let claims = (0..20).map(|number| {
        let store = replicas[number % 2].clone();
        tokio::spawn(async move { store.claim(&format!("worker-{number}"), now, LEASE, 4).await.unwrap() })
    });
    let claimed: Vec<IncidentId> =
        join_all(claims).await.into_iter().flat_map(Result::unwrap).map(|incident| incident.id).collect();
    let distinct: HashSet<_> = claimed.iter().collect();
    assert_eq!(distinct.len(), claimed.len());
    let rest = replicas[1].claim("last", now, LEASE, 100).await.unwrap();
    assert_eq!(claimed.len() + rest.len(), 60);
}

pub(crate) async fn alerts_that_arrive_while_a_step_commits_are_not_lost(site: &Site) {
    let replicas = [site.open().await, site.open().await];
    let id = opened(&replicas[0], alert("first", "checkout", 0)).await;
    replicas[0].claim("w", Timestamp::now(), LEASE, 1).await.unwrap();
    let alerts = (0..30).map(|number| {
        let store = replicas[1].clone();
        tokio::spawn(async move {
            store.receive(vec![alert(&format!("f{number}"), "checkout", 0)]).await.unwrap();
        })
    });
    let alerts: Vec<_> = alerts.collect();
    for attempt in 0..10 {
        let failed = Event::StepFailed {
            phase: kubewright::incident::Phase::Triage,
            reason: format!("attempt {attempt}"),
            retry_at: Timestamp::now(),
        };
        replicas[0].commit(&id, "w", vec![failed], Commit::default()).await.unwrap();
    }
    join_all(alerts).await;
    assert_eq!(incident(&replicas[0], &id).await.signals.len(), 31);
    let history = history(&replicas[1], &id).await;
    assert_eq!(history.iter().filter(|kind| **kind == "step_failed").count(), 10);
    assert_eq!(history.iter().filter(|kind| **kind == "signal_attached").count(), 30);
}

pub(crate) async fn closing_stores_what_was_waiting(site: &Site) {
    let store = site.open().await;
    let deliveries: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store.receive(vec![alert(&format!("f{number}"), &format!("w{number}"), 0)]).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let answers: Vec<_> = join_all(deliveries).await.into_iter().map(Result::unwrap).collect();
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Closed))).count();
    assert_eq!(stored + refused, 50, "{answers:?}");
    assert!(matches!(store.receive(vec![alert("late", "late", 0)]).await, Err(StoreError::Closed)));
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    let lost = store.commit(&IncidentId::random(), "w", Vec::new(), Commit::default()).await;
    assert!(matches!(lost, Err(CommitError::Store(StoreError::Closed))));
    assert_eq!(usize::try_from(total(&site.open().await).await).unwrap(), stored);
}
