//! The kubectl commands with which a person can see for themselves, with the names of this incident.

use std::collections::BTreeSet;

use crate::incident::{Incident, ObjectRef, Scope};

/// Pods whose logs are offered; more are found by the first command.
const MAX_PODS: usize = 5;

/// Kinds whose rollouts kubectl knows.
const ROLLOUT_KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// What to run, in the order in which one would. Every command only reads.
pub(super) fn commands(incident: &Incident) -> Vec<String> {
    let objects = objects(incident);
    let mut commands = Vec::new();
    for namespace in namespaces(&objects, incident) {
        let n = quote(&namespace);
        commands.push(format!("kubectl -n {n} get pods -o wide"));
        commands.push(format!("kubectl -n {n} get events --sort-by=.lastTimestamp"));
    }
    commands.extend(objects.iter().map(describe));
    commands
        .extend(objects.iter().filter(|object| ROLLOUT_KINDS.contains(&object.kind.as_str())).map(history));
    let pods = objects.iter().filter(|object| object.kind == "Pod").take(MAX_PODS);
    let container = incident.signals.iter().find_map(|signal| signal.scope.container.as_deref());
    commands.extend(pods.flat_map(|pod| logs(pod, container)));
    commands
}

/// Every object that the incident speaks of, once: what the alerts name, the causes, what would be changed.
fn objects(incident: &Incident) -> BTreeSet<ObjectRef> {
    let named = incident.signals.iter().flat_map(|signal| scoped(&signal.scope));
    let causes = incident.hypotheses.iter().map(|hypothesis| hypothesis.object.clone());
    let targets =
        incident.plan.iter().flat_map(|plan| &plan.actions).map(|planned| planned.action.target().clone());
    let seen = incident.evidence.iter().map(|evidence| evidence.object.clone());
    let seen = seen.filter(|object| object.kind == "Pod" || object.kind == "Node");
    named.chain(causes).chain(targets).chain(seen).filter(|object| !object.name.is_empty()).collect()
}

fn scoped(scope: &Scope) -> Vec<ObjectRef> {
    let namespace = scope.namespace.as_deref().unwrap_or_default();
    let pod = scope.pod.as_ref().map(|pod| ObjectRef::new("Pod", namespace, pod));
    let node = scope.node.as_ref().map(|node| ObjectRef::cluster_wide("Node", node));
    scope.workload.clone().into_iter().chain(pod).chain(node).collect()
}

fn namespaces(objects: &BTreeSet<ObjectRef>, incident: &Incident) -> BTreeSet<String> {
    let own = objects.iter().map(|object| object.namespace.clone()).filter(|namespace| !namespace.is_empty());
    own.chain(incident.namespace.clone()).collect()
}

fn describe(object: &ObjectRef) -> String {
    format!("kubectl {}describe {}", namespace_flag(object), target(object))
}

fn history(workload: &ObjectRef) -> String {
    format!("kubectl {}rollout history {}", namespace_flag(workload), target(workload))
}

fn logs(pod: &ObjectRef, container: Option<&str>) -> [String; 2] {
    let which = container.map_or("--all-containers".to_owned(), |name| format!("-c {}", quote(name)));
    let now = format!("kubectl {}logs {} {which} --tail=100", namespace_flag(pod), quote(&pod.name));
    let before = format!("{now} --previous");
    [now, before]
}

fn namespace_flag(object: &ObjectRef) -> String {
    if object.namespace.is_empty() { String::new() } else { format!("-n {} ", quote(&object.namespace)) }
}

fn target(object: &ObjectRef) -> String {
    quote(&format!("{}/{}", object.kind.to_lowercase(), object.name))
}

/// Makes one word of a POSIX shell of any text. Names come from alerts, and people paste commands.
pub(super) fn quote(text: &str) -> String {
    let harmless = |character: char| character.is_ascii_alphanumeric() || "-_./:=@".contains(character);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(harmless) {
        return text.to_owned();
    }
    let visible: String = text.chars().filter(|character| !character.is_control()).collect();
    format!("'{}'", visible.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn names_of_objects_stay_readable() {
        assert_eq!(quote("deployment/checkout-7d9f"), "deployment/checkout-7d9f");
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        assert_eq!(quote("x; rm -rf $(pwd)"), "'x; rm -rf $(pwd)'");
        assert_eq!(quote("it's\n`id`"), r"'it'\''s`id`'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("--all"), "'--all'");
    }
}
