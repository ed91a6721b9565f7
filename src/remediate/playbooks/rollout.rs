//! Trouble that a rollout brought: go back to the revision before.

use super::workload::controller;
use super::{Case, Pass, Repair};
use crate::incident::{Action, Hypothesis, ObjectRef};
use crate::observe::{Change, ChangeKind, Snapshot};

const REVISION: &str = "deployment.kubernetes.io/revision";

impl Case<'_> {
    /// Back to the revision before, if the newest rollout brought the trouble: `relevant` says whether what the rollout
    /// changed can be behind it.
    pub(super) fn roll_back(
        &self,
        hypothesis: &Hypothesis,
        relevant: impl Fn(&Change) -> bool,
    ) -> Result<Vec<Repair>, Pass> {
        let not_here = |obstacle: &str| Err(self.not_here(hypothesis, obstacle));
        let Some(workload) = self.workload(hypothesis).filter(|workload| workload.kind == "Deployment")
        else {
            return not_here("only a Deployment can be rolled back, and none was found behind this");
        };
        let rollout = newest_rollout(&workload, self.snapshot).filter(|rollout| relevant(rollout));
        let Some(rollout) = rollout else {
            return not_here("no recent rollout explains it, so rolling back would be a guess");
        };
        let revisions = revisions(&workload, self.snapshot);
        let previous = rollout.previous_revision.filter(|previous| revisions.contains(previous));
        let Some(to_revision) = previous else {
            return not_here("the revision before is not kept any more, so there is nothing to roll back to");
        };
        if is_paused(&workload, self.snapshot) {
            return not_here("the Deployment is paused (kubectl rollout resume comes first)");
        }
        let now = rollout
            .revision
            .map_or_else(|| "its newest revision".to_owned(), |now| format!("revision {now}"));
        Ok(vec![Repair {
            rationale: format!(
                "{workload} ran until {now}; revision {to_revision} is the last one before it."
            ),
            actions: vec![Action::RollBack { workload: workload.clone(), to_revision }],
            workloads: vec![workload],
            ..Repair::default()
        }])
    }
}

/// Whether a rollout changed an image.
pub(super) fn touches_image(rollout: &Change) -> bool {
    touches(rollout, &["image"])
}

/// Whether a rollout changed how a container starts.
pub(super) fn touches_start(rollout: &Change) -> bool {
    touches(rollout, &["image", "command", "args", "workingDir"])
}

/// Whether a rollout changed what surrounds a container: its rights, volumes, ports and neighbours.
pub(super) fn touches_surroundings(rollout: &Change) -> bool {
    touches(rollout, &["securityContext", "volume", "ports", "args", "image", "hostNetwork", "annotations"])
}

/// Whether a rollout changed what a container reads from ConfigMaps and Secrets.
pub(super) fn touches_configuration(rollout: &Change) -> bool {
    touches(rollout, &["env", "volume", "configMap", "secret"])
}

/// Whether a rollout changed what a container may use.
pub(super) fn touches_resources(rollout: &Change) -> bool {
    touches(rollout, &["resources"])
}

fn touches(rollout: &Change, words: &[&str]) -> bool {
    rollout.fields.iter().any(|field| words.iter().any(|word| field.path.contains(word)))
}

/// The newest rollout of a workload among the recent changes.
pub(super) fn newest_rollout<'a>(workload: &ObjectRef, snapshot: &'a Snapshot) -> Option<&'a Change> {
    let rollouts = snapshot
        .changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Rollout && change.object == *workload);
    rollouts.max_by_key(|change| change.at)
}

fn revisions(workload: &ObjectRef, snapshot: &Snapshot) -> Vec<i64> {
    let owned = snapshot.objects.replica_sets.iter().filter(|set| {
        set.metadata.namespace.as_deref() == Some(&workload.namespace)
            && controller(&set.metadata).is_some_and(|owner| owner.name == workload.name)
    });
    owned.filter_map(|set| set.metadata.annotations.as_ref()?.get(REVISION)?.parse().ok()).collect()
}

fn is_paused(workload: &ObjectRef, snapshot: &Snapshot) -> bool {
    snapshot.objects.deployments.iter().any(|deployment| {
        deployment.metadata.name.as_deref() == Some(&workload.name)
            && deployment.metadata.namespace.as_deref() == Some(&workload.namespace)
            && deployment.spec.as_ref().and_then(|spec| spec.paused) == Some(true)
    })
}
