//! Prompts: Markdown files with named slots.
//!
//! A slot is written `{{name}}`. The text may begin with front matter that states its version. What a prompt's file says
//! is trusted; what is put into its slots has been through the egress guard.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

/// Longest prompt that is read, bytes.
pub(crate) const MOST_BYTES: u64 = 256 << 10;

static SLOT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}").ok());

/// A prompt's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    text: String,
    /// The first 16 hexadecimal digits of the SHA-256 of its text: stored with every run.
    pub(crate) hash: String,
}

impl Prompt {
    /// Reads a prompt; front matter is cut off.
    pub(crate) fn new(text: &str) -> Self {
        let hash = hex::encode(Sha256::digest(text.as_bytes())).chars().take(16).collect();
        Self { text: without_front_matter(text).trim().to_owned(), hash }
    }

    /// The slots that it names, each once.
    pub(crate) fn slots(&self) -> Vec<&str> {
        let mut names: Vec<&str> = SLOT
            .iter()
            .flat_map(|slot| slot.captures_iter(&self.text))
            .filter_map(|found| found.get(1))
            .map(|name| name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The text with its slots filled. What is put in is not looked at for slots again.
    pub(crate) fn fill(&self, values: &BTreeMap<&str, String>) -> String {
        let Some(slot) = SLOT.as_ref() else { return self.text.clone() };
        let filled = slot.replace_all(&self.text, |found: &regex::Captures<'_>| {
            found.get(1).and_then(|name| values.get(name.as_str())).cloned().unwrap_or_default()
        });
        filled.into_owned()
    }
}

fn without_front_matter(text: &str) -> &str {
    text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map_or(text, |(_, body)| body)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Prompt;

    #[test]
    fn slots_are_filled_once_and_never_from_what_was_put_in() {
        let prompt = Prompt::new("---\nversion: 3\n---\nLook at {{ incident }}. {{question}} {{nothing}}");
        assert_eq!(prompt.slots(), ["incident", "nothing", "question"]);
        let values =
            BTreeMap::from([("incident", "{{question}}".to_owned()), ("question", "Why?".to_owned())]);
        assert_eq!(prompt.fill(&values), "Look at {{question}}. Why? ");
    }

    #[test]
    fn the_hash_changes_with_the_text() {
        assert_ne!(Prompt::new("a").hash, Prompt::new("b").hash);
        assert_eq!(Prompt::new("a").hash.len(), 16);
    }
}
