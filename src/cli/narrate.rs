//! One line for each thing that can happen to an incident.

use crate::incident::{
    Event, Evidence, EvidenceSource, Execution, ExecutionState, Hypothesis, Investigation, Plan, Signal,
    Verdict, Verification,
};

use super::text;

/// What happened, in one clean line.
#[must_use]
pub fn narrate(event: &Event) -> String {
    text::line(&told(event))
}

/// The citation of a document or a past incident, in one clean line; `None` for what was seen in the cluster.
#[must_use]
pub fn recalled(evidence: &Evidence) -> Option<String> {
    let field = |name: &str| evidence.fields.get(name).map_or("", String::as_str);
    let cited = match evidence.source {
        EvidenceSource::Document => {
            let (title, place) = field("headings").split_once(" › ").unwrap_or((field("headings"), ""));
            let place = if place.is_empty() { String::new() } else { format!(" › {place}") };
            let category = if field("category").is_empty() { "document" } else { field("category") };
            format!("{category} \"{title}\"{place} ({}:{})", field("document"), field("lines"))
        }
        EvidenceSource::PastIncident => {
            let outcome = field("outcome").replace('_', " ");
            format!("past incident {} ({outcome}) › {}", field("incident"), field("headings"))
        }
        _ => return None,
    };
    Some(text::line(&cited))
}

fn investigated(investigation: &Investigation) -> String {
    let used = investigation.runs.iter().fold((0, 0.0), |(tokens, cost), run| {
        (tokens + run.input_tokens + run.output_tokens, cost + run.cost)
    });
    let agents = match (investigation.runs.len(), used) {
        (0, _) => String::new(),
        (runs, (tokens, cost)) => format!(" ({runs} agent runs, {tokens} tokens, {cost:.4} US dollars)"),
    };
    let recommended = investigation.recommendation.as_ref();
    let recommended = recommended.map(|text| format!(" Recommended: {text}")).unwrap_or_default();
    format!("agents: {}{agents}{recommended}", investigation.reason)
}

fn told(event: &Event) -> String {
    match event {
        Event::Opened { signal } => format!("opened by {}", alert(signal)),
        Event::SignalAttached { signal } => format!("joined by {}", alert(signal)),
        Event::SignalResolved { fingerprint } => format!("alert {fingerprint} has resolved"),
        Event::Observed { objects, logs, readings, gaps } => {
            let unseen: Vec<&str> = gaps.iter().map(|gap| gap.collector.as_str()).collect();
            let gaps =
                if unseen.is_empty() { String::new() } else { format!("; not seen: {}", unseen.join(", ")) };
            format!("read {objects} objects, {logs} logs, {readings} metric readings{gaps}")
        }
        Event::Diagnosed { evidence, hypotheses } => {
            diagnosed(evidence.iter().filter(|seen| recalled(seen).is_none()).count(), hypotheses)
        }
        Event::Investigated { investigation } => investigated(investigation),
        Event::Planned { plan } => format!("planned: {}", actions(plan)),
        Event::ProposedInChat { plan, .. } => format!("proposed in chat: {}", actions(plan)),
        Event::Decided { decision } => {
            let verdict = match decision.verdict {
                Verdict::Allow => "policy allows it",
                Verdict::NeedsApproval => "policy asks for approval",
                Verdict::Deny => "policy denies it",
            };
            format!("{verdict}: {}", decision.reasons.join(" "))
        }
        Event::ApprovalRequested { approval } => {
            format!("waits for a person's approval until {}", approval.expires_at)
        }
        Event::ApprovalAnswered { approved, by, comment } => {
            let comment = comment.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("{} by {by}{comment}", if *approved { "approved" } else { "denied" })
        }
        Event::ApprovalExpired => "nobody answered in time".to_owned(),
        Event::ExecutionIntended { execution } => format!("about to {}", execution.action),
        Event::ExecutionFinished { execution } => executed(execution),
        Event::PlanOutdated { reason } => format!("the plan is out of date: {reason}"),
        Event::VerificationLooked { verification } => looked(verification),
        Event::RollbackFinished => "the repair is undone".to_owned(),
        Event::StepFailed { phase, reason, retry_at } => {
            format!("{phase} failed and is tried again at {retry_at}: {reason}")
        }
        Event::Escalated { reason } => format!("handed to people: {reason}"),
        Event::Closed { outcome, reason } => {
            format!("closed, {}: {reason}", outcome.as_str().replace('_', " "))
        }
    }
}

fn alert(signal: &Signal) -> String {
    format!("{} ({}): {}", signal.name, signal.severity.as_str(), signal.summary)
}

fn diagnosed(evidence: usize, hypotheses: &[Hypothesis]) -> String {
    let Some(cause) = hypotheses.first() else {
        return format!("no cause found in {evidence} pieces of evidence");
    };
    let others = hypotheses.len() - 1;
    let percent = cause.confidence.value() * 100.0;
    let rest = if others == 0 { String::new() } else { format!(" (and {others} less likely)") };
    format!("{} on {}, {percent:.0} %: {}{rest}", cause.code, cause.object, cause.statement)
}

fn actions(plan: &Plan) -> String {
    plan.actions.iter().map(|planned| planned.action.to_string()).collect::<Vec<_>>().join(", then ")
}

fn executed(execution: &Execution) -> String {
    let state = match execution.state {
        ExecutionState::Intended => "journaled",
        ExecutionState::Applied => "applied",
        ExecutionState::Failed => "refused, nothing changed",
        ExecutionState::RolledBack => "undone",
        ExecutionState::RollbackFailed => "could not be undone",
    };
    let note = execution.message.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
    format!("{}: {state}{note}", execution.action)
}

fn looked(verification: &Verification) -> String {
    let all = verification.results.len();
    let holding = verification.results.iter().filter(|result| result.passed == Some(true)).count();
    let open = verification.results.iter().find(|result| result.passed != Some(true));
    let open = open.map(|result| format!("; {}: {}", result.check, result.detail)).unwrap_or_default();
    match verification.passed {
        Some(true) => format!("verified: {all} of {all} checks held for the whole stability window"),
        Some(false) => format!("did not help: {holding} of {all} checks hold{open}"),
        None => format!("{holding} of {all} checks hold{open}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::{Event, Evidence, EvidenceId, EvidenceSource, Gap, ObjectRef, Outcome, Score};

    use super::{narrate, recalled};

    #[test]
    fn what_could_not_be_seen_is_named() {
        let gaps = vec![Gap { collector: "loki".to_owned(), reason: "timed out".to_owned() }];
        let event = Event::Observed { objects: 34, logs: 2, readings: 9, gaps };
        assert_eq!(narrate(&event), "read 34 objects, 2 logs, 9 metric readings; not seen: loki");
    }

    #[test]
    fn what_was_recalled_is_cited_and_not_counted_among_what_was_seen() {
        let fields = [
            ("category", "runbook"),
            ("headings", "Container killed for memory › How to tell"),
            ("document", "builtin/container-out-of-memory.md"),
            ("lines", "12-30"),
        ];
        let evidence = Evidence {
            id: EvidenceId(1),
            source: EvidenceSource::Document,
            code: "knowledge.passage".to_owned(),
            object: ObjectRef::cluster_wide("Document", "builtin/container-out-of-memory.md"),
            statement: "…".to_owned(),
            strength: Score::new(0.3),
            at: jiff::Timestamp::UNIX_EPOCH,
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        assert_eq!(
            recalled(&evidence).as_deref(),
            Some(
                "runbook \"Container killed for memory\" › How to tell (builtin/container-out-of-memory.md:12-30)"
            )
        );
        let event = Event::Diagnosed { evidence: vec![evidence], hypotheses: Vec::new() };
        assert_eq!(narrate(&event), "no cause found in 0 pieces of evidence");
    }

    #[test]
    fn text_of_the_cluster_stays_on_its_line() {
        let event =
            Event::Closed { outcome: Outcome::NothingWrong, reason: "fine\n\u{1b}[2Jreally".to_owned() };
        assert_eq!(narrate(&event), "closed, nothing wrong: fine [2Jreally");
    }
}
