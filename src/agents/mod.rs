//! Agents: what a language model adds to the deterministic path.
//!
//! Owns everything that talks to a model: providers, prompts, budgets, the loop of one run, the tools that a model may
//! call, the orchestrator with its specialists, chat, and MCP. Agents read; nothing here changes a cluster. What they
//! conclude becomes Evidence, Hypotheses or a drafted Plan, and goes the way of every other. All text that leaves goes
//! through [`crate::egress`].

mod answers;
mod budget;
pub mod chat;
mod ledger;
pub mod mcp;
pub mod model;
mod orchestrator;
pub mod progress;
mod prompt;
mod roster;
mod run;
pub mod runs;
mod sources;
mod talk;
pub mod tools;
mod wordings;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::broadcast;
use tracing::warn;

pub use answers::Lesson;
pub use budget::Exceeded;
pub use orchestrator::{Groundwork, Investigated, Remedied};
pub use roster::{NAMES, ORCHESTRATOR, RosterProblem, SPECIALISTS, TALKERS};
pub use sources::Sources;

use crate::egress::Egress;
use crate::incident::IncidentId;
use crate::observe::Observer;
use crate::recall::Reword;
use crate::settings::{AgentsSettings, Quotas, RunLimits};
use crate::store::Store;
use chat::{ChatAnswer, ChatError, ChatTurn, Talk};
use mcp::Added;
use model::Models;
use progress::{Progress, RunEvent};
use roster::Roster;
use run::Summariser;
use tools::Tools;
use wordings::Wordings;

/// What agents work with.
pub struct Parts {
    /// Models, agents and limits.
    pub settings: AgentsSettings,
    /// The guard of all text that leaves.
    pub egress: Egress,
    /// What is read.
    pub sources: Sources,
    /// Tools beside the built-in ones.
    pub more_tools: Vec<Added>,
}

/// Why there are no agents: what is wrong with `agents.toml`, all of it.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// Tools, prompts, schemas or names.
    #[error("the agents have {} problem(s):\n{}", .0.len(), lines(.0))]
    Roster(Vec<RosterProblem>),
    /// Providers that cannot be used as they are set.
    #[error("the models cannot be used")]
    Models(#[source] anyhow::Error),
}

fn lines(problems: &[RosterProblem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// The agents. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    inner: Arc<Inner>,
}

struct Inner {
    settings: AgentsSettings,
    quotas: Arc<Quotas>,
    egress: Egress,
    models: Models,
    roster: Roster,
    tools: Tools,
    sources: Sources,
    summariser: Option<Arc<Summariser>>,
    live: broadcast::Sender<(IncidentId, RunEvent)>,
}

/// Events of runs that a slow listener may be behind.
const LIVE: usize = 1_024;

impl Talk for Agents {
    fn talk(&self, turn: ChatTurn) -> BoxFuture<'_, Result<ChatAnswer, ChatError>> {
        Box::pin(Self::talk(self, turn))
    }
}

impl Agents {
    /// Puts the agents together. Asks nobody yet.
    ///
    /// # Errors
    /// [`AgentsError`] with everything that is wrong.
    pub fn new(parts: Parts) -> Result<Self, AgentsError> {
        let (tools, roster) = hire(&parts.settings, &parts.more_tools).map_err(AgentsError::Roster)?;
        let models = models(&parts.settings, &parts.egress)?;
        let quotas = Arc::new(parts.settings.quotas.clone());
        let store = Some(parts.sources.store.clone());
        if let Some(wordings) = wordings(&roster, &models, &parts.egress, &parts.settings, store) {
            parts.sources.recall.reword_by(Arc::new(wordings));
        }
        let summariser = roster.agent(roster::SUMMARY).and_then(|agent| {
            let (chain, prompt) = (models.chain(&agent.models)?, agent.prompt.clone());
            Some(Arc::new(Summariser { chain, prompt }))
        });
        let inner = Inner {
            settings: parts.settings,
            quotas,
            egress: parts.egress,
            models,
            roster,
            tools,
            sources: parts.sources,
            summariser,
            live: broadcast::Sender::new(LIVE),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether a model is configured.
    #[must_use]
    pub fn has_models(&self) -> bool {
        !self.inner.models.is_empty()
    }

    /// What goes on in the runs about incidents, from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<(IncidentId, RunEvent)> {
        self.inner.live.subscribe()
    }

    /// How long an investigation may take at most; nothing without a model.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        if self.has_models() { self.inner.settings.limits.deadline } else { Duration::ZERO }
    }

    /// The tools that there are.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.inner.tools
    }

    fn live(&self, incident: &IncidentId) -> Progress {
        Progress::broadcast(incident.clone(), self.inner.live.clone())
    }

    fn observer(&self, name: Option<&str>) -> Option<&Observer> {
        self.inner.sources.observer(name)
    }
}

/// Everything that is wrong with the agents and models of `settings`, nothing if they can work. Asks nobody.
#[must_use]
pub fn examine(settings: &AgentsSettings, egress: &Egress, more_tools: &[Added]) -> Vec<AgentsError> {
    let agents = hire(settings, more_tools).map_err(AgentsError::Roster).err();
    // One provider after the other, so that one does not hide the next.
    let of_provider = |name: &String| {
        let mut alone = settings.clone();
        alone.providers.retain(|known, _| known == name);
        alone.models.retain(|_, model| model.provider == *name);
        models(&alone, egress).err()
    };
    agents.into_iter().chain(settings.providers.keys().filter_map(of_provider)).collect()
}

/// Who makes other wordings of questions for a search outside of a server; `None` without a model.
///
/// # Errors
/// As [`Agents::new`].
pub fn rewording(settings: &AgentsSettings, egress: &Egress) -> Result<Option<Arc<dyn Reword>>, AgentsError> {
    if !settings.has_models() {
        return Ok(None);
    }
    // Nobody calls a tool here, so those of MCP servers need not be known.
    let mut tools: BTreeSet<String> = tools::built_in().iter().map(|tool| tool.name().to_owned()).collect();
    tools.extend(settings.agents.values().flat_map(|agent| agent.tools.iter().flatten().cloned()));
    let roster = Roster::load(settings, &tools).map_err(AgentsError::Roster)?;
    let models = models(settings, egress)?;
    let wordings = wordings(&roster, &models, egress, settings, None);
    Ok(wordings.map(|wordings| Arc::new(wordings) as Arc<dyn Reword>))
}

/// What it uses is booked, and limited by what others use, where there is a store.
fn wordings(
    roster: &Roster,
    models: &Models,
    egress: &Egress,
    settings: &AgentsSettings,
    store: Option<Store>,
) -> Option<Wordings> {
    let agent = roster.agent(roster::LIBRARIAN)?;
    Some(Wordings {
        chain: models.chain(&agent.models)?,
        prompt: agent.prompt.clone(),
        egress: egress.clone(),
        limits: RunLimits { tokens: agent.max_tokens, cost: agent.max_cost, ..settings.limits },
        store,
        quotas: Arc::new(settings.quotas.clone()),
    })
}

/// All tools, and the agents with theirs.
fn hire(settings: &AgentsSettings, more_tools: &[Added]) -> Result<(Tools, Roster), Vec<RosterProblem>> {
    let own = tools::built_in();
    let is_own = |name: &str| own.iter().any(|tool| tool.name() == name);
    let (clashing, added): (Vec<&Added>, Vec<&Added>) =
        more_tools.iter().partition(|added| is_own(added.tool.name()));
    for clash in clashing {
        warn!(
            tool = clash.tool.name(),
            "a tool of an MCP server has the name of a built-in one and is left out"
        );
    }
    let tools = Tools::new(own.iter().cloned().chain(added.iter().map(|added| added.tool.clone())));
    let names: BTreeSet<String> = tools.names().map(str::to_owned).collect();
    let mut roster = Roster::load(settings, &names)?;
    for added in added {
        roster.offer(added.tool.name(), &added.agents);
    }
    Ok((tools, roster))
}

fn models(settings: &AgentsSettings, egress: &Egress) -> Result<Models, AgentsError> {
    Models::new(settings, egress.scrubber()).map_err(AgentsError::Models)
}
