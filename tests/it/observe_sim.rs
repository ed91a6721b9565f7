//! Snapshots of the simulated cluster, over HTTP as of a real one.

use std::time::Duration;

use kubewright::incident::{ObjectRef, Scope};
use kubewright::observe::{ChangeKind, Observer, ReadingKind, Snapshot};
use kubewright::settings::{ClusterApi, ClusterSettings, Endpoint, ObserveSettings};
use kubewright::sim::{Scenario, Sim, SimOptions, names};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

async fn observer(scenario: &str) -> (Observer, Sim) {
    let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let endpoint =
        |url: String| Endpoint { url: url.parse().unwrap(), bearer_token: None, headers: Vec::new() };
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url(sim.kubernetes_url().parse().unwrap()),
        environment: "production".to_owned(),
        prometheus: Some(endpoint(sim.prometheus_url())),
        loki: Some(endpoint(sim.loki_url())),
    };
    let settings = ObserveSettings {
        collector_deadline: Duration::from_secs(20),
        max_log_bytes: 64 * 1024,
        max_log_containers: 12,
        max_objects_per_kind: 2000,
        change_window: Duration::from_secs(3600),
        ..ObserveSettings::default()
    };
    (Observer::connect(&cluster, &settings).await.unwrap(), sim)
}

fn scope(workload: Option<&str>) -> Scope {
    Scope {
        cluster: "northwind".to_owned(),
        namespace: Some("shop".to_owned()),
        workload: workload.map(|name| ObjectRef::new("Deployment", "shop", name)),
        ..Scope::default()
    }
}

fn readings(snapshot: &Snapshot, kind: ReadingKind) -> Vec<f64> {
    snapshot.readings.iter().filter(|reading| reading.kind == kind).map(|reading| reading.value).collect()
}

#[tokio::test]
async fn the_directory_names_what_lives_in_the_cluster_or_in_the_chosen_namespaces() {
    let (observer, sim) = observer("healthy").await;
    let whole = observer.directory(None).await;
    assert_eq!(whole.gaps, []);
    let checkout = ObjectRef::new("Deployment", "shop", "checkout");
    let shop = ObjectRef::cluster_wide("Namespace", "shop");
    let kinds = |kind: &str| whole.objects.iter().filter(|object| object.kind == kind).count();
    assert!(whole.objects.contains(&checkout) && whole.objects.contains(&shop));
    assert!(kinds("Node") > 0 && kinds("Pod") > 0 && kinds("Service") > 0, "{whole:?}");

    let only = std::collections::BTreeSet::from(["shop".to_owned(), "../nodes".to_owned()]);
    let chosen = observer.directory(Some(&only)).await;
    assert!(chosen.objects.contains(&checkout), "{chosen:?}");
    assert!(chosen.objects.iter().all(|object| object.kind == "Namespace" || object.namespace == "shop"));
    sim.shutdown().await;
}

#[tokio::test]
async fn a_bad_deploy_is_seen_with_its_change_its_stack_trace_and_its_restarts() {
    let (observer, sim) = observer("bad-deploy").await;
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    let checkout = ObjectRef::new("Deployment", "shop", "checkout");

    assert_eq!(snapshot.focus.as_ref(), Some(&checkout));
    assert_eq!(snapshot.gaps, []);
    let rollout = snapshot.changes.iter().find(|change| change.object == checkout).unwrap();
    assert_eq!(rollout.kind, ChangeKind::Rollout);
    let image = rollout.fields.iter().find(|field| field.path.ends_with(".image")).unwrap();
    assert!(image.after.as_ref().unwrap().ends_with("checkout:2.15.0"), "{rollout:#?}");
    let failure = |text: &str| text.contains("java.lang.NoSuchMethodError");
    let trace =
        snapshot.log_patterns.iter().find(|found| found.trace_excerpt.as_deref().is_some_and(failure));
    let trace = trace.unwrap_or_else(|| panic!("{:#?}", snapshot.log_patterns));
    assert_eq!((trace.stack_trace.as_deref(), &trace.source), (Some("java"), &checkout));
    assert!(snapshot.logs.iter().any(|log| log.container == "checkout" && !log.text.is_empty()));
    let restarts = readings(&snapshot, ReadingKind::Restarts);
    assert!(restarts.iter().any(|restarts| *restarts >= 1.0), "{:#?}", snapshot.readings);
    sim.shutdown().await;
}

#[tokio::test]
async fn the_log_of_a_failing_dependency_in_another_namespace_is_read() {
    let (observer, sim) = observer("database-password").await;
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    let api = ObjectRef::new("Deployment", "payments", "payments-api");
    let refused = |text: &str| text.contains("password authentication failed");
    assert_eq!(snapshot.gaps, []);
    assert!(
        snapshot.objects.stateful_sets.iter().any(|set| set.metadata.name.as_deref() == Some("ledger-db"))
    );
    assert!(
        snapshot.log_patterns.iter().any(|found| found.source == api && refused(&found.sample)),
        "{:#?}",
        snapshot.log_patterns
    );
    sim.shutdown().await;
}

#[tokio::test]
async fn every_scenario_can_be_read_without_a_gap() {
    for scenario in names() {
        let (observer, sim) = observer(scenario).await;
        let snapshot = observer.snapshot(&scope(None), &[]).await;
        assert_eq!(snapshot.gaps, [], "{scenario}");
        assert!(!snapshot.objects.nodes.is_empty() && !snapshot.objects.pods.is_empty(), "{scenario}");
        assert!(!readings(&snapshot, ReadingKind::MemoryOfLimit).is_empty(), "{scenario}");
        let failed: Vec<_> = observer.probe().await.into_iter().filter(|connection| !connection.ok).collect();
        assert_eq!(failed, [], "{scenario}");
        sim.shutdown().await;
    }
}
