//! How events move an incident. Pure: the same history always gives the same state.

use jiff::Timestamp;

use super::state::MAX_SIGNALS;
use super::{
    Decision, Event, Execution, ExecutionState, Fingerprint, Incident, Investigation, Outcome, Phase, Plan,
    Signal, SignalState, TransitionError, Verdict, Verification,
};

impl Incident {
    /// Applies one event.
    ///
    /// # Errors
    /// [`TransitionError`] when the event does not fit the current phase (someone else moved the incident first);
    /// the incident is then unchanged.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), TransitionError> {
        if !self.admits(event) {
            return Err(TransitionError { phase: self.phase, event: event.kind() });
        }
        let failures = self.step_failures;
        self.retry_at = None;
        self.step_failures = 0;
        self.updated_at = at;
        match event {
            Event::Opened { signal } | Event::SignalAttached { signal } => self.attach(signal),
            Event::SignalResolved { fingerprint } => self.resolve(fingerprint, at),
            Event::Observed { gaps, .. } => self.observed(gaps.clone()),
            Event::Diagnosed { evidence, hypotheses } => {
                self.evidence.clone_from(evidence);
                self.hypotheses.clone_from(hypotheses);
                self.phase = Phase::Plan;
            }
            Event::Investigated { investigation } => {
                // It ends no step: one that fails after it has failed once more.
                self.step_failures = failures;
                self.investigated(investigation);
            }
            Event::Planned { plan } => self.planned(plan),
            Event::ProposedInChat { plan, investigation } => self.proposed(plan, investigation),
            Event::Decided { decision } => self.decided(decision),
            Event::ApprovalRequested { approval } => {
                self.approval = Some(approval.clone());
                self.phase = Phase::AwaitApproval;
            }
            Event::ApprovalAnswered { approved, by, comment } => {
                self.answered(*approved, by, comment.as_ref(), at);
            }
            Event::ApprovalExpired => {}
            Event::ExecutionIntended { execution } => self.journal(execution),
            Event::ExecutionFinished { execution } => {
                self.journal(execution);
                self.after_execution(execution);
            }
            Event::PlanOutdated { .. } => {
                self.outdated_plans += 1;
                self.start_over();
            }
            Event::VerificationLooked { verification } => self.looked(verification),
            Event::RollbackFinished => {
                self.attempt += 1;
                self.start_over();
            }
            Event::StepFailed { retry_at, .. } => {
                self.step_failures = failures + 1;
                self.retry_at = Some(*retry_at);
            }
            Event::Escalated { reason } => {
                self.reason = Some(reason.clone());
                self.phase = Phase::Escalated;
            }
            Event::Closed { outcome, reason } => self.close(*outcome, reason, at),
        }
        Ok(())
    }

    fn decided(&mut self, decision: &Decision) {
        self.decision = Some(decision.clone());
        if decision.verdict == Verdict::Allow {
            self.phase = Phase::Repair;
        }
    }

    /// What follows from the current state without anybody doing anything: an incident whose alerts have all resolved
    /// is over, unless a repair is under way.
    #[must_use]
    pub fn consequence(&self) -> Option<Event> {
        let idle = matches!(
            self.phase,
            Phase::Triage
                | Phase::Diagnose
                | Phase::Plan
                | Phase::Guard
                | Phase::AwaitApproval
                | Phase::Escalated
        );
        let undone = |execution: &Execution| {
            matches!(execution.state, ExecutionState::RolledBack | ExecutionState::Failed)
        };
        let reason = if self.executions.is_empty() {
            "All alerts resolved without a repair by kubewright."
        } else if self.executions.iter().all(undone) {
            "All alerts resolved after the repair had been put back."
        } else {
            "All alerts resolved. A change by kubewright is still in place; see the journal."
        };
        (idle && self.all_signals_resolved())
            .then(|| Event::Closed { outcome: Outcome::Recovered, reason: reason.to_owned() })
    }

    fn admits(&self, event: &Event) -> bool {
        use Phase::{
            AwaitApproval, Closed, Diagnose, Escalated, Guard, Plan, Repair, RollBack, Triage, Verify,
        };
        let phases: &[Phase] = match event {
            Event::Opened { .. } => return false,
            Event::SignalAttached { .. }
            | Event::SignalResolved { .. }
            | Event::StepFailed { .. }
            | Event::Escalated { .. }
            | Event::Closed { .. } => return self.phase != Closed,
            Event::Observed { .. } => &[Triage],
            Event::Investigated { .. } => &[Diagnose, Plan],
            Event::Diagnosed { .. } => &[Diagnose],
            Event::Planned { .. } => &[Plan],
            Event::ProposedInChat { .. } => &[Escalated],
            Event::Decided { .. } | Event::ApprovalRequested { .. } => &[Guard],
            Event::ApprovalAnswered { .. } | Event::ApprovalExpired => &[AwaitApproval],
            Event::ExecutionIntended { .. } => &[Repair],
            Event::ExecutionFinished { .. } => &[Repair, RollBack],
            Event::PlanOutdated { .. } => &[Guard, Repair],
            Event::VerificationLooked { .. } => &[Verify],
            Event::RollbackFinished => &[RollBack],
        };
        phases.contains(&self.phase)
    }

    fn attach(&mut self, signal: &Signal) {
        self.severity = self.severity.max(signal.severity);
        if let Some(known) = self.signals.iter_mut().find(|known| known.fingerprint == signal.fingerprint) {
            *known = signal.clone();
        } else if self.signals.len() < MAX_SIGNALS {
            self.signals.push(signal.clone());
        } else {
            self.signals_dropped += 1;
        }
    }

    fn resolve(&mut self, fingerprint: &Fingerprint, at: Timestamp) {
        for signal in self.signals.iter_mut().filter(|signal| signal.fingerprint == *fingerprint) {
            signal.state = SignalState::Resolved;
            signal.ends_at.get_or_insert(at);
        }
    }

    fn observed(&mut self, gaps: Vec<super::Gap>) {
        self.gaps = gaps;
        self.phase = Phase::Diagnose;
    }

    /// What is looked into while planning belongs to the diagnosis before it.
    fn investigated(&mut self, new: &Investigation) {
        match &mut self.investigation {
            Some(known) if self.phase == Phase::Plan => known.extend(new),
            known => *known = Some(new.clone()),
        }
    }

    fn planned(&mut self, plan: &Plan) {
        self.plan = Some(plan.clone());
        self.decision = None;
        self.approval = None;
        self.phase = Phase::Guard;
    }

    /// Whatever was tried before is over; what is tried now has a journal of its own.
    fn proposed(&mut self, plan: &Plan, new: &Investigation) {
        match &mut self.investigation {
            Some(known) => known.extend(new),
            known => *known = Some(new.clone()),
        }
        if self.current_executions().next().is_some() {
            self.attempt += 1;
        }
        self.reason = None;
        self.verification = None;
        self.outdated_plans = 0;
        self.planned(plan);
    }

    fn answered(&mut self, approved: bool, by: &str, comment: Option<&String>, at: Timestamp) {
        if let Some(approval) = &mut self.approval {
            approval.approved = Some(approved);
            approval.answered_by = Some(by.to_owned());
            approval.answered_at = Some(at);
            approval.comment = comment.cloned();
        }
        if approved {
            self.phase = Phase::Repair;
            return;
        }
        let denied = self.plan.iter().flat_map(|plan| &plan.actions).map(|planned| planned.action.clone());
        self.denied_actions.extend(denied);
        self.phase = Phase::Plan;
    }

    fn journal(&mut self, execution: &Execution) {
        match self.executions.iter_mut().find(|known| known.id == execution.id) {
            Some(known) => known.clone_from(execution),
            None => self.executions.push(execution.clone()),
        }
    }

    fn after_execution(&mut self, execution: &Execution) {
        let last = self.plan.as_ref().is_some_and(|plan| execution.index + 1 >= plan.actions.len());
        match execution.state {
            ExecutionState::Applied if last && self.phase == Phase::Repair => self.phase = Phase::Verify,
            ExecutionState::Failed => self.phase = Phase::RollBack,
            _ => {}
        }
    }

    fn looked(&mut self, verification: &Verification) {
        self.verification = Some(verification.clone());
        if verification.passed == Some(false) {
            self.phase = Phase::RollBack;
        }
    }

    /// Back to looking at the world, with what was learnt so far kept in the journal.
    fn start_over(&mut self) {
        self.plan = None;
        self.decision = None;
        self.approval = None;
        self.verification = None;
        self.phase = Phase::Triage;
    }

    fn close(&mut self, outcome: Outcome, reason: &str, at: Timestamp) {
        self.outcome = Some(outcome);
        self.reason = Some(reason.to_owned());
        self.closed_at = Some(at);
        self.phase = Phase::Closed;
    }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
