//! The only composition root: Settings → [`App`] → [`App::run`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::agents::chat::{Chat, Talk};
use crate::agents::mcp::{self, Desk, ServerReport};
use crate::agents::{Agents, Parts, Sources};
use crate::diagnose::RuleBook;
use crate::egress::Egress;
use crate::http::{self, HttpState};
use crate::incident::IncidentId;
use crate::observe::Observer;
use crate::recall::{Places, Recall};
use crate::remediate::Policy;
use crate::settings::{KnowledgeSettings, Settings};
use crate::store::Store;
use crate::telemetry;
use crate::workflow::{Clusters, Workflow};

/// How long a shutdown waits for steps and requests under way. Leases of what is cut off run out by themselves.
const DRAIN: Duration = Duration::from_secs(20);

/// How long an assistant waits at the start for the knowledge base to open.
const OPENING: Duration = Duration::from_secs(3);

/// A server that is ready to run.
pub struct App {
    store: Store,
    workflow: Workflow,
    recall: Recall,
    agents: Agents,
    chat: Chat,
    desk: Desk,
    settings: Arc<Settings>,
    metrics: PrometheusHandle,
    observers: Vec<Observer>,
}

impl App {
    /// Opens the store, loads the policy and makes the clients. Clusters are not asked yet.
    ///
    /// # Errors
    /// When the store cannot be opened, the policy does not compile, or a kubeconfig cannot be read.
    pub async fn build(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<Self> {
        let store = Store::open_with(&settings.store, settings.intake.correlation_window)
            .await
            .context("could not open the store")?;
        let policy = Policy::load(&settings.automation).context("could not load the policy")?;
        let clusters = Clusters::connect(&settings).await?;
        let egress = Egress::new(&settings.egress).context("could not set up the egress guard")?;
        let recall = Recall::new(places(&settings.knowledge, &egress)).await;
        let sources = sources(&settings, &clusters, &recall, &store).await?;
        let desk = Desk::new(egress.clone(), sources.clone());
        let foreign = mcp::reach(&settings.agents, &egress).await;
        foreign.reports.iter().for_each(log);
        let settings = Arc::new(settings);
        // Random, not the host's name: two processes on one host must not take each other's leases for their own.
        let owner = format!("kubewright-{}", IncidentId::random());
        let policy = Arc::new(policy);
        let clean = egress.for_people();
        let agents = Agents::new(Parts {
            settings: settings.agents.clone(),
            egress,
            sources: sources.clone(),
            more_tools: foreign.added,
        })?;
        let talk = agents.has_models().then(|| Arc::new(agents.clone()) as Arc<dyn Talk>);
        let rules = sources.rules.clone();
        let observers = sources.observers.values().cloned().collect();
        let chat = Chat::new(sources, &settings, talk, clean);
        let workflow = Workflow::new(
            store.clone(),
            clusters,
            policy,
            recall.clone(),
            agents.clone(),
            settings.clone(),
            &owner,
        );
        let workflow = workflow.with_rules(rules);
        Ok(Self { store, workflow, recall, agents, chat, desk, settings, metrics, observers })
    }

    /// The store, for callers that share the process with the server (the demo, tests).
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The port to the knowledge base, for the same callers. It is closed until the server runs.
    #[must_use]
    pub fn recall(&self) -> &Recall {
        &self.recall
    }

    /// The agents, for the same callers: they can watch the runs.
    #[must_use]
    pub fn agents(&self) -> &Agents {
        &self.agents
    }

    /// Serves and works until `shutdown`, then drains. If the runner ends before that, so does the server.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let tasks = TaskTracker::new();
        let (alive, runner_alive) = watch::channel(true);
        self.spawn_recall(&tasks, &shutdown);
        self.observers.iter().for_each(|observer| observer.watch(&tasks, &shutdown));
        let (workflow, stop) = (self.workflow, shutdown.clone());
        tasks.spawn(async move {
            // Also when the runner panics: a server that works on nothing must not look ready.
            let _ends_with_the_runner = (OnDrop(alive), stop.clone().drop_guard());
            workflow.run(stop).await;
        });
        tasks.spawn(telemetry::metrics::upkeep(self.metrics.clone(), shutdown.clone()));
        let (agents, stop) = (self.agents.clone(), shutdown.clone());
        tasks.spawn(async move { agents.tidy(stop).await });
        let state = HttpState {
            store: self.store.clone(),
            recall: self.recall,
            chat: self.chat,
            desk: self.desk,
            tasks: tasks.clone(),
            settings: self.settings,
            metrics: self.metrics,
            runner_alive,
            shutdown: shutdown.clone(),
        };
        info!(address = %listener.local_addr()?, "listening");
        let served = axum::serve(listener, http::router(state))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned())
            .into_future();
        let result = drain(served, &shutdown).await;
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            warn!("steps were still running after {} s; their leases will run out", DRAIN.as_secs());
        }
        self.store.close().await;
        result
    }

    /// Opens the knowledge base in the background and remembers closed incidents. The server does not depend on it.
    fn spawn_recall(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let (recall, stop) = (self.recall.clone(), shutdown.clone());
        tasks.spawn(async move { recall.run(stop).await });
        let (workflow, stop) = (self.workflow.clone(), shutdown.clone());
        tasks.spawn(async move { workflow.remember(stop).await });
    }
}

/// Serves kubewright's reading tools to one client of the Model Context Protocol on standard input and output, until it
/// leaves or `shutdown`. No incident is worked on.
///
/// # Errors
/// When the store cannot be opened, a kubeconfig cannot be read, or the client does not speak the protocol.
pub async fn serve_stdio(settings: &Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let store = Store::open_with(&settings.store, settings.intake.correlation_window)
        .await
        .context("could not open the store")?;
    let clusters = Clusters::connect(settings).await?;
    let egress = Egress::new(&settings.egress).context("could not set up the egress guard")?;
    let recall = Recall::new(places(&settings.knowledge, &egress)).await;
    let stop = shutdown.child_token();
    let (opening, stopped) = (recall.clone(), stop.clone());
    let opened = tokio::spawn(async move { opening.read(stopped).await });
    // The first question of an assistant comes at once.
    let _ = tokio::time::timeout(OPENING, recall.opened()).await;
    let sources = sources(settings, &clusters, &recall, &store).await?;
    let served = Desk::new(egress, sources).serve_stdio(shutdown).await;
    stop.cancel();
    if tokio::time::timeout(DRAIN, opened).await.is_err() {
        warn!("the knowledge base was still being opened");
    }
    store.close().await;
    served
}

async fn sources(
    settings: &Settings,
    clusters: &Clusters,
    recall: &Recall,
    store: &Store,
) -> anyhow::Result<Sources> {
    Ok(Sources {
        observers: clusters.observers(),
        default_cluster: settings.clusters.first().map(|cluster| cluster.name.clone()),
        rules: Arc::new(rules(settings.diagnosis.rules.clone()).await?),
        recall: recall.clone(),
        store: store.clone(),
    })
}

/// The built-in rules and those of the folder. A rule that cannot be used is told and left out.
async fn rules(folder: Option<PathBuf>) -> anyhow::Result<RuleBook> {
    let Some(folder) = folder else { return Ok(RuleBook::built_in()) };
    let (rules, problems) = tokio::task::spawn_blocking(move || RuleBook::with_folder(&folder)).await?;
    for problem in problems {
        warn!("a rule is left out: {problem}; `kubewright rules check` says the same");
    }
    Ok(rules)
}

/// A server that fails is no reason not to start; `kubewright check` says the same.
fn log(report: &ServerReport) {
    let server = &report.server;
    match &report.taken {
        Ok(tools) => info!(server, tools, "tools of an MCP server taken over"),
        Err(why) => warn!(server, "no tools of this MCP server: {why}; it is asked again when one is called"),
    }
    for (tool, why) in &report.left {
        warn!(server, tool, "a tool is left out: {why}");
    }
}

/// Where the knowledge base is; `None` when it is switched off.
fn places(settings: &KnowledgeSettings, egress: &Egress) -> Option<Places> {
    settings.enabled.then(|| Places {
        documents: settings.documents(egress.scrubber()),
        episodes: settings.episodes(egress.scrubber()),
        manifest: settings.manifest.clone(),
    })
}

/// Lets requests under way finish after `shutdown`, but not for ever: an event stream never ends by itself.
async fn drain(
    served: impl Future<Output = std::io::Result<()>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        result = served => result.context("the HTTP server failed"),
        () = async { shutdown.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// Says that the runner is gone, however it went.
struct OnDrop(watch::Sender<bool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}
