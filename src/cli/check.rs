//! `kubewright check`: is the configuration right, and does every connection in it work?

use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use futures::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::base::{Collection, emptiness, open_existing};
use super::output::{Format, print, render};
use super::rules;
use super::text::line;
use crate::agents::mcp::{Reached, ServerReport, reach};
use crate::agents::{AgentsError, examine};
use crate::egress::Egress;
use crate::observe::Observer;
use crate::remediate::Policy;
use crate::settings::{
    AgentsSettings, Allowance, ClusterSettings, EgressSettings, Environment, KnowledgeSettings, Settings,
};
use crate::store::{Store, Usage};

const GOOD: Style = AnsiColor::Green.on_default();
const LIMITED: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright check                         ./kubewright.toml: every problem at once, then every connection and permission
  kubewright check -c prod.toml -o json    for a pipeline; exit code 1 when anything does not work")]
pub struct CheckArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "kubewright.toml")]
    config: PathBuf,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Tried {
    /// What it belongs to: `configuration`, `store`, `policy`, `diagnosis`, `egress`, `knowledge`, `agents`, `cluster NAME`.
    area: String,
    /// What was tried.
    what: String,
    /// Whether it works.
    ok: bool,
    /// Whether it works less well than it could; that is no failure.
    limited: bool,
    /// What was found, or what to do.
    detail: String,
}

impl Tried {
    fn new(area: &str, what: &str, result: Result<String, String>) -> Self {
        let ok = result.is_ok();
        let detail = result.unwrap_or_else(|problem| problem);
        Self { area: area.to_owned(), what: what.to_owned(), ok, limited: false, detail }
    }

    fn limited(area: &str, what: &str, detail: String) -> Self {
        Self { limited: true, ..Self::new(area, what, Ok(detail)) }
    }
}

pub(super) async fn run(
    args: &CheckArgs,
    format: Format,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    let tried = match Settings::load(&args.config, environment) {
        Ok(settings) => everything(&args.config.display().to_string(), &settings).await,
        Err(problems) => {
            let tried = |problem: crate::settings::Problem| {
                Tried::new("configuration", &problem.place, Err(problem.message))
            };
            let mut tried: Vec<Tried> = problems.0.into_iter().map(tried).collect();
            tried.extend(mistakes(&AgentsSettings::usable_part(&args.config, environment)).await);
            tried
        }
    };
    print(&render(format, &tried, |tried| show(tried))?)?;
    let failed = tried.iter().any(|tried| !tried.ok);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is wrong with the agents beside what the configuration itself is wrong with: tools, prompts and servers.
async fn mistakes(settings: &AgentsSettings) -> Vec<Tried> {
    let Ok(egress) = Egress::new(&EgressSettings::default()) else { return Vec::new() };
    let Reached { added, reports } = reach(settings, &egress).await;
    let examined = examine(settings, &egress, &added).into_iter().flat_map(wrong);
    examined.chain(reports.into_iter().flat_map(server)).filter(|tried| !tried.ok).collect()
}

async fn everything(file: &str, settings: &Settings) -> Vec<Tried> {
    let configuration = Tried::new("configuration", file, Ok("every key is understood".to_owned()));
    let clusters = join_all(settings.clusters.iter().map(|cluster| probe(cluster, settings)));
    let guard = Egress::new(&settings.egress);
    let (store, knowledge, agents, clusters) = tokio::join!(
        store(settings),
        knowledge(&settings.knowledge, guard.as_ref().ok()),
        agents(settings, guard.as_ref().ok()),
        clusters
    );
    let policy = Policy::load(&settings.automation);
    let policy = policy.map(|_| format!("compiles; automation level {}", settings.automation.level));
    let policy = Tried::new("policy", "Rego policy", policy.map_err(chain));
    let egress = guard.map(|_| "the rules compile".to_owned()).map_err(chain);
    let egress = Tried::new("egress", "rules for secrets", egress);
    [configuration, store, policy, egress]
        .into_iter()
        .chain(diagnosis_rules(settings).await)
        .chain(knowledge)
        .chain(agents)
        .chain(clusters.into_iter().flatten())
        .collect()
}

/// Each rule that is left out; nothing where no folder of rules is named.
async fn diagnosis_rules(settings: &Settings) -> Vec<Tried> {
    const AREA: &str = "diagnosis";
    let Some(folder) = settings.diagnosis.rules.clone() else { return Vec::new() };
    let what = folder.display().to_string();
    match rules::read(Some(folder)).await {
        Err(error) => vec![Tried::new(AREA, &what, Err(chain(error)))],
        Ok((book, problems)) if problems.is_empty() => {
            let own = book.rules().filter(|rule| !rule.is_built_in()).count();
            vec![Tried::new(AREA, &what, Ok(format!("{own} rules beside the built-in ones")))]
        }
        Ok((_, problems)) => problems
            .into_iter()
            .map(|problem| Tried::new(AREA, &problem.place, Err(problem.message)))
            .collect(),
    }
}

async fn store(settings: &Settings) -> Tried {
    let reached = async {
        let store = Store::open(&settings.store).await?;
        store.ping().await
    };
    let result = reached.await.map(|()| "reachable, tables up to date".to_owned());
    Tried::new("store", "database", result.map_err(chain))
}

async fn knowledge(settings: &KnowledgeSettings, egress: Option<&Egress>) -> Vec<Tried> {
    const AREA: &str = "knowledge";
    if !settings.enabled {
        return vec![Tried::limited(AREA, "documents", "switched off (knowledge.enabled)".to_owned())];
    }
    let Some(egress) = egress else {
        return vec![Tried::limited(AREA, "documents", "not tried without the egress guard".to_owned())];
    };
    let reached = async {
        let base = match open_existing(settings, egress, Collection::Documents).await? {
            Ok(base) => base,
            Err(nothing) => return Ok(Err(nothing)),
        };
        let empty = emptiness(&base, Collection::Documents).await?;
        anyhow::Ok(Ok((base.stats().await?, empty, base.reranker().await)))
    };
    let (stats, empty, reranker) = match reached.await {
        Ok(Ok(found)) => found,
        Ok(Err(nothing)) => return vec![Tried::limited(AREA, "documents", nothing)],
        Err(error) => return vec![Tried::new(AREA, "documents", Err(chain(error)))],
    };
    let documents = match (empty, stats.outdated) {
        (Some(empty), _) => Tried::limited(AREA, "documents", empty),
        (None, Some(why)) => {
            let detail =
                format!("searched, but nothing can be added: {why}; run `kubewright ingest --rebuild`");
            Tried::limited(AREA, "documents", detail)
        }
        (None, None) => {
            let detail = format!("{} with {} passages", stats.documents, stats.passages);
            Tried::new(AREA, "documents", Ok(detail))
        }
    };
    let meaning = match (stats.degraded, stats.recipe.model) {
        (Some(why), _) => Tried::limited(AREA, "search", format!("search is by words only: {why}")),
        (None, model) => {
            let model = model.map_or_else(String::new, |model| format!(" ({})", model.name));
            Tried::new(AREA, "search", Ok(format!("by words and by meaning{model}")))
        }
    };
    [documents, meaning].into_iter().chain(reranking(reranker)).collect()
}

/// Nothing where no reranker is and none is missed.
fn reranking(reranker: Result<Option<String>, String>) -> Option<Tried> {
    const WHAT: &str = "reranking";
    match reranker {
        Ok(None) => None,
        Ok(Some(name)) => Some(Tried::new("knowledge", WHAT, Ok(format!("hybrid search, by {name}")))),
        Err(why) => {
            let detail = format!("search works, but its results are not reranked: {why}");
            Some(Tried::limited("knowledge", WHAT, detail))
        }
    }
}

const AGENTS: &str = "agents";

async fn agents(settings: &Settings, egress: Option<&Egress>) -> Vec<Tried> {
    let limits = limits(settings).await;
    let settings = &settings.agents;
    let Some(egress) = egress else {
        let detail = "not tried without the egress guard".to_owned();
        return vec![Tried::limited(AGENTS, "models", detail)];
    };
    let Reached { added, reports } = reach(settings, egress).await;
    let mut tried: Vec<Tried> = examine(settings, egress, &added).into_iter().flat_map(wrong).collect();
    if tried.is_empty() {
        tried.push(models(settings));
    }
    tried.extend(limits);
    tried.extend(reports.into_iter().flat_map(server));
    tried
}

fn wrong(error: AgentsError) -> Vec<Tried> {
    match error {
        AgentsError::Roster(problems) => {
            let tried = problems.into_iter();
            tried.map(|problem| Tried::new(AGENTS, &problem.place, Err(problem.message))).collect()
        }
        AgentsError::Models(_) => vec![Tried::new(AGENTS, "models", Err(chain(error)))],
    }
}

fn models(settings: &AgentsSettings) -> Tried {
    let names: Vec<&str> = settings.models_in_order().map(|(name, _)| name).collect();
    if names.is_empty() {
        let detail = "no model is configured: kubewright works by its rules".to_owned();
        return Tried::limited(AGENTS, "models", detail);
    }
    let detail = format!("configured, and tried in this order: {}; none was asked", names.join(", "));
    Tried::new(AGENTS, "models", Ok(detail))
}

/// What models may use, and have used today; nothing where there is none.
async fn limits(settings: &Settings) -> Option<Tried> {
    const WHAT: &str = "limits";
    if !settings.agents.has_models() {
        return None;
    }
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let used = async { anyhow::Ok(Store::open(&settings.store).await?.day_usage(today).await?.all) };
    Some(match used.await {
        Ok(used) => Tried::new(AGENTS, WHAT, Ok(limited(&settings.agents, &used))),
        Err(error) => {
            let detail = format!("what was used cannot be read, so no model will be asked: {}", chain(error));
            Tried::new(AGENTS, WHAT, Err(detail))
        }
    })
}

fn limited(settings: &AgentsSettings, used: &Usage) -> String {
    let AgentsSettings { limits: run, quotas, .. } = settings;
    let run = Allowance {
        tokens: Some(run.tokens),
        cost: Some(run.cost),
        turns: Some(u64::from(run.turns)),
        time: Some(run.deadline),
    };
    let tenants = match quotas.tenants.len() {
        0 => String::new(),
        1 => ", 1 tenant".to_owned(),
        several => format!(", {several} tenants"),
    };
    format!(
        "run {}; incident {}; day {}{tenants}; used today: {} tokens, {:.2} USD",
        allowed(&run),
        allowed(&quotas.incident),
        allowed(&quotas.day),
        used.tokens,
        used.cost
    )
}

fn allowed(allowance: &Allowance) -> String {
    let Allowance { tokens, cost, turns, time } = allowance;
    let parts = [
        tokens.map(|tokens| format!("{tokens} tokens")),
        cost.map(|cost| format!("{cost:.2} USD")),
        turns.map(|turns| format!("{turns} turns")),
        time.map(|time| format!("{} s", time.as_secs())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "unlimited".to_owned() } else { parts.join(", ") }
}

fn server(report: ServerReport) -> Vec<Tried> {
    let what = format!("MCP server {}", report.server);
    let taken = match report.taken {
        Ok(0) => Tried::limited(AGENTS, &what, "reachable, but none of its tools is taken over".to_owned()),
        Ok(tools) => Tried::new(AGENTS, &what, Ok(format!("reachable, {tools} tools taken over"))),
        Err(why) => Tried::new(AGENTS, &what, Err(why)),
    };
    let left =
        report.left.into_iter().map(|(tool, why)| Tried::limited(AGENTS, &format!("{what}: {tool}"), why));
    std::iter::once(taken).chain(left).collect()
}

async fn probe(cluster: &ClusterSettings, settings: &Settings) -> Vec<Tried> {
    let area = format!("cluster {}", cluster.name);
    match Observer::connect(cluster, &settings.observe).await {
        Err(error) => vec![Tried::new(&area, "settings", Err(chain(error)))],
        Ok(observer) => {
            let tried = observer.probe().await.into_iter().map(|connection| {
                let result = if connection.ok { Ok(connection.detail) } else { Err(connection.detail) };
                Tried::new(&area, &connection.what, result)
            });
            tried.collect()
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

fn show(tried: &[Tried]) -> String {
    let mut shown = String::new();
    let mut area = "";
    for one in tried {
        if one.area != area {
            area = &one.area;
            shown += &format!("{}\n", line(area));
        }
        let (style, mark) = match (one.ok, one.limited) {
            (true, false) => (GOOD, '✓'),
            (true, true) => (LIMITED, '!'),
            (false, _) => (BAD, '✗'),
        };
        shown += &format!("  {style}{mark}{style:#} {}: {}\n", line(&one.what), line(&one.detail));
    }
    let failed = tried.iter().filter(|one| !one.ok).count();
    let sum = match failed {
        0 => "Everything works.".to_owned(),
        failed => format!("{failed} of {} did not work.", tried.len()),
    };
    shown + &format!("\n{sum}\n")
}

#[cfg(test)]
mod tests {
    use super::{Tried, limited, reranking, show};
    use crate::settings::{AgentsSettings, Allowance};
    use crate::store::Usage;

    #[test]
    fn the_limits_are_told_with_what_is_used_of_them() {
        let mut settings = AgentsSettings::default();
        settings.quotas.incident = Allowance::default();
        let used = Usage { tokens: 1_200, cost: 0.254, ..Usage::default() };
        assert_eq!(
            limited(&settings, &used),
            "run 200000 tokens, 1.00 USD, 100 turns, 300 s; incident unlimited; day 20000000 tokens, 20.00 USD; used \
             today: 1200 tokens, 0.25 USD"
        );
    }

    #[test]
    fn a_reranker_is_mentioned_when_it_is_there_or_missed() {
        assert_eq!(reranking(Ok(None)), None);
        let there = reranking(Ok(Some("mine".to_owned()))).unwrap();
        assert_eq!((there.limited, there.detail.as_str()), (false, "hybrid search, by mine"));
        let missed = reranking(Err("the reranker mine is not in /models".to_owned())).unwrap();
        assert!(
            missed.ok && missed.limited && missed.detail.ends_with("mine is not in /models"),
            "{missed:?}"
        );
    }

    #[test]
    fn what_works_and_what_does_not_is_shown_by_area() {
        let tried = [
            Tried::new("configuration", "kubewright.toml", Ok("every key is understood".to_owned())),
            Tried::limited("knowledge", "search", "search is by words only: no model".to_owned()),
            Tried::new("cluster prod-eu", "Kubernetes API", Ok("version v1.36.1".to_owned())),
            Tried::new("cluster prod-eu", "Prometheus", Err("connection refused;\ncheck the URL".to_owned())),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&show(&tried)).to_string(), @r"
        configuration
          ✓ kubewright.toml: every key is understood
        knowledge
          ! search: search is by words only: no model
        cluster prod-eu
          ✓ Kubernetes API: version v1.36.1
          ✗ Prometheus: connection refused; check the URL

        1 of 4 did not work.
        ");
    }
}
