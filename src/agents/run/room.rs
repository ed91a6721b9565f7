//! Room for the next question: what the model is offered and told, fitted to what it can read.
//!
//! First the oldest answers of tools go into the store, then what was said before the question is summarised, then the last
//! answer is cut. Where something was, a few lines say what it was and how to get it. What still does not fit is for a
//! larger model, or for none.

use rig_core::completion::ToolDefinition;
use serde_json::Value;

use super::digest::{beginning, body, digest, kept};
use super::history::{self, Place};
use super::{PATIENCE, Run, Turn, definition, summary};
use crate::agents::model::Ask;
use crate::agents::progress::RunEvent;
use crate::agents::tools::EARLIER_RESULT;
use crate::store::KeptResult;

/// Share of what a model can read that descriptions of tools may take, percent.
const TOOLS: u64 = 25;

/// How often answers are taken out for one question: digests have a size too.
const ROUNDS: usize = 3;

impl Run<'_> {
    /// The next question, within what every model of the chain can read where that is possible.
    pub(super) async fn fitted(&mut self, turn: &mut Turn, max_tokens: Option<u64>) -> Ask {
        let readable = self.chain.readable_tokens(max_tokens);
        let tools = std::mem::take(&mut turn.tools);
        let tools = self.fitting(tools, readable * TOOLS / 100).await;
        let left = readable.saturating_sub(self.history.in_tokens(size(&tools)));
        self.make_room(left).await;
        Ask {
            messages: self.history.messages(),
            tools,
            tool_choice: Some(turn.choice.clone()),
            schema: None,
            max_tokens,
            temperature: turn.temperature.or(Some(self.agent.temperature)),
            stop: turn.stop.clone(),
            shrinks: false,
        }
    }

    /// Takes out of the conversation until `most` tokens are left, as far as that is possible.
    async fn make_room(&mut self, most: u64) {
        for _ in 0..ROUNDS {
            let places = self.history.to_take_out(most);
            if places.is_empty() {
                break;
            }
            for (place, kept) in self.keep(&places).await {
                let shown = self.history.answer(place).map(history::text).unwrap_or_default();
                self.history.replace(place, digest(&shown, kept.as_deref()));
            }
        }
        self.summarise(most).await;
        if let Some((place, left)) = self.history.to_cut(most) {
            let kept = self.keep(&[place]).await.pop().and_then(|(_, kept)| kept);
            let shown = self.history.answer(place).map(history::text).unwrap_or_default();
            self.history.replace(place, beginning(&shown, left, kept.as_deref()));
        }
        if self.history.tokens() > most {
            tracing::debug!(tokens = self.history.tokens(), most, "the conversation does not fit");
        }
    }

    /// Keeps answers in the store, each under a name; none where it could not be kept.
    async fn keep(&mut self, places: &[Place]) -> Vec<(Place, Option<String>)> {
        let context = &self.shared.context;
        let Some(about) = &context.keeps else {
            return places.iter().map(|place| (*place, None)).collect();
        };
        let mut named = Vec::with_capacity(places.len());
        let mut new = Vec::new();
        for place in places {
            let Some(answer) = self.history.answer(*place) else { continue };
            let arguments = self.history.arguments(*place);
            let shown = history::text(answer);
            let again = kept(&shown).map(str::to_owned).or_else(|| known(&answer.name, &arguments));
            let id = again.clone().unwrap_or_else(KeptResult::random_id);
            if again.is_none() {
                let text = self.shared.session.restore(body(&shown));
                let (id, about, tool) = (id.clone(), about.clone(), answer.name.to_string());
                new.push(KeptResult { id, about, tool, arguments, text });
            }
            named.push((*place, Some(id)));
        }
        if !new.is_empty()
            && let Err(error) = context.store.keep_results(&new, jiff::Timestamp::now()).await
        {
            tracing::warn!(%error, "answers of tools could not be kept; they leave the conversation nevertheless");
            return places.iter().map(|place| (*place, None)).collect();
        }
        self.history.keeps = true;
        named
    }

    /// Puts a summary in the place of what was said long ago.
    async fn summarise(&mut self, most: u64) {
        let before = self.history.to_summarise(most);
        if before.is_empty() {
            return;
        }
        let (count, said) = (before.len(), summary::said(before));
        let text = match &self.shared.summariser {
            None => None,
            Some(summariser) => {
                let asked = summariser.ask(&said, self.shared, &self.budget);
                let (text, spent) = asked.await;
                self.record.spent += spent;
                text
            }
        };
        let text = text.unwrap_or_else(|| summary::by_rule(&said));
        self.history.summarise(count, text);
    }

    /// The tools within `most` tokens: all as they are, else all in few words, else those that the agent names first.
    /// Whatever is no tool of the agent's (`submit`) stays whole.
    async fn fitting(&mut self, mut tools: Vec<ToolDefinition>, most: u64) -> Vec<ToolDefinition> {
        let own = |tool: &ToolDefinition| self.tools.names().any(|name| *name == *tool.name);
        if self.history.keeps
            && tools.iter().any(own)
            && !tools.iter().any(|tool| *tool.name == *EARLIER_RESULT)
        {
            let earlier = self.tools.subset(&[EARLIER_RESULT]).definitions();
            tools.extend(earlier.into_iter().filter_map(definition));
        }
        if self.history.in_tokens(size(&tools)) <= most {
            return tools;
        }
        let rank = |tool: &ToolDefinition| match own(tool) && *tool.name != *EARLIER_RESULT {
            false => 0,
            true => {
                1 + self.agent.tools.iter().position(|name| **name == *tool.name).unwrap_or(usize::MAX - 1)
            }
        };
        tools.sort_by_key(rank);
        let all = tools.len();
        let mut fitting: Vec<ToolDefinition> = Vec::with_capacity(all);
        let mut used = 0;
        for tool in tools {
            let fixed = rank(&tool) == 0;
            let tool = if own(&tool) { brief(tool) } else { tool };
            used += self.history.in_tokens(size(std::slice::from_ref(&tool)));
            if fixed || used <= most {
                fitting.push(tool);
            }
        }
        let (offered, agent) = (fitting.len(), &self.agent.name);
        if offered < all && !std::mem::replace(&mut self.told, true) {
            let text = format!(
                "The model of the {agent} agent can read little: {} of its tools are not offered to it.",
                all - offered
            );
            tracing::info!(agent, offered, all, "the model can read too little for all tools");
            self.shared.progress.say(RunEvent::notice(text), PATIENCE).await;
        }
        fitting
    }
}

/// The name of an answer that is kept already: it was read again.
fn known(tool: &str, arguments: &str) -> Option<String> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let id = arguments.get("id").filter(|_| tool == EARLIER_RESULT)?.as_str()?;
    Some(id.to_owned())
}

/// Bytes of what a model is told about tools.
fn size(tools: &[ToolDefinition]) -> u64 {
    serde_json::to_vec(tools).map_or(0, |json| json.len() as u64)
}

/// A tool in few words: the first sentence of what it does, and its arguments without theirs.
fn brief(tool: ToolDefinition) -> ToolDefinition {
    let ToolDefinition { name, description, mut parameters } = tool;
    let first = description.split_inclusive(". ").next().unwrap_or_default().trim().to_owned();
    without_descriptions(&mut parameters);
    ToolDefinition::new(name, first, parameters)
}

fn without_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // A property of that name is an object.
            if map.get("description").is_some_and(Value::is_string) {
                map.remove("description");
            }
            map.values_mut().for_each(without_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rig_core::completion::ToolDefinition;
    use rig_core::message::ToolName;
    use serde_json::json;

    use super::{brief, known};

    #[test]
    fn a_tool_in_few_words_has_the_same_arguments() {
        let parameters = json!({"type": "object", "additionalProperties": false, "required": ["pod"], "properties": {
            "pod": {"type": "string", "description": "Name of the pod."},
            "description": {"type": "object", "description": "Odd.", "properties": {}}}});
        let name = ToolName::new("kubernetes_logs").unwrap();
        let short =
            brief(ToolDefinition::new(name, "Reads a log. Use grep to find what matters.", parameters));
        assert_eq!(short.description, "Reads a log.");
        let expected = json!({"type": "object", "additionalProperties": false, "required": ["pod"], "properties": {
            "pod": {"type": "string"}, "description": {"type": "object", "properties": {}}}});
        assert_eq!(short.parameters, expected);
    }

    #[test]
    fn what_was_read_again_keeps_its_name() {
        assert_eq!(known("earlier_result", r#"{"id":"res-a","from":3}"#), Some("res-a".to_owned()));
        assert_eq!(known("kubernetes_get", r#"{"id":"res-a"}"#), None);
        assert_eq!(known("earlier_result", "[broken"), None);
    }
}
