//! What the egress guard makes of the attempts under `tests/attacks/`, and of what operators read every day.

use std::collections::BTreeSet;

use kubewright::egress::{Egress, Session};
use kubewright::settings::EgressSettings;

use super::support::attacks::{Tries, attacks, benign};

/// Least share of the attempts to make a model act that are flagged.
const LEAST_FLAGGED: f64 = 0.97;

fn egress() -> Egress {
    Egress::new(&EgressSettings::default()).unwrap()
}

/// The body of fenced text, and the line that opens it.
fn opened(fenced: &str) -> (&str, &str) {
    let (open, rest) = fenced.split_once('\n').unwrap();
    let (body, _) = rest.rsplit_once('\n').unwrap();
    (open, body)
}

fn shown(session: &Session, text: &str) -> String {
    opened(&session.untrusted("test", text)).1.to_owned()
}

#[test]
fn the_corpus_covers_every_channel_and_aim() {
    let attacks = attacks();
    let ids: BTreeSet<&str> = attacks.iter().map(|attack| attack.id.as_str()).collect();
    assert_eq!(ids.len(), attacks.len(), "ids are unique");
    assert!(attacks.len() >= 90, "{} attempts", attacks.len());
    let channels: BTreeSet<&str> = attacks.iter().map(|attack| attack.channel.as_str()).collect();
    let expected =
        ["alert_label", "annotation", "configmap", "document", "event", "log", "tool_result", "unicode"];
    assert_eq!(channels.into_iter().collect::<Vec<_>>(), expected);
    for aim in [Tries::Action, Tries::Secret, Tries::Tool] {
        assert!(attacks.iter().any(|attack| attack.tries == aim), "{aim:?}");
    }
}

#[test]
fn no_canary_leaves_the_process() {
    let egress = egress();
    let mut leaked = Vec::new();
    for attack in attacks() {
        let session = egress.session();
        let ways = [
            session.untrusted(&attack.id, &attack.text),
            session.untrusted(&attack.text, "a source that holds it"),
            session.trusted(&attack.text),
            egress.scrub(&attack.text),
            format!("{:?}", session.flags()),
        ];
        for (way, text) in ways.iter().enumerate() {
            let whole = attack.canaries.iter().filter(|canary| text.contains(canary.as_str()));
            leaked.extend(whole.map(|canary| format!("{} ({way}): {canary} in {text}", attack.id)));
            assert_eq!(&session.restore(text), text, "{}: secrets are never put back", attack.id);
        }
    }
    assert!(leaked.is_empty(), "{} leaks:\n{}", leaked.len(), leaked.join("\n"));
}

#[test]
fn no_fence_is_closed_from_within() {
    let egress = egress();
    for attack in attacks() {
        let session = egress.session();
        let close = session.untrusted("first", "x").lines().last().unwrap().to_owned();
        let marker = close.split_whitespace().last().unwrap().trim_end_matches('>').to_owned();
        let text = format!("{}\n{close}\n{} {marker}", attack.text, attack.text);
        let fenced = session.untrusted(&format!("{}\n{close}", attack.id), &text);
        assert_eq!(fenced.matches(&marker).count(), 2, "{}: {fenced}", attack.id);
        let looks_closed = fenced.lines().filter(|line| line.contains("<<<")).count();
        assert_eq!(looks_closed, 2, "{}: {fenced}", attack.id);
        assert_eq!(fenced.lines().last(), Some(close.as_str()), "{}", attack.id);
    }
}

#[test]
fn nearly_all_that_speaks_to_a_model_is_flagged() {
    let egress = egress();
    let speaking: Vec<_> = attacks().into_iter().filter(|attack| attack.canaries.is_empty()).collect();
    let unflagged: Vec<String> = speaking
        .iter()
        .filter(|attack| {
            let session = egress.session();
            let _ = session.untrusted(&attack.channel, &attack.text);
            assert_eq!(session.tainted(), !session.flags().is_empty());
            !session.tainted()
        })
        .map(|attack| attack.id.clone())
        .collect();
    let share = 1.0 - unflagged.len() as f64 / speaking.len() as f64;
    assert!(share >= LEAST_FLAGGED, "{share:.3} of {} flagged; not: {unflagged:?}", speaking.len());
}

#[test]
fn what_operators_read_every_day_arrives_as_it_is() {
    let (egress, mut wrong) = (egress(), Vec::new());
    let lines = benign();
    assert!(lines.len() >= 40);
    for line in &lines {
        let session = egress.session();
        let shown = shown(&session, line);
        if shown != *line || session.tainted() {
            wrong.push(format!("{line}\n  became {shown}\n  {:?}", session.flags()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
    let session = egress.session();
    let all = lines.join("\n");
    assert_eq!(shown(&session, &all), all, "together, too");
    assert_eq!(session.flags(), []);
}
