//! What an agent's turn costs beside the model: time and memory of our layer.
//!
//! The model is played on loopback and answers at once; every turn reads 10 KB from a tool. What the same requests cost
//! without us (a plain HTTP client, the same bodies) is measured too and taken off. Needs no arguments:
//! `cargo bench --bench agents`. Fails when a turn takes 5 ms or a run 2 MB.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{BoxFuture, join_all};
use kubewright::agents::chat::{ChatMessage, ChatTurn, Role};
use kubewright::agents::progress::Progress;
use kubewright::agents::tools::{Access, Tool, ToolContext, ToolError, ToolOutput};
use kubewright::agents::{Agents, Parts};
use kubewright::egress::Egress;
use kubewright::recall::Recall;
use kubewright::settings::{AgentsSettings, Environment, Settings};
use kubewright::sim::model::{Asked, Reply, ScriptedModel};
use kubewright::store::Store;
use kubewright::workflow::Clusters;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Results of tools that a run reads; it has one turn more.
const RESULTS: usize = 7;

/// Runs one after the other.
const RUNS: u32 = 60;

/// Runs at the same time, for their memory.
const AT_ONCE: usize = 100;

/// Results that may be read: more than there will be.
const PERMITS: usize = 1 << 40;

/// After this time nothing moves any more.
const SETTLED: Duration = Duration::from_secs(1);

/// Size of a tool's answer, bytes.
const ANSWER: usize = 10 << 10;

/// Most time of a turn, ms, and most memory of a run, MB.
const MOST_MS: f64 = 5.0;
const MOST_MB: f64 = 2.0;

/// Answers 10 KB of a log, once it may.
struct Log {
    text: String,
    gate: Arc<Semaphore>,
}

impl Tool for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn description(&self) -> &'static str {
        "Reads a log."
    }

    fn schema(&self) -> Value {
        json!({"type": "object", "properties": {"part": {"type": "integer"}}, "additionalProperties": false})
    }

    fn call<'a>(&'a self, _: Value, _: &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async {
            if let Ok(free) = self.gate.acquire().await {
                free.forget();
            }
            Ok(ToolOutput::bounded(self.text.clone(), "no more"))
        })
    }
}

fn log() -> String {
    let line = |n: usize| {
        format!(
            "2026-11-20T09:14:{:02}.211Z INFO  request handled method=GET path=/v1/products/{n} status=200 duration_ms=12\n",
            n % 60
        )
    };
    let mut text: String = (0..).map(line).take(ANSWER / 100).collect();
    text.truncate(ANSWER);
    text
}

async fn agents(model: &ScriptedModel, folder: &Path, gate: &Arc<Semaphore>) -> Result<Agents> {
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"load\"\nurl = \"http://127.0.0.1:9\"\n",
        folder.join("kubewright.db").display()
    );
    let settings = Settings::parse(&text, "agents.rs", &Environment::new())?;
    let text = format!(
        "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\n[models.main]\nprovider = \"scripted\"\n\
         model = \"scripted\"\ncontext_tokens = 200000\n[agents.orchestrator]\ntools = [\"log\"]\nmax_tokens = 10000000\n\
         [limits]\ntokens = 10000000\n",
        model.url()
    );
    let clusters = Clusters::connect(&settings).await?;
    let tool: Arc<dyn Tool> = Arc::new(Log { text: log(), gate: gate.clone() });
    Ok(Agents::new(Parts {
        settings: AgentsSettings::parse(&text, Path::new("agents.toml"), &Environment::new())?,
        egress: Egress::new(&settings.egress)?,
        observers: clusters.observers(),
        default_cluster: "load".to_owned(),
        recall: Recall::new(None).await,
        store: Store::open(&settings.store).await?,
        more_tools: vec![tool.into()],
    })?)
}

async fn run(agents: &Agents) -> Result<()> {
    let turn = ChatTurn {
        agent: "orchestrator".to_owned(),
        messages: vec![ChatMessage::new(Role::User, "Why does checkout crash?")],
        about: None,
        conversation: None,
        cluster: None,
        access: Access::Everything,
        stop: Vec::new(),
        max_tokens: None,
        temperature: None,
        progress: Progress::none(),
        cancel: CancellationToken::new(),
    };
    let answer = agents.talk(turn).await?;
    ensure!(answer.text.starts_with("It has a wrong image."), "{}", answer.text);
    Ok(())
}

/// The same requests without us.
async fn bare(model: &ScriptedModel) -> Result<Duration> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/chat/completions", model.url());
    let bodies: Vec<Value> = model.requests().into_iter().take(RESULTS + 1).map(|asked| asked.body).collect();
    let began = Instant::now();
    for _ in 0..RUNS {
        for body in &bodies {
            client.post(&url).json(body).send().await?.bytes().await?;
        }
    }
    Ok(began.elapsed())
}

/// Resident memory, MB.
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kilobytes / 1024.0)
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo bench` says so; test runners that start every target do not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    // The first one wins; a second is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    let model = ScriptedModel::obedient(|body| match Asked::new(body).results().len() {
        RESULTS.. => Reply::say("It has a wrong image."),
        // Each asks for another part: the same call is not answered again and again.
        part => Reply::call("log", json!({ "part": part })),
    })
    .await?;
    let gate = Arc::new(Semaphore::new(PERMITS));
    let agents = agents(&model, folder.path(), &gate).await?;
    run(&agents).await?;

    let began = Instant::now();
    for _ in 0..RUNS {
        run(&agents).await?;
    }
    let (with, without) = (began.elapsed(), bare(&model).await?);
    let turns = f64::from(RUNS) * (RESULTS + 1) as f64;
    let per_turn = |time: Duration| time.as_secs_f64() * 1_000.0 / turns;
    let ours = per_turn(with) - per_turn(without);
    println!(
        "turn: {:.2} ms, of them {:.2} ms without us: {ours:.2} ms are ours",
        per_turn(with),
        per_turn(without)
    );

    let ours_mb = memory(&agents, &gate).await?;
    println!("run: {ours_mb:.2} MB, of {AT_ONCE} that wait for a tool at the same time");
    ensure!(ours < MOST_MS, "a turn takes more than {MOST_MS} ms");
    ensure!(ours_mb < MOST_MB, "a run takes more than {MOST_MB} MB");
    Ok(())
}

/// MB for each of the runs that all wait for nearly their last result. What plays the model is in it too.
async fn memory(agents: &Agents, gate: &Semaphore) -> Result<f64> {
    gate.forget_permits(Semaphore::MAX_PERMITS);
    gate.add_permits(AT_ONCE * (RESULTS - 1));
    let before = resident()?;
    let watched = async {
        while gate.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(SETTLED).await;
        let there = resident();
        gate.add_permits(PERMITS);
        there
    };
    let (there, ended) = tokio::join!(watched, join_all((0..AT_ONCE).map(|_| run(agents))));
    ended.into_iter().collect::<Result<Vec<()>>>()?;
    Ok((there? - before) / AT_ONCE as f64)
}
