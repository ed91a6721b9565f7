//! What a run says while it goes on, for people who watch: chat, the command line, the demo.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use utoipa::ToSchema;

use crate::incident::{EvidenceId, Incident, IncidentId, ObjectRef, Phase};
use crate::store::Suspicious;

/// Where a document passage, an incident or an object can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cited {
    /// What it is called in the answer, `[1]`, `[2]`, ….
    pub mark: String,
    /// Its title for people.
    pub title: String,
    /// Where it is, as a link or a path.
    pub uri: String,
}

/// One thing that happened in a run. Texts are as people may see them: scrubbed of secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// An agent has started to work.
    AgentStarted {
        /// Its name.
        agent: String,
        /// What it was asked.
        question: String,
    },
    /// An agent has finished.
    AgentFinished {
        /// Its name.
        agent: String,
        /// What came of it, one sentence.
        summary: String,
        /// Tokens read and written.
        tokens: u64,
        /// US dollars.
        cost: f64,
    },
    /// A piece of the answer.
    Text {
        /// The piece.
        text: String,
    },
    /// A tool is being called.
    ToolStarted {
        /// Names the call within the run.
        call: String,
        /// Who calls.
        agent: String,
        /// The tool.
        tool: String,
        /// Its arguments as JSON.
        arguments: String,
    },
    /// A tool has answered.
    ToolFinished {
        /// Names the call within the run.
        call: String,
        /// The tool.
        tool: String,
        /// Whether it had an answer.
        ok: bool,
        /// The beginning of the answer, or why there is none.
        summary: String,
        /// How long it took, ms.
        took_ms: u64,
    },
    /// Something that can be cited was seen.
    Evidence {
        /// Its number, where the run is about an incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<EvidenceId>,
        /// The object that it is about.
        object: ObjectRef,
        /// One sentence.
        statement: String,
    },
    /// The answer cites something.
    Citation {
        /// What.
        #[serde(flatten)]
        cited: Cited,
    },
    /// A repair was drafted; it goes the way of every Plan.
    PlanProposed {
        /// The incident that it belongs to.
        #[schema(value_type = String)]
        incident: IncidentId,
        /// Its Actions, one sentence each.
        actions: Vec<String>,
        /// Why it should help.
        rationale: String,
    },
    /// A person has to say yes before anything is changed.
    ApprovalNeeded {
        /// The incident whose plan waits.
        #[schema(value_type = String)]
        incident: IncidentId,
        /// Why it is asked.
        reasons: Vec<String>,
        /// What an answer has to name: the plan's digest.
        digest: String,
        /// After this moment the request is void.
        expires_at: Timestamp,
        /// The command that shows the plan and asks.
        command: String,
        /// The request that says yes; its body names who answers and the digest.
        request: String,
    },
    /// Something that people should know about the run: a model that fell back, a budget that ran out, a flagged text.
    Notice {
        /// One sentence.
        text: String,
        /// What looked like instructions, where that is what the notice is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suspicious: Option<Suspicious>,
    },
}

impl RunEvent {
    /// A notice about anything but suspicious text.
    #[must_use]
    pub fn notice(text: String) -> Self {
        Self::Notice { text, suspicious: None }
    }

    /// That the plan of `incident` waits for a person, and how to answer; `None` where none waits. `reason` makes each
    /// reason fit to be shown.
    #[must_use]
    pub fn approval_needed(incident: &Incident, reason: impl Fn(&str) -> String) -> Option<Self> {
        let asked = incident.approval.as_ref().filter(|_| incident.phase == Phase::AwaitApproval)?;
        let reasons = incident.decision.iter().flat_map(|decision| &decision.reasons);
        Some(Self::ApprovalNeeded {
            incident: incident.id.clone(),
            reasons: reasons.map(|text| reason(text)).collect(),
            digest: asked.digest.clone(),
            expires_at: asked.expires_at,
            command: format!("kubewright approvals approve {}", incident.id),
            request: format!("POST /api/v1/approvals/{}/approve", incident.id),
        })
    }

    /// The same event with every text that may quote the world cleaned.
    fn cleaned(mut self, clean: &dyn Fn(&str) -> String) -> Self {
        let texts: Vec<&mut String> = match &mut self {
            Self::AgentStarted { question: text, .. }
            | Self::AgentFinished { summary: text, .. }
            | Self::Text { text }
            | Self::ToolStarted { arguments: text, .. }
            | Self::ToolFinished { summary: text, .. }
            | Self::Evidence { statement: text, .. }
            | Self::Notice { text, .. } => vec![text],
            Self::Citation { cited } => vec![&mut cited.title],
            Self::PlanProposed { actions, rationale, .. } => {
                actions.iter_mut().chain(std::iter::once(rationale)).collect()
            }
            Self::ApprovalNeeded { reasons, .. } => reasons.iter_mut().collect(),
        };
        for text in texts {
            *text = clean(text);
        }
        self
    }
}

/// Takes a run's events. Never blocks the run: who watches too slowly misses events, not the run its time.
#[derive(Clone, Default)]
pub struct Progress {
    to: To,
    clean: Option<Clean>,
    /// Whether a piece of an answer was said; shared by the clones.
    spoken: Arc<AtomicBool>,
}

/// What every text goes through before people see it.
pub type Clean = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("to", &self.to).finish_non_exhaustive()
    }
}

/// Who watches.
#[derive(Debug, Clone, Default)]
enum To {
    #[default]
    Nobody,
    /// One watcher, who wants every event.
    One(mpsc::Sender<RunEvent>),
    /// Whoever listens, to the run of this incident.
    All(IncidentId, broadcast::Sender<(IncidentId, RunEvent)>),
}

impl Progress {
    /// Nobody watches.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Events go to `sender`.
    #[must_use]
    pub fn to(sender: mpsc::Sender<RunEvent>) -> Self {
        Self { to: To::One(sender), ..Self::default() }
    }

    /// Events go to whoever listens, with the incident that they belong to.
    #[must_use]
    pub fn broadcast(incident: IncidentId, sender: broadcast::Sender<(IncidentId, RunEvent)>) -> Self {
        Self { to: To::All(incident, sender), ..Self::default() }
    }

    /// The same, with every text cleaned first.
    #[must_use]
    pub fn cleaned(self, clean: Clean) -> Self {
        Self { clean: Some(clean), ..self }
    }

    /// Says what happened, waiting for room for at most `patience`: pieces of an answer must not get lost, and a watcher
    /// that has gone away must not hold the run.
    pub async fn say(&self, event: RunEvent, patience: Duration) {
        let event = match &self.clean {
            Some(clean) => event.cleaned(clean.as_ref()),
            None => event,
        };
        if matches!(&event, RunEvent::Text { text } if !text.is_empty()) {
            self.spoken.store(true, Ordering::Relaxed);
        }
        match &self.to {
            To::Nobody => {}
            To::One(sender) => {
                if tokio::time::timeout(patience, sender.send(event)).await.is_err() {
                    tracing::debug!("nobody takes the events of this run");
                }
            }
            // Without listeners there is nobody to miss it.
            To::All(incident, sender) => drop(sender.send((incident.clone(), event))),
        }
    }

    /// Whether a piece of an answer was said.
    #[must_use]
    pub fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::Relaxed)
    }

    /// Whether the watcher has gone away.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        matches!(&self.to, To::One(sender) if sender.is_closed())
    }
}
