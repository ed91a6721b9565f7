//! From the text of `agents.toml` to [`AgentsSettings`], with every problem at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{
    AgentSettings, AgentsSettings, AssessSettings, McpSettings, McpTransport, ModelSettings, ProviderKind,
    ProviderSettings, RunLimits, RunsSettings, quotas, raw,
};
use crate::settings::load::{self, read_limited};
use crate::settings::validate::Validator;
use crate::settings::{Environment, Problems, wording};

/// Deadline of one answer of a model, unless the file says otherwise, ms.
const ANSWER_MS: u64 = 120_000;

/// Deadline of one call of a foreign tool, ms.
const CALL_MS: u64 = 30_000;

/// What a model holds where the file does not say: the least that current models have.
const CONTEXT_TOKENS: u64 = 32_768;

/// Most tokens of one answer where the file does not say.
const ANSWER_TOKENS: u64 = 4_096;

/// Variables of this process that a server gets as well: without them most programs do not start.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

/// The agents that get the tools of a server unless the file says otherwise.
const MCP_AGENTS: [&str; 2] = ["orchestrator", "diagnostic"];

/// Longest name of a server; it begins the names of its tools, which have at most 64 characters.
const LONGEST_SERVER: usize = 24;

const SECTIONS: [&str; 9] =
    ["providers", "models", "agents", "assess", "limits", "tenants", "runs", "conversations", "mcp"];

impl AgentsSettings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Problems`] with every problem found; a file that cannot be read.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Problems> {
        let text = load::read(path, &path.display().to_string())?;
        Self::parse(&text, path, environment)
    }

    /// Checks a file given as text; `file` names it in messages.
    ///
    /// # Errors
    /// [`Problems`] with every problem found.
    pub fn parse(text: &str, file: &Path, environment: &Environment) -> Result<Self, Problems> {
        let name = file.display().to_string();
        let mut problems = Problems::default();
        let settings = read(text, &name, environment, &mut problems);
        let settings = Self { file: Some(file.to_owned()), ..settings };
        if problems.0.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// As [`AgentsSettings::parse`], adding to the problems of other files. What cannot be used for them is left out.
pub(in crate::settings) fn read(
    text: &str,
    file: &str,
    environment: &Environment,
    problems: &mut Problems,
) -> AgentsSettings {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            problems.add(file, wording::of_syntax(text, &error));
            return AgentsSettings::default();
        }
    };
    let model_order = order_of_models(text);
    let servers = table.get("mcp").and_then(toml::Value::as_table);
    let servers: Vec<String> = servers.into_iter().flat_map(|servers| servers.keys().cloned()).collect();
    let mut reader = Reader { table, check: Validator { file, environment, problems } };
    reader.refuse_unknown_sections();
    let raw = reader.file();
    let check = &mut reader.check;
    let providers = entries(raw.providers, |name, raw| provider(check, name, raw));
    let mut models = entries(raw.models, |name, raw| model(check, name, raw));
    for (name, model) in models.iter().filter(|(_, model)| !providers.contains_key(&model.provider)) {
        if !check.concerned(&format!("providers.{}", model.provider)) {
            let message = format!("there is no [providers.{}]", model.provider);
            check.add(&format!("models.{name}.provider"), message);
        }
    }
    let mut agents = entries(raw.agents, |name, raw| agent(check, name, raw, &models));
    models.retain(|_, model| providers.contains_key(&model.provider));
    let mut mcp = entries(raw.mcp, |name, raw| server(check, name, raw));
    mcp.retain(|name, _| !check.concerned(&format!("mcp.{name}")));
    // Of a server that cannot be asked it is not known which tools it has.
    let unasked: Vec<String> =
        servers.into_iter().filter(|name| !mcp.contains_key(name)).map(|name| format!("{name}_")).collect();
    for tools in agents.values_mut().filter_map(|agent| agent.tools.as_mut()) {
        tools.retain(|tool| !unasked.iter().any(|server| tool.starts_with(server)));
    }
    AgentsSettings {
        file: None,
        assess: assess(check, &raw.assess),
        limits: limits(check, &raw.limits),
        quotas: quotas::read(check, &raw.limits, raw.tenants),
        runs: kept(check, "runs", &raw.runs, RunsSettings::default()),
        conversations: kept(check, "conversations", &raw.conversations, RunsSettings::of_conversations()),
        providers,
        models,
        model_order,
        agents,
        mcp,
    }
}

/// The names below `models` as they stand in the text; tables themselves keep no order.
fn order_of_models(text: &str) -> Vec<String> {
    let Ok(file) = toml::de::DeTable::parse(text) else { return Vec::new() };
    let Some(models) = file.get_ref().get("models").and_then(|models| models.get_ref().as_table()) else {
        return Vec::new();
    };
    let mut names: Vec<_> =
        models.keys().map(|name| (name.span().start, name.get_ref().to_string())).collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// The name of the file that is read where the configuration names none, if it is there.
const FILE: &str = "agents.toml";

impl Validator<'_> {
    /// Reads the file that the configuration names, else `agents.toml` beside it, else there are no models.
    pub(in crate::settings) fn agents(&mut self, raw: crate::settings::raw::Agents) -> AgentsSettings {
        let beside = Path::new(self.file).with_file_name(FILE);
        let path = match raw.file {
            Some(path) => beside.with_file_name(path),
            None if beside.is_file() => beside,
            None => return AgentsSettings::default(),
        };
        let file = path.display().to_string();
        match read_limited(&path) {
            Ok(text) => {
                let settings = read(&text, &file, self.environment, self.problems);
                AgentsSettings { file: Some(path), ..settings }
            }
            Err(message) => {
                self.problems.add(file, message);
                AgentsSettings::default()
            }
        }
    }
}

struct Reader<'a> {
    table: toml::Table,
    check: Validator<'a>,
}

impl Reader<'_> {
    fn refuse_unknown_sections(&mut self) {
        for key in self.table.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
            self.check.add(key, format!("unknown section; known are {}", SECTIONS.join(", ")));
        }
    }

    fn file(&mut self) -> raw::File {
        raw::File {
            providers: self.named("providers"),
            models: self.named("models"),
            agents: self.named("agents"),
            assess: self.section("assess"),
            limits: self.section("limits"),
            tenants: self.named("tenants"),
            runs: self.section("runs"),
            conversations: self.section("conversations"),
            mcp: self.named("mcp"),
        }
    }

    /// The tables below a section, each read by itself so that one mistake does not hide the next.
    fn named<T: DeserializeOwned>(&mut self, section: &str) -> BTreeMap<String, T> {
        match self.table.remove(section) {
            None => BTreeMap::new(),
            Some(toml::Value::Table(tables)) => tables
                .into_iter()
                .filter_map(|(name, value)| {
                    let read = self.read(&format!("{section}.{name}"), value)?;
                    Some((name, read))
                })
                .collect(),
            Some(_) => {
                self.check.add(section, format!("write each entry as [{section}.NAME]"));
                BTreeMap::new()
            }
        }
    }

    fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        let Some(value) = self.table.remove(key) else { return T::default() };
        self.read(key, value).unwrap_or_default()
    }

    fn read<T: DeserializeOwned>(&mut self, key: &str, value: toml::Value) -> Option<T> {
        wording::section(&format!("{}: {key}", self.check.file), value, self.check.problems)
    }
}

fn entries<R, T>(
    raw: BTreeMap<String, R>,
    mut build: impl FnMut(&str, R) -> Option<T>,
) -> BTreeMap<String, T> {
    raw.into_iter().filter_map(|(name, raw)| Some((name.clone(), build(&name, raw)?))).collect()
}

fn provider(check: &mut Validator<'_>, name: &str, raw: raw::Provider) -> Option<ProviderSettings> {
    let place = |key: &str| format!("providers.{name}.{key}");
    let kind = ProviderKind::ALL.iter().find(|(kind, _)| *kind == raw.kind).map(|(_, kind)| *kind);
    let Some(kind) = kind else {
        let known: Vec<&str> = ProviderKind::ALL.iter().map(|(name, _)| *name).collect();
        check.add(&place("kind"), format!("\"{}\" is unknown; known are {}", raw.kind, known.join(", ")));
        return None;
    };
    let url = raw.url.as_ref().and_then(|url| check.url(&place("url"), url));
    if kind.needs_url() && raw.url.is_none() && !check.concerned(&place("url")) {
        check.add(&place("url"), format!("a provider of kind {} needs its URL", kind.name()));
    }
    if kind.needs_key() && raw.key.is_none() {
        check.add(&place("key"), "needs its key, as { env = \"NAME\" } or { file = \"/path\" }");
    }
    let key = raw.key.as_ref().and_then(|key| check.secret(&place("key"), key));
    let timeout = check.duration(&place("timeout"), raw.timeout.as_ref(), ANSWER_MS);
    Some(ProviderSettings { kind, url, key, api_version: raw.api_version, timeout })
}

fn model(check: &mut Validator<'_>, name: &str, raw: raw::Model) -> Option<ModelSettings> {
    let place = |key: &str| format!("models.{name}.{key}");
    let context_tokens = raw.context_tokens.unwrap_or(CONTEXT_TOKENS);
    let answer_tokens = raw.answer_tokens.unwrap_or(ANSWER_TOKENS.min(context_tokens / 4).max(1));
    if answer_tokens >= context_tokens {
        check.add(&place("answer_tokens"), "must be less than context_tokens");
    }
    let mut price = |key: &str, price: Option<f64>| {
        let price = price.unwrap_or(0.0);
        if !(price.is_finite() && price >= 0.0) {
            check.add(&place(key), "must be 0 or more, in US dollars for a million tokens");
        }
        price
    };
    let (input_price, output_price) =
        (price("input_price", raw.input_price), price("output_price", raw.output_price));
    Some(ModelSettings {
        provider: raw.provider,
        model: raw.model,
        context_tokens,
        answer_tokens,
        input_price,
        output_price,
    })
}

fn agent(
    check: &mut Validator<'_>,
    name: &str,
    raw: raw::Agent,
    models: &BTreeMap<String, ModelSettings>,
) -> Option<AgentSettings> {
    let place = |key: &str| format!("agents.{name}.{key}");
    let wanted = raw.models.unwrap_or_default();
    let unknown = |model: &&String| !models.contains_key(*model);
    for model in wanted.iter().filter(unknown) {
        if check.concerned(&format!("models.{model}")) {
            continue;
        }
        let known: Vec<&str> = models.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        check.add(&place("models"), format!("there is no [models.{model}]; there is {known}"));
    }
    if raw.max_turns == Some(0) {
        check.add(&place("max_turns"), "must be 1 or more");
    }
    if raw.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        check.add(&place("temperature"), "must be between 0 and 2");
    }
    if raw.max_cost.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
        check.add(&place("max_cost"), "must be more than 0, in US dollars");
    }
    Some(AgentSettings {
        models: wanted,
        prompt: raw.prompt,
        chat_prompt: raw.chat_prompt,
        returns: raw.returns,
        tools: raw.tools,
        max_turns: raw.max_turns,
        max_tokens: raw.max_tokens,
        max_cost: raw.max_cost,
        temperature: raw.temperature,
    })
}

fn assess(check: &mut Validator<'_>, raw: &raw::Assess) -> AssessSettings {
    let default = AssessSettings::default();
    let mut share = |key: &str, value: Option<f64>, default: f64| {
        let value = value.unwrap_or(default);
        if !(0.0..=1.0).contains(&value) {
            check.add(key, "must be between 0 and 1");
        }
        value
    };
    AssessSettings {
        confidence: share("assess.confidence", raw.confidence, default.confidence),
        margin: share("assess.margin", raw.margin, default.margin),
    }
}

fn limits(check: &mut Validator<'_>, raw: &raw::Limits) -> RunLimits {
    let default = RunLimits::default();
    let zero = [raw.tokens == Some(0), raw.cycles == Some(0), raw.parallel == Some(0), raw.turns == Some(0)];
    for (key, _) in ["tokens", "cycles", "parallel", "turns"].iter().zip(zero).filter(|(_, zero)| *zero) {
        check.add(&format!("limits.{key}"), "must be 1 or more");
    }
    if raw.cost.is_some_and(|cost| !(cost.is_finite() && cost > 0.0)) {
        check.add("limits.cost", "must be more than 0, in US dollars");
    }
    let default_ms = u64::try_from(default.deadline.as_millis()).unwrap_or(u64::MAX);
    let deadline: Duration = check.duration("limits.deadline", raw.deadline.as_ref(), default_ms);
    RunLimits {
        tokens: raw.tokens.unwrap_or(default.tokens),
        cost: raw.cost.unwrap_or(default.cost),
        deadline,
        cycles: raw.cycles.unwrap_or(default.cycles),
        parallel: raw.parallel.unwrap_or(default.parallel),
        turns: raw.turns.unwrap_or(default.turns),
    }
}

fn kept(check: &mut Validator<'_>, section: &str, raw: &raw::Runs, default: RunsSettings) -> RunsSettings {
    if raw.keep_at_most == Some(0) {
        check.add(&format!("{section}.keep_at_most"), "must be 1 or more");
    }
    let default_ms = u64::try_from(default.keep_for.as_millis()).unwrap_or(u64::MAX);
    RunsSettings {
        keep_for: check.duration(&format!("{section}.keep_for"), raw.keep_for.as_ref(), default_ms),
        keep_at_most: raw.keep_at_most.unwrap_or(default.keep_at_most),
    }
}

fn server(check: &mut Validator<'_>, name: &str, raw: raw::Mcp) -> Option<McpSettings> {
    let place = |key: &str| format!("mcp.{name}.{key}");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > LONGEST_SERVER || !name.chars().all(plain) {
        let message =
            format!("use at most {LONGEST_SERVER} letters, digits, dashes and underscores as the name");
        check.add(&format!("mcp.{name}"), message);
    }
    let transport = match (raw.command, raw.url) {
        (Some(command), None) => {
            let mut environment = entries(raw.environment, |variable, secret| {
                check.secret(&place(&format!("environment.{variable}")), &secret)
            });
            for variable in INHERITED {
                let own = check.environment.get(variable);
                if let (Some(own), false) = (own, environment.contains_key(variable)) {
                    environment.insert(variable.to_owned(), own.clone().into());
                }
            }
            McpTransport::Program { command, args: raw.args, environment }
        }
        (None, Some(url)) => {
            let url = check.url(&place("url"), &url)?;
            let token = raw.token.as_ref().and_then(|token| check.secret(&place("token"), token));
            McpTransport::Http { url, token }
        }
        _ => {
            check.add(&place("command"), "name exactly one of `command` and `url`");
            return None;
        }
    };
    let agents = raw.agents.unwrap_or_else(|| MCP_AGENTS.map(str::to_owned).to_vec());
    let timeout = check.duration(&place("timeout"), raw.timeout.as_ref(), CALL_MS);
    Some(McpSettings { transport, tools: raw.tools, trusted: raw.trusted, agents, timeout })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::settings::{AgentsSettings, Environment};

    fn read(text: &str) -> Result<AgentsSettings, String> {
        let read = AgentsSettings::parse(text, Path::new("agents.toml"), &Environment::new());
        read.map_err(|problems| problems.to_string())
    }

    #[test]
    fn runs_and_conversations_are_each_kept_as_long_as_it_is_set() {
        let day = Duration::from_secs(24 * 3600);
        let set = read("[conversations]\nkeep_for = \"7d\"\nkeep_at_most = 5\n").unwrap();
        assert_eq!((set.conversations.keep_for, set.conversations.keep_at_most), (7 * day, 5));
        assert_eq!(set.runs.keep_for, 30 * day);
        assert_eq!(read("").unwrap().conversations.keep_for, 90 * day);
        let wrong = read("[conversations]\nkeep_at_most = 0\nkeep_for = \"soon\"\n").unwrap_err();
        assert!(wrong.contains("conversations.keep_at_most: must be 1 or more"), "{wrong}");
        assert!(wrong.contains("conversations.keep_for"), "{wrong}");
    }
}
