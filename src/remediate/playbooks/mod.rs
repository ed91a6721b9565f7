//! From ranked Hypotheses to what should be done about the best of them: pure functions of what was seen.
//!
//! Owns which Actions suit which cause, their arguments, the Checks that will prove success, and the words for people
//! where kubewright has no repair. Arguments come from live objects in the Snapshot, never from text that a program wrote.
//! Whether it may be done is for `policy` to say; how it is done is for `catalog`.

mod advice;
mod checks;
mod memory;
mod node;
mod restart;
mod rollout;
mod scaling;
mod workload;

pub(super) use workload::{controller_of, pods};

use crate::incident::{Action, Check, Evidence, Hypothesis, ObjectRef, Signal};
use crate::observe::Snapshot;

/// A lesser Hypothesis is acted on only from this confidence.
const LEAST_CONFIDENCE: f64 = 0.5;

/// What should be done and how it will be proved; not yet tried against the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Code of the Hypothesis that it acts on.
    pub hypothesis: String,
    /// Why this should help, for people.
    pub rationale: String,
    /// What to do, in order; never empty.
    pub actions: Vec<Action>,
    /// What must hold afterwards; never empty.
    pub checks: Vec<Check>,
}

/// There is nothing that kubewright can do; what people can do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoPlaybook {
    /// Why, with concrete next steps.
    pub reason: String,
}

/// What the playbooks look at.
struct Case<'a> {
    snapshot: &'a Snapshot,
    evidence: &'a [Evidence],
    signals: &'a [Signal],
    excluded: &'a [&'a Action],
}

/// One way to repair, before its Checks are chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Repair {
    rationale: String,
    actions: Vec<Action>,
    /// Workloads whose rollout, pods and restarts are watched.
    workloads: Vec<ObjectRef>,
    /// An autoscaler to be watched.
    autoscaler: Option<ObjectRef>,
    /// A node that the repair leaves broken: alerts about the node itself prove nothing.
    given_up_node: Option<String>,
}

/// Repairs for a cause, the best first.
type Playbook = fn(&Case<'_>, &Hypothesis) -> Result<Vec<Repair>, Pass>;

/// Each cause that kubewright repairs, with what it does, in words and in code. About all others it tells people what they
/// can do.
const PLAYBOOKS: [(&str, &str, Playbook); 13] = [
    ("deploy.bad_rollout", "roll back to the revision before", |case, cause| case.roll_back(cause, |_| true)),
    ("probe.failing", "roll back to the revision before", |case, cause| case.roll_back(cause, |_| true)),
    ("image.pull_failed", "roll back the rollout that brought the image", |case, cause| {
        case.roll_back(cause, rollout::touches_image)
    }),
    ("container.bad_command", "roll back the rollout that brought the command", |case, cause| {
        case.roll_back(cause, rollout::touches_start)
    }),
    ("image.wrong_architecture", "roll back the rollout that brought the image", |case, cause| {
        case.roll_back(cause, rollout::touches_start)
    }),
    ("storage.permission_denied", SURROUNDINGS, of_surroundings),
    ("security.context_forbids", SURROUNDINGS, of_surroundings),
    ("container.port_conflict", SURROUNDINGS, of_surroundings),
    ("config.missing_reference", "roll back the rollout that brought the reference", |case, cause| {
        case.roll_back(cause, rollout::touches_configuration)
    }),
    ("memory.exhausted", "restore or raise the memory limit, or roll back", |case, cause| {
        case.give_memory(cause)
    }),
    ("scaling.limit_reached", "raise the autoscaler's maximum", |case, cause| case.raise_maximum(cause)),
    ("node.not_ready", "cordon the node and delete the pods that can move", |case, cause| {
        case.leave_node(cause)
    }),
    ("workload.crash_loop", "restart the workload", |case, cause| case.restart(cause)),
];

const SURROUNDINGS: &str = "roll back the rollout that changed what the container may do and reach";

fn of_surroundings(case: &Case<'_>, cause: &Hypothesis) -> Result<Vec<Repair>, Pass> {
    case.roll_back(cause, rollout::touches_surroundings)
}

/// What kubewright does about a cause, in words; `None` where it tells people what they can do.
#[must_use]
pub fn playbook_for(code: &str) -> Option<&'static str> {
    PLAYBOOKS.iter().find(|(known, ..)| *known == code).map(|(_, words, _)| *words)
}

/// Why a Hypothesis leads to no repair.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pass {
    /// kubewright does not repair such causes. Acting on a lesser suspicion instead would be a guess.
    ForPeople(String),
    /// It would, but not in this case: the next Hypothesis may be looked at.
    NotHere(String),
}

/// Chooses the repair for the best Hypothesis that has one. `excluded` are Actions that people denied or that did not
/// help; the same kind of change to the same object is not proposed again, whatever its arguments, because revisions are
/// renumbered by a roll-back and its undo.
///
/// # Errors
/// [`NoPlaybook`] with the next steps for people.
pub fn draft(
    hypotheses: &[Hypothesis],
    snapshot: &Snapshot,
    evidence: &[Evidence],
    signals: &[Signal],
    excluded: &[&Action],
) -> Result<Draft, NoPlaybook> {
    let case = Case { snapshot, evidence, signals, excluded };
    let mut reasons = Vec::new();
    for (rank, hypothesis) in hypotheses.iter().enumerate() {
        if rank > 0 && hypothesis.confidence.value() < LEAST_CONFIDENCE {
            break;
        }
        match case.repair(hypothesis) {
            Ok(repair) => return Ok(case.finish(hypothesis, repair)),
            Err(Pass::NotHere(reason)) => reasons.push(reason),
            Err(Pass::ForPeople(reason)) => {
                reasons.push(reason);
                break;
            }
        }
    }
    if reasons.is_empty() {
        reasons
            .push("no cause was found, so nothing is changed; look at the evidence and its gaps".to_owned());
    }
    Err(NoPlaybook { reason: reasons.join("; ") })
}

impl Case<'_> {
    fn repair(&self, hypothesis: &Hypothesis) -> Result<Repair, Pass> {
        let known = PLAYBOOKS.iter().find(|(code, ..)| *code == playbook(hypothesis));
        let Some((_, _, playbook)) = known else {
            let steps = advice::next_steps(hypothesis, self.workload(hypothesis).as_ref());
            return Err(Pass::ForPeople(steps));
        };
        let mut repairs = playbook(self, hypothesis)?;
        repairs.retain(|repair| !repair.actions.iter().any(|action| self.is_excluded(action)));
        repairs.into_iter().next().ok_or_else(|| {
            let steps = advice::next_steps(hypothesis, self.workload(hypothesis).as_ref());
            Pass::NotHere(format!(
                "what kubewright knows against {} was denied or did not help: {steps}",
                hypothesis.code
            ))
        })
    }

    fn finish(&self, hypothesis: &Hypothesis, repair: Repair) -> Draft {
        let checks = checks::after(&repair, self.signals);
        Draft {
            hypothesis: hypothesis.code.clone(),
            rationale: repair.rationale,
            actions: repair.actions,
            checks,
        }
    }

    fn is_excluded(&self, action: &Action) -> bool {
        self.excluded.iter().any(|excluded| is_same_change(excluded, action))
    }

    /// There is a playbook and it does not apply: the advice for the cause, after what stands in its way.
    fn not_here(&self, hypothesis: &Hypothesis, obstacle: &str) -> Pass {
        let steps = advice::next_steps(hypothesis, self.workload(hypothesis).as_ref());
        Pass::NotHere(format!("{obstacle}: {steps}"))
    }
}

/// The Checks after Actions that no playbook chose: `workloads`, `autoscaler` and `given_up_node` are what they touch.
pub(super) fn checks_after(
    workloads: Vec<ObjectRef>,
    autoscaler: Option<ObjectRef>,
    given_up_node: Option<String>,
    signals: &[Signal],
) -> Vec<Check> {
    let repair = Repair { workloads, autoscaler, given_up_node, ..Repair::default() };
    checks::after(&repair, signals)
}

/// The cause by whose playbook a Hypothesis is repaired: that of its code, unless the rule of a file names another.
fn playbook(hypothesis: &Hypothesis) -> &str {
    hypothesis.playbook.as_deref().unwrap_or(&hypothesis.code)
}

/// The same kind of change to the same object (and container).
pub(super) fn is_same_change(one: &Action, other: &Action) -> bool {
    let container = |action: &Action| match action {
        Action::SetResources { container, .. } => Some(container.clone()),
        _ => None,
    };
    one.kind() == other.kind() && one.target() == other.target() && container(one) == container(other)
}
