//! Where a case runs, and what it delivers.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use kubewright::incident::{
    Fingerprint, Incident, IncidentId, ObjectRef, Scope, Severity, Signal, SignalSource, SignalState,
};
use kubewright::settings::StoreSettings;
use kubewright::store::{Received, Store, StoreError};
use tempfile::TempDir;

use crate::support::postgres::Postgres;

/// A fresh database.
pub(crate) struct Site {
    url: String,
    _folder: Option<TempDir>,
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("kubewright.db").display());
        Self { url, _folder: Some(folder) }
    }

    pub(crate) fn postgres(server: &Postgres, case: &str) -> Self {
        // PostgreSQL cuts names at 63 bytes.
        Self { url: server.database(&case[..case.len().min(60)]), _folder: None }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Opens the database once more: another replica, or the same after a restart.
    pub(crate) async fn open(&self) -> Store {
        open(&self.url).await.unwrap()
    }
}

pub(crate) async fn open(url: &str) -> Result<Store, StoreError> {
    Store::open(&StoreSettings { url: url.to_owned().into() }).await
}

/// A firing alert about a Deployment, in its episode number `episode`.
pub(crate) fn alert(fingerprint: &str, deployment: &str, episode: i64) -> Signal {
    let start: Timestamp = "2026-11-21T03:00:00.123456789Z".parse().unwrap();
    Signal {
        fingerprint: Fingerprint(fingerprint.to_owned()),
        source: SignalSource::Alertmanager,
        state: SignalState::Firing,
        name: "KubePodCrashLooping".to_owned(),
        severity: Severity::Warning,
        scope: Scope {
            cluster: "prod".to_owned(),
            namespace: Some("shop".to_owned()),
            workload: Some(ObjectRef::new("Deployment", "shop", deployment)),
            ..Scope::default()
        },
        summary: format!("{deployment} is crash looping"),
        labels: BTreeMap::from([("alertname".to_owned(), "KubePodCrashLooping".to_owned())]),
        annotations: BTreeMap::new(),
        starts_at: start + (episode * 60).seconds(),
        ends_at: None,
        expression: None,
        generator_url: None,
    }
}

pub(crate) fn resolved(mut signal: Signal) -> Signal {
    signal.state = SignalState::Resolved;
    signal.ends_at = Some(signal.starts_at + 30.seconds());
    signal
}

pub(crate) async fn deliver(store: &Store, signal: Signal) -> Received {
    let mut received = store.receive(vec![signal]).await.unwrap();
    assert_eq!(received.len(), 1);
    received.remove(0)
}

/// Delivers an alert that must open an incident.
pub(crate) async fn opened(store: &Store, signal: Signal) -> IncidentId {
    match deliver(store, signal).await {
        Received::Opened(id) => id,
        other => panic!("opened no incident: {other:?}"),
    }
}

pub(crate) async fn incident(store: &Store, id: &IncidentId) -> Incident {
    store.incident(id).await.unwrap().expect("the incident exists")
}

pub(crate) async fn total(store: &Store) -> u64 {
    store.counts().await.unwrap().into_iter().map(|(_, count)| count).sum()
}

/// The kinds of an incident's events, after checking that they number without holes.
pub(crate) async fn history(store: &Store, id: &IncidentId) -> Vec<&'static str> {
    let events = store.events(id, 0, 500).await.unwrap();
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    events.iter().map(|event| event.event.kind()).collect()
}
