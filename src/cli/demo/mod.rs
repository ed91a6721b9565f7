//! `kubewright demo`: an incident from alert to verified repair in a simulated cluster.
//!
//! Owns the stage, what is shown, and the comparison with what the scenario expects. The server on the stage is the one
//! that `serve` runs, reached by HTTP like any other.

mod cast;
mod detail;
mod dispatch;
mod follow;
mod screen;
mod script;
mod spoken;
mod stage;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::incidents::reading;
use super::{Client, ConnectionArgs, Format, Output, print, story};
use crate::settings::Environment;
use crate::sim::{self, Scenario};
use crate::telemetry::{self, LogFormat, metrics};
use cast::Cast;
pub use cast::DemoAgents;
use detail::Tone;
use follow::Feed;
use screen::Screen;
use stage::Stage;

/// What is played unless somebody asks for another scenario.
const DEFAULT_SCENARIO: &str = "bad-deploy";
/// How much faster than life the simulated cluster lives, so that a scenario is over within half a minute.
const DEFAULT_SPEED: f64 = 20.0;
/// A scenario that has not ended by then has failed; agents of a real model get more.
const PATIENCE: Duration = Duration::from_secs(90);

const EXAMPLES: &str = "\
Examples:
  kubewright demo                  a bad deploy is found, rolled back and proved
  kubewright demo --list           the other scenarios
  kubewright demo oom --serve      play one and keep everything running to look around
  kubewright demo --all            play them all
  kubewright demo --agents scripted
                                   the same with agents at work, their model played from a script
  kubewright demo --agents my.toml the same with the models of your agents.toml; set assess.confidence = 1.0 in it to have
                                   them asked however sure the rules are

The exit code is 0 only when every scenario ended as it should.";

/// What to play.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// The scenario; --list shows them
    #[arg(default_value = DEFAULT_SCENARIO)]
    pub scenario: String,
    /// Keep the simulated cluster and the server running afterwards
    #[arg(long)]
    pub serve: bool,
    /// List the scenarios
    #[arg(long, conflicts_with = "all")]
    pub list: bool,
    /// Play every scenario, one after the other
    #[arg(long, conflicts_with = "serve")]
    pub all: bool,
    /// How much faster than life the simulated cluster's clock runs
    #[arg(long, value_name = "FACTOR", default_value_t = DEFAULT_SPEED, value_parser = super::sim::speed)]
    pub speed: f64,
    /// Let agents look beyond the rules, and show them at work: `scripted`, or an agents.toml that names your models
    #[arg(long, value_name = "MODEL", value_parser = DemoAgents::parse)]
    pub agents: Option<DemoAgents>,
}

/// Plays scenarios; the exit code says whether each ended as it should.
///
/// # Errors
/// When a scenario does not exist, the stage cannot be set up, or an incident does not end.
pub async fn run(
    args: DemoArgs,
    environment: Environment,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    if args.list {
        return list();
    }
    let filter = environment.get("KUBEWRIGHT_LOG").map_or("error", String::as_str);
    telemetry::start_logging(filter, LogFormat::Text, !environment.contains_key("NO_COLOR"))?;
    let metrics = metrics::install()?;
    let names = if args.all { sim::names() } else { vec![args.scenario.as_str()] };
    let mut failed = Vec::new();
    for name in names {
        if !play(name, &args, &environment, &metrics, &shutdown).await? {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!("\nNot as expected: {}\n", failed.join(", ")))?;
    Ok(ExitCode::FAILURE)
}

fn list() -> anyhow::Result<ExitCode> {
    for name in sim::names() {
        print(&format!("{name:<20} {}\n", Scenario::builtin(name)?.title))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Plays one scenario; whether it ended as it should.
async fn play(
    name: &str,
    args: &DemoArgs,
    environment: &Environment,
    metrics: &PrometheusHandle,
    shutdown: &CancellationToken,
) -> anyhow::Result<bool> {
    let scenario = Scenario::builtin(name)?;
    let screen = Screen::new();
    screen.heading(&format!("{name}: {}", scenario.title));
    scenario.description.lines().for_each(|line| screen.plain(line));
    let cast = Cast::gather(args.agents.as_ref(), environment).await?;
    let stage = Stage::set(scenario, args.speed, cast, metrics.clone(), shutdown).await?;
    screen.heading("The stage");
    screen.plain(&format!("kubewright          {}", stage.server));
    screen.plain(&format!(
        "simulated cluster   kubectl --kubeconfig {} get pods -A",
        stage.kubeconfig.display()
    ));
    screen.plain(&format!("its Prometheus      {}", stage.sim.prometheus_url()));
    stage.cast.told.iter().for_each(|line| screen.plain(line));
    let played = shutdown.run_until_cancelled(incident(&stage, &screen)).await;
    let result = played.unwrap_or_else(|| Err(anyhow::anyhow!("interrupted")));
    if args.serve && result.is_ok() {
        screen.plain("");
        screen.plain("Everything keeps running. Stop with Ctrl-C.");
        shutdown.cancelled().await;
    }
    stage.strike().await;
    result
}

/// Breaks the cluster, follows the incident to its end, and compares.
async fn incident(stage: &Stage, screen: &Screen) -> anyhow::Result<bool> {
    let connection = ConnectionArgs {
        server: Some(stage.server.clone()),
        token_file: None,
        output: Output::Format(Format::Table),
    };
    let client = Client::connect(&connection, &Environment::new())?;
    screen.heading("The incident");
    screen.note("world", Tone::Plain, "the fault happens; waiting for the alert");
    let followed = async {
        let feed = Feed::open(&client).await?;
        stage.sim.inject_fault().await?;
        feed.first_incident(screen).await
    };
    let patience = PATIENCE + stage.cast.patience;
    let ended = tokio::time::timeout(patience, async {
        tokio::select! {
            ended = followed => ended,
            // Never ends by itself.
            () = dispatch::show(stage.agents.watch(), screen) => anyhow::bail!("the agents cannot be watched"),
        }
    });
    let ended = ended
        .await
        .with_context(|| format!("the incident did not end within {} s", patience.as_secs()))??;
    screen.heading("The story");
    print(&story(&ended.story))?;
    print(&reading(&ended))?;
    screen.heading("As the scenario expects?");
    let expectations = verdict::compare(&stage.sim.scenario().expected, &ended.incident, stage.sim.healed());
    expectations.iter().for_each(|expectation| screen.expectation(expectation.holds, &expectation.text));
    Ok(expectations.iter().all(|expectation| expectation.holds))
}
