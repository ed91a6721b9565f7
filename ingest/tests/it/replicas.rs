//! Several replicas, each with its own index of words, on one store. A store in memory stands in for S3.

use std::sync::Arc;

use kubewright_ingest::search::Mode::Lexical;
use kubewright_ingest::source::SourceSpec;
use kubewright_ingest::{Attributes, IngestOptions, KnowledgeBase, KnowledgeError, RawDocument, Validators};
use tokio::sync::Notify;

use crate::stage::{Stage, paths, search};

/// A replica with a folder of its own.
async fn replica(stage: &Stage, bucket: &str) -> KnowledgeBase {
    let mut settings = stage.settings();
    settings.location = Some(format!("shared-memory://{bucket}/kubewright/documents"));
    KnowledgeBase::open(settings).await.unwrap()
}

fn note(path: &str, text: &str) -> (RawDocument, Attributes) {
    let raw = RawDocument {
        path: path.to_owned(),
        uri: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
        media_type: Some("text/markdown".to_owned()),
        modified: None,
        validators: Validators::default(),
    };
    (raw, Attributes::default())
}

#[tokio::test]
async fn what_one_replica_writes_the_other_finds() {
    let (here, there) = (Stage::words(), Stage::words());
    let (first, second) = tokio::join!(replica(&here, "found"), replica(&there, "found"));
    here.write("a.md", "# A\n\nText about evictions.");
    here.ingest(&first).await;
    assert!(search(&second, "evictions", Lexical, &[]).await.results.is_empty());
    assert!(second.catch_up().await.unwrap());
    assert_eq!(paths(&search(&second, "evictions", Lexical, &[]).await), ["a.md"]);
    assert!(!second.catch_up().await.unwrap(), "now nothing is new");
    // One that opens later needs not be told.
    let third = Stage::words();
    let third = replica(&third, "found").await;
    assert_eq!(paths(&search(&third, "evictions", Lexical, &[]).await), ["a.md"]);
}

#[tokio::test]
async fn a_replica_that_is_behind_writes_over_nothing() {
    let (here, there) = (Stage::words(), Stage::words());
    let (first, second) = tokio::join!(replica(&here, "behind"), replica(&there, "behind"));
    first.put("notes", vec![note("a.md", "# A\n\nText about evictions.")]).await.unwrap();
    let passage = first.document("notes", "a.md").await.unwrap().remove(0);

    // Each of these is the first that the other replica hears of what was written.
    second.rate(&passage.id, true).await.unwrap();
    first.put("notes", vec![note("b.md", "# B\n\nText about quotas.")]).await.unwrap();
    assert_eq!(first.document("notes", "a.md").await.unwrap()[0].feedback.helpful, 1);
    second.put("notes", vec![note("c.md", "# C\n\nText about taints.")]).await.unwrap();
    first.remove("notes", Some("b.md")).await.unwrap();
    let before = first.stats().await.unwrap().version;
    second.remove("notes", Some("a.md")).await.unwrap();
    first.catch_up().await.unwrap();
    for base in [&first, &second] {
        let paths: Vec<String> = base.documents().await.unwrap().into_iter().map(|info| info.path).collect();
        assert_eq!(paths, ["c.md"]);
    }

    first.restore(before).await.unwrap();
    second.catch_up().await.unwrap();
    let paths: Vec<String> = second.documents().await.unwrap().into_iter().map(|info| info.path).collect();
    assert_eq!(paths, ["a.md", "c.md"]);
}

/// A page that is not answered before it may be; tells when it is asked for.
async fn slow_page() -> (SourceSpec, Arc<Notify>, Arc<Notify>) {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, waited) = (asked.clone(), answer.clone());
    let page = move || async move {
        told.notify_one();
        waited.notified().await;
        ([("content-type", "text/markdown")], "# A\n\nText about evictions.")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.md", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/a.md", axum::routing::get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (SourceSpec::from_argument(&url).unwrap(), asked, answer)
}

#[tokio::test]
async fn replicas_write_one_after_the_other() {
    let (here, there) = (Stage::words(), Stage::words());
    let (first, second) = tokio::join!(replica(&here, "busy"), replica(&there, "busy"));
    let (source, asked, answer) = slow_page().await;
    let sources = [source];
    let ingest = first.ingest(&sources, IngestOptions::default(), |_| {});
    let refused = async {
        asked.notified().await;
        let refused = second.put("notes", vec![note("b.md", "# B\n\nText.")]).await.unwrap_err();
        answer.notify_one();
        refused
    };
    let (ingested, refused) = tokio::join!(ingest, refused);
    assert_eq!(ingested.unwrap().sources[0].added, 1);
    assert!(matches!(refused.downcast_ref(), Some(KnowledgeError::Busy(_))), "{refused:#}");
    second.put("notes", vec![note("b.md", "# B\n\nText.")]).await.unwrap();
    assert_eq!(second.stats().await.unwrap().documents, 2);
}
