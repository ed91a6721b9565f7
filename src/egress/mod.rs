//! The one place through which text leaves for a model, an embedding endpoint, a trace or a chat.
//!
//! Owns what a secret looks like, what stands in its place, the fence around untrusted text, and which text speaks to a
//! model. It fails closed: text that could not be looked at to its end is withheld, never passed on as it is.
//!
//! A [`Session`] is one run or one conversation: the same value has the same placeholder throughout. Secrets are never
//! put back. Addresses, and what rules of the operator call private, are put back for people by [`Session::restore`].

mod clean;
mod detect;
mod encoded;
mod entropy;
mod fence;
mod instructions;
mod manifest;
mod memory;
mod pattern;
mod personal;
mod placeholder;
mod rule;
mod session;
#[cfg(test)]
mod tests;
mod value;
mod view;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::settings::EgressSettings;
use detect::Detector;
use instructions::Instructions;
pub use memory::Memory;
use personal::Personal;
use rule::Rules;
pub use session::{Flag, Session};

/// Longest text that is looked at, bytes. What is longer is cut before, and says so.
pub const MOST_BYTES: usize = 1 << 20;
/// How far before the cut a blank is looked for, so that no word is cut in two, bytes.
const CUT_WINDOW: usize = 64 << 10;

/// What finds secrets, private data and instructions. Compiled once, cheap to clone.
#[derive(Clone)]
pub struct Egress(Arc<Guard>);

struct Guard {
    detector: Detector,
    instructions: Instructions,
}

/// Why the guard cannot be set up. Nothing may be sent without it.
#[derive(Debug, Error)]
pub enum EgressError {
    /// The rule file cannot be read.
    #[error("could not read {path}", path = .path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The rule file is too large.
    #[error("{path} has {size} bytes; a rule file has at most 1 MiB", path = .path.display())]
    Size {
        /// Path of the file.
        path: PathBuf,
        /// Its size, bytes.
        size: u64,
    },
    /// The rule file is not of the form that is described in the built-in one.
    #[error("{place} is no rule file")]
    Form {
        /// Which file.
        place: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A rule has no usable name.
    #[error("\"{0}\" is no name of a rule; use at most 40 small letters, digits and dashes")]
    Name(String),
    /// A rule matches everywhere.
    #[error("the pattern of rule {0} matches the empty text, so it would match everywhere")]
    Empty(String),
    /// A pattern does not compile, or is too large when compiled.
    #[error("a pattern of rule {rule} does not compile")]
    Pattern {
        /// Name of the rule.
        rule: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// The keywords cannot be indexed.
    #[error("the keywords of the rules cannot be indexed")]
    Keywords(#[source] aho_corasick::BuildError),
}

impl Egress {
    /// Compiles the built-in rules and those of the settings.
    ///
    /// # Errors
    /// When the rule file cannot be read, is not of the right form, or a pattern does not compile.
    pub fn new(settings: &EgressSettings) -> Result<Self, EgressError> {
        let rules = Rules::load(settings.rules.as_deref())?;
        let detector = Detector::new(rules, Personal::new(settings));
        let instructions = Instructions::new(Rules::instructions()?);
        Ok(Self(Arc::new(Guard { detector, instructions })))
    }

    /// A new run or conversation, with its own placeholders and markers.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// A run that another process has begun: with its fence, its flags, and placeholders that go on after its own.
    #[must_use]
    pub fn resume(&self, memory: Memory) -> Session {
        Session::resumed(self.clone(), memory)
    }

    /// The text without secrets and private data, for logs, traces and embeddings. Placeholders are those of this one
    /// text.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.session().trusted(text)
    }

    /// [`Session::for_people`] as a function, each text in a session of its own.
    #[must_use]
    pub fn for_people(&self) -> Arc<dyn Fn(&str) -> String + Send + Sync> {
        let egress = self.clone();
        Arc::new(move |text: &str| egress.session().for_people(text))
    }

    /// [`Self::scrub`] as a function, for what sends text and knows nothing of this room.
    #[must_use]
    pub fn scrubber(&self) -> Arc<dyn Fn(&str) -> String + Send + Sync> {
        let egress = self.clone();
        Arc::new(move |text| egress.scrub(text))
    }
}

/// The text within [`MOST_BYTES`], and what to say of the rest; `None` if there is no place to cut it.
fn bounded(text: &str) -> Option<(&str, Cow<'static, str>)> {
    if text.len() <= MOST_BYTES {
        return Some((text, Cow::Borrowed("")));
    }
    let end = (0..=MOST_BYTES).rev().find(|at| text.is_char_boundary(*at))?;
    let start = (0..=end.saturating_sub(CUT_WINDOW)).rev().find(|at| text.is_char_boundary(*at))?;
    let window = text.get(start..end)?;
    let at = window.rfind(char::is_whitespace).or_else(|| window.rfind([',', '"', ';', '}', '>']))?;
    let kept = text.get(..start + at)?;
    let note = format!("\n[cut: the first {} of {} bytes are shown]", kept.len(), text.len());
    Some((kept, Cow::Owned(note)))
}
