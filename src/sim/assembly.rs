//! A whole simulated cluster: world, engine, three servers and the delivery of alerts, started and stopped together.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::{self, ApiState};
use super::clock::Clock;
use super::delivery::{self, Webhook};
use super::engine::{self, Command, Engine};
use super::loki::{self, LokiState};
use super::objects::ObjectStore;
use super::prometheus::{self, Metrics, PrometheusState};
use super::scenarios::Scenario;
use super::story;
use super::world::World;

/// Faults waiting to be injected.
const COMMANDS: usize = 4;
/// How long servers may take to stop before their tasks are left behind.
const DRAIN: Duration = Duration::from_secs(3);

/// Where the three servers listen; port 0 takes a free one.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The Kubernetes API.
    pub kubernetes: SocketAddr,
    /// The Prometheus API.
    pub prometheus: SocketAddr,
    /// The Loki API.
    pub loki: SocketAddr,
}

impl Default for Addresses {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { kubernetes: free, prometheus: free, loki: free }
    }
}

/// What to simulate and how.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// The story.
    pub scenario: Scenario,
    /// Simulated seconds in a real one; 1 is real time.
    pub speed: f64,
    /// Where to listen.
    pub addresses: Addresses,
    /// Who is told about alerts.
    pub webhook: Option<Webhook>,
    /// Whether the fault is in place from the start, as long ago as the scenario says. If not, the world starts healthy
    /// and waits for [`Sim::inject_fault`].
    pub inject_fault: bool,
    /// Inject the fault by itself after this real time; only when it isn't in place from the start.
    pub fault_after: Option<Duration>,
}

impl SimOptions {
    /// A scenario in trouble from the start, in real time, on free ports, telling nobody.
    pub fn new(scenario: Scenario) -> Self {
        let addresses = Addresses::default();
        Self { scenario, speed: 1.0, addresses, webhook: None, inject_fault: true, fault_after: None }
    }
}

/// A running simulated cluster. Dropping it without [`Self::shutdown`] leaves its tasks to the tracker it was given.
#[derive(Debug)]
pub struct Sim {
    world: Arc<World>,
    metrics: Arc<Metrics>,
    commands: mpsc::Sender<Command>,
    bound: Addresses,
    tasks: TaskTracker,
    cancelled: CancellationToken,
}

impl Sim {
    /// Plays the scenario's past and starts everything. Its tasks run on `tasks` until `shutdown` is cancelled.
    ///
    /// # Errors
    /// When the scenario's objects are refused or an address can't be listened on.
    pub async fn start(
        options: SimOptions,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let clock = Clock::replaying(Timestamp::now(), options.speed);
        let world = Arc::new(World::new(Arc::new(options.scenario), clock.clone()));
        let metrics = Arc::new(Metrics::new(clock, &world.scenario.alerts));
        let (told, alerts) = watch::channel(Vec::new());
        let engine = past(Engine::new(world.clone(), metrics.clone(), told), options.inject_fault).await?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        // Everything ends with this token, which ends with the caller's.
        let cancelled = shutdown.child_token();
        let addresses = &options.addresses;
        let mut servers = Servers { tasks: tasks.clone(), cancelled: cancelled.clone() };
        let mut state = ApiState::new(world.store.clone(), world.logs.clone());
        state.shutdown = cancelled.clone();
        let kubernetes = servers.serve(addresses.kubernetes, api::router(state)).await?;
        let state = PrometheusState { metrics: metrics.clone() };
        let prometheus = servers.serve(addresses.prometheus, prometheus::router(state)).await?;
        let state = LokiState { logs: world.logs.clone(), store: world.store.clone() };
        let loki = servers.serve(addresses.loki, loki::router(state)).await?;
        let bound = Addresses { kubernetes, prometheus, loki };
        tasks.spawn(engine::run(engine, queue, cancelled.clone()));
        let sim = Self { world, metrics, commands, bound, tasks: tasks.clone(), cancelled };
        sim.deliver(options.webhook, alerts);
        sim.break_later(options.fault_after.filter(|_| !options.inject_fault));
        Ok(sim)
    }

    fn deliver(&self, webhook: Option<Webhook>, alerts: watch::Receiver<Vec<prometheus::ActiveAlert>>) {
        let Some(webhook) = webhook else { return };
        let clock = self.world.clock.clone();
        self.tasks.spawn(delivery::run(
            webhook,
            clock,
            alerts,
            self.prometheus_url(),
            self.cancelled.clone(),
        ));
    }

    fn break_later(&self, after: Option<Duration>) {
        let Some(after) = after else { return };
        let (commands, cancelled) = (self.commands.clone(), self.cancelled.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = tokio::time::sleep(after) => {
                    let (done, _) = oneshot::channel();
                    if commands.send(Command::InjectFault(done)).await.is_err() {
                        tracing::debug!("the world ended before its fault could happen");
                    }
                }
            }
        });
    }

    /// URL of the Kubernetes API.
    pub fn kubernetes_url(&self) -> String {
        format!("http://{}", self.bound.kubernetes)
    }

    /// URL of the Prometheus API.
    pub fn prometheus_url(&self) -> String {
        format!("http://{}", self.bound.prometheus)
    }

    /// URL of the Loki API.
    pub fn loki_url(&self) -> String {
        format!("http://{}", self.bound.loki)
    }

    /// A kubeconfig in YAML that kubectl can use; its context is `sim`.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- name: sim\n  cluster:\n    server: {}\n\
             contexts:\n- name: sim\n  context:\n    cluster: sim\n    user: sim\n    namespace: default\nusers:\n\
             - name: sim\n  user: {{}}\n",
            self.kubernetes_url()
        )
    }

    /// Breaks the world as its scenario says, now. Returns when the change has been made.
    ///
    /// # Errors
    /// When the world has stopped.
    pub async fn inject_fault(&self) -> anyhow::Result<()> {
        let (done, answer) = oneshot::channel();
        self.commands.send(Command::InjectFault(done)).await.context("the simulated world has stopped")?;
        answer.await.context("the simulated world has stopped")
    }

    /// Whether the scenario's condition for being healed holds now.
    pub fn healed(&self) -> bool {
        story::is_healed(&self.world, &self.metrics)
    }

    /// The story that is told.
    pub fn scenario(&self) -> &Scenario {
        &self.world.scenario
    }

    /// The cluster's objects, for those who set a stage; everybody else uses HTTP.
    pub fn store(&self) -> &ObjectStore {
        &self.world.store
    }

    /// The names of the alerts that fire now.
    pub fn firing(&self) -> Vec<String> {
        let firing = |alert: &prometheus::ActiveAlert| alert.state == prometheus::AlertState::Firing;
        let alerts = self.metrics.active_alerts().into_iter().filter(firing);
        alerts.filter_map(|alert| alert.labels.get("alertname").cloned()).collect()
    }

    /// Stops everything that was started here. Other tasks on the same tracker are not waited for.
    pub async fn shutdown(self) {
        self.cancelled.cancel();
        // The engine holds the other end until it has stopped.
        if tokio::time::timeout(DRAIN, self.commands.closed()).await.is_err() {
            tracing::warn!("the simulated world did not stop in time");
        }
    }
}

/// Plays the past on a blocking thread: it takes a second or two.
async fn past(mut engine: Engine, broken: bool) -> anyhow::Result<Engine> {
    let played = tokio::task::spawn_blocking(move || {
        engine.replay(Timestamp::now(), broken)?;
        anyhow::Ok(engine)
    });
    played.await.context("the simulated world's past could not be played")?
}

struct Servers {
    tasks: TaskTracker,
    cancelled: CancellationToken,
}

impl Servers {
    /// Serves a router and tells where.
    async fn serve(&mut self, address: SocketAddr, router: Router) -> anyhow::Result<SocketAddr> {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let bound = listener.local_addr()?;
        let cancelled = self.cancelled.clone();
        let stop = self.cancelled.clone();
        self.tasks.spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(cancelled.cancelled_owned());
            tokio::select! {
                done = served => if let Err(error) = done { tracing::error!(%error, "a simulated server failed") },
                // Idle keep-alive connections must not hold up the end.
                () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => {}
            }
        });
        Ok(bound)
    }
}
