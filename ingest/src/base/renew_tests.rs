//! What an older version has cut, made anew.

use std::sync::Arc;

use tempfile::TempDir;

use super::{IngestOptions, KnowledgeBase, KnowledgeError, KnowledgeSettings, ModelChoice};
use crate::recipe::{PIPELINE_VERSION, Recipe};
use crate::{Attributes, Passage, RawDocument, Severity, Validators};

const TEXT: &str = "---\ntags: [node]\n---\n# Taints\n\nA taint keeps pods away from a node.\n";

fn upload(path: &str, media_type: Option<&str>, bytes: &[u8]) -> (RawDocument, Attributes) {
    let raw = RawDocument {
        path: path.to_owned(),
        uri: path.to_owned(),
        bytes: bytes.to_vec(),
        media_type: media_type.map(str::to_owned),
        modified: None,
        validators: Validators::default(),
    };
    (raw, Attributes { severity: Some(Severity::Critical), ..Attributes::default() })
}

async fn open(folder: &TempDir) -> KnowledgeBase {
    let mut settings = KnowledgeSettings::new(folder.path(), folder.path().join("models"));
    settings.model = ModelChoice::None;
    KnowledgeBase::open(settings).await.unwrap()
}

/// As if an older version had made all of it, in another way.
async fn made_by_an_older_version(base: &KnowledgeBase) {
    let old = Recipe { pipeline: PIPELINE_VERSION - 1, model: None };
    let mut passages = base.passages().await.unwrap();
    passages.iter_mut().for_each(|passage| passage.text = "Cut badly.".to_owned());
    let store = base.inner.backing.cache().await.unwrap();
    let version = base.inner.backing.rebuild(&store, &old, &Arc::new(passages)).await.unwrap();
    base.mirror(version, &old).await.unwrap();
}

async fn document(base: &KnowledgeBase, path: &str) -> Vec<Passage> {
    base.document("uploads", path).await.unwrap()
}

#[tokio::test]
async fn a_rebuild_cuts_uploads_anew_from_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let base = open(&folder).await;
    // Without an ending only its media type says what it is.
    let uploads = vec![
        upload("taints", Some("text/markdown"), TEXT.as_bytes()),
        upload("notes.txt", None, &[0xff, 0xfe, b'h', 0, b'i', 0]),
    ];
    base.put("uploads", uploads).await.unwrap();
    let before = document(&base, "taints").await;
    base.rate(&before[0].id, true).await.unwrap();
    let rated = document(&base, "taints").await;
    made_by_an_older_version(&base).await;
    assert_eq!(document(&base, "taints").await[0].text, "Cut badly.");

    let refused = base.ingest(&[], IngestOptions::default(), |_| {}).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(KnowledgeError::Recipe(_))), "{refused}");
    assert!(refused.to_string().contains("Run `kubewright ingest --rebuild`"), "{refused}");
    let outdated = base.stats().await.unwrap().outdated;
    assert!(outdated.is_some_and(|why| why.contains("version 1 of the chunker, now there is version 2")));
    let rebuild = IngestOptions { rebuild: true, ..IngestOptions::default() };
    base.ingest(&[], rebuild, |_| {}).await.unwrap();

    let mut after = document(&base, "taints").await;
    // The hash is over what its sender said then; with it, the document would be read once more, and nothing else.
    after.iter_mut().zip(&rated).for_each(|(new, old)| new.document_hash.clone_from(&old.document_hash));
    assert_eq!(after, rated);
    assert_eq!(after[0].feedback.helpful, 1);
    // What is not kept as text stays as it was cut.
    assert_eq!(document(&base, "notes.txt").await[0].text, "Cut badly.");
    assert!(!base.rebuild().await.unwrap(), "now there is nothing to make anew");
    assert_eq!(base.stats().await.unwrap().outdated, None);
}

const SECRET: &str = "kind: Secret\nmetadata:\n  name: shop\nstringData:\n  password: correct-horse\n";

#[tokio::test]
async fn a_rebuild_hides_secrets_also_in_what_no_source_brings_again() {
    let folder = tempfile::tempdir().unwrap();
    let base = open(&folder).await;
    // Not UTF-8, so not kept as text.
    let notes = upload("notes.txt", None, &[0xff, 0xfe, b'h', 0, b'i', 0]);
    base.put("uploads", vec![notes]).await.unwrap();
    base.put("uploads", vec![upload("secret.md", None, format!("# S\n\n```\n{SECRET}```\n").as_bytes())])
        .await
        .unwrap();
    // As the version before has kept them.
    let old = Recipe { pipeline: 1, model: None };
    let mut passages = base.passages().await.unwrap();
    passages.iter_mut().for_each(|passage| passage.text = SECRET.to_owned());
    let store = base.inner.backing.cache().await.unwrap();
    let version = base.inner.backing.rebuild(&store, &old, &Arc::new(passages)).await.unwrap();
    drop(store);
    base.mirror(version, &old).await.unwrap();
    let before = document(&base, "notes.txt").await.remove(0);
    assert!(before.text.contains("correct-horse"));

    assert!(base.rebuild().await.unwrap());
    for path in ["notes.txt", "secret.md"] {
        let after = document(&base, path).await.remove(0);
        assert!(after.text.contains("name: shop") && !after.text.contains("correct-horse"), "{}", after.text);
    }
    let after = document(&base, "notes.txt").await.remove(0);
    assert!(after.id != before.id && after.content_hash != before.content_hash, "its text is another");
}

#[tokio::test]
async fn a_collection_without_sources_is_made_anew_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let base = open(&folder).await;
    base.put("uploads", vec![upload("taints.md", None, TEXT.as_bytes())]).await.unwrap();
    let before = document(&base, "taints.md").await;
    made_by_an_older_version(&base).await;
    assert!(base.rebuild().await.unwrap());
    assert_eq!(document(&base, "taints.md").await[0].text, before[0].text);
    base.put("uploads", vec![upload("more.md", None, b"# More\n\nText.")]).await.unwrap();
}

#[test]
fn originals_of_earlier_versions_are_read() {
    let original: crate::Original = serde_json::from_str("\"# Text\"").unwrap();
    assert_eq!((original.text.as_str(), original.media_type.as_deref()), ("# Text", None));
    let written = serde_json::to_string(&original).unwrap();
    assert_eq!(serde_json::from_str::<crate::Original>(&written).unwrap(), original);
}
