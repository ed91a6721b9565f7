//! Reranking, with a cross-encoder that counts the words that question and passage share. `tests/data/make_reranker.py`
//! makes it; a shared `quota` is worth 3, `disk` and `volume` ½ each, and 2 is taken off the sum.

use std::path::{Path, PathBuf};

use kubewright_ingest::embed::{ModelFolder, Reranker};
use kubewright_ingest::search::Mode::{Hybrid, Lexical};
use kubewright_ingest::search::{SearchRequest, SearchResponse};
use kubewright_ingest::{KnowledgeBase, RerankerChoice};

use crate::stage::{Stage, models, paths, search};

const NAME: &str = "shared-words";
const QUERY: &str = "disk full clean volume quota";

/// What the model says: 2 · ½ + ½ − 2 of the first, 3 − 2 of the second, −2 of the third.
fn filled() -> Stage {
    let stage = Stage::words();
    stage.write("disk.md", "# First page\n\nThe disk is full: clean the disk, then the volume.");
    stage.write(
        "team.md",
        "# Second page\n\nA team has used up its quota and may write nothing more, for now.",
    );
    stage.write("clean.md", "# Third page\n\nHow to clean up a cluster that is full of old jobs.");
    stage
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn library() -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    models().join(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}"))
}

/// With the models of a folder, and the runtime library of `make test`.
async fn with(stage: &Stage, folder: PathBuf, reranker: RerankerChoice) -> KnowledgeBase {
    let mut settings = stage.settings();
    settings.onnx_runtime = Some(library());
    settings.models = folder;
    settings.reranker = reranker;
    KnowledgeBase::open(settings).await.unwrap()
}

fn present() -> RerankerChoice {
    RerankerChoice::WhenPresent(NAME.to_owned())
}

/// A models folder in which the reranker's graph is something else.
fn broken(graph: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(NAME)).unwrap();
    for file in std::fs::read_dir(data().join(NAME)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(NAME).join(file.file_name())).unwrap();
    }
    std::fs::write(folder.path().join(NAME).join("model.onnx"), graph).unwrap();
    folder
}

fn said(response: &SearchResponse) -> Vec<Option<f32>> {
    let rounded = |said: f32| (said * 1_000.0).round() / 1_000.0;
    response.results.iter().map(|result| result.parts.rerank.map(rounded)).collect()
}

#[tokio::test]
async fn the_cross_encoder_has_the_last_word_on_the_order() {
    let stage = filled();
    let base = with(&stage, data(), RerankerChoice::None).await;
    stage.ingest(&base).await;
    let fused = search(&base, QUERY, Hybrid, &[]).await;
    assert_eq!((paths(&fused)[0], said(&fused)), ("disk.md", vec![None; 3]));
    drop(base);

    let base = with(&stage, data(), present()).await;
    assert_eq!(base.reranker().await, Ok(Some(NAME.to_owned())));
    let reranked = search(&base, QUERY, Hybrid, &[]).await;
    assert_eq!(paths(&reranked), ["team.md", "disk.md", "clean.md"]);
    assert_eq!(said(&reranked), [Some(0.731), Some(0.378), Some(0.119)]);
    let scores =
        |response: &SearchResponse| response.results.iter().map(|result| result.score).collect::<Vec<_>>();
    assert_eq!(scores(&reranked), scores(&fused), "the scores are dealt out anew");
    let by_words = search(&base, QUERY, Lexical, &[]).await;
    assert_eq!((paths(&by_words), said(&by_words)), (paths(&fused), said(&fused)), "one search by itself");
}

#[tokio::test]
async fn only_the_first_twenty_documents_are_read() {
    let stage = Stage::words();
    for number in 0..25 {
        stage.write(
            &format!("{number}.md"),
            &format!("# Page {number}\n\nThe disk of node {number} is slow."),
        );
    }
    let base = with(&stage, data(), present()).await;
    stage.ingest(&base).await;
    let found = base.search(&SearchRequest { k: 25, ..SearchRequest::new("slow disk") }).await.unwrap();
    let said = said(&found);
    assert_eq!((said.len(), said.iter().flatten().count()), (25, 20));
    assert!(said[..20].iter().all(Option::is_some), "they come first");
}

#[tokio::test]
async fn a_broken_reranker_leaves_the_order_and_says_why() {
    let stage = filled();
    let base = with(&stage, data(), RerankerChoice::None).await;
    stage.ingest(&base).await;
    let fused = search(&base, QUERY, Hybrid, &[]).await;
    drop(base);
    let flat = std::fs::read(data().join("flat.onnx")).unwrap();
    for (graph, why) in [(b"garbage".as_slice(), "cannot be loaded"), (flat.as_slice(), "the shape")] {
        let folder = broken(graph);
        let base = with(&stage, folder.path().to_owned(), present()).await;
        let answer = search(&base, QUERY, Hybrid, &[]).await;
        assert_eq!(paths(&answer), paths(&fused));
        let degraded = answer.degraded.unwrap();
        assert!(degraded.contains("; not reranked: ") && degraded.contains(why), "{degraded}");
        assert!(base.reranker().await.unwrap_err().contains(NAME));
    }
}

#[tokio::test]
async fn a_reranker_that_is_not_there_is_missed_only_when_it_was_named() {
    let stage = filled();
    let nowhere = stage.indexes().join("no-models");
    let base = with(&stage, nowhere.clone(), present()).await;
    stage.ingest(&base).await;
    let silent = search(&base, QUERY, Hybrid, &[]).await;
    assert!(!silent.degraded.unwrap().contains("reranked"));
    assert_eq!(base.reranker().await, Ok(None));
    drop(base);
    let base = with(&stage, nowhere, RerankerChoice::Named(NAME.to_owned())).await;
    let answer = search(&base, QUERY, Hybrid, &[]).await;
    assert_eq!(answer.results.len(), 3);
    let degraded = answer.degraded.unwrap();
    assert!(degraded.contains("not reranked: the reranker shared-words is not in"), "{degraded}");
}

#[test]
fn a_question_with_too_much_to_read_ends_after_a_second() {
    let reranker = Reranker::load(NAME, &ModelFolder::new(data()), Some(&library()), false).unwrap();
    let passages = ["disk".to_owned(), "disk ".repeat(4_000)];
    assert_eq!(
        reranker.score("disk", &passages).unwrap(),
        [-1.5, 158.0],
        "320 words of a long passage are read"
    );
    let far_too_many = vec!["disk".to_owned(); 500_000];
    let error = anyhow::Error::from(reranker.score("disk", &far_too_many).unwrap_err());
    assert!(format!("{error:#}").contains("of 500000 passages"), "{error:#}");
}
