//! Versions, locks, damage.

use kubewright_ingest::search::Mode::Lexical;
use kubewright_ingest::{Attributes, IngestOptions, KnowledgeBase, KnowledgeError, RawDocument, Validators};

use crate::stage::{Stage, paths, search};

#[tokio::test]
async fn an_earlier_version_comes_back_whole() {
    let stage = Stage::words();
    stage.write("a.md", "# Old\n\nThe old text about evictions.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    let old = base.stats().await.unwrap().version;
    stage.remove("a.md");
    stage.write("b.md", "# New\n\nThe new text about quotas.");
    stage.ingest(&base).await;
    assert!(search(&base, "evictions", Lexical, &[]).await.results.is_empty());

    let versions = base.versions().await.unwrap();
    assert!(versions.iter().any(|(version, what)| version.version == old && what.is_some()), "{versions:?}");
    let restored = base.restore(old).await.unwrap();
    let noted = base.versions().await.unwrap().into_iter().find(|(version, _)| version.version == restored);
    let noted = noted.unwrap().1.unwrap();
    assert_eq!((noted.added, noted.changed, noted.removed), (1, 0, 1), "what came back and what went");
    assert_eq!(paths(&search(&base, "evictions", Lexical, &[]).await), ["a.md"]);
    assert!(search(&base, "quotas", Lexical, &[]).await.results.is_empty());
    let gone = base.restore(999_999).await.unwrap_err();
    assert!(matches!(gone.downcast_ref(), Some(KnowledgeError::NotFound(_))), "{gone}");
}

#[tokio::test]
async fn one_source_comes_back_and_the_others_stay() {
    let stage = Stage::words();
    stage.write("a.md", "# Old\n\nThe old text about evictions.");
    stage.write("same.md", "# Same\n\nThe text about probes.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    let old = base.stats().await.unwrap().version;
    stage.remove("a.md");
    stage.write("b.md", "# New\n\nThe new text about quotas.");
    stage.ingest(&base).await;
    base.put("notes", vec![note("n.md", "# Note\n\nThe note about taints.")]).await.unwrap();

    let restored = base.restore_source(old, "docs").await.unwrap();
    assert_eq!(paths(&search(&base, "evictions", Lexical, &[]).await), ["a.md"]);
    assert!(search(&base, "quotas", Lexical, &[]).await.results.is_empty());
    assert_eq!(paths(&search(&base, "taints", Lexical, &[]).await), ["n.md"], "another source stays");
    assert_eq!(base.stats().await.unwrap().documents, 3);
    let versions = base.versions().await.unwrap();
    let happened =
        versions.into_iter().find_map(|(version, what)| what.filter(|_| version.version == restored));
    let happened = happened.unwrap();
    assert_eq!(
        (happened.source.as_deref(), happened.added, happened.changed, happened.removed),
        (Some("docs"), 1, 0, 1)
    );
    // The next run finds the folder as it is.
    let again = stage.ingest(&base).await.sources.remove(0);
    assert_eq!((again.added, again.unchanged, again.removed), (1, 1, 1));

    for (version, source) in [(old, "notes"), (999_999, "docs")] {
        let error = base.restore_source(version, source).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(KnowledgeError::NotFound(_))), "{error}");
    }
    assert_eq!(paths(&search(&base, "taints", Lexical, &[]).await), ["n.md"]);
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
async fn a_second_writer_is_told_to_wait_and_readers_go_on() {
    let stage = Stage::words();
    stage.write("a.md", "# A\n\nText about evictions.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    let lock = std::fs::File::options().write(true).open(stage.indexes().join("writer.lock")).unwrap();
    lock.lock().unwrap();
    let busy = base.ingest(&[stage.source()], IngestOptions::default(), |_| {}).await.unwrap_err();
    assert!(matches!(busy.downcast_ref(), Some(KnowledgeError::Busy(_))), "{busy}");
    let reader = stage.open().await;
    assert_eq!(paths(&search(&reader, "evictions", Lexical, &[]).await), ["a.md"]);
    drop(lock);
    stage.ingest(&base).await;
}

#[tokio::test]
async fn a_reader_that_was_open_before_sees_the_new_version() {
    let stage = Stage::words();
    let (writer, reader) = (stage.open().await, stage.open().await);
    assert!(search(&reader, "evictions", Lexical, &[]).await.results.is_empty());
    stage.write("a.md", "# A\n\nText about evictions.");
    stage.ingest(&writer).await;
    assert_eq!(paths(&search(&reader, "evictions", Lexical, &[]).await), ["a.md"]);
}

#[tokio::test]
async fn a_lost_or_damaged_index_of_words_is_made_anew_from_the_truth() {
    let stage = Stage::words();
    stage.write("a.md", "# A\n\nText about evictions.");
    stage.ingest(&stage.open().await).await;
    let words = stage.indexes().join("words");
    std::fs::remove_dir_all(&words).unwrap();
    assert_eq!(paths(&search(&stage.open().await, "evictions", Lexical, &[]).await), ["a.md"]);

    for entry in std::fs::read_dir(&words).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            std::fs::write(path, b"\x00garbage").unwrap();
        }
    }
    assert_eq!(paths(&search(&stage.open().await, "evictions", Lexical, &[]).await), ["a.md"]);
}

#[tokio::test]
async fn a_damaged_truth_is_refused_with_what_to_do() {
    let stage = Stage::words();
    stage.write("a.md", "# A\n\nText about evictions.");
    stage.ingest(&stage.open().await).await;
    let versions = stage.indexes().join("truth/passages.lance/_versions");
    for entry in std::fs::read_dir(versions).unwrap() {
        std::fs::write(entry.unwrap().path(), b"garbage").unwrap();
    }
    let error = KnowledgeBase::open(stage.settings()).await.err().expect("a damaged table must be refused");
    assert!(format!("{error:#}").contains("move that folder away"), "{error:#}");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_keeps_its_last_version() {
    let stage = Stage::words();
    stage.write("a.md", "# A\n\nText about evictions.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    let source = stage.source();
    std::fs::rename(stage.indexes().parent().unwrap().join("docs"), stage.indexes().join("elsewhere"))
        .unwrap();
    let report = base.ingest(&[source], IngestOptions::default(), |_| {}).await.unwrap();
    assert!(report.sources[0].error.is_some() && !report.complete());
    assert_eq!(paths(&search(&base, "evictions", Lexical, &[]).await), ["a.md"]);
}

#[tokio::test]
async fn sources_that_are_not_named_any_more_go_only_when_asked() {
    let stage = Stage::words();
    stage.write("a.md", "# A\n\nText about evictions.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    base.ingest(&[], IngestOptions::default(), |_| {}).await.unwrap();
    assert_eq!(base.stats().await.unwrap().documents, 1);
    let prune = IngestOptions { prune: true, ..IngestOptions::default() };
    let report = base.ingest(&[], prune, |_| {}).await.unwrap();
    assert_eq!(report.sources[0].removed, 1);
    assert_eq!(base.stats().await.unwrap().documents, 0);
}
