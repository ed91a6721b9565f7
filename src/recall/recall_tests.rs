use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::incident::{
    Event, Evidence, EvidenceId, EvidenceSource, Fingerprint, Hypothesis, Incident, IncidentId, ObjectRef,
    Outcome, Proposer, Scope, Score, Signal, SignalSource, SignalState,
};

fn places(folder: &Path) -> Places {
    let settings = |name: &str| {
        let mut settings = KnowledgeSettings::new(folder.join(name), folder.join("models"));
        settings.model = kubewright_ingest::ModelChoice::None;
        settings
    };
    Places { documents: settings("documents"), episodes: settings("episodes"), manifest: None }
}

async fn open(folder: &TempDir) -> (Recall, CancellationToken) {
    let recall = Recall::new(Some(places(folder.path()))).await;
    let (running, stop) = (recall.clone(), CancellationToken::new());
    let shutdown = stop.clone();
    tokio::spawn(async move { running.run(shutdown).await });
    recall.settled().await;
    (recall, stop)
}

/// An embedding endpoint that answers its first question, by which the model is tried, and the others when it may.
async fn endpoint(may: Arc<tokio::sync::Semaphore>) -> url::Url {
    let embed = move |axum::Json(asked): axum::Json<serde_json::Value>| {
        let may = may.clone();
        async move {
            may.acquire().await.unwrap().forget();
            let texts = asked["input"].as_array().map_or(1, Vec::len);
            let datum = |index: usize| serde_json::json!({ "object": "embedding", "index": index, "embedding": [0.6, 0.8] });
            let data: Vec<serde_json::Value> = (0..texts).map(datum).collect();
            let usage = serde_json::json!({ "prompt_tokens": 1, "total_tokens": 1 });
            axum::Json(serde_json::json!({ "object": "list", "data": data, "model": "m", "usage": usage }))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/v1/embeddings", axum::routing::post(embed));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}/v1").parse().unwrap()
}

/// At work on a folder, with an endpoint that embeds as much as it may.
async fn embedded_by(folder: &tempfile::TempDir, may: Arc<tokio::sync::Semaphore>) -> Recall {
    let mut places = places(folder.path());
    places.documents.model = kubewright_ingest::ModelChoice::Remote {
        url: endpoint(may).await,
        model: "fake".to_owned(),
        key: String::new(),
        dimension: None,
    };
    let recall = Recall::new(Some(places)).await;
    let running = recall.clone();
    tokio::spawn(async move { running.run(CancellationToken::new()).await });
    recall
}

#[tokio::test]
async fn while_it_is_filled_documents_are_found_by_words_and_it_is_said_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let may = Arc::new(tokio::sync::Semaphore::new(1));
    let recall = embedded_by(&folder, may.clone()).await;
    assert!(recall.opened().await);
    let asked = SearchRequest::new("exit code 137");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let found = loop {
        let found = recall.search(&asked).await.unwrap();
        let why = found.degraded.clone().expect("as long as vectors are missing it is said");
        assert!(why.contains("is being filled") && !why.contains("--rebuild"), "{why}");
        if !found.results.is_empty() {
            break found;
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing is found by words");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(found.mode, Mode::Lexical);
    assert_eq!(recall.standing(), "being brought up to date");
    may.add_permits(100_000);
    recall.settled().await;
    let found = recall.search(&asked).await.unwrap();
    assert_eq!((found.mode, found.degraded), (Mode::Hybrid, None));
    assert!(!folder.path().join("documents/vectors-owed").exists());
}

#[tokio::test]
async fn what_was_left_without_vectors_gets_them_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let may = Arc::new(tokio::sync::Semaphore::new(100_000));
    let (_, stop) = open(&folder).await;
    stop.cancel();
    std::fs::write(folder.path().join("documents/vectors-owed"), []).unwrap();
    let recall = embedded_by(&folder, may).await;
    recall.settled().await;
    let found = recall.search(&SearchRequest::new("exit code 137")).await.unwrap();
    assert_eq!((found.mode, found.degraded), (Mode::Hybrid, None));
}

#[tokio::test]
async fn a_reader_beside_a_writer_reads_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, stop) = open(&folder).await;
    let version = || async { writer.stats().await.unwrap().0.version };
    let before = version().await;
    // As while the server writes.
    let lock =
        std::fs::File::options().write(true).open(folder.path().join("documents/writer.lock")).unwrap();
    lock.lock().unwrap();
    let mut places = places(folder.path());
    places.manifest = Some(folder.path().join("sources.toml"));
    std::fs::write(folder.path().join("sources.toml"), "[[source]]\nname = \"x\"\npath = \".\"\n").unwrap();
    let reader = Recall::new(Some(places)).await;
    let (reading, shutdown) = (reader.clone(), stop.clone());
    let ended = tokio::spawn(async move { reading.read(shutdown).await });
    tokio::time::timeout(std::time::Duration::from_secs(60), reader.settled()).await.unwrap();
    let found = reader.search(&SearchRequest::new("exit code 137")).await.unwrap();
    assert!(!found.results.is_empty());
    drop(lock);
    assert_eq!(version().await, before);
    stop.cancel();
    ended.await.unwrap();
}

#[tokio::test]
async fn a_reader_of_nothing_takes_the_built_in_runbooks_in() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Recall::new(Some(places(folder.path()))).await;
    let reading = reader.clone();
    tokio::spawn(async move { reading.read(CancellationToken::new()).await });
    reader.settled().await;
    assert!(!reader.search(&SearchRequest::new("exit code 137")).await.unwrap().results.is_empty());
}

fn signal(name: &str) -> Signal {
    let labels = BTreeMap::from([("alertname".to_owned(), name.to_owned())]);
    Signal {
        fingerprint: Fingerprint("f-1".to_owned()),
        source: SignalSource::Alertmanager,
        state: SignalState::Firing,
        name: name.to_owned(),
        severity: crate::incident::Severity::Critical,
        scope: Scope {
            cluster: "prod-eu".to_owned(),
            namespace: Some("shop".to_owned()),
            ..Scope::default()
        },
        summary: "Container app of checkout was killed because it ran out of memory".to_owned(),
        labels,
        annotations: BTreeMap::new(),
        starts_at: "2026-11-21T03:00:00Z".parse().unwrap(),
        ends_at: None,
        expression: None,
        generator_url: None,
    }
}

fn incident(id: &str) -> Incident {
    let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    let mut incident = Incident::open(IncidentId::from_text(id), signal("KubeContainerOOMKilled"), now);
    let evidence = Evidence {
        id: EvidenceId(1),
        source: EvidenceSource::Object,
        code: "pod.container.oom_killed".to_owned(),
        object: ObjectRef::new("Pod", "shop", "checkout-1"),
        statement: "Container app was killed with exit code 137 at its limit of <64Mi> # not a heading"
            .to_owned(),
        strength: Score::new(0.95),
        at: now,
        fields: BTreeMap::new(),
    };
    let hypothesis = Hypothesis {
        code: "memory.exhausted".to_owned(),
        object: ObjectRef::new("Deployment", "shop", "checkout"),
        statement: "Its memory limit is too small.".to_owned(),
        confidence: Score::new(0.9),
        evidence_for: vec![EvidenceId(1)],
        evidence_against: Vec::new(),
        proposer: Proposer::Rule("memory".to_owned()),
        runbook: None,
        playbook: None,
    };
    let diagnosed = Event::Diagnosed { evidence: vec![evidence], hypotheses: vec![hypothesis] };
    for event in [Event::Observed { objects: 1, logs: 0, readings: 0, gaps: Vec::new() }, diagnosed] {
        incident.apply(&event, now).unwrap();
    }
    incident
}

fn closed(id: &str) -> Incident {
    let mut incident = incident(id);
    let closed = Event::Closed {
        outcome: Outcome::ClosedByPerson,
        reason: "Closed by ada: raised the limit".to_owned(),
    };
    incident.apply(&closed, "2026-11-21T04:00:00Z".parse().unwrap()).unwrap();
    incident
}

#[tokio::test]
async fn an_incident_is_given_the_runbook_of_its_cause_first_and_weakly() {
    let folder = TempDir::new().unwrap();
    let (recall, _stop) = open(&folder).await;
    let incident = incident("inc-a");
    let evidence = recall.evidence(&Symptoms::of(&incident)).await;
    assert!((1..=3).contains(&evidence.len()), "{evidence:?}");
    let first = &evidence[0];
    assert_eq!((first.source, first.code.as_str()), (EvidenceSource::Document, PASSAGE));
    assert_eq!(first.fields["document"], "builtin/container-out-of-memory.md");
    assert!(first.statement.starts_with("Container killed for memory"), "{}", first.statement);
    for one in &evidence {
        assert!((0.1..=0.3).contains(&one.strength.value()), "{one:?}");
        assert!(!one.statement.contains('\n') && one.statement.chars().count() <= 301, "{one:?}");
        let (from, to) = one.fields["lines"].split_once('-').unwrap();
        assert!(from.parse::<u32>().unwrap() <= to.parse::<u32>().unwrap());
    }
}

#[tokio::test]
async fn a_closed_incident_becomes_an_episode_that_one_like_it_cites() {
    let folder = TempDir::new().unwrap();
    let (recall, _stop) = open(&folder).await;
    assert_eq!(recall.remember(&[closed("inc-old"), incident("inc-open")]).await.unwrap(), 1);
    let new = incident("inc-new");
    let evidence = recall.evidence(&Symptoms::of(&new)).await;
    let past: Vec<&Evidence> =
        evidence.iter().filter(|one| one.source == EvidenceSource::PastIncident).collect();
    assert_eq!(past.len(), 1, "{evidence:?}");
    assert_eq!((past[0].code.as_str(), past[0].fields["incident"].as_str()), (EPISODE, "inc-old"));
    assert!(past[0].statement.starts_with("inc-old (closed by person)"), "{}", past[0].statement);
    let similar = recall.similar(&new, 5, Filter::default()).await.unwrap();
    assert_eq!(similar.iter().map(|past| past.incident.as_str()).collect::<Vec<_>>(), ["inc-old"]);
    let elsewhere = Filter::default().with("cluster", "other").unwrap();
    assert_eq!(recall.similar(&new, 5, elsewhere).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn remembering_twice_replaces_and_an_incident_is_not_like_itself() {
    let folder = TempDir::new().unwrap();
    let (recall, _stop) = open(&folder).await;
    let mut old = closed("inc-old");
    recall.remember(&[old.clone()]).await.unwrap();
    old.reason = Some("Closed by bo: it was the cache".to_owned());
    recall.remember(&[old.clone()]).await.unwrap();
    assert_eq!(recall.remembered().await.unwrap().into_iter().collect::<Vec<_>>(), ["inc-old"]);
    assert!(recall.text("incidents", "inc-old").await.unwrap().contains("it was the cache"));
    assert_eq!(recall.similar(&old, 5, Filter::default()).await.unwrap(), Vec::new());
}

#[test]
fn an_episode_tells_symptoms_cause_and_end_and_text_of_the_cluster_stays_text() {
    let (document, about) = episode::of(&closed("inc-old")).unwrap();
    insta::assert_snapshot!(String::from_utf8(document.bytes).unwrap());
    assert_eq!(about.codes, ["memory.exhausted", "pod.container.oom_killed"]);
    assert_eq!(about.labels["workload"], "checkout");
    assert_eq!(about.labels["outcome"], "closed_by_person");
    assert!(episode::of(&incident("inc-open")).is_none());
}

#[tokio::test]
async fn without_a_knowledge_base_nothing_is_found_and_nothing_breaks() {
    let folder = TempDir::new().unwrap();
    let unusable = folder.path().join("file");
    std::fs::write(&unusable, "not a folder").unwrap();
    let broken = Recall::new(Some(places(&unusable))).await;
    let (running, stop) = (broken.clone(), CancellationToken::new());
    let shutdown = stop.clone();
    let task = tokio::spawn(async move { running.run(shutdown).await });
    broken.settled().await;
    for recall in [Recall::new(None).await, Recall::new(Some(places(folder.path()))).await, broken] {
        assert!(recall.evidence(&Symptoms::of(&incident("inc-a"))).await.is_empty());
        assert!(matches!(recall.search(&SearchRequest::new("oom")).await, Err(RecallError::Unavailable(_))));
        assert!(recall.remember(&[closed("inc-a")]).await.is_err());
        recall.closed(&IncidentId::from_text("inc-a"));
        assert!(recall.text(BUILT_IN, "crash-loop.md").await.unwrap().contains("# "));
    }
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn every_code_has_the_runbook_that_names_it_first() {
    let recall = Recall::new(None).await;
    let runbook = recall.runbook_for("memory.exhausted").unwrap();
    assert_eq!(
        (runbook.path.as_str(), runbook.title.as_str()),
        ("container-out-of-memory.md", "Container killed for memory")
    );
    assert_eq!(recall.runbook_for("pod.container.oom_killed").unwrap().path, "container-out-of-memory.md");
    assert_eq!(recall.runbook_for("no.such_code"), None);
    let mut unknown = incident("inc-a");
    unknown.hypotheses.clear();
    assert_eq!(recall.runbooks_of(&unknown)[0].path, "container-out-of-memory.md");
}

#[tokio::test]
async fn what_is_known_is_there_again_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (recall, stop) = open(&folder).await;
    recall.remember(&[closed("inc-old")]).await.unwrap();
    let documents = recall.documents().await.unwrap();
    stop.cancel();
    drop(recall);
    let (again, _stop) = open(&folder).await;
    assert_eq!(again.documents().await.unwrap(), documents);
    assert!(again.remembered().await.unwrap().contains("inc-old"));
}
