//! A Snapshot without what somebody may not see.

use kube::ResourceExt;

use super::{Objects, Snapshot};
use crate::incident::{Gap, ObjectRef};

impl Snapshot {
    /// Leaves out everything of namespaces that do not pass, and says so as a gap. Cluster-wide objects stay.
    pub fn retain_namespaces(&mut self, passes: impl Fn(&str) -> bool) {
        let before = self.size();
        let seen = |object: &ObjectRef| object.namespace.is_empty() || passes(&object.namespace);
        retain(&mut self.objects, &passes);
        self.focus = self.focus.take().filter(&seen);
        self.changes.retain(|change| seen(&change.object));
        self.logs.retain(|log| passes(&log.namespace));
        self.log_patterns.retain(|pattern| passes(&pattern.namespace) && seen(&pattern.source));
        self.readings.retain(|reading| seen(&reading.object));
        self.signals.retain(|signal| signal.scope.namespace.as_deref().is_none_or(&passes));
        let left_out = before - self.size();
        if left_out > 0 {
            self.gaps.push(Gap {
                collector: "other namespaces".to_owned(),
                reason: format!(
                    "{left_out} objects, logs and readings of namespaces that may not be read here are left out"
                ),
            });
        }
    }

    fn size(&self) -> usize {
        self.objects.count()
            + self.changes.len()
            + self.logs.len()
            + self.log_patterns.len()
            + self.readings.len()
    }
}

fn of<K: ResourceExt>(objects: &mut Vec<K>, passes: &impl Fn(&str) -> bool) {
    objects.retain(|object| object.namespace().is_none_or(|namespace| passes(&namespace)));
}

/// Names every field, so that a kind that is added is not forgotten here.
fn retain(objects: &mut Objects, passes: &impl Fn(&str) -> bool) {
    let Objects {
        pods,
        deployments,
        replica_sets,
        stateful_sets,
        daemon_sets,
        jobs,
        cron_jobs,
        services,
        endpoint_slices,
        config_maps,
        secrets,
        nodes: _,
        autoscalers,
        claims,
        volumes: _,
        storage_classes: _,
        ingresses,
        network_policies,
        quotas,
        limit_ranges,
        disruption_budgets,
        service_accounts,
        events,
    } = objects;
    of(pods, passes);
    of(deployments, passes);
    of(replica_sets, passes);
    of(stateful_sets, passes);
    of(daemon_sets, passes);
    of(jobs, passes);
    of(cron_jobs, passes);
    of(services, passes);
    of(endpoint_slices, passes);
    config_maps.retain(|object| passes(&object.namespace));
    secrets.retain(|object| passes(&object.namespace));
    of(autoscalers, passes);
    of(claims, passes);
    of(ingresses, passes);
    of(network_policies, passes);
    of(quotas, passes);
    of(limit_ranges, passes);
    of(disruption_budgets, passes);
    of(service_accounts, passes);
    // An Event lives in its object's namespace; those about cluster-wide objects are in `default`.
    events.retain(|event| event.involved_object.namespace.as_deref().is_none_or(passes));
}
