//! A Snapshot without what somebody may not see.

use kube::ResourceExt;
use serde_json::Value;

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
        self.retain_recorded(before > self.size(), &passes);
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

    /// What was read in full is known of the namespaces that stay, and of no other.
    fn retain_recorded(&mut self, some_left: bool, passes: &impl Fn(&str) -> bool) {
        let recorded = &mut self.recorded;
        if some_left && !recorded.asked.is_empty() && recorded.namespaces.is_empty() {
            recorded.namespaces.extend(self.objects.pods.iter().filter_map(ResourceExt::namespace));
            if recorded.namespaces.is_empty() {
                recorded.asked.clear();
            }
        }
        let all = recorded.namespaces.is_empty();
        recorded.retain_namespaces(some_left, passes);
        if recorded.namespaces.is_empty() && !all {
            recorded.asked.clear();
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
#[expect(clippy::too_many_lines, reason = "one line a kind")]
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
        endpoints,
        roles,
        role_bindings,
        cluster_roles: _,
        cluster_role_bindings: _,
        validating_webhooks: _,
        mutating_webhooks: _,
        namespaces,
        priority_classes: _,
        runtime_classes: _,
        ingress_classes: _,
        others,
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
    of(endpoints, passes);
    of(roles, passes);
    of(role_bindings, passes);
    namespaces.retain(|namespace| passes(&namespace.name_any()));
    others.retain(|object| object.pointer("/metadata/namespace").and_then(Value::as_str).is_none_or(passes));
    // An Event lives in its object's namespace; those about cluster-wide objects are in `default`.
    events.retain(|event| event.involved_object.namespace.as_deref().is_none_or(passes));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::api::core::v1::{Node, Pod};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::super::{KeyedObject, LogExcerpt, Objects, Recorded, Snapshot};
    use crate::incident::{ObjectRef, Scope};

    fn pod(namespace: &str) -> Pod {
        let metadata = ObjectMeta { namespace: Some(namespace.to_owned()), ..ObjectMeta::default() };
        Pod { metadata, ..Pod::default() }
    }

    fn secret(namespace: &str) -> KeyedObject {
        KeyedObject {
            namespace: namespace.to_owned(),
            name: "token".to_owned(),
            keys: Vec::new(),
            created_at: None,
            changed_at: None,
            addresses: Vec::new(),
            changed_keys: Vec::new(),
            version: None,
        }
    }

    fn log(namespace: &str) -> LogExcerpt {
        LogExcerpt {
            namespace: namespace.to_owned(),
            pod: "a".to_owned(),
            container: "b".to_owned(),
            previous: false,
            text: "words".to_owned(),
            truncated: false,
        }
    }

    fn snapshot(namespaces: &[&str]) -> Snapshot {
        Snapshot {
            cluster: "northwind".to_owned(),
            taken_at: Timestamp::UNIX_EPOCH,
            scope: Scope::default(),
            focus: namespaces.last().map(|namespace| ObjectRef::new("Pod", *namespace, "a")),
            signals: Vec::new(),
            objects: Objects {
                pods: namespaces.iter().map(|namespace| pod(namespace)).collect(),
                secrets: namespaces.iter().map(|namespace| secret(namespace)).collect(),
                nodes: vec![Node::default()],
                ..Objects::default()
            },
            changes: Vec::new(),
            logs: namespaces.iter().map(|namespace| log(namespace)).collect(),
            log_patterns: Vec::new(),
            readings: Vec::new(),
            gaps: Vec::new(),
            recorded: Recorded::default(),
        }
    }

    #[test]
    fn only_what_passes_and_what_belongs_to_the_whole_cluster_stays_and_the_rest_is_a_gap() {
        let mut seen = snapshot(&["shop", "vault"]);
        seen.retain_namespaces(|namespace| namespace == "shop");
        let expected = Snapshot { focus: None, gaps: seen.gaps.clone(), ..snapshot(&["shop"]) };
        assert_eq!(seen, expected);
        assert!(seen.gaps.len() == 1 && seen.gaps[0].reason.starts_with("3 objects"), "{:?}", seen.gaps);
    }

    #[test]
    fn nothing_is_said_where_nothing_is_left_out() {
        let mut seen = snapshot(&["shop"]);
        seen.retain_namespaces(|namespace| namespace == "shop");
        assert_eq!(seen, snapshot(&["shop"]));
    }
}
