//! The conversation of one run, kept within what the model can read.
//!
//! Owns the messages, their estimated size, and what of them can be taken out: answers of tools, the oldest first, and
//! what was said before the question. The prompt and the question always stay. What stands in the place of something is
//! made by `digest` and `room`; nothing goes without a word in its place.

use rig_core::message::{AssistantContent, Message, ToolResult, ToolResultContent, UserContent};

use super::digest::is_digest;

/// Bytes of a token, about, in English and in code.
const BYTES_PER_TOKEN: f64 = 4.0;

/// A shorter answer is not worth taking out, bytes: its digest would be as long.
const WORTH: u64 = 1_600;

/// A digest, bytes, about.
const DIGEST: u64 = 900;

/// A summary of what was said before, bytes, about.
pub(super) const SUMMARY: u64 = 2_400;

/// How much denser than expected a text may be.
const DENSEST: f64 = 8.0;

/// Messages with their estimated size.
pub(super) struct History {
    messages: Vec<Message>,
    bytes: Vec<u64>,
    /// How many of them were there before the run: the prompt, and what people said.
    given: usize,
    /// Tokens for one that is estimated; what providers count says so.
    density: f64,
    /// Whether answers of tools were taken out and kept.
    pub(super) keeps: bool,
}

/// Where the answer of a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    message: usize,
    part: usize,
}

impl History {
    /// A conversation whose first `given` messages were there before the run; the last of them is the question.
    pub(super) fn new(messages: Vec<Message>, given: usize) -> Self {
        let bytes = messages.iter().map(size).collect();
        Self { given: given.min(messages.len()), messages, bytes, density: 1.0, keeps: false }
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
        self.in_tokens(self.bytes.iter().sum::<u64>())
    }

    /// About how many tokens so many bytes are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate of a positive count"
    )]
    pub(super) fn in_tokens(&self, bytes: u64) -> u64 {
        (bytes as f64 / BYTES_PER_TOKEN * self.density).ceil() as u64
    }

    /// How many bytes have to go so that `most` tokens are left.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate of a positive count"
    )]
    fn excess(&self, most: u64) -> u64 {
        (self.tokens().saturating_sub(most) as f64 * BYTES_PER_TOKEN / self.density).ceil() as u64
    }

    /// Learns from what a provider has counted where so many tokens were estimated.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens")]
    pub(super) fn counted(&mut self, estimated: u64, counted: u64) {
        if estimated > 0 && counted > 0 {
            self.density = (counted as f64 / estimated as f64).clamp(1.0, DENSEST);
        }
    }

    /// The conversation was too long for the model although it seemed to fit. Whether it can be made shorter still.
    pub(super) fn overflowed(&mut self) -> bool {
        let denser = (self.density * 1.5).min(DENSEST);
        let changed = denser > self.density;
        self.density = denser;
        changed && (self.last().is_some() || self.said_before() > 0)
    }

    /// Answers of tools to take out so that `most` tokens are left, the oldest first; never the last one.
    pub(super) fn to_take_out(&self, most: u64) -> Vec<Place> {
        let mut excess = self.excess(most);
        let mut places = Vec::new();
        if excess == 0 {
            return places;
        }
        let mut all = self.answers();
        all.pop();
        for (place, bytes) in all {
            if excess == 0 {
                break;
            }
            if bytes > WORTH {
                excess = excess.saturating_sub(bytes - DIGEST);
                places.push(place);
            }
        }
        places
    }

    /// The last answer of a tool, with the bytes that it may keep so that `most` tokens are left; none where it fits or
    /// there is nothing to cut.
    pub(super) fn to_cut(&self, most: u64) -> Option<(Place, usize)> {
        let excess = self.excess(most);
        let (place, bytes) = if excess > 0 { self.last()? } else { return None };
        let left = bytes.saturating_sub(excess).saturating_sub(DIGEST).max(DIGEST);
        (bytes > WORTH).then(|| (place, usize::try_from(left).unwrap_or(usize::MAX)))
    }

    fn last(&self) -> Option<(Place, u64)> {
        self.answers().pop()
    }

    /// Every answer of a tool that still stands whole, with its size, the oldest first.
    fn answers(&self) -> Vec<(Place, u64)> {
        let mut answers = Vec::new();
        for (message, content) in self.messages.iter().enumerate() {
            let Message::User { content } = content else { continue };
            for (part, content) in content.iter().enumerate() {
                if let UserContent::ToolResult(result) = content {
                    let text = text(result);
                    let bytes = if is_digest(&text) { 0 } else { text.len() as u64 };
                    answers.push((Place { message, part }, bytes));
                }
            }
        }
        answers
    }

    /// The answer at a place.
    pub(super) fn answer(&self, place: Place) -> Option<&ToolResult> {
        match self.messages.get(place.message)? {
            Message::User { content } => match content.get(place.part)? {
                UserContent::ToolResult(result) => Some(result),
                _ => None,
            },
            _ => None,
        }
    }

    /// The arguments of the call that was answered, as JSON. Some models name their calls alike in every turn: the nearest
    /// before the answer is meant.
    pub(super) fn arguments(&self, place: Place) -> String {
        let Some(answer) = self.answer(place) else { return String::new() };
        let before = self.messages.get(..place.message).unwrap_or_default().iter().rev();
        let calls = before.filter_map(|message| match message {
            Message::Assistant(message) => Some(&message.content),
            _ => None,
        });
        let call = calls.flatten().find_map(|content| match content {
            AssistantContent::ToolCall(call) if call.id == answer.call => Some(call),
            _ => None,
        });
        call.and_then(|call| serde_json::to_string(&call.function.arguments).ok()).unwrap_or_default()
    }

    /// Puts another text in the place of an answer.
    pub(super) fn replace(&mut self, place: Place, text: String) {
        let Some(message) = self.messages.get_mut(place.message) else { return };
        if let Message::User { content } = message
            && let Some(UserContent::ToolResult(result)) = content.get_mut(place.part)
        {
            result.content = vec![ToolResultContent::text(text)];
        }
        if let Some(bytes) = self.bytes.get_mut(place.message) {
            *bytes = size(message);
        }
    }

    /// Where what people said begins: after the prompt.
    fn beginning(&self) -> usize {
        usize::from(matches!(self.messages.first(), Some(Message::System { .. })))
    }

    /// How many messages stand between the prompt and the question.
    fn said_before(&self) -> usize {
        self.given.saturating_sub(1).saturating_sub(self.beginning())
    }

    /// What was said before the question that has to go so that `most` tokens are left: the oldest messages.
    pub(super) fn to_summarise(&self, most: u64) -> &[Message] {
        let mut excess = self.excess(most);
        if excess == 0 {
            return &[];
        }
        excess += SUMMARY;
        let (begin, end) = (self.beginning(), self.beginning() + self.said_before());
        let mut count = 0;
        for bytes in self.bytes.get(begin..end).unwrap_or_default() {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(*bytes);
            count += 1;
        }
        self.messages.get(begin..begin + count).unwrap_or_default()
    }

    /// Puts a summary in the place of the oldest `count` messages. It goes before the next thing that the user says, so that
    /// who speaks still alternates.
    pub(super) fn summarise(&mut self, count: usize, summary: String) {
        let begin = self.beginning();
        let count = count.min(self.said_before());
        self.messages.drain(begin..begin + count);
        self.bytes.drain(begin..begin + count);
        self.given -= count;
        if let (Some(Message::User { content }), Some(bytes)) =
            (self.messages.get_mut(begin), self.bytes.get_mut(begin))
        {
            content.insert(0, UserContent::text(summary));
            *bytes = self.messages.get(begin).map(size).unwrap_or_default();
            return;
        }
        let message = Message::user(summary);
        self.bytes.insert(begin, size(&message));
        self.messages.insert(begin, message);
        self.given += 1;
    }
}

/// What a tool answered, as text.
pub(super) fn text(result: &ToolResult) -> String {
    let texts = result.content.iter().map(|content| match content {
        ToolResultContent::Text(text) => text.text.clone(),
        ToolResultContent::Json { value } => value.to_string(),
        ToolResultContent::Image(_) => String::new(),
    });
    texts.collect::<Vec<_>>().join("\n")
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

    use super::super::digest::{beginning, digest};
    use super::{History, text};

    fn call(number: usize) -> (AssistantContent, ToolCall) {
        let call = AssistantContent::tool_call(
            format!("c{number}"),
            ToolName::new("kubernetes_logs").unwrap(),
            json!({"pod": format!("p{number}")}),
        );
        let AssistantContent::ToolCall(asked) = &call else { unreachable!() };
        let asked = asked.clone();
        (call, asked)
    }

    fn exchange(number: usize) -> [Message; 2] {
        let (call, asked) = call(number);
        let text = format!("<<<untrusted 0f l>>>\n{number} {}\n<<<end untrusted 0f>>>", "x".repeat(4_000));
        let result = asked.result(vec![ToolResultContent::text(text)]);
        [Message::Assistant(AssistantMessage::new(vec![call])), Message::tool_results(vec![result])]
    }

    fn take_out(history: &mut History, most: u64) -> Vec<String> {
        let places = history.to_take_out(most);
        let texts: Vec<String> = places.iter().map(|place| text(history.answer(*place).unwrap())).collect();
        for (place, text) in places.into_iter().zip(&texts) {
            history.replace(place, digest(text, Some("res-1")));
        }
        texts
    }

    #[test]
    fn the_oldest_answers_go_first_and_no_more_than_needed() {
        let messages: Vec<Message> =
            std::iter::once(Message::user("why?")).chain((0..8).flat_map(exchange)).collect();
        let mut history = History::new(messages, 1);
        let all = history.tokens();
        let taken = take_out(&mut history, all - 1_000);
        assert_eq!(taken.len(), 2);
        assert!(taken[0].contains("0 xx") && taken[1].contains("1 xx"));
        assert!(history.tokens() <= all - 1_000, "{} of {all}", history.tokens());
        assert!(take_out(&mut history, all - 1_000).is_empty(), "once is enough");
        let shown = serde_json::to_string(&history.messages()).unwrap();
        assert!(shown.contains("res-1") && shown.contains("7 xx") && shown.contains("why?"));
    }

    #[test]
    fn also_the_newest_go_but_the_last_one_which_is_cut() {
        let mut history = History::new(vec![Message::user("why?")], 1);
        let (calls, results): (Vec<_>, Vec<_>) = (0..4)
            .map(|number| {
                let (call, asked) = call(number);
                let text = format!("<<<untrusted 0f l>>>\n{}\n<<<end untrusted 0f>>>", "y\n".repeat(4_000));
                (call, asked.result(vec![ToolResultContent::text(text)]))
            })
            .unzip();
        history.push(Message::Assistant(AssistantMessage::new(calls)));
        history.push(Message::tool_results(results));
        assert_eq!(take_out(&mut history, 2_000).len(), 3);
        let (place, left) = history.to_cut(2_000).unwrap();
        let whole = text(history.answer(place).unwrap());
        assert_eq!(history.arguments(place), "{\"pod\":\"p3\"}");
        history.replace(place, beginning(&whole, left, Some("res-2")));
        assert!(history.tokens() <= 2_000, "{}", history.tokens());
        assert!(history.to_cut(2_000).is_none());
    }

    #[test]
    fn a_short_conversation_stays_whole() {
        let messages: Vec<Message> = exchange(1).into_iter().collect();
        let history = History::new(messages.clone(), 2);
        assert!(history.to_take_out(100_000).is_empty() && history.to_cut(100_000).is_none());
        assert!(history.to_summarise(100_000).is_empty());
        assert_eq!(history.messages(), messages);
    }

    #[test]
    fn of_a_long_chat_the_oldest_goes_and_prompt_and_question_stay() {
        let said = |number: usize| {
            let text = format!("{number} {}", "word ".repeat(400));
            if number.is_multiple_of(2) { Message::user(text) } else { Message::assistant(text) }
        };
        let mut messages = vec![Message::system("the prompt")];
        messages.extend((0..11).map(said));
        let given = messages.len();
        let mut history = History::new(messages, given);
        let count = history.to_summarise(3_000).len();
        assert!((1..10).contains(&count), "{count}");
        history.summarise(count, "the summary".to_owned());
        assert!(history.tokens() <= 3_000, "{}", history.tokens());
        let left = history.messages();
        assert!(matches!(&left[0], Message::System { content } if content == "the prompt"));
        let shown = serde_json::to_string(&left).unwrap();
        assert!(shown.contains("the summary") && shown.contains("10 word") && !shown.contains("\"0 word"));
        // Even where only the question can stay.
        let count = history.to_summarise(10).len();
        history.summarise(count, "shorter".to_owned());
        let left = history.messages();
        assert!(left.len() <= 3 && history.to_summarise(10).len() <= 1, "{left:?}");
        assert!(serde_json::to_string(&left).unwrap().contains("10 word"));
    }

    #[test]
    fn what_the_provider_counts_is_believed() {
        let mut history = History::new(vec![Message::user("x".repeat(4_000))], 1);
        let estimated = history.tokens();
        history.counted(estimated, estimated * 2);
        assert!(history.tokens().abs_diff(estimated * 2) <= 1, "{}", history.tokens());
        history.counted(estimated, estimated / 2);
        assert_eq!(history.tokens(), estimated, "never less than estimated");
        assert!(!history.overflowed(), "there is nothing to shorten");
        assert!(history.tokens() > estimated);
    }
}
