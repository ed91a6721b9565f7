//! What the demo shows of an event: the one line that `incidents watch` shows too, with its tone, and below it what a
//! person would ask next.

use crate::cli::narrate;
use crate::cli::recalled;
use crate::incident::{
    AgentRun, Event, Evidence, ExecutionState, Hypothesis, Investigation, Outcome, Plan, Verdict,
    Verification,
};

/// How a line should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Something is going on.
    Plain,
    /// It went well.
    Good,
    /// It needs a look.
    Warn,
    /// It went wrong.
    Bad,
    /// Detail below another line.
    Faint,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// Evidence shown below a cause.
const CITED: usize = 5;

/// Documents and past incidents shown below them.
const RECALLED: usize = 3;

/// The lines for one event: the first says it, the others are detail.
pub(super) fn lines(event: &Event) -> Vec<Line> {
    std::iter::once(Line::new(tone(event), narrate(event))).chain(details(event)).collect()
}

fn tone(event: &Event) -> Tone {
    match event {
        Event::Opened { .. }
        | Event::ApprovalRequested { .. }
        | Event::PlanOutdated { .. }
        | Event::StepFailed { .. }
        | Event::RollbackFinished
        | Event::Escalated { .. } => Tone::Warn,
        Event::SignalResolved { .. } => Tone::Good,
        Event::ApprovalExpired => Tone::Bad,
        Event::ApprovalAnswered { approved, .. } => {
            if *approved {
                Tone::Good
            } else {
                Tone::Bad
            }
        }
        Event::Closed { outcome, .. } => {
            if *outcome == Outcome::ClosedByPerson {
                Tone::Plain
            } else {
                Tone::Good
            }
        }
        Event::Decided { decision } => match decision.verdict {
            Verdict::Allow => Tone::Good,
            Verdict::NeedsApproval => Tone::Warn,
            Verdict::Deny => Tone::Bad,
        },
        Event::ExecutionFinished { execution } => match execution.state {
            ExecutionState::Applied => Tone::Good,
            ExecutionState::Intended => Tone::Plain,
            ExecutionState::RolledBack => Tone::Warn,
            ExecutionState::Failed | ExecutionState::RollbackFailed => Tone::Bad,
        },
        Event::VerificationLooked { verification } => match verification.passed {
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Plain,
        },
        Event::SignalAttached { .. }
        | Event::Observed { .. }
        | Event::Diagnosed { .. }
        | Event::Investigated { .. }
        | Event::Planned { .. }
        | Event::ProposedInChat { .. }
        | Event::ExecutionIntended { .. } => Tone::Plain,
    }
}

fn details(event: &Event) -> Vec<Line> {
    match event {
        Event::Observed { gaps, .. } => gaps
            .iter()
            .map(|gap| Line::new(Tone::Warn, format!("not seen: {}: {}", gap.collector, gap.reason)))
            .collect(),
        Event::Diagnosed { evidence, hypotheses } => cited(evidence, hypotheses),
        Event::Investigated { investigation } => runs(investigation),
        Event::Planned { plan } => planned(plan),
        Event::ProposedInChat { plan, investigation } => {
            runs(investigation).into_iter().chain(planned(plan)).collect()
        }
        Event::VerificationLooked { verification } => results(verification),
        _ => Vec::new(),
    }
}

fn cited(evidence: &[Evidence], hypotheses: &[Hypothesis]) -> Vec<Line> {
    let Some(best) = hypotheses.first() else { return known(evidence).collect() };
    let cited = evidence.iter().filter(|seen| best.evidence_for.contains(&seen.id)).take(CITED);
    let cited = cited.map(|seen| Line::new(Tone::Faint, format!("{} {}", seen.id, seen.statement)));
    cited.chain(known(evidence)).collect()
}

/// What documents and past incidents say about it.
fn known(evidence: &[Evidence]) -> impl Iterator<Item = Line> {
    evidence
        .iter()
        .filter_map(recalled)
        .take(RECALLED)
        .map(|text| Line::new(Tone::Faint, format!("recall  {text}")))
}

/// Who was asked what, and what came of it.
fn runs(investigation: &Investigation) -> Vec<Line> {
    let run = |run: &AgentRun| Line::new(Tone::Faint, format!("{}: {}", run.agent, run.outcome));
    let flag = |flag: &String| Line::new(Tone::Warn, format!("looks like instructions to a model: {flag}"));
    investigation.runs.iter().map(run).chain(investigation.flags.iter().map(flag)).collect()
}

fn planned(plan: &Plan) -> Vec<Line> {
    let mut lines = vec![Line::new(Tone::Faint, plan.rationale.clone())];
    for planned in &plan.actions {
        lines.extend(planned.diff.lines().map(diff_line));
        lines.push(Line::new(Tone::Faint, format!("undo: {}", planned.undo)));
    }
    lines.extend(plan.checks.iter().map(|check| Line::new(Tone::Faint, format!("proof: {check}"))));
    lines
}

fn diff_line(line: &str) -> Line {
    let tone = match line.chars().next() {
        Some('+') => Tone::Good,
        Some('-') => Tone::Bad,
        _ => Tone::Faint,
    };
    Line::new(tone, line)
}

fn results(verification: &Verification) -> Vec<Line> {
    verification
        .results
        .iter()
        .map(|result| {
            let (tone, mark) = match result.passed {
                Some(true) => (Tone::Good, "✓"),
                Some(false) => (Tone::Faint, "·"),
                None => (Tone::Warn, "?"),
            };
            Line::new(tone, format!("{mark} {}: {}", result.check, result.detail))
        })
        .collect()
}
