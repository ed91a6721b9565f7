//! Lists, lookups and what survives.

use kubewright::incident::{IncidentId, Phase, Severity};
use kubewright::store::{Commit, CommitError, FindError, IncidentFilter, IncidentSummary, StoreError};

use super::site::{Site, alert, deliver, history, incident, opened, resolved};

pub(crate) async fn pages_show_every_incident_once_newest_first(site: &Site) {
    let store = site.open().await;
    // One payload: all are opened in the same microsecond, and only the identifier orders them.
    let payload = (0..25).map(|number| alert(&format!("f{number}"), &format!("w{number}"), 0)).collect();
    store.receive(payload).await.unwrap();
    opened(&store, alert("newest", "newest", 0)).await;
    let mut seen: Vec<IncidentSummary> = Vec::new();
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let page = store.incidents(&IncidentFilter::default(), cursor.as_deref(), 10).await.unwrap();
        seen.extend(page.incidents);
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((pages, seen.len()), (3, 26));
    assert_eq!(seen[0].title, "newest is crash looping");
    assert!(seen.windows(2).all(|pair| (pair[0].opened_at, &pair[0].id) > (pair[1].opened_at, &pair[1].id)));
    let exact = store.incidents(&IncidentFilter::default(), None, 26).await.unwrap();
    assert_eq!((exact.incidents.len(), exact.next_cursor), (26, None));
}

pub(crate) async fn filters_choose(site: &Site) {
    let store = site.open().await;
    let mut critical = alert("a", "checkout", 0);
    critical.severity = Severity::Critical;
    let checkout = opened(&store, critical).await;
    let cart = opened(&store, alert("b", "cart_50%", 0)).await;
    deliver(&store, resolved(alert("b", "cart_50%", 0))).await;
    let mut elsewhere = alert("c", "web", 0);
    (elsewhere.scope.cluster, elsewhere.scope.namespace) = ("test".to_owned(), None);
    let web = opened(&store, elsewhere).await;

    let all = IncidentFilter::default;
    let cases = [
        (IncidentFilter { phase: Some(Phase::Triage), ..all() }, vec![&web, &checkout]),
        (IncidentFilter { open: Some(true), ..all() }, vec![&web, &checkout]),
        (IncidentFilter { open: Some(false), ..all() }, vec![&cart]),
        (IncidentFilter { cluster: Some("test".to_owned()), ..all() }, vec![&web]),
        (IncidentFilter { namespace: Some("shop".to_owned()), ..all() }, vec![&cart, &checkout]),
        (IncidentFilter { severity: Some(Severity::Critical), ..all() }, vec![&checkout]),
        (IncidentFilter { text: Some("CART_50%".to_owned()), ..all() }, vec![&cart]),
        (IncidentFilter { text: Some("c%t".to_owned()), ..all() }, vec![]),
        (IncidentFilter { open: Some(true), namespace: Some("shop".to_owned()), ..all() }, vec![&checkout]),
    ];
    for (filter, expected) in cases {
        let page = store.incidents(&filter, None, 10).await.unwrap();
        let ids: Vec<&IncidentId> = page.incidents.iter().map(|summary| &summary.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
    let counted: Vec<(Phase, u64)> =
        store.counts().await.unwrap().into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [(Phase::Triage, 2), (Phase::Closed, 1)]);
}

pub(crate) async fn a_beginning_of_the_identifier_is_enough(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    opened(&store, alert("b", "cart", 0)).await;
    assert_eq!(store.find(id.as_str()).await.unwrap(), id);
    assert_eq!(store.find(&id.as_str()[..14]).await.unwrap(), id);
    assert_eq!(store.find(&id.as_str()[4..14].to_uppercase()).await.unwrap(), id);
    assert!(
        matches!(store.find("inc-").await, Err(FindError::Ambiguous { candidates, .. }) if candidates.len() == 2)
    );
    for nothing in ["", "  ", "inc-%", "____________", "inc-\0", "ü"] {
        assert!(matches!(store.find(nothing).await, Err(FindError::NotFound(_))), "{nothing}");
    }
}

pub(crate) async fn what_was_stored_is_there_after_a_restart(site: &Site) {
    let store = site.open().await;
    let id = opened(&store, alert("a", "checkout", 0)).await;
    let before = incident(&store, &id).await;
    let page = store.incidents(&IncidentFilter::default(), None, 10).await.unwrap();
    store.close().await;

    let store = site.open().await;
    assert_eq!(incident(&store, &id).await, before);
    assert_eq!(history(&store, &id).await, ["opened"]);
    assert_eq!(store.incidents(&IncidentFilter::default(), None, 10).await.unwrap(), page);
    assert_eq!(page.incidents[0].subject, before.subject);
    store.ping().await.unwrap();
}

pub(crate) async fn what_is_not_there_is_said_so(site: &Site) {
    let store = site.open().await;
    for id in [IncidentId::random(), IncidentId::from_text("\0"), IncidentId::from_text("x".repeat(100_000))]
    {
        assert_eq!(store.incident(&id).await.unwrap(), None);
        assert_eq!(store.snapshot(&id).await.unwrap(), None);
        assert_eq!(store.events(&id, -5, usize::MAX).await.unwrap(), []);
        let commit = store.commit(&id, "w", Vec::new(), Commit::default()).await;
        assert!(matches!(commit, Err(CommitError::NotFound(_))));
    }
    let garbage = store.incidents(&IncidentFilter::default(), Some("garbage"), 10).await;
    assert!(matches!(garbage, Err(StoreError::Cursor)));
    assert_eq!(store.receive(Vec::new()).await.unwrap(), []);
}
