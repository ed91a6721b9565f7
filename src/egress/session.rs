//! One run or conversation: what was replaced in it, what was suspicious, and its fence.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::clean::{Clean, clean};
use super::detect::{Found, Refusal, apart};
use super::fence::Fence;
use super::instructions::Suspicion;
use super::memory::Memory;
use super::placeholder::Placeholders;
use super::{Egress, bounded};
use crate::telemetry::metrics;

/// Most flags that are kept; more of them say nothing more.
const MOST_FLAGS: usize = 200;

/// Something in untrusted text that speaks to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The rule that matched.
    pub rule: String,
    /// Where the text came from, as the caller named it.
    pub source: String,
    /// What it says, scrubbed, at most 160 characters and their placeholders; empty where an earlier turn saw it.
    pub excerpt: String,
}

/// One run or conversation. Clones share everything.
#[derive(Clone)]
pub struct Session {
    egress: Egress,
    fence: Arc<Fence>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    placeholders: Placeholders,
    flags: Vec<Flag>,
    tainted: bool,
}

impl Session {
    pub(super) fn new(egress: Egress) -> Self {
        Self { egress, fence: Arc::new(Fence::new()), state: Arc::default() }
    }

    pub(super) fn resumed(egress: Egress, memory: Memory) -> Self {
        let Memory { marker, numbers, mut flags } = memory;
        flags.truncate(MOST_FLAGS);
        let placeholders = Placeholders::after(numbers);
        let state = State { placeholders, tainted: !flags.is_empty(), flags };
        let fence = Fence::with(marker).unwrap_or_else(Fence::new);
        Self { egress, fence: Arc::new(fence), state: Arc::new(Mutex::new(state)) }
    }

    /// What another process needs to go on; no value that was replaced is in it.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let state = self.state();
        let (numbers, flags) = (state.placeholders.numbers(), state.flags.clone());
        Memory { marker: self.fence.marker().to_owned(), numbers, flags }
    }

    /// Text of our own or of the user, without secrets and private data.
    #[must_use]
    pub fn trusted(&self, text: &str) -> String {
        closed(|| {
            let (text, note) = bounded(text).ok_or(Refusal::Incomplete)?;
            Ok(self.scrubbed(&clean(text).text)? + &note)
        })
    }

    /// Text of the world, scrubbed and fenced. What in it speaks to a model is flagged and taints the session.
    #[must_use]
    pub fn untrusted(&self, source: &str, text: &str) -> String {
        let source = self.trusted(source);
        self.fence.around(&source, &self.searched(&source, text))
    }

    /// What was answered earlier, scrubbed. It may repeat what was read for it: what in it speaks to a model is flagged and
    /// taints the session.
    #[must_use]
    pub fn answered(&self, text: &str) -> String {
        self.searched("an earlier answer", text)
    }

    /// Takes over what was flagged in an earlier turn of the same conversation: it taints this one, too.
    pub fn inherit(&self, rule: &str, source: &str) {
        let flag = Flag { rule: rule.to_owned(), source: source.to_owned(), excerpt: String::new() };
        self.taint(flag);
    }

    /// What a model is told about the fence of this session.
    #[must_use]
    pub fn preamble(&self) -> String {
        self.fence.preamble()
    }

    /// The text as people see it: addresses and private values put back, secrets not. Nothing is put into the path or the
    /// query of a link.
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        self.state().placeholders.restore(text)
    }

    /// What people may see of any text: without secrets, with their private values.
    #[must_use]
    pub fn for_people(&self, text: &str) -> String {
        self.restore(&self.trusted(text))
    }

    /// What was suspicious so far.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        self.state().flags.clone()
    }

    /// Whether anything was suspicious: then every Action of this run needs an approval.
    #[must_use]
    pub fn tainted(&self) -> bool {
        self.state().tainted
    }

    /// How many values were replaced, by rule.
    #[must_use]
    pub fn replaced(&self) -> BTreeMap<String, usize> {
        self.state().placeholders.replaced.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text scrubbed; what in it speaks to a model is flagged and taints the session.
    fn searched(&self, source: &str, text: &str) -> String {
        closed(|| {
            let (text, note) = bounded(text).ok_or(Refusal::Incomplete)?;
            let clean = clean(text);
            self.suspect(source, &clean)?;
            Ok(self.scrubbed(&clean.text)? + &note)
        })
    }

    fn suspect(&self, source: &str, clean: &Clean<'_>) -> Result<(), Refusal> {
        for Suspicion { rule, excerpt } in self.egress.0.instructions.find(clean) {
            let excerpt = self.scrubbed(&excerpt)?;
            metrics::egress_flagged(&rule);
            self.taint(Flag { rule, source: source.to_owned(), excerpt });
        }
        Ok(())
    }

    fn taint(&self, flag: Flag) {
        let mut state = self.state();
        state.tainted = true;
        if state.flags.len() < MOST_FLAGS {
            state.flags.push(flag);
        }
    }

    fn scrubbed(&self, text: &str) -> Result<String, Refusal> {
        let found = self.egress.0.detector.find(text)?;
        let state = &mut *self.state();
        let again = {
            let secrets = found.iter().filter_map(|one| Some((one, text.get(one.range.clone())?)));
            state.placeholders.remember(secrets);
            state.placeholders.again()
        };
        let found = apart(found.into_iter().chain(again.find(text)).collect());
        replaced(text, &found, &mut state.placeholders)
    }
}

fn replaced(text: &str, found: &[Found], placeholders: &mut Placeholders) -> Result<String, Refusal> {
    let mut scrubbed = String::with_capacity(text.len());
    let mut last = 0;
    for one in found {
        let before = text.get(last..one.range.start).ok_or(Refusal::Incomplete)?;
        let value = text.get(one.range.clone()).ok_or(Refusal::Incomplete)?;
        scrubbed.push_str(before);
        scrubbed.push_str(&placeholders.of(one, value));
        metrics::egress_replaced(&one.rule);
        last = one.range.end;
    }
    scrubbed.push_str(text.get(last..).ok_or(Refusal::Incomplete)?);
    Ok(scrubbed)
}

/// What comes out of `work`, or a word in its place: text that was not looked at to its end does not leave.
fn closed(work: impl FnOnce() -> Result<String, Refusal>) -> String {
    let why: Cow<'static, str> = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(text)) => return text,
        Ok(Err(Refusal::TooManyFindings)) => "it holds more secrets than can be replaced".into(),
        Ok(Err(Refusal::Incomplete)) => "it could not be searched for secrets to its end".into(),
        Err(_) => "the search for secrets failed".into(),
    };
    metrics::egress_replaced("withheld");
    format!("[withheld: {why}]")
}

#[cfg(test)]
mod tests {
    use super::closed;

    #[test]
    fn a_panic_withholds_the_text() {
        assert_eq!(closed(|| panic!("broken")), "[withheld: the search for secrets failed]");
    }
}
