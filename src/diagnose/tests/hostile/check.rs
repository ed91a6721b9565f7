//! What holds of every diagnosis, whatever it was made of.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::realistic::{LOGGED, SECRET};
use crate::diagnose::{Diagnosis, diagnose};
use crate::observe::{Objects, Snapshot};

/// Longest diagnosis of some dozen objects, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// Panics where a property does not hold.
pub(super) fn check(snapshot: &Snapshot) {
    let began = Instant::now();
    let diagnosis = diagnose(snapshot, &[]);
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    in_order(&diagnosis);
    cites_what_there_is(&diagnosis);
    clean(&diagnosis);
    let shown = serde_json::to_value(&diagnosis).unwrap();
    let text = shown.to_string();
    assert!(!text.contains(SECRET) && !text.contains(LOGGED), "a secret is shown: {shown:#}");
    same(&shown, &diagnose(snapshot, &[]), "the second time");
    same(&shown, &diagnose(&turned(snapshot), &[]), "with its objects in another order");
}

fn in_order(diagnosis: &Diagnosis) {
    let sure: Vec<f64> = diagnosis.hypotheses.iter().map(|found| found.confidence.value()).collect();
    assert!(sure.iter().all(|sure| sure.is_finite() && (0.0..=1.0).contains(sure)), "{sure:?}");
    assert!(sure.is_sorted_by(|left, right| left >= right), "{sure:?}");
    let strong: Vec<f64> = diagnosis.evidence.iter().map(|piece| piece.strength.value()).collect();
    assert!(strong.iter().all(|strong| strong.is_finite() && (0.0..=1.0).contains(strong)), "{strong:?}");
    assert!(strong.is_sorted_by(|left, right| left >= right), "{strong:?}");
}

fn cites_what_there_is(diagnosis: &Diagnosis) {
    let ids: BTreeSet<_> = diagnosis.evidence.iter().map(|piece| piece.id).collect();
    assert_eq!(ids.len(), diagnosis.evidence.len());
    for found in &diagnosis.hypotheses {
        assert!(!found.evidence_for.is_empty(), "{found:?}");
        let cited = found.evidence_for.iter().chain(&found.evidence_against);
        assert!(cited.into_iter().all(|id| ids.contains(id)), "{found:?}");
    }
}

/// Sentences and fields are made fit to show here; names of objects are made so where they are shown.
fn clean(diagnosis: &Diagnosis) {
    for piece in &diagnosis.evidence {
        let mut texts = piece.fields.iter().flat_map(|(name, value)| [name, value]).chain([&piece.statement]);
        assert_eq!(texts.find(|text| obeyed(text)), None, "{piece:?}");
    }
    let mut told = diagnosis.hypotheses.iter().map(|found| &found.statement).chain(&diagnosis.blind);
    assert_eq!(told.find(|text| obeyed(text)), None);
}

fn obeyed(text: &str) -> bool {
    text.contains(|character: char| character.is_control() || character == '\u{202e}')
}

fn same(first: &Value, again: &Diagnosis, when: &str) {
    let again = serde_json::to_value(again).unwrap();
    for part in ["evidence", "hypotheses", "blind", "healthy", "graph"] {
        let (first, again) = (first[part].to_string(), again[part].to_string());
        let at = first.bytes().zip(again.bytes()).take_while(|(one, other)| one == other).count();
        let near = |text: &str| text.chars().skip(at.saturating_sub(200)).take(600).collect::<String>();
        assert!(first == again, "{part} differs {when}:\n{}\n{}", near(&first), near(&again));
    }
}

/// The same Snapshot with every list of objects turned round.
fn turned(snapshot: &Snapshot) -> Snapshot {
    let mut objects = serde_json::to_value(&snapshot.objects).unwrap();
    for list in objects.as_object_mut().unwrap().values_mut().filter_map(Value::as_array_mut) {
        list.reverse();
    }
    let objects: Objects = serde_json::from_value(objects).unwrap();
    Snapshot { objects, ..snapshot.clone() }
}
