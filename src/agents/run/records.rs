//! Where the runs of one step of an incident, or of one turn of a chat, are kept; and what an earlier process has left of
//! that step.
//!
//! A step that is repeated after a crash finds its runs here: those that had ended give their answer again without asking
//! a model, the others go on where they stopped. What a run is asked names it ([`Task`]), so a changed prompt or another
//! question begins anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::agents::model::Spent;
use crate::egress::Memory;
use crate::incident::{Evidence, Incident, IncidentId};
use crate::store::{ConversationId, KeptRun, RunId, RunKind, RunMessage, RunState, Store};

/// Where runs are kept, and what was kept of the same step before. Cheap to clone; clones share it.
#[derive(Clone)]
pub(crate) struct Records {
    pub(super) store: Store,
    pub(super) kind: RunKind,
    pub(super) incident: Option<IncidentId>,
    pub(super) conversation: Option<ConversationId>,
    pub(super) step: Option<String>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What the step began with, until its first run carries it.
    ground: Option<Value>,
    earlier: Vec<Earlier>,
    lead: Option<RunId>,
}

impl State {
    /// Numbers of Evidence mean nothing without what the step began with: without it, nothing earlier is of use.
    fn begin(ground: Option<Value>, earlier: Vec<Earlier>) -> Self {
        let carried = earlier.iter().any(|earlier| earlier.run.ground.is_some());
        match ground {
            Some(ground) if !carried => Self { ground: Some(ground), ..Self::default() },
            _ => Self { ground: None, earlier, lead: None },
        }
    }
}

/// A run of the same step that an earlier process, or an earlier try, has left.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    pub(crate) run: KeptRun,
    pub(crate) messages: Vec<RunMessage>,
}

/// What an agent is asked, and when within its step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) agent: &'a str,
    /// The hash of its prompt.
    pub(crate) prompt: &'a str,
    pub(crate) question: &'a str,
    /// In which dispatch of specialists, from 1; 0 before the first.
    pub(crate) cycle: u32,
}

impl Task<'_> {
    /// Names the task within its step.
    pub(super) fn key(&self) -> String {
        let mut digest = Sha256::new();
        for part in [self.agent, self.prompt, self.question, &self.cycle.to_string()] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        hex::encode(digest.finalize()).chars().take(32).collect()
    }
}

/// What all earlier runs of a step have used and seen.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) memory: Memory,
    pub(super) spent: Spent,
    pub(super) seen: Vec<Evidence>,
}

impl Records {
    /// Of runs that nobody goes on with.
    pub(crate) fn of(store: Store, kind: RunKind) -> Self {
        Self { store, kind, incident: None, conversation: None, step: None, state: Arc::default() }
    }

    /// Of one turn of a chat.
    pub(crate) fn of_turn(
        store: Store,
        conversation: Option<ConversationId>,
        incident: Option<IncidentId>,
    ) -> Self {
        Self { conversation, incident, ..Self::of(store, RunKind::Chat) }
    }

    /// Of one step of an incident, with what was kept of it before. `ground` is what the step begins with; where it had
    /// begun already, [`Self::ground`] has what it began with then.
    pub(crate) async fn of_step(
        store: Store,
        kind: RunKind,
        incident: &Incident,
        ground: Option<Value>,
    ) -> Self {
        let step = step(kind, incident);
        let earlier = match store.runs_of_step(&step).await {
            Ok(runs) => runs.into_iter().map(|(run, messages)| Earlier { run, messages }).collect(),
            Err(error) => {
                tracing::warn!(%error, step, "earlier runs could not be read; the step begins anew");
                Vec::new()
            }
        };
        let state = Arc::new(Mutex::new(State::begin(ground, earlier)));
        Self { incident: Some(incident.id.clone()), step: Some(step), state, ..Self::of(store, kind) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the step began with in an earlier process.
    pub(crate) fn ground(&self) -> Option<Value> {
        self.state().earlier.iter().find_map(|earlier| earlier.run.ground.clone())
    }

    /// Forgets what was kept before: it cannot be gone on with.
    pub(crate) fn begin_anew(&self, ground: Option<Value>) {
        *self.state() = State { ground, ..State::default() };
    }

    /// What all earlier runs together have left; `None` when there are none.
    pub(super) fn left(&self) -> Option<Left> {
        let state = self.state();
        if state.earlier.is_empty() {
            return None;
        }
        let mut left = Left::default();
        for Earlier { run, messages } in &state.earlier {
            let memory = serde_json::from_value(run.memory.clone()).unwrap_or_default();
            left.memory = std::mem::take(&mut left.memory).with(memory);
            left.spent += spent(run);
            left.seen.extend(messages.iter().flat_map(|message| message.detail.seen.iter().cloned()));
        }
        Some(left)
    }

    /// The earlier run of a task: one that ended well before one that did not, the latest of several.
    pub(crate) fn take(&self, task: &Task<'_>) -> Option<Earlier> {
        let key = task.key();
        let mut state = self.state();
        let rank = |earlier: &Earlier| {
            (earlier.run.summary.state == RunState::Finished, earlier.run.summary.started_at)
        };
        let candidates = state.earlier.iter().enumerate().filter(|(_, earlier)| earlier.run.task == key);
        let (at, _) = candidates.max_by_key(|(_, earlier)| rank(earlier))?;
        Some(state.earlier.remove(at))
    }

    /// What the first run of the step carries.
    pub(super) fn take_ground(&self) -> Option<Value> {
        self.state().ground.take()
    }

    /// The run that asks for the others.
    pub(crate) fn lead(&self, run: Option<RunId>) {
        self.state().lead = run;
    }

    pub(super) fn parent(&self) -> Option<RunId> {
        self.state().lead.clone()
    }
}

/// What a run has used.
pub(super) fn spent(run: &KeptRun) -> Spent {
    let summary = &run.summary;
    Spent {
        input_tokens: summary.input_tokens,
        output_tokens: summary.output_tokens,
        cost: summary.cost,
        estimated: false,
    }
}

/// Names a step of an incident with everything that makes it another one when it comes again.
fn step(kind: RunKind, incident: &Incident) -> String {
    let denied = incident.denied_actions.len();
    format!("{}/{kind}/{}.{}.{denied}", incident.id, incident.attempt, incident.outdated_plans)
}

#[cfg(test)]
mod tests {
    use super::Task;

    #[test]
    fn another_question_prompt_agent_or_cycle_is_another_task() {
        let task = Task { agent: "judge", prompt: "00ff", question: "Why?", cycle: 1 };
        let others = [
            Task { agent: "security", ..task },
            Task { prompt: "00fe", ..task },
            Task { question: "Why", ..task },
            Task { cycle: 2, ..task },
            Task { agent: "judge0", prompt: "0ff", ..task },
        ];
        assert!(others.iter().all(|other| other.key() != task.key()));
        assert_eq!(task.key(), Task { question: "Why?", ..task }.key());
    }
}
