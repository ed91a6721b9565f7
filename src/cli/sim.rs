//! `kubewright sim`: the simulated cluster alone, for kubectl, a real Prometheus and `serve`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::output::print;
use crate::settings::Environment;
use crate::sim::{self, Outcome, Scenario, Sim, SimOptions, Webhook};
use crate::telemetry::{self, LogFormat};

/// The variable that says what is logged.
const FILTER_VARIABLE: &str = "KUBEWRIGHT_LOG";
/// How long the simulated cluster may take to stop.
const DRAIN: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  kubewright sim --list
  kubewright sim bad-deploy
  kubewright sim oom --speed 10 --webhook http://127.0.0.1:8080/api/v1/webhooks/alertmanager
  kubewright sim hpa-maxed --healthy --fault-after 60";

/// Which cluster to simulate, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimArgs {
    /// A scenario by name, or a TOML file with one of your own
    #[arg(default_value = "bad-deploy")]
    pub scenario: String,
    /// List the built-in scenarios
    #[arg(long)]
    pub list: bool,
    /// Simulated seconds in a real one
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Start healthy; the fault happens later, if --fault-after is given
    #[arg(long)]
    pub healthy: bool,
    /// With --healthy: seconds until the fault happens
    #[arg(long, value_name = "SECONDS", requires = "healthy")]
    pub fault_after: Option<u64>,
    /// Tell this URL about alerts, as Alertmanager would
    #[arg(long, value_name = "URL")]
    pub webhook: Option<url::Url>,
    /// Where the kubeconfig is written
    #[arg(long, value_name = "FILE", default_value = "kubewright-sim.kubeconfig")]
    pub kubeconfig: PathBuf,
}

pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.1 to 1000 is needed".to_owned()),
    }
}

/// Simulates a cluster until `shutdown`.
///
/// # Errors
/// When the scenario is not known, no port is free or the kubeconfig can't be written.
pub async fn run(
    args: SimArgs,
    environment: Environment,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    if args.list {
        print(&list()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let filter = environment.get(FILTER_VARIABLE).map_or(telemetry::DEFAULT_FILTER, String::as_str);
    telemetry::start_logging(filter, LogFormat::Text, !environment.contains_key("NO_COLOR"))?;
    let tasks = TaskTracker::new();
    let token = environment.get("KUBEWRIGHT_TOKEN").cloned();
    let sim = Sim::start(options(&args, token)?, &tasks, &shutdown).await?;
    let write = tokio::fs::write(&args.kubeconfig, sim.kubeconfig()).await;
    write.with_context(|| format!("cannot write the kubeconfig {}", args.kubeconfig.display()))?;
    print(&greeting(&sim, &args.kubeconfig))?;
    shutdown.cancelled().await;
    sim.shutdown().await;
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("some connections were cut");
    }
    Ok(ExitCode::SUCCESS)
}

fn options(args: &SimArgs, token: Option<String>) -> anyhow::Result<SimOptions> {
    let is_file = Path::new(&args.scenario).extension().is_some_and(|extension| extension == "toml");
    let scenario = if is_file {
        Scenario::from_file(Path::new(&args.scenario))?
    } else {
        Scenario::builtin(&args.scenario)?
    };
    let webhook = args.webhook.as_ref().map(|url| Webhook { url: url.to_string(), token });
    Ok(SimOptions {
        speed: args.speed,
        webhook,
        inject_fault: !args.healthy,
        fault_after: args.fault_after.map(Duration::from_secs),
        ..SimOptions::new(scenario)
    })
}

fn list() -> anyhow::Result<String> {
    let mut text = String::new();
    for name in sim::names() {
        let scenario = Scenario::builtin(name)?;
        let ends = match scenario.expected.outcome {
            Outcome::Repaired => "repaired",
            Outcome::NothingWrong => "nothing wrong",
            Outcome::Escalated => "escalated",
        };
        text.push_str(&format!("{name:<18} {:<66} ends {ends}\n", scenario.title));
    }
    Ok(text)
}

fn greeting(sim: &Sim, kubeconfig: &Path) -> String {
    let scenario = sim.scenario();
    let path = std::path::absolute(kubeconfig).unwrap_or_else(|_| kubeconfig.to_owned());
    format!(
        "{title}\n\n{description}\n\nKubernetes  {kubernetes}\nPrometheus  {prometheus}  (scrape {prometheus}/metrics)\n\
         Loki        {loki}\n\n  export KUBECONFIG={path}\n  kubectl get pods -A\n\nCtrl-C ends it.\n",
        title = scenario.title,
        description = scenario.description.trim(),
        kubernetes = sim.kubernetes_url(),
        prometheus = sim.prometheus_url(),
        loki = sim.loki_url(),
        path = path.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_scenario_with_its_end() {
        let list = list().unwrap();
        assert_eq!(list.lines().count(), sim::names().len());
        let line = list.lines().find(|line| line.starts_with("database-password")).unwrap();
        assert!(line.ends_with("ends escalated"), "{line}");
    }

    #[test]
    fn only_sensible_speeds_are_taken() {
        assert_eq!(speed("10"), Ok(10.0));
        for text in ["0", "-1", "NaN", "inf", "fast", ""] {
            assert!(speed(text).is_err(), "{text}");
        }
    }
}
