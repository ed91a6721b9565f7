//! A summary of what was said long ago: by a model where a prompt for it is configured and the budget has room, else the
//! beginnings of what was said.

use std::collections::BTreeMap;
use std::time::Duration;

use rig_core::message::{AssistantContent, Message, UserContent};
use tokio::time::timeout;

use super::Shared;
use super::history::SUMMARY;
use crate::agents::budget::Budget;
use crate::agents::model::{Ask, Chain, Spent};
use crate::agents::prompt::Prompt;

/// Longest summary by a model, tokens.
const ANSWER_TOKENS: u64 = 500;

/// How long a turn waits for a summary.
const PATIENCE: Duration = Duration::from_secs(30);

/// The beginnings of messages, characters: the longest, and the shortest that says anything.
const LONGEST: usize = 200;
const SHORTEST: usize = 40;

/// Who said something, and what.
pub(super) struct Said {
    who: &'static str,
    text: String,
}

/// What was said in messages that have been through the session.
pub(super) fn said(messages: &[Message]) -> Vec<Said> {
    messages.iter().map(one).collect()
}

fn one(message: &Message) -> Said {
    let joined = |texts: Vec<&str>| texts.join("\n");
    match message {
        Message::Assistant(answer) => {
            let texts = answer.content.iter().filter_map(|part| match part {
                AssistantContent::Text(text) => Some(text.text.as_str()),
                _ => None,
            });
            Said { who: "you", text: joined(texts.collect()) }
        }
        Message::User { content } => {
            let texts = content.iter().filter_map(|part| match part {
                UserContent::Text(text) => Some(text.text.as_str()),
                _ => None,
            });
            Said { who: "user", text: joined(texts.collect()) }
        }
        Message::System { content } => Said { who: "system", text: content.clone() },
    }
}

/// The beginning of each message, the newest ones where not all have room; how many are missing is said.
pub(super) fn by_rule(said: &[Said]) -> String {
    let most = usize::try_from(SUMMARY).unwrap_or(usize::MAX).saturating_sub(400);
    let shown = said.len().min(most / SHORTEST);
    let each = (most / shown.max(1)).min(LONGEST).saturating_sub(10);
    let missing = match said.len() - shown {
        0 => String::new(),
        missing => format!("; the {missing} oldest are left out"),
    };
    let lines = said.iter().skip(said.len() - shown).map(|one| {
        let text = one.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut cut: String = text.chars().take(each).collect();
        if cut.len() < text.len() {
            cut.push('…');
        }
        format!("- {}: {cut}", one.who)
    });
    let lines: Vec<String> = lines.collect();
    format!(
        "[The conversation became too long. Of its {} oldest messages only the beginnings stand here{missing}; ask where \
         you need more.]\n{}",
        said.len(),
        lines.join("\n")
    )
}

/// Summarises with a model.
pub(crate) struct Summariser {
    pub(crate) chain: Chain,
    pub(crate) prompt: Prompt,
}

impl Summariser {
    /// A summary, and what it has used; none where a limit is in the way, it does not fit, or the model does not answer.
    pub(super) async fn ask(
        &self,
        said: &[Said],
        shared: &Shared,
        budget: &Budget,
    ) -> (Option<String>, Spent) {
        let mut spent = Spent::default();
        let whole: Vec<String> = said.iter().map(|one| format!("{}: {}", one.who, one.text)).collect();
        let values = BTreeMap::from([
            ("fence", shared.session.preamble()),
            ("question", shared.session.untrusted("conversation", &whole.join("\n\n"))),
        ]);
        let ask = Ask {
            messages: vec![Message::user(self.prompt.fill(&values))],
            max_tokens: Some(ANSWER_TOKENS),
            temperature: Some(0.0),
            ..Ask::default()
        };
        if ask.estimated_tokens() > self.chain.readable_tokens(ask.max_tokens) {
            return (None, spent);
        }
        let mut silent = |_: &str| {};
        let asked = self.chain.ask_within(&ask, &mut silent, &shared.cancel, budget, &mut spent);
        let text = match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) if !answer.text.trim().is_empty() => answer.text,
            Ok(Ok(_)) | Err(_) => return (None, spent),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a conversation was not summarised by a model");
                return (None, spent);
            }
        };
        let most = usize::try_from(SUMMARY).unwrap_or(usize::MAX);
        let end = text.floor_char_boundary(most);
        let text = text.get(..end).unwrap_or_default();
        let text =
            format!("[A summary of the {} oldest messages, which became too long]\n{text}", said.len());
        (Some(shared.session.trusted(&text)), spent)
    }
}

#[cfg(test)]
mod tests {
    use rig_core::message::Message;

    use super::super::history::SUMMARY;
    use super::{by_rule, said};

    #[test]
    fn each_message_keeps_its_beginning() {
        let messages = [Message::user("why is\ncheckout slow?"), Message::assistant("word ".repeat(100))];
        let text = by_rule(&said(&messages));
        assert!(
            text.contains("2 oldest messages") && text.contains("- user: why is checkout slow?"),
            "{text}"
        );
        assert!(text.contains("- you: word word") && text.ends_with('…'), "{text}");
    }

    #[test]
    fn however_many_they_are_it_stays_short_and_says_how_many_are_missing() {
        let messages: Vec<Message> =
            (0..200).map(|n| Message::user(format!("{n} {}", "ä".repeat(300)))).collect();
        let text = by_rule(&said(&messages));
        assert!(text.len() as u64 <= 2 * SUMMARY, "{}", text.len());
        assert!(text.contains("200 oldest") && text.contains("150 oldest are left out"), "{text}");
        assert!(text.contains("- user: 199 ä") && !text.contains("- user: 149 "), "{text}");
    }
}
