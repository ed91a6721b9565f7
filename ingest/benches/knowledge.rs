//! The knowledge base by words: what taking documents in and asking cost, against how much there is.
//!
//! The corpus is made by recombining the sections of the built-in runbooks. Vectors, latency under load and memory are
//! measured by the load driver `knowledge_load`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot build its world has nothing to measure")]

#[path = "knowledge_load/corpus.rs"]
mod corpus;

use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kubewright_ingest::search::{Mode, SearchRequest};
use kubewright_ingest::source::SourceSpec;
use kubewright_ingest::{IngestOptions, KnowledgeBase, KnowledgeSettings, ModelChoice};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

const QUESTIONS: [&str; 4] = [
    "why is my pod in CrashLoopBackOff with exit code 137?",
    "KubePodNotReady kube_pod_status_phase Pending",
    "volume cannot be attached to the node",
    "error: dial tcp: lookup ledger-db on 10.96.0.10:53: no such host",
];

criterion_group!(benches, take_in, ask);
criterion_main!(benches);

fn documents(count: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../knowledge");
    let sections = corpus::sections(&built_in).expect("the built-in runbooks");
    for (name, text) in corpus::documents(&sections, count) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the document is written");
    }
    folder
}

async fn filled(documents: &Path) -> (TempDir, KnowledgeBase) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut settings = KnowledgeSettings::new(folder.path(), folder.path());
    settings.model = ModelChoice::None;
    let base = KnowledgeBase::open(settings).await.expect("an empty knowledge base");
    let source = SourceSpec::from_argument(&documents.display().to_string()).expect("a folder is a source");
    base.ingest(&[source], IngestOptions::default(), |_| {}).await.expect("the documents are taken in");
    (folder, base)
}

/// From files to a committed, searchable knowledge base.
fn take_in(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("take_in_by_words");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    for size in SIZES.iter().take(2) {
        let documents = documents(*size);
        group.throughput(Throughput::Elements(*size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), size, |bencher, _| {
            let run = |()| runtime.block_on(filled(documents.path()));
            bencher.iter_batched(|| (), run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn ask(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("ask_by_words");
    for size in SIZES {
        let documents = documents(size);
        let (_folder, base) = runtime.block_on(filled(documents.path()));
        let mut number = 0_usize;
        group.bench_with_input(BenchmarkId::from_parameter(size), &base, |bencher, base| {
            bencher.iter(|| {
                number += 1;
                let question = QUESTIONS.get(number % QUESTIONS.len()).copied().unwrap_or_default();
                let mut request = SearchRequest::new(question);
                request.mode = Mode::Lexical;
                runtime.block_on(base.search(&request)).expect("an answer")
            });
        });
    }
    group.finish();
}
