//! Is the deterministic answer good enough to leave the model out?

use super::Groundwork;
use crate::settings::AssessSettings;

/// Why no model is needed, one sentence; `None`: one is.
pub(super) fn good_enough(groundwork: &Groundwork, settings: &AssessSettings) -> Option<String> {
    let mut ranked = groundwork.hypotheses.iter();
    let Some(best) = ranked.next() else {
        let healthy =
            "No model was asked: everything that was read is healthy, and nothing was out of sight.";
        return groundwork.healthy.then(|| healthy.to_owned());
    };
    let confidence = best.confidence.value();
    let next = ranked.next().map_or(0.0, |next| next.confidence.value());
    let sure = confidence >= settings.confidence && confidence - next >= settings.margin;
    sure.then(|| {
        format!(
            "No model was asked: the rules are sure of {} ({confidence:.2}; the next one has {next:.2}).",
            best.code
        )
    })
}

#[cfg(test)]
mod tests {
    use super::good_enough;
    use crate::agents::orchestrator::Groundwork;
    use crate::incident::{EvidenceId, Hypothesis, ObjectRef, Proposer, Score};
    use crate::settings::AssessSettings;

    fn groundwork(confidences: &[f64]) -> Groundwork {
        let hypothesis = |confidence: &f64| Hypothesis {
            code: "deploy.bad_image".to_owned(),
            object: ObjectRef::new("Deployment", "shop", "checkout"),
            statement: "It has a wrong image.".to_owned(),
            confidence: Score::new(*confidence),
            evidence_for: vec![EvidenceId(1)],
            evidence_against: Vec::new(),
            proposer: Proposer::Rule("deploy.bad_image".to_owned()),
            runbook: None,
            playbook: None,
        };
        Groundwork {
            evidence: Vec::new(),
            hypotheses: confidences.iter().map(hypothesis).collect(),
            gaps: Vec::new(),
            healthy: false,
        }
    }

    fn sure(confidences: &[f64]) -> bool {
        good_enough(&groundwork(confidences), &AssessSettings::default()).is_some()
    }

    #[test]
    fn a_sure_answer_far_ahead_needs_no_model() {
        assert!(sure(&[0.9, 0.5]));
        assert!(sure(&[0.8]));
        assert!(!sure(&[0.79]));
        assert!(!sure(&[0.9, 0.8]));
    }

    #[test]
    fn finding_nothing_needs_a_model_unless_all_is_healthy() {
        assert!(!sure(&[]));
        let healthy = Groundwork { healthy: true, ..groundwork(&[]) };
        assert!(good_enough(&healthy, &AssessSettings::default()).is_some());
    }
}
