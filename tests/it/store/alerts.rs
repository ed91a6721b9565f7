//! What becomes of alerts.

use std::time::Duration;

use jiff::Timestamp;
use kubewright::incident::{Event, Outcome, Phase, SignalState};
use kubewright::store::{Commit, Received, Store, StoreError};

use super::site::{Site, alert, deliver, history, incident, opened, resolved, total};

pub(crate) async fn a_repeated_alert_never_opens_a_second_incident(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    for _ in 0..3 {
        assert_eq!(deliver(&store, alert("a", "checkout", 0)).await, Received::Repeated(id.clone()));
    }
    assert_eq!(history(&store, &id).await, ["opened"]);

    deliver(&store, resolved(alert("a", "checkout", 0))).await;
    assert_eq!(deliver(&store, alert("a", "checkout", 0)).await, Received::Repeated(id));
    assert_eq!(total(&store).await, 1);
}

pub(crate) async fn duplicates_inside_one_payload_open_one_incident(site: &Site) {
    let store = site.open().await;
    let payload = vec![
        alert("a", "checkout", 0),
        alert("a", "checkout", 0),
        alert("b", "checkout", 0),
        alert("a", "checkout", 1),
        resolved(alert("a", "checkout", 1)),
        resolved(alert("a", "checkout", 1)),
        resolved(alert("b", "checkout", 0)),
        alert("c", "checkout", 0),
    ];
    let received = store.receive(payload).await.unwrap();
    let first = received[0].incident().unwrap().clone();
    let last = received[7].incident().unwrap().clone();
    let expected = [
        Received::Opened(first.clone()),
        Received::Repeated(first.clone()),
        Received::Attached(first.clone()),
        Received::Attached(first.clone()),
        Received::Resolved(first.clone()),
        Received::Repeated(first.clone()),
        Received::Resolved(first.clone()),
        Received::Opened(last.clone()),
    ];
    assert_eq!(received, expected);
    assert_ne!(first, last);
    let expected =
        ["opened", "signal_attached", "signal_attached", "signal_resolved", "signal_resolved", "closed"];
    assert_eq!(history(&store, &first).await, expected);
}

pub(crate) async fn an_alert_about_the_same_workload_joins_the_open_incident(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    assert_eq!(deliver(&store, alert("b", "checkout", 7)).await, Received::Attached(id.clone()));
    let other = opened(&store, alert("c", "cart", 0)).await;
    assert_ne!(id, other);
    let names: Vec<String> =
        incident(&store, &id).await.signals.into_iter().map(|signal| signal.fingerprint.0).collect();
    assert_eq!(names, ["a", "b"]);
}

pub(crate) async fn an_end_closes_the_incident_and_the_next_alert_opens_another(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    deliver(&store, alert("b", "checkout", 0)).await;
    deliver(&store, resolved(alert("a", "checkout", 0))).await;
    let halfway = incident(&store, &id).await;
    assert_eq!((halfway.phase, halfway.signals[0].state), (Phase::Triage, SignalState::Resolved));

    assert_eq!(deliver(&store, resolved(alert("b", "checkout", 0))).await, Received::Resolved(id.clone()));
    let closed = incident(&store, &id).await;
    assert_eq!((closed.phase, closed.outcome), (Phase::Closed, Some(Outcome::Recovered)));

    let next = opened(&store, alert("a", "checkout", 1)).await;
    assert_ne!(next, id);
    assert!(incident(&store, &next).await.is_open());
    assert_eq!(incident(&store, &id).await, closed);
}

pub(crate) async fn an_end_that_comes_first_opens_nothing_and_its_late_beginning_neither(site: &Site) {
    let store = site.open().await;
    assert_eq!(deliver(&store, resolved(alert("a", "checkout", 0))).await, Received::Ignored);
    assert_eq!(deliver(&store, alert("a", "checkout", 0)).await, Received::Ignored);
    assert_eq!(deliver(&store, resolved(alert("a", "checkout", 0))).await, Received::Ignored);
    assert_eq!(total(&store).await, 0);
    opened(&store, alert("a", "checkout", 1)).await;
}

pub(crate) async fn an_incident_left_to_people_takes_new_alerts_only_within_the_window(site: &Site) {
    let settings = kubewright::settings::StoreSettings { url: site.url().to_owned().into() };
    let patient = Store::open_with(&settings, Duration::from_secs(3600)).await.unwrap();
    let hasty = Store::open_with(&settings, Duration::ZERO).await.unwrap();
    let id = opened(&patient, alert("a", "checkout", 0)).await;
    let claimed = patient.claim("w", Timestamp::now(), Duration::from_secs(60), 1).await.unwrap();
    let escalated = Event::Escalated { reason: "nobody knows".to_owned() };
    patient.commit(&claimed[0].id, "w", vec![escalated], Commit::default()).await.unwrap();

    assert_eq!(deliver(&patient, alert("b", "checkout", 0)).await, Received::Attached(id.clone()));
    assert_eq!(deliver(&hasty, alert("a", "checkout", 5)).await, Received::Attached(id.clone()));
    let other = opened(&hasty, alert("c", "checkout", 0)).await;
    assert_ne!(other, id);
}

pub(crate) async fn texts_that_databases_dislike_are_stored(site: &Site) {
    let store = site.open().await;
    let mut hostile = alert("f\0'; DROP TABLE incidents; --", &"x".repeat(100_000), 0);
    hostile.summary = "'\"\0\u{1f600}\u{202e}%_\\".to_owned();
    hostile.scope.cluster = "c\0".repeat(5_000);
    hostile.scope.namespace = Some("n".repeat(100_000));
    let id = opened(&store, hostile.clone()).await;
    assert_eq!(incident(&store, &id).await.signals, [hostile.clone()]);
    assert_eq!(deliver(&store, hostile.clone()).await, Received::Repeated(id.clone()));
    let mut neighbour = hostile;
    neighbour.fingerprint.0 = "other".to_owned();
    assert_eq!(deliver(&store, neighbour).await, Received::Attached(id));
}

pub(crate) async fn one_alert_that_cannot_be_stored_does_not_fail_its_neighbours(site: &Site) {
    let store = site.open().await;
    let broken = opened(&store, alert("broken", "broken", 0)).await;
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(site.url()).await.unwrap();
    let damage = sqlx::query::<sqlx::Any>("UPDATE incidents SET state = 'not json' WHERE id = $1");
    damage.bind(broken.as_str()).execute(&pool).await.unwrap();

    let deliveries = (0..40).map(|number| {
        let name = if number == 20 { "broken".to_owned() } else { format!("w{number}") };
        store.receive(vec![alert(&format!("f{number}"), &name, 0)])
    });
    let answers = futures::future::join_all(deliveries).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match (number, answer) {
            (20, Err(StoreError::Corrupt { what })) => assert_eq!(what, format!("incident {broken}")),
            (20, other) => panic!("{other:?}"),
            (_, answer) => assert!(matches!(answer.unwrap().as_slice(), [Received::Opened(_)])),
        }
    }
    assert_eq!(total(&store).await, 40);
}

pub(crate) async fn a_thousand_alerts_of_one_payload_are_each_stored(site: &Site) {
    let store = site.open().await;
    let payload: Vec<_> =
        (0..1_000).map(|number| alert(&format!("f{number}"), &format!("w{}", number / 2), 0)).collect();
    let received = store.receive(payload.clone()).await.unwrap();
    let opened = received.iter().filter(|one| matches!(one, Received::Opened(_))).count();
    let attached = received.iter().filter(|one| matches!(one, Received::Attached(_))).count();
    assert_eq!((opened, attached), (500, 500));
    let again = store.receive(payload).await.unwrap();
    assert!(again.iter().all(|one| matches!(one, Received::Repeated(_))));
    assert_eq!(total(&store).await, 500);
}
