//! Merging what rules and specialists say: each claim by what it cites.

use std::collections::BTreeSet;

use super::{Case, Groundwork, Investigated, known, words};
use crate::agents::answers::{Assignment, Judgement, Next, Suspicion};
use crate::agents::ledger::{self, Ledger};
use crate::agents::roster::JUDGE;
use crate::agents::run::{RunError, Shared};
use crate::diagnose::confidence;
use crate::incident::{
    Evidence, EvidenceId, Hypothesis, Investigation, InvestigationEnd, ObjectRef, Proposer, Score,
};

/// The code of a cause that no playbook knows.
pub(super) const OTHER: &str = "agent.other";

/// An agent is never surer than this: its certainty is that of its evidence and of the model.
const MOST_CONFIDENCE: f64 = 0.9;

/// Models read confidences with two digits.
const ROUNDED: f64 = 0.005;

/// Hypotheses that are kept.
const MOST: usize = 8;

/// What the judge said.
pub(super) struct Judged {
    pub(super) suspicions: Vec<Suspicion>,
    pub(super) next: Next,
    pub(super) reason: String,
    pub(super) assignments: Vec<Assignment>,
}

impl Case<'_> {
    pub(super) async fn judge(&mut self) -> Result<Judged, RunError> {
        let question = "Weigh the reports and decide.";
        let values = self.scene.values(question, &self.reports, &self.shared);
        let judged = self.run::<Judgement>(JUDGE, question, &values, |judged| judged.reason.clone()).await?;
        Ok(Judged {
            suspicions: judged.hypotheses,
            next: judged.decision,
            reason: judged.reason,
            assignments: known(judged.next),
        })
    }

    /// The judge's hypotheses that hold, merged with those of the rules.
    pub(super) fn conclude(
        self,
        groundwork: Groundwork,
        judged: Judged,
        end: InvestigationEnd,
    ) -> Investigated {
        let mut dropped = Vec::new();
        let mut accepted = Vec::new();
        for suspicion in judged.suspicions {
            match accept(&suspicion, &self.shared.ledger, &groundwork) {
                Ok(hypothesis) => accepted.push(hypothesis),
                Err(why) => dropped.push(format!("{}: {why}", suspicion.statement)),
            }
        }
        let people = |text: &str| self.shared.session.for_people(text);
        for hypothesis in &mut accepted {
            hypothesis.statement = people(&hypothesis.statement);
        }
        let hypotheses = merge(accepted, groundwork.hypotheses);
        let evidence = with_cited(groundwork.evidence, &hypotheses, &self.shared);
        let investigation = Investigation {
            end,
            reason: people(&judged.reason),
            cycles: self.cycles,
            runs: self.runs,
            dropped: dropped.iter().map(|text| people(text)).collect(),
            recommendation: None,
            flags: words::flags(&self.shared.session),
        };
        Investigated { evidence, hypotheses, investigation }
    }
}

/// A claim that cites what was seen, about an object that was seen.
fn accept(suspicion: &Suspicion, ledger: &Ledger, groundwork: &Groundwork) -> Result<Hypothesis, String> {
    let cited = |texts: &[String]| -> Vec<EvidenceId> {
        let ids: BTreeSet<EvidenceId> = texts
            .iter()
            .filter_map(|text| ledger::number(text))
            .filter(|id| ledger.get(*id).is_some())
            .collect();
        ids.into_iter().collect()
    };
    let evidence_for = cited(&suspicion.evidence_for);
    if evidence_for.is_empty() {
        return Err("it cites nothing that was seen".to_owned());
    }
    let object = ObjectRef::new(&suspicion.object.kind, &suspicion.object.namespace, &suspicion.object.name);
    let known = ledger.has_seen(&object) || groundwork.hypotheses.iter().any(|known| known.object == object);
    if !known {
        return Err(format!("nobody has seen {object}"));
    }
    // A rule of the user's may have named a cause that the program's table does not have.
    let code_known = confidence::ALL.iter().any(|cause| cause.code == suspicion.code)
        || groundwork.hypotheses.iter().any(|known| known.code == suspicion.code);
    let confidence = Score::new(suspicion.confidence).value().min(MOST_CONFIDENCE);
    Ok(Hypothesis {
        code: if code_known { suspicion.code.clone() } else { OTHER.to_owned() },
        object,
        statement: suspicion.statement.clone(),
        confidence: Score::new(confidence),
        evidence_for,
        evidence_against: cited(&suspicion.evidence_against),
        proposer: Proposer::Agent(JUDGE.to_owned()),
        runbook: None,
        playbook: None,
    })
}

/// The judge's order; where it names a cause that the rules have too, the rule's words stay, for playbooks know them. What
/// the judge passes over comes last, less sure than everything that it kept.
fn merge(accepted: Vec<Hypothesis>, rules: Vec<Hypothesis>) -> Vec<Hypothesis> {
    if accepted.is_empty() {
        return rules;
    }
    let least = accepted.iter().map(|hypothesis| hypothesis.confidence.value()).fold(1.0, f64::min);
    let ranked: Vec<(String, ObjectRef)> =
        rules.iter().map(|rule| (rule.code.clone(), rule.object.clone())).collect();
    let mut rules = rules;
    let mut merged: Vec<Hypothesis> = Vec::new();
    for hypothesis in accepted {
        let known =
            |merged: &Hypothesis| merged.code == hypothesis.code && merged.object == hypothesis.object;
        if merged.iter().any(known) {
            continue;
        }
        let same = |rule: &Hypothesis| rule.code == hypothesis.code && rule.object == hypothesis.object;
        match rules.iter().position(same) {
            Some(at) => {
                let mut rule = rules.remove(at);
                if hypothesis.confidence.value() > rule.confidence.value() + ROUNDED {
                    // Policy must not take a model's certainty for that of a rule.
                    rule.proposer = hypothesis.proposer;
                }
                rule.confidence = hypothesis.confidence;
                let cited: BTreeSet<EvidenceId> =
                    rule.evidence_for.iter().chain(&hypothesis.evidence_for).copied().collect();
                rule.evidence_for = cited.into_iter().collect();
                // What a rule holds against itself is not a model's to take back.
                let against: BTreeSet<EvidenceId> =
                    rule.evidence_against.iter().chain(&hypothesis.evidence_against).copied().collect();
                rule.evidence_against = against.into_iter().collect();
                merged.push(rule);
            }
            None => merged.push(hypothesis),
        }
    }
    merged.sort_by(|a, b| b.confidence.value().total_cmp(&a.confidence.value()));
    for mut rule in rules {
        rule.confidence = Score::new(rule.confidence.value().min(least * 0.9));
        merged.push(rule);
    }
    merged.truncate(MOST);
    own_the_order(&mut merged, &ranked);
    merged
}

/// A rule's hypothesis that stands above one which the rules ranked higher stands there by a model's word.
fn own_the_order(merged: &mut [Hypothesis], ranked: &[(String, ObjectRef)]) {
    let rank = |hypothesis: &Hypothesis| {
        ranked.iter().position(|(code, object)| *code == hypothesis.code && *object == hypothesis.object)
    };
    let ranks: Vec<Option<usize>> = merged.iter().map(rank).collect();
    for (at, hypothesis) in merged.iter_mut().enumerate() {
        let Some(own) = ranks.get(at).copied().flatten() else { continue };
        if ranks.iter().skip(at + 1).flatten().any(|below| *below < own) {
            hypothesis.proposer = Proposer::Agent(JUDGE.to_owned());
        }
    }
}

/// What was there, and what is cited beyond it.
fn with_cited(evidence: Vec<Evidence>, hypotheses: &[Hypothesis], shared: &Shared) -> Vec<Evidence> {
    let mut all = evidence;
    let cited: BTreeSet<EvidenceId> = hypotheses
        .iter()
        .flat_map(|hypothesis| hypothesis.evidence_for.iter().chain(&hypothesis.evidence_against))
        .copied()
        .collect();
    for id in cited {
        if !all.iter().any(|known| known.id == id) {
            all.extend(shared.ledger.get(id).map(|seen| words::to_keep(seen, &shared.session)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{OTHER, accept, merge};
    use crate::agents::answers::{NamedObject, Suspicion};
    use crate::agents::ledger::Ledger;
    use crate::agents::orchestrator::Groundwork;
    use crate::incident::{Evidence, EvidenceId, EvidenceSource, Hypothesis, ObjectRef, Proposer, Score};

    fn evidence() -> Evidence {
        Evidence {
            id: EvidenceId(1),
            source: EvidenceSource::Object,
            code: "pod.container.crash_loop".to_owned(),
            object: ObjectRef::new("Pod", "shop", "checkout-1"),
            statement: "It crashes.".to_owned(),
            strength: Score::new(0.9),
            at: Timestamp::UNIX_EPOCH,
            fields: BTreeMap::new(),
        }
    }

    fn suspicion(name: &str, cites: &str) -> Suspicion {
        Suspicion {
            code: "made.up".to_owned(),
            object: NamedObject {
                kind: "Pod".to_owned(),
                namespace: "shop".to_owned(),
                name: name.to_owned(),
            },
            statement: "The disk is full.".to_owned(),
            confidence: 1.0,
            evidence_for: vec![cites.to_owned()],
            evidence_against: Vec::new(),
        }
    }

    fn nothing() -> Groundwork {
        Groundwork { evidence: Vec::new(), hypotheses: Vec::new(), gaps: Vec::new(), healthy: false }
    }

    fn rule(code: &str, confidence: f64) -> Hypothesis {
        Hypothesis {
            code: code.to_owned(),
            object: ObjectRef::new("Deployment", "shop", "checkout"),
            statement: "A rule says so.".to_owned(),
            confidence: Score::new(confidence),
            evidence_for: vec![EvidenceId(1)],
            evidence_against: Vec::new(),
            proposer: Proposer::Rule(code.to_owned()),
            runbook: None,
            playbook: None,
        }
    }

    #[test]
    fn a_claim_without_evidence_or_about_an_object_that_nobody_saw_is_dropped() {
        let ledger = Ledger::of(&[evidence()]);
        let accepted = accept(&suspicion("checkout-1", "E1"), &ledger, &nothing()).unwrap();
        assert_eq!((accepted.code.as_str(), accepted.confidence.value()), (OTHER, 0.9));
        assert!(accept(&suspicion("checkout-1", "E9"), &ledger, &nothing()).is_err());
        assert!(accept(&suspicion("invented", "E1"), &ledger, &nothing()).is_err());
    }

    #[test]
    fn the_judge_orders_and_the_rules_keep_their_words() {
        let judged = Hypothesis {
            statement: "A model says so.".to_owned(),
            proposer: Proposer::Agent("judge".to_owned()),
            ..rule("b", 0.7)
        };
        let merged = merge(vec![judged], vec![rule("a", 0.8), rule("b", 0.5)]);
        let order: Vec<(&str, &str, f64)> =
            merged.iter().map(|h| (h.code.as_str(), h.statement.as_str(), h.confidence.value())).collect();
        assert_eq!(order[0], ("b", "A rule says so.", 0.7));
        assert_eq!(order[1].0, "a");
        assert!(order[1].2 < 0.7);
    }

    #[test]
    fn certainty_beyond_that_of_the_rule_is_the_agents() {
        let judged = |confidence| Hypothesis {
            proposer: Proposer::Agent("judge".to_owned()),
            ..rule("b", confidence)
        };
        let proposer = |confidence| merge(vec![judged(confidence)], vec![rule("b", 0.5)]).remove(0).proposer;
        assert_eq!(proposer(0.7), Proposer::Agent("judge".to_owned()));
        assert_eq!(proposer(0.4), Proposer::Rule("b".to_owned()));
    }

    #[test]
    fn a_rule_that_a_model_lifts_above_another_counts_as_the_models() {
        let judged = Hypothesis { proposer: Proposer::Agent("judge".to_owned()), ..rule("b", 0.85) };
        let mut against = rule("b", 0.85);
        against.evidence_against = vec![EvidenceId(7)];
        let merged = merge(vec![judged.clone(), judged], vec![rule("a", 0.9), against]);
        let order: Vec<(&str, &Proposer)> = merged.iter().map(|h| (h.code.as_str(), &h.proposer)).collect();
        let (judge, rule_a) = (Proposer::Agent("judge".to_owned()), Proposer::Rule("a".to_owned()));
        assert_eq!(order, [("b", &judge), ("a", &rule_a)]);
        assert_eq!(merged[0].evidence_against, [EvidenceId(7)], "a model takes nothing back");
    }

    #[test]
    fn a_judge_that_says_nothing_of_use_changes_nothing() {
        let rules = vec![rule("a", 0.8), rule("b", 0.5)];
        assert_eq!(merge(Vec::new(), rules.clone()), rules);
    }
}
