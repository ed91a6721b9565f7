//! The conversation of one run, kept within what the model can read.

use rig_core::message::{Message, ToolResultContent, UserContent};

/// Share of the context that the conversation may fill; the rest is for tools and the answer.
const SHARE: f64 = 0.7;

/// Results of tools that always stay whole: the last ones.
const KEPT: usize = 4;

/// What stands in the place of a result that was dropped.
const DROPPED: &str = "[dropped to save room; call the tool again if you need it]";

/// Bytes of a token, about, in English and in code.
const BYTES_PER_TOKEN: u64 = 4;

/// Messages with their estimated size.
pub(super) struct History {
    messages: Vec<Message>,
    bytes: Vec<u64>,
    most_tokens: u64,
}

impl History {
    pub(super) fn new(messages: Vec<Message>, context_tokens: u64) -> Self {
        let bytes = messages.iter().map(size).collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count of tokens"
        )]
        let most_tokens = (context_tokens as f64 * SHARE) as u64;
        Self { messages, bytes, most_tokens }
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes.push(size(&message));
        self.messages.push(message);
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.messages.clone()
    }

    /// About how many tokens the conversation has.
    pub(super) fn tokens(&self) -> u64 {
        self.bytes.iter().sum::<u64>() / BYTES_PER_TOKEN
    }

    /// Drops the oldest results of tools where the conversation has grown too long.
    pub(super) fn make_room(&mut self) {
        let results: Vec<usize> =
            (0..self.messages.len()).filter(|at| self.messages.get(*at).is_some_and(has_results)).collect();
        let droppable = results.len().saturating_sub(KEPT);
        for at in results.into_iter().take(droppable) {
            if self.tokens() <= self.most_tokens {
                return;
            }
            if let (Some(message), Some(bytes)) = (self.messages.get_mut(at), self.bytes.get_mut(at)) {
                drop_results(message);
                *bytes = size(message);
            }
        }
    }
}

fn has_results(message: &Message) -> bool {
    matches!(message, Message::User { content } if content.iter().any(|part| matches!(part, UserContent::ToolResult(_))))
}

fn drop_results(message: &mut Message) {
    let Message::User { content } = message else { return };
    for part in content {
        if let UserContent::ToolResult(result) = part {
            result.content = vec![ToolResultContent::text(DROPPED)];
        }
    }
}

fn size(message: &Message) -> u64 {
    serde_json::to_vec(message).map_or(0, |json| json.len() as u64)
}

#[cfg(test)]
mod tests {
    use rig_core::message::{
        AssistantContent, AssistantMessage, Message, ToolCall, ToolName, ToolResultContent,
    };
    use serde_json::json;

    use super::{DROPPED, History};

    fn exchange(number: usize) -> [Message; 2] {
        let call = AssistantContent::tool_call(
            format!("c{number}"),
            ToolName::new("kubernetes_logs").unwrap(),
            json!({}),
        );
        let AssistantContent::ToolCall(asked) = &call else { unreachable!() };
        let asked: ToolCall = asked.clone();
        let result = asked.result(vec![ToolResultContent::text(format!("{number} {}", "x".repeat(4_000)))]);
        [Message::Assistant(AssistantMessage::new(vec![call])), Message::tool_results(vec![result])]
    }

    #[test]
    fn the_oldest_results_go_first_and_the_last_ones_stay() {
        let messages: Vec<Message> =
            std::iter::once(Message::user("why?")).chain((0..8).flat_map(exchange)).collect();
        let mut history = History::new(messages, 8_000);
        assert!(history.tokens() > 5_600);
        history.make_room();
        let text = serde_json::to_string(&history.messages()).unwrap();
        assert!(history.tokens() <= 5_600, "{}", history.tokens());
        assert!(text.contains(DROPPED) && !text.contains("\"0 xx") && text.contains("7 xx"));
        assert!(text.contains("why?"));
    }

    #[test]
    fn a_short_conversation_stays_whole() {
        let messages: Vec<Message> = exchange(1).into_iter().collect();
        let mut history = History::new(messages.clone(), 100_000);
        history.make_room();
        assert_eq!(history.messages(), messages);
    }
}
