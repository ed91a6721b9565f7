//! The incident told to a person: what happened, why, what was done, and what proves it.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Execution, ExecutionState, Incident, Phase, SignalState};

/// One sentence of a story.
pub type StoryLine = String;

/// The whole incident in four short lists, readable on a phone at night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Story {
    /// How it stands, in one line.
    pub headline: StoryLine,
    /// What was reported, and when.
    pub what_happened: Vec<StoryLine>,
    /// The cause with the evidence for it.
    pub why: Vec<StoryLine>,
    /// What was decided and changed, by whom.
    pub what_was_done: Vec<StoryLine>,
    /// What shows that it helped (or that it did not).
    pub proof: Vec<StoryLine>,
    /// What kubewright could not see.
    pub unseen: Vec<StoryLine>,
}

impl Story {
    /// Tells the story of `incident` as it stands now.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        Self {
            headline: headline(incident),
            what_happened: what_happened(incident),
            why: why(incident),
            what_was_done: what_was_done(incident),
            proof: proof(incident),
            unseen: incident.gaps.iter().map(|gap| format!("{}: {}", gap.collector, gap.reason)).collect(),
        }
    }

    /// The sections with their headings, in reading order; empty ones are left out.
    #[must_use]
    pub fn sections(&self) -> Vec<(&'static str, &[StoryLine])> {
        let all: [(&'static str, &[StoryLine]); 5] = [
            ("What happened", &self.what_happened),
            ("Why", &self.why),
            ("What was done", &self.what_was_done),
            ("Proof", &self.proof),
            ("Not seen", &self.unseen),
        ];
        all.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
    }
}

fn headline(incident: &Incident) -> StoryLine {
    let state = match (incident.phase, incident.outcome) {
        (Phase::Closed, Some(outcome)) => outcome.as_str().replace('_', " "),
        (phase, _) => phase.as_str().replace('_', " "),
    };
    let reason = incident.reason.as_deref().unwrap_or(&incident.title);
    format!("{} {state}: {reason}", incident.id)
}

fn what_happened(incident: &Incident) -> Vec<StoryLine> {
    let mut lines: Vec<StoryLine> = incident
        .signals
        .iter()
        .map(|signal| {
            let state = match signal.state {
                SignalState::Firing => "fires",
                SignalState::Resolved => "fired and has resolved",
            };
            let since = signal.starts_at.to_zoned(TimeZone::UTC).strftime("%F %T UTC");
            format!(
                "{} ({}) {state} since {since}: {}",
                signal.name,
                signal.severity.as_str(),
                signal.summary
            )
        })
        .collect();
    if incident.signals_dropped > 0 {
        lines.push(format!("{} further signals were counted and not kept.", incident.signals_dropped));
    }
    lines
}

fn why(incident: &Incident) -> Vec<StoryLine> {
    let Some(cause) = incident.cause() else {
        let looked = incident.phase != Phase::Triage && incident.phase != Phase::Diagnose;
        return if looked {
            vec!["No cause was found in what could be seen.".to_owned()]
        } else {
            Vec::new()
        };
    };
    let head = format!(
        "{} ({}, {:.0} % confident): {}",
        cause.object,
        cause.code,
        cause.confidence.value() * 100.0,
        cause.statement
    );
    let cited = incident.evidence.iter().filter(|seen| cause.evidence_for.contains(&seen.id));
    let also = incident.hypotheses.iter().skip(1).map(|other| {
        format!(
            "Also considered: {} on {} ({:.0} %).",
            other.code,
            other.object,
            other.confidence.value() * 100.0
        )
    });
    std::iter::once(head)
        .chain(cited.map(|seen| format!("{} {}", seen.id, seen.statement)))
        .chain(also)
        .collect()
}

fn what_was_done(incident: &Incident) -> Vec<StoryLine> {
    let mut lines = Vec::new();
    if let Some(decision) = &incident.decision {
        let verdict = match decision.verdict {
            super::Verdict::Allow => "Policy allowed the repair",
            super::Verdict::NeedsApproval => "Policy asked for approval",
            super::Verdict::Deny => "Policy denied the repair",
        };
        lines.push(format!("{verdict}: {}", decision.reasons.join(" ")));
    }
    if let Some((approved, by)) =
        incident.approval.as_ref().and_then(|asked| Some((asked.approved?, asked.answered_by.clone()?)))
    {
        lines.push(format!("{by} {} it.", if approved { "approved" } else { "denied" }));
    }
    lines.extend(incident.executions.iter().map(executed));
    lines
}

fn executed(execution: &Execution) -> StoryLine {
    let state = match execution.state {
        ExecutionState::Intended => "about to be applied",
        ExecutionState::Applied => "applied",
        ExecutionState::Failed => "refused, nothing changed",
        ExecutionState::RolledBack => "applied, did not help, undone",
        ExecutionState::RollbackFailed => "applied, did not help, COULD NOT BE UNDONE",
    };
    let note = execution.message.as_deref().map(|message| format!(" ({message})")).unwrap_or_default();
    format!("Attempt {}: {}: {state}{note}.", execution.attempt, execution.action)
}

fn proof(incident: &Incident) -> Vec<StoryLine> {
    let Some(verification) = &incident.verification else { return Vec::new() };
    verification
        .results
        .iter()
        .map(|result| {
            let mark = match result.passed {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None => "could not be told",
            };
            format!("{}: {mark} ({}).", result.check, result.detail)
        })
        .collect()
}
