//! Showing an answer while it is made: whole words, with what was replaced for the model put back.
//!
//! What is shown is the answer: nothing is said that is not part of it, and nothing of it is taken back. A call that a
//! model writes as text is not said.

use super::markup::Markup;
use super::{PATIENCE, Shared, Turn, spoken};
use crate::agents::progress::RunEvent;

/// No placeholder is longer, bytes.
const LONGEST_PLACEHOLDER: usize = 80;

/// A word that is longer is shown in parts, bytes.
const LONGEST_WORD: usize = 4_096;

/// One turn of an answer that is shown.
pub(super) struct Speaker<'a> {
    shared: &'a Shared,
    /// Whether anything is shown at all.
    aloud: bool,
    /// Tools that a text may call.
    offered: Vec<String>,
    /// Texts at which the answer ends: not every provider knows them.
    stop: Vec<String>,
    /// Whether one of them came.
    stopped: bool,
    /// Whether something was said in an earlier turn.
    follows: bool,
    held: String,
    said: String,
    markup: Markup,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(shared: &'a Shared, turn: &Turn, follows: bool) -> Self {
        Self {
            shared,
            aloud: turn.aloud,
            offered: turn.tools.iter().map(|tool| tool.name.to_string()).collect(),
            stop: turn.stop.clone(),
            stopped: false,
            follows,
            held: String::new(),
            said: String::new(),
            markup: Markup::default(),
        }
    }

    /// Takes a piece. A word, and so a placeholder or a link, is not torn: its beginning is held back until it is whole.
    pub(super) async fn say(&mut self, piece: &str) {
        if !self.aloud || self.stopped {
            return;
        }
        self.held.push_str(piece);
        self.stop();
        let call = call_begins(&self.held, self.said.is_empty(), &self.offered);
        let safe = self.held.get(..self.before_a_stop()).unwrap_or_default();
        let end = match call {
            Some(at) if at <= safe.len() => at,
            _ => safe.rfind(char::is_whitespace).unwrap_or_else(|| too_long(safe)),
        };
        let end = self.held.get(..end).unwrap_or_default().trim_end().len();
        let ready: String = self.held.drain(..end).collect();
        self.show(&ready).await;
    }

    /// Shows what was held back, unless it turned out to call tools. Returns all that was said, as it was shown.
    pub(super) async fn finish(mut self, calls: bool) -> String {
        if calls {
            let call = call_begins(&self.held, self.said.is_empty(), &self.offered);
            self.held.truncate(call.unwrap_or_default());
        }
        let rest = std::mem::take(&mut self.held);
        self.show(rest.trim_end()).await;
        self.said
    }

    /// Ends what is held at the first text that ends the answer.
    fn stop(&mut self) {
        if let Some(at) = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            self.stopped = true;
        }
    }

    /// How much may be shown without showing the beginning of a text that ends the answer.
    fn before_a_stop(&self) -> usize {
        let longest = self.stop.iter().map(String::len).max().unwrap_or_default();
        if self.stopped || longest == 0 {
            return self.held.len();
        }
        self.held.floor_char_boundary(self.held.len().saturating_sub(longest - 1))
    }

    async fn show(&mut self, text: &str) {
        let begins = self.said.is_empty();
        let text = if begins { text.trim_start() } else { text };
        if text.is_empty() {
            return;
        }
        let restored = self.markup.harmless(&self.shared.session.restore(text));
        let text = if begins && self.follows { format!("\n\n{restored}") } else { restored };
        self.said.push_str(&text);
        self.shared.progress.say(RunEvent::Text { text }, PATIENCE).await;
    }
}

/// Where a word that is too long to be held back may be torn.
fn too_long(held: &str) -> usize {
    if held.len() <= LONGEST_WORD {
        return 0;
    }
    let end = held.floor_char_boundary(held.len() - LONGEST_PLACEHOLDER);
    // Marks of more than one character are not torn.
    held.get(..end).map_or(end, |head| head.trim_end_matches(['!', '<', '/', '`']).len())
}

/// Where a call that is written as text begins, or may begin; `first`: nothing stands before `text`.
fn call_begins(text: &str, first: bool, offered: &[String]) -> Option<usize> {
    if offered.is_empty() {
        return None;
    }
    let bare = Some(text.len() - text.trim_start().len()).filter(|_| first && may_be_json(text.trim_start()));
    let tag = text.find("<tool_call>");
    [bare, tag, fence(text, offered)].into_iter().flatten().min()
}

/// Whether a whole text may be a call without anything around it.
fn may_be_json(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(list) => list.trim_start().is_empty() || list.trim_start().starts_with('{'),
        None => text.starts_with('{'),
    }
}

/// The first fenced block that calls something, or is not closed yet.
fn fence(text: &str, offered: &[String]) -> Option<usize> {
    const MARK: &str = "```";
    let offered: Vec<&str> = offered.iter().map(String::as_str).collect();
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find(MARK)?;
        let inside = open + MARK.len();
        let Some(close) = text.get(inside..)?.find(MARK).map(|at| inside + at + MARK.len()) else {
            return Some(open);
        };
        if spoken::calls(text.get(open..close)?, &offered, 0).is_some() {
            return Some(open);
        }
        from = close;
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_WORD, call_begins, too_long};

    fn begins(text: &str) -> Option<usize> {
        call_begins(text, true, &["kubernetes_logs".to_owned()])
    }

    #[test]
    fn what_may_be_a_call_is_held_back_from_its_beginning() {
        assert_eq!(begins("Let me look.\n<tool_call>{\"name\""), Some(13));
        assert_eq!(begins(" {\"name\": "), Some(1));
        assert_eq!(begins("[\n{\"name\""), Some(0));
        assert_eq!(begins("["), Some(0));
        assert_eq!(begins("So:\n```json\n{\"tool\": \"kubernetes_logs\"}\n```"), Some(4));
        assert_eq!(begins("So:\n```yaml\nkind: Pod"), Some(4));
    }

    #[test]
    fn prose_is_not_held_back() {
        for text in [
            "It ends [E7].",
            "[E7] shows it.",
            "The value is {a}.",
            "So:\n```yaml\nkind: Pod\n```\nThat is it.",
            "So:\n```json\n{\"tool\": \"another\"}\n```\n",
        ] {
            assert_eq!(begins(text), None, "{text}");
        }
        assert_eq!(call_begins("{\"name\": ", false, &["x".to_owned()]), None);
        assert_eq!(call_begins("<tool_call>", true, &[]), None);
    }

    #[test]
    fn a_word_without_end_is_not_held_back_for_ever() {
        assert_eq!(too_long(&"x".repeat(LONGEST_WORD)), 0);
        assert!(too_long(&"é".repeat(LONGEST_WORD)) > LONGEST_WORD);
    }
}
