//! What a model has turned out not to take. Names of models say too little, and gateways stand between; so a refusal
//! that names the field is believed, and the field is left out from then on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::overflow;

/// What is left out or said otherwise.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// Answers come whole only.
    pub(super) whole_only: Quirk,
    /// The limit of the answer is called `max_completion_tokens`.
    pub(super) completion_limit: Quirk,
    /// Randomness cannot be set.
    pub(super) no_temperature: Quirk,
    /// There is no native structured output.
    pub(super) no_schema: Quirk,
    /// No tool can be forced.
    pub(super) no_forced_tool: Quirk,
    /// How much it can read, tokens; 0: it has not said.
    window: AtomicU64,
}

/// Something that is found out at most once.
#[derive(Debug, Default)]
pub(super) struct Quirk(AtomicBool);

impl Quirk {
    pub(super) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn learn(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The words of a field in a refusal, lower case.
const SCHEMA: [&str; 5] =
    ["response_format", "json_schema", "output_config", "responsejsonschema", "structured output"];

/// How refusals name streaming; the bare word is in "upstream" too.
const STREAM: [&str; 5] = ["streaming", "`stream`", "'stream'", "\"stream\"", "stream_options"];

impl Learned {
    /// How much the model has said that it can read, tokens.
    pub(super) fn window(&self) -> Option<u64> {
        Some(self.window.load(Ordering::Relaxed)).filter(|window| *window > 0)
    }

    /// Learns from the refusal of a conversation that was too long.
    pub(super) fn overflowed(&self, text: &str) {
        if let Some(window) = overflow::window(text) {
            self.window.store(window, Ordering::Relaxed);
        }
    }

    /// Learns from a refusal; whether the same question is worth asking again, said otherwise. Only what was sent can be
    /// the reason, and is not sent again, so nothing is asked otherwise for ever.
    pub(super) fn believe(&self, status: u16, text: &str, sent: &Sent) -> bool {
        if !matches!(status, 400 | 404 | 415 | 422 | 501) {
            return false;
        }
        let text = text.to_ascii_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| text.contains(word));
        // The order matters: OpenAI's refusal of `max_tokens` is the only one that names its own remedy.
        let reasons = [
            (sent.max_tokens && named(&["max_completion_tokens"]), &self.completion_limit),
            (sent.temperature && named(&["temperature"]), &self.no_temperature),
            (sent.schema && named(&SCHEMA), &self.no_schema),
            (sent.forced_tool && named(&["tool_choice"]), &self.no_forced_tool),
            (sent.streamed && named(&STREAM), &self.whole_only),
        ];
        let reason = reasons.iter().find_map(|(fits, quirk)| fits.then_some(*quirk));
        reason.map(Quirk::learn).is_some()
    }
}

/// What a question held that may be refused.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) temperature: bool,
    pub(super) schema: bool,
    pub(super) forced_tool: bool,
    pub(super) streamed: bool,
    /// The limit of the answer under its old name.
    pub(super) max_tokens: bool,
}

#[cfg(test)]
mod tests {
    use super::{Learned, Sent};

    #[test]
    fn a_refusal_that_names_a_field_is_believed() {
        let learned = Learned::default();
        let text = "Unsupported value: 'temperature' does not support 0 with this model.";
        assert!(learned.believe(400, text, &Sent { temperature: true, ..Sent::default() }));
        let limit = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
        assert!(learned.believe(400, limit, &Sent { max_tokens: true, ..Sent::default() }));
        assert!(learned.no_temperature.is_known() && learned.completion_limit.is_known());
        assert!(!learned.no_schema.is_known() && !learned.whole_only.is_known());
    }

    #[test]
    fn what_was_not_sent_cannot_be_the_reason() {
        let learned = Learned::default();
        let text = "temperature, 'stream', json_schema, tool_choice, max_completion_tokens";
        assert!(!learned.believe(400, text, &Sent::default()));
        let all =
            Sent { temperature: true, schema: true, forced_tool: true, streamed: true, max_tokens: true };
        assert!(!learned.believe(401, text, &all));
        assert!(!learned.believe(400, "an upstream error", &all));
    }
}
