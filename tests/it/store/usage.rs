//! What models use is booked before they are asked, and no limit is gone over, whoever asks at the same time.

use std::time::Duration;

use jiff::civil::{Date, date};
use kubewright::incident::IncidentId;
use kubewright::settings::Allowance;
use kubewright::store::{Account, Ceiling, Overrun, Reserved, Resource, Store, Usage, UsageScope};

use super::site::Site;

const TODAY: Date = date(2026, 11, 21);
const TOMORROW: Date = date(2026, 11, 22);

fn account(day: Date, tenant: &str, incident: Option<&str>) -> Account {
    Account { day, tenant: tenant.to_owned(), incident: incident.map(IncidentId::from_text) }
}

fn usage(tokens: u64) -> Usage {
    Usage { tokens, cost: 0.25, turns: 1, millis: 0 }
}

fn ceiling(scope: UsageScope, tokens: u64) -> Ceiling {
    Ceiling { scope, most: Allowance { tokens: Some(tokens), ..Allowance::default() } }
}

async fn reserve(store: &Store, account: &Account, ceilings: &[Ceiling], tokens: u64) -> Option<Overrun> {
    match store.reserve_usage(account, ceilings, &usage(tokens)).await.unwrap() {
        Reserved::Yes { .. } => None,
        Reserved::No(overrun) => Some(overrun),
    }
}

pub(crate) async fn what_was_reserved_stays_booked_until_it_is_settled(site: &Site) {
    let store = site.open().await;
    let shop = account(TODAY, "shop", Some("inc-a"));
    let ceilings = [ceiling(UsageScope::Day, 1_000)];
    assert_eq!(reserve(&store, &shop, &ceilings, 900).await, None);
    store.close().await;

    let store = site.open().await;
    let over = reserve(&store, &shop, &ceilings, 101).await.unwrap();
    assert_eq!((over.scope, over.resource, over.used.tokens), (UsageScope::Day, Resource::Tokens, 900));
    assert_eq!(store.incident_usage(&IncidentId::from_text("inc-a")).await.unwrap(), usage(900));
    let used = Usage { tokens: 100, cost: 0.000_001, turns: 1, millis: 250 };
    store.settle_usage(&shop, &usage(900), &used);
    assert_eq!(reserve(&store, &shop, &ceilings, 900).await, None, "what was settled before counts");
    store.settle_usage(&shop, &usage(900), &Usage::default());
    store.close().await;
    assert_eq!(site.open().await.day_usage(TODAY).await.unwrap().all, used);
}

pub(crate) async fn each_limit_counts_what_is_its_own(site: &Site) {
    let store = site.open().await;
    for (day, tenant, incident) in [
        (TODAY, "shop", Some("inc-a")),
        (TOMORROW, "shop", Some("inc-a")),
        (TODAY, "shop", None),
        (TODAY, "data", Some("inc-b")),
    ] {
        assert_eq!(reserve(&store, &account(day, tenant, incident), &[], 100).await, None);
    }
    let asked = account(TODAY, "shop", Some("inc-a"));
    let used = async |scope| {
        let over = reserve(&store, &asked, &[ceiling(scope, 1)], 1).await.unwrap();
        (over.scope == scope).then_some(over.used.tokens)
    };
    assert_eq!(used(UsageScope::Incident).await, Some(200), "over all days");
    assert_eq!(used(UsageScope::Tenant).await, Some(200), "of the day, all incidents");
    assert_eq!(used(UsageScope::Day).await, Some(300), "of the day, all tenants");
    let day = store.day_usage(TODAY).await.unwrap();
    let tenants: Vec<_> = day.tenants.iter().map(|used| (used.who.as_str(), used.used.tokens)).collect();
    assert_eq!(tenants, [("shop", 200), ("data", 100)]);
    let incidents: Vec<_> = day.incidents.iter().map(|used| (used.who.as_str(), used.used.cost)).collect();
    assert_eq!(incidents, [("inc-a", 0.25), ("inc-b", 0.25)]);
    assert_eq!(store.day_usage(date(2026, 11, 20)).await.unwrap().all, Usage::default());
    // About no incident no incident's limit counts.
    let about_none = account(TODAY, "shop", None);
    assert_eq!(reserve(&store, &about_none, &[ceiling(UsageScope::Incident, 1)], 1).await, None);
}

pub(crate) async fn replicas_that_ask_at_the_same_time_never_go_over_a_limit_together(site: &Site) {
    let replicas = [site.open().await, site.open().await];
    let most = Allowance { tokens: Some(1_000), cost: Some(100.0), ..Allowance::default() };
    let ceilings = [Ceiling { scope: UsageScope::Day, most }];
    let asking = (0..60).map(|n| {
        let (store, ceilings) = (replicas[n % 2].clone(), ceilings);
        let account = account(TODAY, &format!("tenant-{}", n % 3), None);
        tokio::spawn(async move { reserve(&store, &account, &ceilings, 30).await })
    });
    let asked = futures::future::join_all(asking).await;
    let granted = asked.into_iter().filter(|verdict| verdict.as_ref().unwrap().is_none()).count();
    assert_eq!(granted, 33);
    assert_eq!(replicas[0].day_usage(TODAY).await.unwrap().all.tokens, 990);
}

pub(crate) async fn time_that_is_left_is_told(site: &Site) {
    let store = site.open().await;
    let shop = account(TODAY, "shop", None);
    let most = Allowance { time: Some(Duration::from_millis(500)), ..Allowance::default() };
    let ceilings = [ceiling(UsageScope::Day, 1_000), Ceiling { scope: UsageScope::Tenant, most }];
    let left = store.reserve_usage(&shop, &ceilings, &usage(1)).await.unwrap();
    assert_eq!(left, Reserved::Yes { millis_left: Some(500) });
    store.settle_usage(&shop, &usage(1), &Usage { millis: 499, ..usage(1) });
    let left = store.reserve_usage(&shop, &ceilings, &usage(1)).await.unwrap();
    assert_eq!(left, Reserved::Yes { millis_left: Some(1) });
    store.settle_usage(&shop, &usage(1), &Usage { millis: 1, ..usage(1) });
    let Reserved::No(over) = store.reserve_usage(&shop, &ceilings, &usage(1)).await.unwrap() else {
        panic!("there was time left");
    };
    assert_eq!((over.scope, over.resource), (UsageScope::Tenant, Resource::Time));
}

pub(crate) async fn what_a_caller_who_has_gone_had_reserved_is_given_back(site: &Site) {
    let store = site.open().await;
    let shop = account(TODAY, "shop", None);
    let ceilings = [ceiling(UsageScope::Day, 1_000)];
    for _ in 0..20 {
        // Asked, and dropped before the answer.
        let wanted = usage(100);
        let mut asked = Box::pin(store.reserve_usage(&shop, &ceilings, &wanted));
        assert!(futures::poll!(&mut asked).is_pending());
    }
    store.close().await;
    let store = site.open().await;
    assert_eq!(store.day_usage(TODAY).await.unwrap().all, Usage::default());
}
