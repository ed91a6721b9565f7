//! Search by meaning, with the real model.

use kubewright_ingest::search::Mode::{Hybrid, Lexical, Vector};
use kubewright_ingest::{DEFAULT_MODEL, IngestOptions, KnowledgeBase, KnowledgeError, ModelChoice};

use crate::stage::{Stage, paths, search};

fn filled() -> Stage {
    let stage = Stage::with(ModelChoice::Local(DEFAULT_MODEL.to_owned()));
    stage.write(
        "memory.md",
        "# Container killed for memory\n\nThe kernel ended the process because its limit was too low.",
    );
    stage.write(
        "certificate.md",
        "# Certificate expired\n\nThe TLS handshake fails because the date has passed.",
    );
    stage.write("disk.md", "---\ncategory: monitoring\n---\n# Disk full\n\nThe volume has no space left.");
    stage
}

#[tokio::test]
async fn a_question_in_other_words_finds_its_document_by_meaning() {
    let stage = filled();
    let base = stage.open().await;
    stage.ingest(&base).await;
    let query = "process exceeds RAM and dies";
    let by_meaning = search(&base, query, Vector, &[]).await;
    assert_eq!((by_meaning.degraded.as_deref(), paths(&by_meaning)[0]), (None, "memory.md"));
    assert!(by_meaning.results[0].parts.vector.unwrap() > 0.3);
    let hybrid = search(&base, "certificate validity ran out", Hybrid, &[]).await;
    assert_eq!(paths(&hybrid)[0], "certificate.md");
    assert!(hybrid.results[0].parts.lexical_rank.is_some() && hybrid.results[0].parts.vector_rank.is_some());
    assert_eq!(paths(&search(&base, query, Vector, &["category=monitoring"]).await), ["disk.md"]);
}

#[tokio::test]
async fn documents_can_be_found_by_words_before_they_have_vectors() {
    let stage = filled();
    let base = stage.open().await;
    assert_eq!(base.degraded().await, None, "an empty one has nothing to be made anew");
    let words_first = IngestOptions { words_first: true, ..IngestOptions::default() };
    base.ingest(&[stage.source()], words_first, |_| {}).await.unwrap();
    let query = "certificate expired";
    let by_words = search(&base, query, Hybrid, &[]).await;
    assert_eq!((by_words.mode, paths(&by_words)[0]), (Lexical, "certificate.md"));
    let rebuild = IngestOptions { rebuild: true, ..IngestOptions::default() };
    base.ingest(&[], rebuild, |_| {}).await.unwrap();
    let found = search(&base, query, Hybrid, &[]).await;
    assert_eq!((found.mode, found.degraded.as_deref()), (Hybrid, None));

    // Made at once, they are ranked and scored alike.
    let other = filled();
    let at_once = other.open().await;
    other.ingest(&at_once).await;
    let expected = search(&at_once, query, Hybrid, &[]).await;
    let scores = |found: &kubewright_ingest::search::SearchResponse| -> Vec<(String, f32)> {
        found.results.iter().map(|found| (found.citation.path.clone(), found.score)).collect()
    };
    assert_eq!(scores(&found), scores(&expected));
}

#[tokio::test]
async fn what_a_change_touches_is_embedded_and_found_and_the_rest_stays() {
    let stage = filled();
    let base = stage.open().await;
    stage.ingest(&base).await;
    stage.write("disk.md", "# Quota\n\nThe namespace may not create more pods.");
    let report = stage.ingest(&base).await;
    assert_eq!((report.sources[0].changed, report.sources[0].unchanged), (1, 2));
    let found = search(&base, "limit on the number of pods in a project", Vector, &[]).await;
    assert_eq!(paths(&found)[0], "disk.md");
    assert_eq!(found.results.len(), 3, "every document once");
    stage.remove("memory.md");
    stage.ingest(&base).await;
    assert!(!paths(&search(&base, "killed for memory", Vector, &[]).await).contains(&"memory.md"));
}

#[tokio::test]
async fn another_model_is_never_mixed_in_and_a_rebuild_brings_it() {
    let stage = filled();
    let mut without = stage.settings();
    without.model = ModelChoice::None;
    let words = KnowledgeBase::open(without).await.unwrap();
    words.ingest(&[stage.source()], IngestOptions::default(), |_| {}).await.unwrap();
    drop(words);

    let base = stage.open().await;
    let answer = search(&base, "memory", Hybrid, &[]).await;
    assert_eq!(answer.mode, Lexical);
    assert!(answer.degraded.unwrap().contains("--rebuild"));
    let refused = base.ingest(&[stage.source()], IngestOptions::default(), |_| {}).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(KnowledgeError::Recipe(_))), "{refused}");

    let rebuild = IngestOptions { rebuild: true, ..IngestOptions::default() };
    base.ingest(&[stage.source()], rebuild, |_| {}).await.unwrap();
    let answer = search(&base, "process exceeds RAM and dies", Hybrid, &[]).await;
    assert_eq!((answer.mode, answer.degraded), (Hybrid, None));
    assert_eq!(base.stats().await.unwrap().documents, 3);
}

#[tokio::test]
async fn a_source_comes_back_with_its_vectors_unless_another_model_made_them() {
    let stage = filled();
    let base = stage.open().await;
    stage.ingest(&base).await;
    let old = base.stats().await.unwrap().version;
    stage.remove("memory.md");
    stage.ingest(&base).await;
    std::fs::remove_file(stage.indexes().join("embeddings.redb")).unwrap();

    base.restore_source(old, "docs").await.unwrap();
    let query = "process exceeds RAM and dies";
    let found = search(&base, query, Vector, &[]).await;
    assert_eq!((found.degraded.as_deref(), paths(&found)[0]), (None, "memory.md"));

    let mut without = stage.settings();
    without.model = ModelChoice::None;
    let words = KnowledgeBase::open(without).await.unwrap();
    let rebuild = IngestOptions { rebuild: true, ..IngestOptions::default() };
    words.ingest(&[stage.source()], rebuild, |_| {}).await.unwrap();
    let refused = words.restore_source(old, "docs").await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(KnowledgeError::Invalid(_))), "{refused}");
    assert!(refused.to_string().contains(&format!("knowledge restore {old}`")), "{refused}");
}

#[tokio::test]
async fn a_model_that_is_not_there_leaves_search_by_words() {
    let stage = filled();
    let mut settings = stage.settings();
    settings.models = stage.indexes().join("no-models");
    let base = KnowledgeBase::open(settings).await.unwrap();
    base.ingest(&[stage.source()], IngestOptions::default(), |_| {}).await.unwrap();
    let answer = search(&base, "certificate", Hybrid, &[]).await;
    assert_eq!(paths(&answer)[0], "certificate.md");
    assert!(answer.degraded.unwrap().contains("make demo"));
}
