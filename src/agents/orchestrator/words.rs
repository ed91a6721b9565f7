//! What models are told of an incident: scrubbed, fenced where it comes from the world, and bounded.

use crate::agents::roster::SPECIALISTS;
use crate::diagnose::confidence;
use crate::egress::Session;
use crate::incident::{Evidence, Gap, Hypothesis, Incident};

/// Evidence that models are shown, the strongest first.
const MOST_EVIDENCE: usize = 60;

/// What each part of a prompt may fill of what the model can read, percent; what is not shown says so.
const ALERTS: u64 = 6;
const EVIDENCE: u64 = 11;
const HYPOTHESES: u64 = 5;
const UNSEEN: u64 = 3;
const CODES: u64 = 8;

/// Bytes of a token, about.
const BYTES_PER_TOKEN: u64 = 4;

/// Alerts that models are shown.
const MOST_SIGNALS: usize = 10;

/// The incident and its alerts.
pub(in crate::agents) fn incident(incident: &Incident, session: &Session, window: u64) -> String {
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
    let mut signals: Vec<String> = incident.signals.iter().take(MOST_SIGNALS).map(signal).collect();
    let all = incident.signals.len();
    let shown = within(&mut signals, share(window, ALERTS));
    text += &session.untrusted("alerts", &format!("{}\n{}", incident.title, signals.join("\n")));
    text + &rest(shown, all, "signals")
}

fn signal(signal: &crate::incident::Signal) -> String {
    let labels: Vec<String> = signal.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{} since {}: {} ({})", signal.name, signal.starts_at, signal.summary, labels.join(", "))
}

/// Evidence by number, the strongest first.
pub(in crate::agents) fn evidence(evidence: &[Evidence], session: &Session, window: u64) -> String {
    if evidence.is_empty() {
        return "none".to_owned();
    }
    let mut strongest: Vec<&Evidence> = evidence.iter().collect();
    strongest.sort_by(|a, b| b.strength.value().total_cmp(&a.strength.value()).then(a.id.cmp(&b.id)));
    let mut lines: Vec<String> =
        strongest.iter().take(MOST_EVIDENCE).map(|evidence| line(evidence)).collect();
    let shown = within(&mut lines, share(window, EVIDENCE));
    session.untrusted("evidence", &lines.join("\n")) + &rest(shown, evidence.len(), "evidence")
}

/// Bytes that a share (percent) of a window has.
fn share(window: u64, percent: u64) -> usize {
    usize::try_from(window * BYTES_PER_TOKEN * percent / 100).unwrap_or(usize::MAX)
}

/// Keeps as many of the first lines as have room, cut where even the first has none; how many these are.
fn within(lines: &mut Vec<String>, most: usize) -> usize {
    let mut used = 0;
    let fitting = lines.iter().take_while(|line| {
        used += line.len() + 1;
        used <= most
    });
    let count = fitting.count();
    lines.truncate(count.max(1));
    if let (0, Some(first)) = (count, lines.first_mut()) {
        *first = first.chars().take(most).chain(" […]".chars()).collect();
    }
    lines.len()
}

/// What is not shown, and where it is.
fn rest(shown: usize, all: usize, part: &str) -> String {
    match shown < all {
        true => format!("\n[{shown} of {all} shown; `incident_evidence` with part={part} has the rest]"),
        false => String::new(),
    }
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
pub(in crate::agents) fn hypotheses(hypotheses: &[Hypothesis], session: &Session, window: u64) -> String {
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
    let mut lines: Vec<String> = hypotheses.iter().enumerate().map(line).collect();
    let shown = within(&mut lines, share(window, HYPOTHESES));
    session.untrusted("hypotheses", &lines.join("\n")) + &rest(shown, hypotheses.len(), "hypotheses")
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
pub(in crate::agents) fn unseen(gaps: &[Gap], session: &Session, window: u64) -> String {
    if gaps.is_empty() {
        return "nothing that is known of".to_owned();
    }
    let mut lines: Vec<String> =
        gaps.iter().map(|gap| format!("- {}: {}", gap.collector, gap.reason)).collect();
    let shown = within(&mut lines, share(window, UNSEEN));
    session.untrusted("gaps", &lines.join("\n")) + &rest(shown, gaps.len(), "gaps")
}

/// The specialists with what they are for.
pub(in crate::agents) fn specialists() -> String {
    SPECIALISTS.iter().map(|(name, what)| format!("- `{name}`: {what}")).collect::<Vec<_>>().join("\n")
}

/// The codes that playbooks and runbooks know.
pub(in crate::agents) fn codes(window: u64) -> String {
    let line = |cause: &confidence::Cause| format!("- `{}`: {}", cause.code, cause.meaning);
    let lines = confidence::ALL.iter().map(line).collect::<Vec<_>>().join("\n");
    if lines.len() <= share(window, CODES) {
        return lines;
    }
    // The names say what they mean.
    confidence::ALL.iter().map(|cause| format!("`{}`", cause.code)).collect::<Vec<_>>().join(", ")
}

/// What looked like instructions in what the agents read.
pub(in crate::agents) fn flags(session: &Session) -> Vec<String> {
    let mut flags: Vec<String> =
        session.flags().into_iter().map(|flag| format!("{} in {}", flag.rule, flag.source)).collect();
    flags.sort();
    flags.dedup();
    flags
}

#[cfg(test)]
mod tests {
    use super::{codes, rest, within};

    #[test]
    fn what_has_no_room_is_left_out_and_said() {
        let mut lines: Vec<String> = (0..10).map(|n| format!("line number {n}")).collect();
        assert_eq!(within(&mut lines, 45), 3);
        assert_eq!(lines.len(), 3);
        assert_eq!(rest(3, 10, "gaps"), "\n[3 of 10 shown; `incident_evidence` with part=gaps has the rest]");
        assert_eq!(rest(3, 3, "gaps"), "");
        let mut long = vec!["x".repeat(100)];
        assert_eq!((within(&mut long, 10), long[0].as_str()), (1, "xxxxxxxxxx […]"));
        assert_eq!(within(&mut Vec::new(), 10), 0);
    }

    #[test]
    fn codes_are_told_by_name_where_there_is_no_room_for_what_they_mean() {
        let (large, small) = (codes(128_000), codes(4_096));
        assert!(
            large.contains("- `deploy.bad_rollout`: ") && small.contains("`deploy.bad_rollout`, "),
            "{small}"
        );
        assert!(small.len() < large.len() / 2);
    }
}
