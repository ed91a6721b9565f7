//! Who works on what, and what a step saves.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use kubewright::incident::{Event, Phase, Scope, Severity};
use kubewright::observe::{Objects, Recorded, Snapshot};
use kubewright::store::{ActError, Commit, CommitError, Rest};

use super::site::{Site, alert, deliver, history, incident, opened};

const LEASE: Duration = Duration::from_secs(60);

fn observed() -> Event {
    Event::Observed { objects: 3, logs: 1, readings: 0, gaps: Vec::new() }
}

fn snapshot() -> Snapshot {
    Snapshot {
        cluster: "prod".to_owned(),
        taken_at: "2026-11-21T03:00:00Z".parse().unwrap(),
        scope: Scope::default(),
        focus: None,
        signals: Vec::new(),
        objects: Objects::default(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    }
}

pub(crate) async fn the_worst_and_longest_waiting_is_claimed_first(site: &Site) {
    let store = site.open().await;
    let old = opened(&store, alert("a", "old", 0)).await;
    let young = opened(&store, alert("b", "young", 0)).await;
    let mut page = alert("c", "critical", 0);
    page.severity = Severity::Critical;
    let critical = opened(&store, page).await;
    let claim = async |limit| {
        let claimed = store.claim("w", Timestamp::now(), LEASE, limit).await.unwrap();
        claimed.into_iter().map(|incident| incident.id).collect::<Vec<_>>()
    };
    assert_eq!(claim(2).await, [critical, old]);
    assert_eq!(claim(2).await, [young]);
    assert_eq!(claim(2).await, []);
}

pub(crate) async fn the_lease_of_a_dead_worker_is_taken_over_once_it_has_run_out(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    let long_ago = Timestamp::now() + 1.second();
    store.claim("dead", long_ago, LEASE, 1).await.unwrap();
    let just_before = long_ago + 59.seconds();
    assert_eq!(store.claim("heir", just_before, LEASE, 1).await.unwrap(), []);
    let after = long_ago + 60.seconds();
    let taken = store.claim("heir", after, LEASE, 1).await.unwrap();
    assert_eq!(taken, [incident(&store, &id).await]);

    assert!(!store.renew(&id, "dead", LEASE).await.unwrap());
    assert!(store.renew(&id, "heir", LEASE).await.unwrap());
    let late = store.commit(&id, "dead", vec![observed()], Commit::default()).await;
    assert!(matches!(late, Err(CommitError::LeaseLost(lost)) if lost == id));
    store.release(&id, "dead", None).await.unwrap();
    assert!(store.renew(&id, "heir", LEASE).await.unwrap());
}

pub(crate) async fn a_commit_saves_state_events_and_snapshot_together(site: &Site) {
    let store = site.open().await;
    let mut feed = store.subscribe();
    let id = opened(&store, alert("a", "checkout", 0)).await;
    assert_eq!(feed.recv().await.unwrap(), id);
    assert_eq!(store.snapshot(&id).await.unwrap(), None);
    store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap();
    deliver(&store, alert("b", "checkout", 0)).await;
    assert_eq!(feed.recv().await.unwrap(), id);

    let diagnosed = Event::Diagnosed { evidence: Vec::new(), hypotheses: Vec::new() };
    let with = Commit { wake_at: None, snapshot: Some(snapshot()) };
    let moved = store.commit(&id, "w", vec![observed(), diagnosed], with).await.unwrap();
    assert_eq!(feed.recv().await.unwrap(), id);
    assert_eq!((moved.phase, moved.signals.len()), (Phase::Plan, 2));
    assert_eq!(incident(&store, &id).await, moved);
    assert_eq!(store.snapshot(&id).await.unwrap(), Some(snapshot()));
    assert_eq!(history(&store, &id).await, ["opened", "signal_attached", "observed", "diagnosed"]);
    let last = store.events(&id, 3, 10).await.unwrap();
    assert_eq!((last[0].seq, last[0].phase), (4, Phase::Plan));
}

pub(crate) async fn an_event_that_does_not_fit_saves_nothing(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap();
    let before = incident(&store, &id).await;
    let with = Commit { wake_at: None, snapshot: Some(snapshot()) };
    let refused = store.commit(&id, "w", vec![observed(), observed()], with).await;
    assert!(matches!(refused, Err(CommitError::Transition(error)) if error.phase == Phase::Diagnose));
    assert_eq!(incident(&store, &id).await, before);
    assert_eq!(history(&store, &id).await, ["opened"]);
    assert_eq!(store.snapshot(&id).await.unwrap(), None);
}

pub(crate) async fn a_person_may_act_without_a_lease_and_wakes_the_incident(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    let seen = store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap()[0].updated_at;
    let later = Timestamp::now() + 1.hour();
    store.release(&id, "w", Some(Rest { until: later, seen })).await.unwrap();
    assert_eq!(store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap(), []);

    let refused = store.act(&id, |incident| Err(format!("{} is not waiting", incident.phase))).await;
    assert!(matches!(refused, Err(ActError::Refused(reason)) if reason == "triage is not waiting"));
    assert_eq!(store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap(), []);

    store.act(&id, |_| Ok::<_, String>(vec![observed()])).await.unwrap();
    let woken = store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap();
    assert_eq!(woken, [incident(&store, &id).await]);
}

pub(crate) async fn an_answer_that_the_worker_has_not_seen_beats_its_wish_to_rest(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    let seen = store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap()[0].updated_at;
    store.act(&id, |_| Ok::<_, String>(vec![observed()])).await.unwrap();
    let until = Timestamp::now() + 1.hour();
    store.release(&id, "w", Some(Rest { until, seen })).await.unwrap();
    assert_eq!(store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap().len(), 1);
}

pub(crate) async fn what_a_person_has_closed_stays_closed(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    store.claim("w", Timestamp::now(), LEASE, 1).await.unwrap();
    let closed = Event::Closed {
        outcome: kubewright::incident::Outcome::ClosedByPerson,
        reason: "a drill".to_owned(),
    };
    let after = store.act(&id, |_| Ok::<_, String>(vec![closed.clone()])).await.unwrap();
    assert_eq!(after.phase, Phase::Closed);
    let again = store.act(&id, |_| Ok::<_, String>(vec![closed])).await;
    assert!(matches!(again, Err(ActError::Transition(_))));
    let ours = store.commit(&id, "w", vec![observed()], Commit::default()).await;
    assert!(matches!(ours, Err(CommitError::Transition(_))));
    let rest = Rest { until: Timestamp::now(), seen: Timestamp::now() };
    store.release(&id, "w", Some(rest)).await.unwrap();
    let much_later = Timestamp::now() + 24.hours();
    assert_eq!(store.claim("w", much_later, LEASE, 1).await.unwrap(), []);
}

pub(crate) async fn a_released_incident_is_due_when_it_was_told(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    let now = Timestamp::now();
    store.claim("w", now, LEASE, 1).await.unwrap();
    let with = Commit { wake_at: Some(now + 30.seconds()), snapshot: None };
    store.commit(&id, "w", vec![observed()], with).await.unwrap();
    store.release(&id, "w", None).await.unwrap();
    assert_eq!(store.claim("w", now + 29.seconds(), LEASE, 1).await.unwrap(), []);
    assert_eq!(store.claim("w", now + 30.seconds(), LEASE, 1).await.unwrap().len(), 1);
    assert_eq!(store.release_all("w").await.unwrap(), 1);
    assert_eq!(store.claim("x", now + 30.seconds(), LEASE, 1).await.unwrap().len(), 1);
}
