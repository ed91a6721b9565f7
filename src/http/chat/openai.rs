//! OpenAI's wire: names of models, answers, chunks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agents::chat::{ChatAnswer, Finish};
use crate::agents::{NAMES, ORCHESTRATOR};
use crate::incident::IncidentId;

/// What names of models begin with; alone it is the orchestrator.
pub(super) const MODEL: &str = "kubewright";

/// When models were made, as OpenAI's clients expect to be told; seconds since 1970.
const MADE: i64 = 1_763_683_200;

/// The agent behind a model's name, and what is written after a colon: an incident.
pub(super) fn agent(model: &str) -> Option<(&'static str, Option<&str>)> {
    let (name, incident) = model.split_once(':').map_or((model, None), |(name, rest)| (name, Some(rest)));
    let rest = name.strip_prefix(MODEL)?;
    let agent = if rest.is_empty() { ORCHESTRATOR } else { rest.strip_prefix('-')? };
    NAMES.into_iter().find(|known| *known == agent).map(|known| (known, incident))
}

/// The name under which an agent is listed.
pub(super) fn model(agent: &str) -> String {
    if agent == ORCHESTRATOR { MODEL.to_owned() } else { format!("{MODEL}-{agent}") }
}

/// The models that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    object: String,
    /// The orchestrator and each specialist.
    data: Vec<ModelCard>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelCard {
    /// What a request names.
    id: String,
    /// Always `model`.
    object: String,
    /// When it was made, seconds since 1970.
    created: i64,
    /// Always `kubewright`.
    owned_by: String,
}

impl ModelCard {
    pub(super) fn of(agent: &str) -> Self {
        Self { id: model(agent), object: "model".to_owned(), created: MADE, owned_by: MODEL.to_owned() }
    }
}

impl ModelList {
    pub(super) fn all() -> Self {
        Self { object: "list".to_owned(), data: NAMES.into_iter().map(ModelCard::of).collect() }
    }
}

/// What an answer has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<&ChatAnswer> for Usage {
    fn from(answer: &ChatAnswer) -> Self {
        Self {
            prompt_tokens: answer.input_tokens,
            completion_tokens: answer.output_tokens,
            total_tokens: answer.input_tokens.saturating_add(answer.output_tokens),
        }
    }
}

/// Why an answer ended, in OpenAI's words.
pub(super) const fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// What every answer and every chunk of it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Head {
    /// Names the answer.
    id: String,
    /// `chat.completion` or `chat.completion.chunk`.
    object: String,
    /// Seconds since 1970.
    created: i64,
    /// The model as it was asked for.
    model: String,
}

impl Head {
    pub(super) fn new(object: &str, model: &str) -> Self {
        Self {
            id: IncidentId::random().as_str().replacen("inc-", "chatcmpl-", 1),
            object: object.to_owned(),
            created: jiff::Timestamp::now().as_second(),
            model: model.to_owned(),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Completion {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Choice {
    index: u32,
    message: Said,
    /// Never known.
    #[schema(value_type = Option<Object>)]
    logprobs: Option<()>,
    finish_reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
struct Said {
    role: String,
    content: String,
    refusal: Option<String>,
}

impl Choice {
    pub(super) fn new(content: String, finish: Finish) -> Self {
        let message = Said { role: "assistant".to_owned(), content, refusal: None };
        Self { index: 0, message, logprobs: None, finish_reason: finish_reason(finish).to_owned() }
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Chunk<'a> {
    #[serde(flatten)]
    pub(super) head: &'a Head,
    pub(super) choices: Vec<ChunkChoice<'a>>,
    /// Where usage was asked for: `null` in all chunks but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Option<Usage>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl<'a> ChunkChoice<'a> {
    fn new(delta: Delta<'a>, finish_reason: Option<&'static str>) -> Self {
        Self { index: 0, delta, logprobs: None, finish_reason }
    }

    /// Who speaks.
    pub(super) fn role() -> Self {
        Self::new(Delta { role: Some("assistant"), content: Some("") }, None)
    }

    /// A piece of text.
    pub(super) fn text(text: &'a str) -> Self {
        Self::new(Delta { role: None, content: Some(text) }, None)
    }

    /// The end.
    pub(super) fn end(finish: Finish) -> Self {
        Self::new(Delta::default(), Some(finish_reason(finish)))
    }
}

#[cfg(test)]
mod tests {
    use super::{agent, model};
    use crate::agents::NAMES;

    #[test]
    fn every_agent_is_found_by_the_name_under_which_it_is_listed() {
        for name in NAMES {
            assert_eq!(agent(&model(name)), Some((name, None)));
        }
        assert_eq!(agent("kubewright-orchestrator"), Some(("orchestrator", None)));
        assert_eq!(agent("kubewright-security:inc-7h2k"), Some(("security", Some("inc-7h2k"))));
    }

    #[test]
    fn other_models_are_none() {
        for other in
            ["", "gpt-4o", "kubewrightx", "kubewright-", "kubewright-nobody", "Kubewright", "orchestrator"]
        {
            assert_eq!(agent(other), None, "{other}");
        }
    }
}
