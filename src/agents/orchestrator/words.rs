//! What models are told of an incident: scrubbed, fenced where it comes from the world, and bounded.

use crate::agents::roster::SPECIALISTS;
use crate::diagnose::confidence;
use crate::egress::Session;
use crate::incident::{Evidence, Gap, Hypothesis, Incident};

/// Evidence that models are shown, the strongest first.
const MOST_EVIDENCE: usize = 60;

/// Alerts that models are shown.
const MOST_SIGNALS: usize = 10;

/// The incident and its alerts.
pub(in crate::agents) fn incident(incident: &Incident, session: &Session) -> String {
    let mut text = format!(
        "{} in cluster {}, severity {:?}, opened {}.\n",
        incident.id, incident.cluster, incident.severity, incident.opened_at
    );
    if let Some(subject) = &incident.subject {
        text += &format!("The first alert points at {subject}.\n");
    }
    if incident.attempt > 1 {
        text += &format!("This is repair attempt {}: what was done before did not help.\n", incident.attempt);
    }
    let signals: Vec<String> = incident.signals.iter().take(MOST_SIGNALS).map(signal).collect();
    text + &session.untrusted("alerts", &format!("{}\n{}", incident.title, signals.join("\n")))
}

fn signal(signal: &crate::incident::Signal) -> String {
    let labels: Vec<String> = signal.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{} since {}: {} ({})", signal.name, signal.starts_at, signal.summary, labels.join(", "))
}

/// Evidence by number, the strongest first.
pub(in crate::agents) fn evidence(evidence: &[Evidence], session: &Session) -> String {
    if evidence.is_empty() {
        return "none".to_owned();
    }
    let mut strongest: Vec<&Evidence> = evidence.iter().collect();
    strongest.sort_by(|a, b| b.strength.value().total_cmp(&a.strength.value()).then(a.id.cmp(&b.id)));
    let lines: Vec<String> = strongest.iter().take(MOST_EVIDENCE).map(|evidence| line(evidence)).collect();
    let mut text = session.untrusted("evidence", &lines.join("\n"));
    if evidence.len() > MOST_EVIDENCE {
        text +=
            &format!("\n[{} of {} shown; `incident_evidence` has the rest]", MOST_EVIDENCE, evidence.len());
    }
    text
}

fn line(evidence: &Evidence) -> String {
    let fields: Vec<String> =
        evidence.fields.iter().take(6).map(|(key, value)| format!("{key}={value}")).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join("; ")) };
    format!(
        "[{}] {} {}: {}{fields} [{}; strength {:.2}; {}]",
        evidence.id,
        evidence.code,
        evidence.object,
        evidence.statement,
        source(evidence),
        evidence.strength.value(),
        evidence.at
    )
}

fn source(evidence: &Evidence) -> String {
    serde_json::to_value(evidence.source)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Hypotheses, best first.
pub(in crate::agents) fn hypotheses(hypotheses: &[Hypothesis], session: &Session) -> String {
    if hypotheses.is_empty() {
        return "none: the rules explain nothing of what was seen".to_owned();
    }
    let line = |(rank, hypothesis): (usize, &Hypothesis)| {
        let cited: Vec<String> = hypothesis.evidence_for.iter().map(ToString::to_string).collect();
        format!(
            "{}. {} {} (confidence {:.2}): {} [for: {}]",
            rank + 1,
            hypothesis.code,
            hypothesis.object,
            hypothesis.confidence.value(),
            hypothesis.statement,
            cited.join(", ")
        )
    };
    let lines: Vec<String> = hypotheses.iter().enumerate().map(line).collect();
    session.untrusted("hypotheses", &lines.join("\n"))
}

/// Evidence as it is kept with the incident and shown to whoever may read it: it may quote the world.
pub(in crate::agents) fn to_keep(seen: Evidence, session: &Session) -> Evidence {
    Evidence {
        statement: session.for_people(&seen.statement),
        fields: seen.fields.iter().map(|(name, value)| (name.clone(), session.for_people(value))).collect(),
        ..seen
    }
}

/// What could not be seen.
pub(in crate::agents) fn unseen(gaps: &[Gap], session: &Session) -> String {
    if gaps.is_empty() {
        return "nothing that is known of".to_owned();
    }
    let lines: Vec<String> = gaps.iter().map(|gap| format!("- {}: {}", gap.collector, gap.reason)).collect();
    session.untrusted("gaps", &lines.join("\n"))
}

/// The specialists with what they are for.
pub(in crate::agents) fn specialists() -> String {
    SPECIALISTS.iter().map(|(name, what)| format!("- `{name}`: {what}")).collect::<Vec<_>>().join("\n")
}

/// The codes that playbooks and runbooks know.
pub(in crate::agents) fn codes() -> String {
    let line = |cause: &confidence::Cause| format!("- `{}`: {}", cause.code, cause.meaning);
    confidence::ALL.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What looked like instructions in what the agents read.
pub(in crate::agents) fn flags(session: &Session) -> Vec<String> {
    let mut flags: Vec<String> =
        session.flags().into_iter().map(|flag| format!("{} in {}", flag.rule, flag.source)).collect();
    flags.sort();
    flags.dedup();
    flags
}
