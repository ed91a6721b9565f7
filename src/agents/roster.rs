//! Who the agents are: the built-in ones, with what the user's `agents.toml` says differently.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::prompt::{self, Prompt};
use crate::settings::{AgentSettings, AgentsSettings, Environment};

/// The built-in agents.
const BUILT_IN: &str = include_str!("../../agents.toml");

/// The built-in prompts and schemas, by their paths in the built-in file.
const FILES: &[(&str, &str)] = &[
    ("prompts/chat.md", include_str!("../../prompts/chat.md")),
    ("prompts/diagnostic.md", include_str!("../../prompts/diagnostic.md")),
    ("prompts/judge.md", include_str!("../../prompts/judge.md")),
    ("prompts/learning.md", include_str!("../../prompts/learning.md")),
    ("prompts/orchestrator.md", include_str!("../../prompts/orchestrator.md")),
    ("prompts/performance.md", include_str!("../../prompts/performance.md")),
    ("prompts/remediation.md", include_str!("../../prompts/remediation.md")),
    ("prompts/security.md", include_str!("../../prompts/security.md")),
    ("prompts/wordings.md", include_str!("../../prompts/wordings.md")),
    ("prompts/schemas/judge.json", include_str!("../../prompts/schemas/judge.json")),
    ("prompts/schemas/lesson.json", include_str!("../../prompts/schemas/lesson.json")),
    ("prompts/schemas/orchestrator.json", include_str!("../../prompts/schemas/orchestrator.json")),
    ("prompts/schemas/remedy.json", include_str!("../../prompts/schemas/remedy.json")),
    ("prompts/schemas/report.json", include_str!("../../prompts/schemas/report.json")),
];

/// The slots that a task's prompt may name.
const TASK_SLOTS: [&str; 9] =
    ["codes", "evidence", "fence", "hypotheses", "incident", "question", "reports", "specialists", "unseen"];

/// The slots that a prompt for chat may name.
const CHAT_SLOTS: [&str; 4] = ["fence", "incident", "now", "role"];

/// The one who plans, dispatches and talks to people.
pub const ORCHESTRATOR: &str = "orchestrator";

/// The one who weighs what specialists say.
pub(crate) const JUDGE: &str = "judge";

/// The one who proposes repairs.
pub(crate) const REMEDIATION: &str = "remediation";

/// The one who finds other words for a question to the documents.
pub(crate) const LIBRARIAN: &str = "librarian";

/// The one who summarises long conversations; only where a prompt for it is named.
pub(crate) const SUMMARY: &str = "summary";

/// The one who reflects on outcomes.
pub(crate) const LEARNING: &str = "learning";

/// Those that the orchestrator may dispatch to find a cause, with what they are for.
pub const SPECIALISTS: [(&str, &str); 3] = [
    ("diagnostic", "finds root causes: what failed first, and why"),
    (
        "security",
        "finds suspicious changes, RBAC and pod-security problems, secrets in plain sight, wrong images",
    ),
    ("performance", "finds saturation, throttling, wrong limits, autoscaling and capacity problems"),
];

/// Those that people can talk to, with what they are for.
pub const TALKERS: [(&str, &str); 6] = [
    (ORCHESTRATOR, "answers questions about clusters and incidents with all tools"),
    SPECIALISTS[0],
    (REMEDIATION, "proposes repairs and explains how to undo them"),
    SPECIALISTS[1],
    SPECIALISTS[2],
    (LEARNING, "reflects on how incidents ended"),
];

/// The names of those that people can talk to.
pub const NAMES: [&str; 6] = [ORCHESTRATOR, "diagnostic", REMEDIATION, "security", "performance", LEARNING];

/// One agent, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) models: Vec<String>,
    pub(crate) prompt: Prompt,
    pub(crate) chat_prompt: Prompt,
    /// JSON Schema of what it must return; null where it answers in plain text.
    pub(crate) returns: Value,
    pub(crate) tools: Vec<String>,
    pub(crate) max_turns: u32,
    pub(crate) max_tokens: u64,
    pub(crate) max_cost: f64,
    pub(crate) temperature: f64,
}

/// All agents by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster(BTreeMap<String, Agent>);

/// One thing to mend in `agents.toml` or beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct RosterProblem {
    /// The file and key.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Roster {
    /// Puts the agents together. `tools` are the names of all tools that there are.
    ///
    /// # Errors
    /// Every wrong tool, prompt, slot, schema and agent's name at once.
    pub(crate) fn load(
        settings: &AgentsSettings,
        tools: &BTreeSet<String>,
    ) -> Result<Self, Vec<RosterProblem>> {
        let built_in = AgentsSettings::parse(BUILT_IN, Path::new("agents.toml"), &Environment::new());
        let built_in = built_in.map_err(|problems| {
            vec![RosterProblem { place: "built-in agents.toml".to_owned(), message: problems.to_string() }]
        })?;
        let mut loader = Loader { settings, tools, problems: Vec::new() };
        loader.refuse_unknown(built_in.agents.keys());
        loader.refuse_unknown_for_servers(built_in.agents.keys());
        let agents: BTreeMap<String, Agent> = built_in
            .agents
            .iter()
            .filter_map(|(name, agent)| {
                let wanted = settings.agents.get(name).cloned().unwrap_or_default();
                Some((name.clone(), loader.agent(name, agent, &wanted)?))
            })
            .collect();
        if loader.problems.is_empty() { Ok(Self(agents)) } else { Err(loader.problems) }
    }

    /// The agent of this name.
    pub(crate) fn agent(&self, name: &str) -> Option<&Agent> {
        self.0.get(name)
    }

    /// Gives a tool to agents that may not have named it themselves.
    pub(crate) fn offer(&mut self, tool: &str, agents: &[String]) {
        for agent in self.0.values_mut().filter(|agent| agents.contains(&agent.name)) {
            if !agent.tools.iter().any(|own| own == tool) {
                agent.tools.push(tool.to_owned());
            }
        }
    }
}

struct Loader<'a> {
    settings: &'a AgentsSettings,
    tools: &'a BTreeSet<String>,
    problems: Vec<RosterProblem>,
}

impl Loader<'_> {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        let file =
            self.settings.file.as_ref().map_or("agents.toml".to_owned(), |file| file.display().to_string());
        self.problems.push(RosterProblem { place: format!("{file}: {key}"), message: message.into() });
    }

    fn refuse_unknown<'n>(&mut self, known: impl Iterator<Item = &'n String> + Clone) {
        let names: Vec<&str> = known.map(String::as_str).collect();
        let unknown = self.settings.agents.keys().filter(|name| !names.contains(&name.as_str()));
        for name in unknown.cloned().collect::<Vec<_>>() {
            self.add(
                &format!("agents.{name}"),
                format!("there is no such agent; there are {}", names.join(", ")),
            );
        }
    }

    fn refuse_unknown_for_servers<'n>(&mut self, known: impl Iterator<Item = &'n String> + Clone) {
        let names: Vec<&str> = known.map(String::as_str).collect();
        for (server, settings) in &self.settings.mcp {
            for name in settings.agents.iter().filter(|name| !names.contains(&name.as_str())) {
                let message = format!("there is no agent {name}; there are {}", names.join(", "));
                self.add(&format!("mcp.{server}.agents"), message);
            }
        }
    }

    fn agent(&mut self, name: &str, built_in: &AgentSettings, wanted: &AgentSettings) -> Option<Agent> {
        let key = |field: &str| format!("agents.{name}.{field}");
        let tools = wanted.tools.clone().or_else(|| built_in.tools.clone()).unwrap_or_default();
        for tool in tools.iter().filter(|tool| !self.tools.contains(*tool)).cloned().collect::<Vec<_>>() {
            let known: Vec<&str> = self.tools.iter().map(String::as_str).collect();
            self.add(&key("tools"), format!("there is no tool {tool}; there are {}", known.join(", ")));
        }
        let prompt =
            self.prompt(&key("prompt"), wanted.prompt.as_ref(), built_in.prompt.as_ref(), &TASK_SLOTS);
        let chat = built_in.chat_prompt.clone().unwrap_or_else(|| PathBuf::from("prompts/chat.md"));
        let chat_prompt =
            self.prompt(&key("chat_prompt"), wanted.chat_prompt.as_ref(), Some(&chat), &CHAT_SLOTS);
        let typed = wanted.returns.as_ref().or(built_in.returns.as_ref()).is_some();
        let returns = match typed {
            true => self.schema(&key("returns"), wanted.returns.as_ref(), built_in.returns.as_ref()),
            false => Some(Value::Null),
        };
        Some(Agent {
            name: name.to_owned(),
            models: wanted.models.clone(),
            prompt: prompt?,
            chat_prompt: chat_prompt?,
            returns: returns?,
            tools,
            max_turns: wanted.max_turns.or(built_in.max_turns).unwrap_or(8),
            max_tokens: wanted.max_tokens.or(built_in.max_tokens).unwrap_or(60_000),
            max_cost: wanted.max_cost.or(built_in.max_cost).unwrap_or(0.5),
            temperature: wanted.temperature.or(built_in.temperature).unwrap_or(0.0),
        })
    }

    fn prompt(
        &mut self,
        key: &str,
        wanted: Option<&PathBuf>,
        built_in: Option<&PathBuf>,
        slots: &[&str],
    ) -> Option<Prompt> {
        let prompt = Prompt::new(&self.text(key, wanted, built_in)?);
        for slot in prompt.slots().into_iter().filter(|slot| !slots.contains(slot)) {
            self.add(
                key,
                format!("the prompt names the slot {{{{{slot}}}}}; there are {}", slots.join(", ")),
            );
        }
        Some(prompt)
    }

    fn schema(&mut self, key: &str, wanted: Option<&PathBuf>, built_in: Option<&PathBuf>) -> Option<Value> {
        let text = self.text(key, wanted, built_in)?;
        match serde_json::from_str::<Value>(&text) {
            Ok(schema) if schema.get("type").and_then(Value::as_str) == Some("object") => Some(schema),
            Ok(_) => {
                self.add(key, "must be a JSON Schema of an object (\"type\": \"object\")");
                None
            }
            Err(error) => {
                self.add(key, format!("is no JSON: {error}"));
                None
            }
        }
    }

    /// The text of the wanted file, else of the built-in one.
    fn text(&mut self, key: &str, wanted: Option<&PathBuf>, built_in: Option<&PathBuf>) -> Option<String> {
        let Some(wanted) = wanted else {
            let path = built_in?.to_str()?;
            return FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        };
        let folder = self.settings.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
        let path = folder.join(wanted);
        match read(&path) {
            Ok(text) => Some(text),
            Err(why) => {
                self.add(key, format!("{}: {why}", path.display()));
                None
            }
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > prompt::MOST_BYTES {
        return Err(format!("has {size} bytes; a prompt has at most {}", prompt::MOST_BYTES));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{BUILT_IN, FILES, Roster, TALKERS};
    use crate::egress::Egress;
    use crate::settings::{AgentsSettings, EgressSettings, Environment};

    fn tools() -> BTreeSet<String> {
        let settings =
            AgentsSettings::parse(BUILT_IN, Path::new("agents.toml"), &Environment::new()).unwrap();
        settings.agents.values().flat_map(|agent| agent.tools.clone().unwrap_or_default()).collect()
    }

    #[test]
    fn the_built_in_agents_are_complete() {
        let roster = Roster::load(&AgentsSettings::default(), &tools()).unwrap();
        assert!(TALKERS.iter().all(|(name, _)| roster.agent(name).is_some()));
    }

    #[test]
    fn no_prompt_says_what_the_guard_would_take_out() {
        let session = Egress::new(&EgressSettings::default()).unwrap().session();
        for (name, text) in FILES {
            assert_eq!(session.trusted(text), *text, "{name}");
        }
        let preamble = session.preamble();
        assert_eq!(session.trusted(&preamble), preamble);
    }

    #[test]
    fn a_tool_of_a_server_is_offered_to_its_agents_only_and_once() {
        let mut roster = Roster::load(&AgentsSettings::default(), &tools()).unwrap();
        for _ in 0..2 {
            roster.offer("tickets_find", &["diagnostic".to_owned()]);
        }
        let count = |agent: &str| {
            roster.agent(agent).unwrap().tools.iter().filter(|tool| *tool == "tickets_find").count()
        };
        assert_eq!((count("diagnostic"), count("security")), (1, 0));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.md"), "Look at {{incident}} and {{moon}}").unwrap();
        std::fs::write(folder.path().join("schema.json"), "[]").unwrap();
        let text = "[agents.diagnostic]\nprompt = \"mine.md\"\ntools = [\"kubernetes_delete\"]\n\
                    [agents.security]\nprompt = \"gone.md\"\nreturns = \"schema.json\"\n[agents.poet]\n\
                    [mcp.tickets]\ncommand = \"tickets\"\nagents = [\"painter\"]\n";
        let file = folder.path().join("agents.toml");
        let settings = AgentsSettings::parse(text, &file, &Environment::new()).unwrap();
        let problems = Roster::load(&settings, &tools()).unwrap_err();
        let keys: Vec<String> =
            problems.iter().map(|problem| problem.place.rsplit(' ').next().unwrap().to_owned()).collect();
        assert_eq!(
            keys,
            [
                "agents.poet",
                "mcp.tickets.agents",
                "agents.diagnostic.tools",
                "agents.diagnostic.prompt",
                "agents.security.prompt",
                "agents.security.returns"
            ]
        );
    }
}
