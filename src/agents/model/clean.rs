//! Making text from a provider fit to be seen: no key, no secret, no more than a line.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

/// Replaces the secrets in a text. The last line of defence: callers scrub before, with what they know.
pub type Scrub = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Longest text of a provider in a message to people, characters.
const SHOWN: usize = 300;

/// What stands for the key.
const KEY: &str = "[key]";

/// Cleans what comes back from one provider.
#[derive(Clone)]
pub(super) struct Clean {
    scrub: Scrub,
    key: Option<SecretString>,
}

impl Clean {
    pub(super) fn new(scrub: Scrub, key: Option<SecretString>) -> Self {
        Self { scrub, key }
    }

    /// Without secrets and without the key, however long.
    pub(super) fn text(&self, text: &str) -> String {
        let without_key = match self.key.as_ref().map(|key| key.expose_secret()) {
            Some(key) if !key.is_empty() => text.replace(key, KEY),
            _ => text.to_owned(),
        };
        (self.scrub)(&without_key)
    }

    /// The same as one short line.
    pub(super) fn line(&self, text: &str) -> String {
        let clean = self.text(text);
        let line: Vec<&str> = clean.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let line = line.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }

    pub(super) fn scrub(&self) -> &Scrub {
        &self.scrub
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::SecretString;

    use super::Clean;

    #[test]
    fn a_line_holds_neither_the_key_nor_a_secret_nor_a_line_break() {
        let clean = Clean::new(
            Arc::new(|text: &str| text.replace("hunter2", "<secret>")),
            Some(SecretString::from("sk-test-1".to_owned())),
        );
        let line = clean.line("bad key sk-test-1\r\n\u{1b}[31mfor hunter2 ");
        assert_eq!(line, "bad key [key] [31mfor <secret>");
        assert_eq!(clean.line(&"ä".repeat(400)).chars().count(), 301);
    }
}
