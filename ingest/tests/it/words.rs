//! Ingestion and search by words.

use kubewright_ingest::search::Mode::{Hybrid, Lexical, Vector};
use kubewright_ingest::search::{Platform, SearchRequest};
use kubewright_ingest::{Category, IngestOptions, KnowledgeBase, KnowledgeError};

use crate::stage::{Stage, paths, search};

const CRASH: &str = "---\ntitle: Crash looping\ncategory: runbook\nseverity: critical\ntags: [pods]\nk8s_version: '>=1.27'\n---\n\
    # Crash looping\n\n## Meaning\n\nA container ends again and again; `kubectl logs --previous` shows why. Exit code 137 is SIGKILL.\n";
const DISK: &str = "---\ntitle: Disk pressure\ncategory: monitoring\nk8s_version: '1.20'\n---\n# Disk pressure\n\n\
    The metric `kube_node_status_condition` shows DiskPressure, the node evicts pods.\n";

#[tokio::test]
async fn a_second_run_takes_only_what_has_changed_and_drops_what_is_gone() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    stage.write("b.md", DISK);
    stage.write("c.txt", "A plain note about quotas.");
    let base = stage.open().await;
    let first = stage.ingest(&base).await.sources.remove(0);
    assert_eq!((first.added, first.changed, first.unchanged, first.removed), (3, 0, 0, 0));

    stage.write("b.md", &DISK.replace("evicts", "throws out"));
    stage.remove("c.txt");
    let second = stage.ingest(&base).await.sources.remove(0);
    assert_eq!((second.added, second.changed, second.unchanged, second.removed), (0, 1, 1, 1));
    assert!(paths(&search(&base, "quotas", Lexical, &[]).await).is_empty());
    assert_eq!(paths(&search(&base, "throws out", Lexical, &[]).await), ["b.md"]);

    let third = stage.ingest(&base).await.sources.remove(0);
    assert_eq!((third.added, third.changed, third.unchanged, third.removed), (0, 0, 2, 0));
    assert_eq!(base.stats().await.unwrap().documents, 2);
}

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    let base = stage.open().await;
    let options = IngestOptions { dry_run: true, ..IngestOptions::default() };
    let report = base.ingest(&[stage.source()], options, |_| {}).await.unwrap();
    assert_eq!(report.sources[0].added, 1);
    assert_eq!(base.stats().await.unwrap().documents, 0);
}

#[tokio::test]
async fn names_of_code_are_found_whole_and_in_parts_with_their_citation() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    stage.write("node/b.md", DISK);
    let base = stage.open().await;
    stage.ingest(&base).await;
    for query in ["kube_node_status_condition", "node status condition", "DiskPressure", "disk"] {
        assert_eq!(paths(&search(&base, query, Lexical, &[]).await).first(), Some(&"node/b.md"), "{query}");
    }
    for query in ["--previous", "exit code 137", "CrashLooping"] {
        assert_eq!(paths(&search(&base, query, Lexical, &[]).await).first(), Some(&"a.md"), "{query}");
    }
    let answer = search(&base, "exit code 137", Lexical, &[]).await;
    let result = &answer.results[0];
    assert_eq!(result.citation.headings, ["Crash looping", "Meaning"]);
    assert!(result.citation.uri.ends_with("docs/a.md"), "{}", result.citation.uri);
    assert!(result.citation.lines.first >= 8, "{:?}", result.citation.lines);
    let marked: Vec<&str> =
        result.snippet.highlights.iter().map(|(from, to)| &result.snippet.text[*from..*to]).collect();
    assert!(marked.contains(&"137"), "{marked:?}");
    assert_eq!(result.attributes.category, Some(Category::Runbook));
}

#[tokio::test]
async fn filters_narrow_and_facets_count() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    stage.write("b.md", DISK);
    stage.write("c.md", "# Pods\n\nPods of any version of the node.");
    let base = stage.open().await;
    stage.ingest(&base).await;
    let all = search(&base, "pods node container", Lexical, &[]).await;
    assert_eq!(all.results.len(), 3);
    assert_eq!(all.facets["category"]["runbook"], 1);
    assert_eq!(all.facets["source"]["docs"], 3);
    assert_eq!(
        paths(&search(&base, "pods node container", Lexical, &["category=monitoring"]).await),
        ["b.md"]
    );
    let mut modern = search(&base, "pods node container", Lexical, &["k8s_version=1.31"]).await;
    modern.results.sort_by(|a, b| a.citation.path.cmp(&b.citation.path));
    assert_eq!(paths(&modern), ["a.md", "c.md"]);
    assert!(search(&base, "pods", Lexical, &["tag=nothing"]).await.results.is_empty());
}

#[tokio::test]
async fn the_same_text_from_two_places_is_one_result_that_cites_both() {
    let stage = Stage::words();
    stage.write("one/a.md", CRASH);
    stage.write("two/a.md", CRASH);
    let base = stage.open().await;
    stage.ingest(&base).await;
    let answer = search(&base, "crash looping container", Lexical, &[]).await;
    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.results[0].also.len(), 1);
}

#[tokio::test]
async fn without_a_model_a_hybrid_search_goes_by_words_and_says_so() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    let base = stage.open().await;
    stage.ingest(&base).await;
    let answer = search(&base, "crash", Hybrid, &[]).await;
    assert_eq!(answer.mode, Lexical);
    assert!(answer.degraded.unwrap().contains("words only"));
    assert_eq!(answer.results.len(), 1);
}

#[tokio::test]
async fn of_documents_of_one_title_that_of_the_platform_comes_first() {
    let stage = Stage::words();
    let text = "# KubePodCrashLooping\n\nThe pod is crash looping; look at its logs with";
    stage.write("openshift.md", &format!("{text} `oc logs` of OpenShift."));
    stage.write("general.md", &format!("{text} `kubectl logs` of Kubernetes."));
    let base = stage.open().await;
    stage.ingest(&base).await;
    let query = "KubePodCrashLooping logs";
    assert_eq!(paths(&search(&base, query, Lexical, &[]).await), ["general.md", "openshift.md"]);
    let mut settings = stage.settings();
    settings.platform = Some(Platform::OpenShift);
    let base = KnowledgeBase::open(settings).await.unwrap();
    assert_eq!(paths(&search(&base, query, Lexical, &[]).await), ["openshift.md", "general.md"]);
}

#[tokio::test]
async fn feedback_moves_the_trust_and_stays_with_the_text() {
    let stage = Stage::words();
    stage.write("a.md", CRASH);
    let base = stage.open().await;
    stage.ingest(&base).await;
    let before = search(&base, "crash looping", Lexical, &[]).await.results.remove(0);
    let trust = base.rate(&before.id, true).await.unwrap();
    assert!(trust > before.parts.trust, "{trust} > {}", before.parts.trust);
    stage.write(
        "a.md",
        &format!("{CRASH}\n## Another section\n\n{}", "More words than one passage holds. ".repeat(60)),
    );
    stage.ingest(&base).await;
    let after = search(&base, "crash looping exit code 137", Lexical, &[]).await.results.remove(0);
    assert_eq!(after.parts.trust, trust);
    let unknown = base.rate("no such passage", true).await.unwrap_err();
    assert!(matches!(unknown.downcast_ref(), Some(KnowledgeError::NotFound(_))), "{unknown}");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_with_words() {
    let stage = Stage::words();
    let base = stage.open().await;
    for query in ["", "   ", &"x".repeat(1 << 20)] {
        let error = base.search(&SearchRequest::new(query)).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(KnowledgeError::Invalid(_))), "{error}");
    }
    for query in ["((((", "\"", "a AND OR NOT", "\u{0}\u{1}", "{}[]()*", "title:x^9999"] {
        assert!(search(&base, query, Lexical, &[]).await.results.is_empty());
    }
}

#[tokio::test]
async fn an_empty_knowledge_base_says_that_it_is_and_no_rebuild_is_advised() {
    let stage = Stage::words();
    let base = stage.open().await;
    for mode in [Lexical, Vector, Hybrid] {
        let answer = search(&base, "anything", mode, &[]).await;
        assert_eq!(answer.mode, mode);
        assert_eq!(
            answer.degraded.as_deref(),
            Some("the knowledge base is empty; fill it with `kubewright ingest`")
        );
    }
    stage.write("a.md", "# A\n\nThe text about evictions.");
    stage.ingest(&base).await;
    assert!(!base.is_empty().await.unwrap());
    assert_eq!(search(&base, "evictions", Lexical, &[]).await.degraded, None);
}
