//! Shows an answer while it is made: with what was replaced for the model put back, and without the calls of tools that
//! small models write into it.

use super::{PATIENCE, Shared, spoken};
use crate::agents::progress::RunEvent;

/// No placeholder is longer.
const LONGEST_PLACEHOLDER: usize = 80;

/// What begins a call, and what a block may be one in.
const TAG: &str = "<tool_call>";
const FENCE: &str = "```";

/// Holds back what must not be torn or may not be shown.
pub(super) struct Speaker<'a> {
    /// The tools that may be called.
    offered: &'a [&'a str],
    held: String,
    /// Whether something was shown.
    begun: bool,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(offered: &'a [&'a str]) -> Self {
        Self { offered, held: String::new(), begun: false }
    }

    pub(super) async fn say(&mut self, piece: &str, shared: &Shared) {
        let ready = self.take(piece);
        show(&ready, shared).await;
    }

    pub(super) async fn finish(self, shared: &Shared) {
        show(&self.rest(), shared).await;
    }

    /// Hears a piece; what can be shown now.
    fn take(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let end = self.end();
        let ready: String = self.held.drain(..end).collect();
        self.begun |= !ready.trim().is_empty();
        ready
    }

    /// The last of it; nothing where that is a call.
    fn rest(self) -> String {
        if spoken::calls(&self.held, self.offered, 0).is_some() { String::new() } else { self.held }
    }

    /// Up to where it can be shown.
    fn end(&self) -> usize {
        let whole = whole_placeholders(&self.held);
        if self.offered.is_empty() { whole } else { whole.min(self.before_calls()) }
    }

    /// Where what may be a call begins.
    fn before_calls(&self) -> usize {
        let bare = self.held.trim_start();
        if !self.begun && (bare.is_empty() || bare.starts_with(['{', '['])) {
            return 0;
        }
        let mut from = 0;
        loop {
            let rest = self.held.get(from..).unwrap_or_default();
            let tag = rest.find(TAG).unwrap_or(rest.len());
            let Some(fence) = rest.find(FENCE).filter(|fence| *fence < tag) else {
                let begun = rest.len() - rest.trim_end_matches('`').len();
                return from + tag.min(rest.len() - begun);
            };
            let inside = rest.get(fence + FENCE.len()..).unwrap_or_default();
            let Some(length) = inside.find(FENCE) else { return from + fence };
            let end = fence + length + 2 * FENCE.len();
            let block = rest.get(fence..end).unwrap_or_default();
            if spoken::calls(block, self.offered, 0).is_some() {
                return from + fence;
            }
            from += end;
        }
    }
}

/// A placeholder must not be torn: from its beginning on, text is held back until it is whole.
fn whole_placeholders(text: &str) -> usize {
    let open = text.rfind('<').filter(|at| !text.get(*at..).unwrap_or_default().contains('>'));
    open.filter(|at| text.len() - at < LONGEST_PLACEHOLDER).unwrap_or(text.len())
}

async fn show(text: &str, shared: &Shared) {
    if !text.is_empty() {
        let text = shared.session.restore(text);
        shared.progress.say(RunEvent::Text { text }, PATIENCE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Speaker;

    /// What is shown of a text that comes character by character, before its end and then.
    fn shown(text: &str, offered: &[&str]) -> (String, String) {
        let mut speaker = Speaker::new(offered);
        let mut before = String::new();
        for character in text.chars() {
            before.push_str(&speaker.take(&character.to_string()));
        }
        (before, speaker.rest())
    }

    const TOOLS: [&str; 1] = ["kubernetes_logs"];

    #[test]
    fn a_call_that_is_written_as_text_is_not_shown() {
        let call = r#"{"name": "kubernetes_logs", "arguments": {"pod": "a"}}"#;
        for (text, prose) in [
            (format!("<tool_call>\n{call}\n</tool_call>"), ""),
            (format!("Let me look.\n<tool_call>{call}</tool_call>\n"), "Let me look.\n"),
            (format!("\n  {call}"), ""),
            (format!("[{call}]"), ""),
            (format!("```json\n{call}\n```"), ""),
            (
                format!("As in\n```\nkind: Pod\n```\nI call\n```json\n{call}\n```"),
                "As in\n```\nkind: Pod\n```\nI call\n",
            ),
        ] {
            assert_eq!(shown(&text, &TOOLS), (prose.to_owned(), String::new()), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_call_and_is_none_is_shown_in_the_end() {
        for text in [
            "{\"phase\": \"Running\"}",
            "<tool_call>nonsense",
            "Use `kubectl get pods` or\n```sh\nkubectl logs a\n```\nand then `",
            "a ``` that never ends",
            "1 < 2 and <b>",
            "",
        ] {
            let (before, rest) = shown(text, &TOOLS);
            assert_eq!(format!("{before}{rest}"), text);
        }
        assert_eq!(shown("a\n```sh\nb\n```\nc", &TOOLS).0, "a\n```sh\nb\n```\nc");
    }

    #[test]
    fn a_placeholder_is_not_torn_and_without_tools_nothing_else_is_held() {
        let mut speaker = Speaker::new(&[]);
        assert_eq!(speaker.take("{\"key\": \"<secret"), "{\"key\": \"");
        assert_eq!(speaker.take(":1>\"}"), "<secret:1>\"}");
        assert_eq!(speaker.take("`"), "`");
    }
}
