//! Whether pods of the same template were let in before: then it is not the template that has changed.

use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Refusal;
use crate::diagnose::index::{object_ref, revision_of};

/// A ReplicaSet that is refused from its first moment was never let in; one that is refused this long after was.
const AT_FIRST: SignedDuration = SignedDuration::from_mins(5);

/// What of a template a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aspect {
    /// Everything.
    All,
    /// What Pod Security looks at: not images, commands, environment, probes and amounts.
    Security,
    /// Requests and limits.
    Amounts,
}

impl Refusal<'_> {
    /// Whether pods that are alike in that aspect run, or ran before the refusals began.
    pub(super) fn was_admitted_before(&self, aspect: Aspect) -> bool {
        let index = self.index;
        if self.controller.kind == "StatefulSet" || self.controller.kind == "DaemonSet" {
            return self.set_kept_its_template(aspect);
        }
        let Some(refused) = self.refused_set() else { return false };
        let pods_of = |set: &ReplicaSet| {
            let set = object_ref(set);
            let pods = index.pods_of(&self.workload).iter();
            pods.filter(|pod| index.owner(&pod.metadata).as_ref() == Some(&set)).count()
        };
        let made = refused.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let later = made.zip(self.since).is_some_and(|(made, since)| since.duration_since(made) > AT_FIRST);
        let wanted = template(refused).map(|spec| reduced(spec, aspect));
        let alike = |set: &&ReplicaSet| template(set).map(|spec| reduced(spec, aspect)) == wanted;
        let sets = index.snapshot.objects.replica_sets.iter();
        let siblings = sets.filter(|set| index.workload_of(&object_ref(*set)) == self.workload);
        later || siblings.filter(alike).any(|set| pods_of(set) > 0)
    }

    /// The ReplicaSet that is refused: the controller itself, or the newest of the Deployment.
    fn refused_set(&self) -> Option<&ReplicaSet> {
        if self.controller.kind == "ReplicaSet" {
            return self.index.replica_set(self.controller);
        }
        let sets = self.index.snapshot.objects.replica_sets.iter();
        let own = sets.filter(|set| self.index.workload_of(&object_ref(*set)) == self.workload);
        own.max_by_key(|set| revision_of(&set.metadata))
    }

    /// Sets that have pods were let in, unless their last revision changed what the rule looks at.
    fn set_kept_its_template(&self, aspect: Aspect) -> bool {
        let mut changes = self.index.snapshot.changes.iter().filter(|change| change.object == self.workload);
        let touched = changes.any(|change| change.fields.iter().any(|field| aspect.covers(&field.path)));
        !touched && !self.index.pods_of(&self.workload).is_empty()
    }

    /// Whether an object was made after the workload.
    pub(super) fn is_younger(&self, rule: &ObjectMeta) -> bool {
        let objects = &self.index.snapshot.objects;
        let deployments = objects.deployments.iter().map(|found| (object_ref(found), &found.metadata));
        let stateful = objects.stateful_sets.iter().map(|found| (object_ref(found), &found.metadata));
        let daemons = objects.daemon_sets.iter().map(|found| (object_ref(found), &found.metadata));
        let sets = objects.replica_sets.iter().map(|found| (object_ref(found), &found.metadata));
        let mut all = deployments.chain(stateful).chain(daemons).chain(sets);
        // The newest ReplicaSet tells when the template was written, the workload only when there was a first one.
        let written = self.refused_set().map(|set| &set.metadata);
        let own = written.or_else(|| all.find(|(name, _)| *name == self.workload).map(|(_, found)| found));
        let made = own.and_then(|own| own.creation_timestamp.as_ref());
        made.zip(rule.creation_timestamp.as_ref()).is_some_and(|(made, rule)| rule.0 > made.0)
    }
}

impl Aspect {
    fn covers(self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Security => {
                ["ecurity", "host", "volumes", "capabilities"].iter().any(|part| path.contains(part))
            }
            Self::Amounts => path.contains("resources"),
        }
    }
}

fn template(set: &ReplicaSet) -> Option<&PodSpec> {
    set.spec.as_ref()?.template.as_ref()?.spec.as_ref()
}

/// The spec with only what the aspect looks at.
fn reduced(spec: &PodSpec, aspect: Aspect) -> PodSpec {
    match aspect {
        Aspect::All => spec.clone(),
        Aspect::Security => {
            let mut kept = spec.clone();
            let containers = kept.containers.iter_mut().chain(kept.init_containers.iter_mut().flatten());
            containers.for_each(|container| {
                *container = Container {
                    name: container.name.clone(),
                    security_context: container.security_context.take(),
                    ports: container.ports.take(),
                    ..Container::default()
                };
            });
            kept
        }
        Aspect::Amounts => {
            let amounts = |container: &Container| Container {
                name: container.name.clone(),
                resources: container.resources.clone(),
                ..Container::default()
            };
            PodSpec { containers: spec.containers.iter().map(amounts).collect(), ..PodSpec::default() }
        }
    }
}
