//! What moves the world: one step after the other, first through its past, then live.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::clock::{after, before};
use super::collect::collect;
use super::controllers::{self, Autoscaler};
use super::kinds::{EVENTS, LEASES};
use super::kubelet::Kubelet;
use super::objects::Change;
use super::prometheus::{ActiveAlert, Metrics};
use super::scenarios::Step;
use super::story;
use super::traffic::Traffic;
use super::world::World;

/// Steps in which a new chapter may come to rest, a second each.
const SETTLING_STEPS: u32 = 90;
/// Steps without a change after which it has.
const QUIET_STEPS: u32 = 6;
/// The healthy time before a fault that metrics and logs go back.
const HISTORY: Duration = Duration::from_secs(3_600);
/// Pause between two looks at the world in that time.
const HISTORY_STEP: Duration = Duration::from_secs(30);
/// Distance of the samples filled in.
const BACKFILL_MS: i64 = 15_000;
/// Steps between two samples while the time since a fault is replayed.
const REPLAY_SAMPLES: u64 = 10;
/// How often the controllers run although nothing has changed.
const RESYNC: Duration = Duration::from_secs(10);

/// Something to do for the engine while it runs.
#[derive(Debug)]
pub(crate) enum Command {
    /// Break the world as the scenario says.
    InjectFault(oneshot::Sender<()>),
}

/// The engine of one world.
#[derive(Debug)]
pub(crate) struct Engine {
    world: Arc<World>,
    metrics: Arc<Metrics>,
    kubelet: Kubelet,
    autoscaler: Autoscaler,
    traffic: Traffic,
    changes: broadcast::Receiver<Change>,
    settled_at: Timestamp,
    sampled_at: Timestamp,
    alerts: watch::Sender<Vec<ActiveAlert>>,
}

impl Engine {
    /// An engine for a world that has not begun.
    pub(crate) fn new(
        world: Arc<World>,
        metrics: Arc<Metrics>,
        alerts: watch::Sender<Vec<ActiveAlert>>,
    ) -> Self {
        let changes = world.store.subscribe();
        Self {
            world,
            metrics,
            kubelet: Kubelet::default(),
            autoscaler: Autoscaler::default(),
            traffic: Traffic::default(),
            changes,
            settled_at: Timestamp::UNIX_EPOCH,
            sampled_at: Timestamp::UNIX_EPOCH,
            alerts,
        }
    }

    /// Plays everything that happened before now, `start` being the present that ages count from: the chapters, an hour of
    /// health, and, when `broken`, the fault with what followed.
    ///
    /// # Errors
    /// When a manifest of the scenario is refused.
    pub(crate) fn replay(&mut self, start: Timestamp, broken: bool) -> anyhow::Result<()> {
        let scenario = self.world.scenario.clone();
        for chapter in &scenario.chapters {
            self.world.clock.set(before(start, chapter.age));
            story::apply(&self.world, &chapter.manifests)?;
            self.settle();
        }
        let fault_at = if broken { before(start, scenario.fault.age) } else { start };
        self.live_through_health(fault_at);
        if broken {
            story::break_world(&self.world, &scenario.fault.steps)?;
        }
        self.catch_up(fault_at);
        self.world.prune_events();
        Ok(())
    }

    /// Steps of a second until nothing changes any more.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..SETTLING_STEPS {
            let revision = self.world.store.revision();
            self.step();
            self.world.clock.set(after(self.world.now(), Duration::from_secs(1)));
            quiet = if self.world.store.revision() == revision { quiet + 1 } else { 0 };
            if quiet >= QUIET_STEPS {
                return;
            }
        }
    }

    /// The hour before `until`: programs log, counters grow; metrics are filled in from its two ends.
    fn live_through_health(&mut self, until: Timestamp) {
        let from = before(until, HISTORY);
        self.world.clock.set(from);
        self.step();
        let first = collect(&self.world, &self.kubelet, &self.traffic);
        let mut now = from;
        while now < until {
            self.world.clock.set(now);
            self.kubelet.step(&self.world);
            now = after(now, HISTORY_STEP);
        }
        self.world.clock.set(until);
        self.step();
        let last = collect(&self.world, &self.kubelet, &self.traffic);
        self.metrics.backfill(&first, from.as_millisecond(), &last, until.as_millisecond(), BACKFILL_MS);
        self.metrics.record(last);
    }

    /// From a time in the past to the real present, which goes on meanwhile: no gap is left before the world is live.
    fn catch_up(&mut self, from: Timestamp) {
        let mut seconds = 0;
        let mut now = from;
        while now < Timestamp::now() {
            self.world.clock.set(now);
            self.step();
            if seconds % REPLAY_SAMPLES == 0 {
                self.sample();
            }
            seconds += 1;
            now = after(now, Duration::from_secs(1));
        }
        self.world.clock.set(Timestamp::now());
        self.step();
        self.sample();
    }

    /// Moves everything on to the present.
    pub(crate) fn step(&mut self) {
        self.kubelet.step(&self.world);
        let is_stale = self.world.clock.is_over(self.settled_at, RESYNC);
        if self.has_news() || is_stale {
            controllers::settle(&self.world);
            self.kubelet.step(&self.world);
            if self.has_news() {
                controllers::settle(&self.world);
            }
            self.settled_at = self.world.now();
        }
        self.traffic.step(&self.world);
        self.autoscaler.run(&self.world, &self.traffic.usage);
    }

    /// Whether anything that controllers care for has changed since they were last asked to look.
    fn has_news(&mut self) -> bool {
        let mut has_news = false;
        loop {
            match self.changes.try_recv() {
                Ok(change) => has_news |= change.kind != &EVENTS && change.kind != &LEASES,
                Err(broadcast::error::TryRecvError::Lagged(_)) => has_news = true,
                Err(_) => return has_news,
            }
        }
    }

    /// Takes samples and judges the alert rules.
    pub(crate) fn sample(&mut self) {
        self.metrics.record(collect(&self.world, &self.kubelet, &self.traffic));
        self.alerts.send_replace(self.metrics.active_alerts());
        self.sampled_at = self.world.now();
    }

    fn live_step(&mut self, sampling: Duration, commands: &[Command]) {
        for Command::InjectFault(_) in commands {
            let scenario = self.world.scenario.clone();
            break_live(&self.world, &scenario.fault.steps);
        }
        self.step();
        let since = self.world.now().duration_since(self.sampled_at);
        if since.as_secs_f64() >= sampling.as_secs_f64() {
            self.sample();
            self.world.prune_events();
        }
    }
}

fn break_live(world: &World, steps: &[Step]) {
    if let Err(error) = story::break_world(world, steps) {
        tracing::error!(%error, "the scenario's fault could not be injected");
    }
}

/// Runs an engine live until it is cancelled. Steps run on a blocking thread, as they may take some milliseconds.
pub(crate) async fn run(
    mut engine: Engine,
    mut commands: mpsc::Receiver<Command>,
    cancelled: CancellationToken,
) {
    let world = engine.world.clone();
    world.clock.go_live();
    let speed = world.clock.speed();
    let pause = Duration::from_secs_f64((0.4 / speed).clamp(0.02, 0.2));
    let sampling = Duration::from_secs_f64((5.0 / speed).clamp(0.2, 1.0));
    let mut changes = world.store.subscribe();
    loop {
        let mut due = Vec::new();
        tokio::select! {
            () = cancelled.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            _ = changes.recv() => {}
            Some(command) = commands.recv() => due.push(command),
        }
        let stepped = tokio::task::spawn_blocking(move || {
            engine.live_step(sampling, &due);
            (engine, due)
        });
        let Ok((moved, done)) = stepped.await else {
            tracing::error!("the simulated world has stopped: its engine panicked");
            return;
        };
        engine = moved;
        for Command::InjectFault(answer) in done {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }
        // What the step itself wrote is no news.
        changes = changes.resubscribe();
    }
}
