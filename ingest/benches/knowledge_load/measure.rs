//! The measurements, each printed as one line.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use kubewright_ingest::search::{Mode, SearchRequest};
use kubewright_ingest::source::SourceSpec;
use kubewright_ingest::synthetic::{self, Speed};
use kubewright_ingest::{DEFAULT_MODEL, IngestOptions, KnowledgeBase, KnowledgeSettings, ModelChoice};

use crate::{Args, corpus};

/// Questions that are asked before the clock runs: models are loaded and every part of an index is read once.
const WARM: u32 = 200;

/// Passages a second through fastembed as the pipeline calls it.
pub(crate) async fn embedding(models: &Path, folder: &Path) -> anyhow::Result<()> {
    let sections = corpus::sections(folder)?;
    let texts: Vec<String> = sections.iter().step_by(sections.len().div_ceil(256).max(1)).cloned().collect();
    let Speed { pipeline, raw } = synthetic::embedding_speed(models, DEFAULT_MODEL, &texts).await?;
    println!(
        "embedding: {pipeline:.1} passages/s by the pipeline, {raw:.1} by the model alone on the same batches ({:.0} %)",
        pipeline / raw * 100.0
    );
    Ok(())
}

/// One size: ingest, then open and ask in a process of its own.
pub(crate) async fn size(size: usize, args: &Args) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = args.keep.clone().unwrap_or_else(|| temporary.path().to_owned()).join(size.to_string());
    let made = folder.join("made");
    if !made.exists() {
        make(size, &folder, args).await?;
        std::fs::write(&made, "")?;
    }
    let asking = tokio::process::Command::new(std::env::current_exe()?)
        .args(["--rate", &args.rate.to_string(), "--seconds", &args.seconds.to_string()])
        .args(args.modes.iter().flat_map(|mode| ["--modes", mode]))
        .arg("--corpus")
        .arg(&args.corpus)
        .arg("--models")
        .arg(&args.models)
        .arg("--ask")
        .arg(&folder)
        .status()
        .await?;
    anyhow::ensure!(asking.success(), "asking failed: {asking}");
    Ok(())
}

async fn make(size: usize, folder: &Path, args: &Args) -> anyhow::Result<()> {
    let documents = folder.join("documents");
    let sections = corpus::sections(&args.corpus)?;
    for (name, text) in corpus::documents(&sections, size) {
        let path = documents.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&documents))?;
        std::fs::write(path, text)?;
    }
    words(size, folder, &documents).await?;
    let settings = KnowledgeSettings::new(folder.join("hybrid"), &args.models);
    let started = Instant::now();
    synthetic::fill(&settings, &documents, &sections).await?;
    println!("{size}: made with vectors in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Opens what was made and asks it.
pub(crate) async fn questions(folder: &Path, args: &Args) -> anyhow::Result<()> {
    let sections = corpus::sections(&args.corpus)?;
    let started = Instant::now();
    let base = KnowledgeBase::open(KnowledgeSettings::new(folder.join("hybrid"), &args.models)).await?;
    let opened = started.elapsed().as_secs_f64() * 1e3;
    let mut first = SearchRequest::new("why is the pod not ready?");
    first.mode = Mode::Lexical;
    base.search(&first).await?;
    let answered = started.elapsed().as_secs_f64() * 1e3;
    let size = folder.file_name().unwrap_or_default().display();
    println!("{size}: opened in {opened:.0} ms, first answer by words after {answered:.0} ms");
    for mode in Mode::ALL
        .into_iter()
        .filter(|mode| args.modes.is_empty() || args.modes.iter().any(|name| name == mode.name()))
    {
        ask(&base, mode, &sections, args).await?;
    }
    println!("{size}: resident memory {} MB", resident() / 1024);
    Ok(())
}

/// Ingestion without embedding.
async fn words(size: usize, folder: &Path, documents: &Path) -> anyhow::Result<()> {
    let mut settings = KnowledgeSettings::new(folder.join("words"), folder);
    settings.model = ModelChoice::None;
    let base = KnowledgeBase::open(settings).await?;
    let source = SourceSpec::from_argument(&documents.display().to_string())?;
    let report = base.ingest(&[source], IngestOptions::default(), |_| {}).await?;
    let passages: usize = report.sources.iter().map(|source| source.passages).sum();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = passages as f64 / report.seconds;
    println!("{size}: {passages} passages taken in without embedding, {rate:.0} a second");
    Ok(())
}

/// Asks at a fixed rate, whether answers come or not. A latency counts from when the question was to be asked.
async fn ask(base: &KnowledgeBase, mode: Mode, sections: &[String], args: &Args) -> anyhow::Result<()> {
    // Models and indexes are loaded by the first questions.
    for number in 0..WARM {
        base.search(&question(number, mode, sections)).await?;
    }
    let (send, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let (rate, last) = (args.rate.max(1), args.rate * args.seconds + WARM);
    // The runtime's clock ticks in milliseconds, which are as long as some answers.
    std::thread::spawn(move || {
        let started = Instant::now();
        for number in WARM..last {
            let planned = started + Duration::from_secs(1) * (number - WARM) / rate;
            std::thread::sleep(planned.saturating_duration_since(Instant::now()));
            if send.send((number, planned)).is_err() {
                break;
            }
        }
    });
    let mut answers = tokio::task::JoinSet::new();
    while let Some((number, planned)) = asked.recv().await {
        let (base, request) = (base.clone(), question(number, mode, sections));
        answers.spawn(async move { base.search(&request).await.map(|_| planned.elapsed()) });
    }
    let mut latencies = Histogram::<u64>::new(3)?;
    while let Some(answer) = answers.join_next().await {
        latencies.record(u64::try_from(answer??.as_micros())?)?;
    }
    let at = |quantile: f64| Duration::from_micros(latencies.value_at_quantile(quantile)).as_secs_f64() * 1e3;
    let (p50, p99) = (at(0.5), at(0.99));
    println!("{} at {}/s: p50 {p50:.1} ms, p99 {p99:.1} ms", mode.name(), args.rate);
    Ok(())
}

/// A dozen words of some section. No two questions are equal: the cache of questions must not answer.
fn question(number: u32, mode: Mode, sections: &[String]) -> SearchRequest {
    let section = sections.get(number as usize * 37 % sections.len().max(1)).map_or("", String::as_str);
    let words: Vec<&str> = section.split_whitespace().skip(5).take(12).collect();
    let mut request = SearchRequest::new(format!("{} {number} {}", words.join(" "), mode.name()));
    request.mode = mode;
    request
}

/// Resident memory, KiB; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}
