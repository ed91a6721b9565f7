//! Identifiers of incidents.

use std::fmt;

use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

/// Crockford base 32: no letters that a tired reader mistakes for digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Number of random characters: 60 bits, so that a collision among a million incidents has odds of one in a million.
const LENGTH: usize = 12;

/// Names one incident, for instance `inc-7h2kq0m4x9ta`. Short enough to read out on a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(String);

impl IncidentId {
    /// A new random identifier.
    #[must_use]
    pub fn random() -> Self {
        let mut rng = rand::rng();
        let tail = (0..LENGTH).filter_map(|_| ALPHABET.choose(&mut rng)).map(|byte| char::from(*byte));
        Self("inc-".chars().chain(tail).collect())
    }

    /// Takes an identifier that was made earlier: from the store, a path or a command line. Any text is accepted here;
    /// whether such an incident exists is for the store to say.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
