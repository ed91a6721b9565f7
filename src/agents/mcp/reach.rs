//! Asking every server of the settings once for its tools.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;

use super::foreign::Foreign;
use super::link::Link;
use super::listing::{Listing, local_name, named};
use crate::agents::tools::Tool;
use crate::egress::Egress;
use crate::settings::AgentsSettings;

/// A tool beside the built-in ones.
#[derive(Clone)]
pub struct Added {
    /// The tool.
    pub tool: Arc<dyn Tool>,
    /// The agents that may call it without naming it in their own list.
    pub agents: Vec<String>,
}

impl From<Arc<dyn Tool>> for Added {
    /// For the agents that name it in their own list.
    fn from(tool: Arc<dyn Tool>) -> Self {
        Self { tool, agents: Vec::new() }
    }
}

/// What came of asking one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReport {
    /// Its name in the settings.
    pub server: String,
    /// How many tools were taken over, or why it could not be asked.
    pub taken: Result<usize, String>,
    /// Tools that were left, with the reason.
    pub left: Vec<(String, String)>,
}

/// What came of asking all of them.
#[derive(Clone, Default)]
pub struct Reached {
    /// Their tools.
    pub added: Vec<Added>,
    /// One report a server.
    pub reports: Vec<ServerReport>,
}

/// Asks every server, all at once, each for at most 15 s. A server that fails takes nothing with it: those of its tools
/// that the settings name stay, and ask it again when they are called.
pub async fn reach(settings: &AgentsSettings, egress: &Egress) -> Reached {
    let wanted: BTreeSet<&str> =
        settings.agents.values().flat_map(|agent| agent.tools.iter().flatten()).map(String::as_str).collect();
    let owner = |tool: &str| {
        let owners = settings.mcp.keys().filter(|server| tool.starts_with(&format!("{server}_")));
        owners.max_by_key(|server| server.len())
    };
    let asked = settings.mcp.iter().map(|(name, server)| {
        let wanted = wanted.iter().filter(|tool| owner(tool) == Some(name)).map(|tool| (*tool).to_owned());
        ask(Link::new(name.clone(), server.clone(), egress.clone()), wanted.collect())
    });
    let mut reached = Reached::default();
    for (added, report) in join_all(asked).await {
        reached.added.extend(added);
        reached.reports.push(report);
    }
    reached
}

/// The tools of one server, and those that agents want of it by name.
async fn ask(link: Link, wanted: Vec<String>) -> (Vec<Added>, ServerReport) {
    let link = Arc::new(link);
    let (listing, taken) = match link.session().await {
        Ok(session) => (session.listing.clone(), Ok(session.listing.taken.len())),
        Err(why) => (Listing::default(), Err(why)),
    };
    let mut names: BTreeSet<String> = listing.taken.keys().cloned().collect();
    let mut left = listing.left.clone();
    match &taken {
        Err(_) => names.extend(named(&link.settings).map(|tool| local_name(&link.name, tool))),
        Ok(_) => {
            let missing = wanted.iter().filter(|name| !names.contains(*name));
            left.extend(missing.map(|name| {
                (name.clone(), format!("agents name it, but {}", listing.refusal(&link.name, name)))
            }));
        }
    }
    let offered = names.clone();
    names.extend(wanted);
    let added = names.into_iter().map(|name| {
        let agents = if offered.contains(&name) { link.settings.agents.clone() } else { Vec::new() };
        let told = listing.taken.get(&name).cloned();
        Added { tool: Arc::new(Foreign::new(name, link.clone(), told)), agents }
    });
    let added = added.collect();
    (added, ServerReport { server: link.name.clone(), taken, left })
}
