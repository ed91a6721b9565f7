//! What the agents of one run have seen, numbered so that they can cite it.
//!
//! It begins with the Evidence of the incident and goes on with what tools observed. A conclusion that cites a number
//! which is not here is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tools::Observation;
use crate::incident::{Evidence, EvidenceId};

/// Code of Evidence that a tool brought.
const OBSERVED: &str = "agent.observation";

/// Most observations of one run; further ones are read by the agents and cannot be cited.
const MOST: usize = 400;

/// The numbered Evidence of one run, shared by its agents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<BTreeMap<EvidenceId, Evidence>>>);

impl Ledger {
    /// Begins with what the incident knows.
    pub(crate) fn of(evidence: &[Evidence]) -> Self {
        let known = evidence.iter().map(|evidence| (evidence.id, evidence.clone())).collect();
        Self(Arc::new(Mutex::new(known)))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<EvidenceId, Evidence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers what a tool saw. The same observation keeps its number.
    pub(crate) fn enter(&self, observations: Vec<Observation>) -> Vec<Evidence> {
        let mut entries = self.entries();
        let mut entered = Vec::new();
        for seen in observations {
            let same = |known: &&Evidence| known.object == seen.object && known.statement == seen.statement;
            if let Some(known) = entries.values().find(same) {
                entered.push(known.clone());
                continue;
            }
            if entries.len() >= MOST {
                break;
            }
            let id = EvidenceId(entries.keys().next_back().map_or(1, |last| last.0 + 1));
            let evidence = Evidence {
                id,
                source: seen.source,
                code: OBSERVED.to_owned(),
                object: seen.object,
                statement: seen.statement,
                strength: seen.strength,
                at: seen.at,
                fields: seen.fields,
            };
            entries.insert(id, evidence.clone());
            entered.push(evidence);
        }
        entered
    }

    /// Puts back what an earlier process had numbered. A number that is taken stays with what has it.
    pub(crate) fn restore(&self, seen: Vec<Evidence>) {
        let mut entries = self.entries();
        for evidence in seen {
            if entries.len() >= MOST {
                break;
            }
            entries.entry(evidence.id).or_insert(evidence);
        }
    }

    /// The Evidence with this number.
    pub(crate) fn get(&self, id: EvidenceId) -> Option<Evidence> {
        self.entries().get(&id).cloned()
    }

    /// Everything, by number.
    pub(crate) fn all(&self) -> Vec<Evidence> {
        self.entries().values().cloned().collect()
    }

    /// Whether an object was seen at all.
    pub(crate) fn has_seen(&self, object: &crate::incident::ObjectRef) -> bool {
        self.entries().values().any(|evidence| evidence.object == *object)
    }
}

/// Reads `E12`, `[E12]` or `12`.
pub(crate) fn number(text: &str) -> Option<EvidenceId> {
    let digits = text.trim().trim_start_matches(['[', 'E', 'e']).trim_end_matches(']');
    digits.parse().ok().map(EvidenceId)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{Ledger, number};
    use crate::agents::tools::Observation;
    use crate::incident::{EvidenceId, EvidenceSource, ObjectRef, Score};

    fn observation(statement: &str) -> Observation {
        Observation {
            source: EvidenceSource::Log,
            object: ObjectRef::new("Pod", "shop", "checkout-1"),
            statement: statement.to_owned(),
            strength: Score::new(0.5),
            at: Timestamp::UNIX_EPOCH,
            fields: BTreeMap::new(),
        }
    }

    #[test]
    fn the_same_observation_keeps_its_number() {
        let ledger = Ledger::default();
        let first = ledger.enter(vec![observation("a"), observation("b")]);
        let again = ledger.enter(vec![observation("b"), observation("c")]);
        let ids = |evidence: Vec<crate::incident::Evidence>| {
            evidence.into_iter().map(|e| e.id.0).collect::<Vec<_>>()
        };
        assert_eq!((ids(first), ids(again)), (vec![1, 2], vec![2, 3]));
        assert!(ledger.get(EvidenceId(4)).is_none());
    }

    #[test]
    fn what_is_restored_keeps_its_number_and_new_ones_come_after_it() {
        let before = Ledger::default();
        let seen = before.enter(vec![observation("a"), observation("b")]);
        let after = Ledger::of(&seen[..1]);
        after.restore(seen.clone());
        after.restore(vec![crate::incident::Evidence { statement: "other".to_owned(), ..seen[0].clone() }]);
        assert_eq!(after.get(EvidenceId(1)), Some(seen[0].clone()));
        assert_eq!(after.get(EvidenceId(2)), Some(seen[1].clone()));
        assert_eq!(after.enter(vec![observation("c")])[0].id, EvidenceId(3));
    }

    #[test]
    fn numbers_are_read_as_models_write_them() {
        assert_eq!(number("E12"), Some(EvidenceId(12)));
        assert_eq!(number(" [e3] "), Some(EvidenceId(3)));
        assert_eq!(number("7"), Some(EvidenceId(7)));
        assert_eq!(number("the log"), None);
    }
}
