//! Settings that a program cannot use: whoever holds the setting is at fault.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use super::rollout::Rollout;
use super::settings;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::incident::{Evidence, ObjectRef};

/// What a program says that ends over a setting.
const SAID: [Code; 2] = [codes::LOG_CONFIG_INVALID, codes::LOG_CONFIG_MISSING];

/// What shows that it ended, by itself.
const ENDED: [Code; 4] = [codes::EXITED, codes::CRASH_LOOP, codes::RESTARTED, codes::NOT_READY];

/// `config.invalid_value`: about the ConfigMap or Secret that holds the setting, else about the workload. Where a rollout
/// changed the workload's own setting, that is told as the rollout.
pub(super) fn unusable(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&SAID).filter(|piece| is_trouble(piece)) {
        found.entry(facts.index.workload_of(&piece.object)).or_default().push(piece);
    }
    found.into_iter().filter_map(|(workload, told)| candidate(facts, &workload, &told)).collect()
}

fn candidate(facts: &Facts<'_>, workload: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let ended: Vec<_> = facts.about(workload, &ENDED).into_iter().filter(|piece| is_trouble(piece)).collect();
    let killed = !facts.about(workload, &[codes::OOM_KILLED]).is_empty();
    if ended.is_empty() || killed {
        return None;
    }
    let first = told.iter().find(|piece| piece.fields.contains_key("variable")).or(told.first())?;
    let holder = match (first.fields.get("variable"), first.fields.get("config_file")) {
        (_, Some(file)) => settings::holder_of_file(facts, workload, file),
        (Some(variable), None) => settings::holder_of_variable(facts, workload, variable),
        (None, None) => return None,
    };
    let rollout = Rollout::behind(facts, workload, &ended);
    if rollout.is_some() && holder.object == *workload {
        return None;
    }
    let sure = if holder.path.is_empty() { 0.8 } else { 1.0 };
    let statement = format!("{workload} ends over a setting{}: {}", holder.describe(), first.statement);
    let candidate = Candidate::new(confidence::CONFIG_INVALID, holder.object, statement).times(sure);
    let shown = rollout.and_then(|rollout| rollout.shown);
    Some(
        candidate
            .because(told.iter().copied())
            .because(ended)
            .because_of(shown)
            .explaining([workload.clone()]),
    )
}
