//! Containers that need more memory than their limit.

use super::candidate::Candidate;
use super::rollout::Rollout;
use super::settings;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// Settings by which runtimes are told how much memory they may use.
const HEAPS: [&str; 7] = [
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JAVA_OPTS",
    "JVM_OPTS",
    "CATALINA_OPTS",
    "NODE_OPTIONS",
    "GOMEMLIMIT",
];

/// `memory.exhausted`, which says whether a rollout lowered the limit.
pub(super) fn exhausted(facts: &Facts<'_>) -> Vec<Candidate> {
    let killed = facts.by_workload(&[codes::OOM_KILLED]);
    let mut found: Vec<_> =
        killed.iter().map(|(workload, killed)| killed_by_kernel(facts, workload, killed)).collect();
    let said = facts.by_workload(&[codes::LOG_OUT_OF_MEMORY]).into_iter();
    let runtime = said.filter(|(workload, _)| !killed.contains_key(workload));
    found.extend(runtime.map(|(workload, said)| {
        let holder = heap_of(facts, &workload);
        let bounds = if holder.path.is_empty() { "" } else { "; what may bound its heap is set there" };
        let statement =
            format!("The language runtime of {workload} has no memory left{}{bounds}", holder.describe());
        let candidate = Candidate::new(confidence::MEMORY_EXHAUSTED, holder.object, statement).times(0.85);
        candidate.because(said).explaining([workload])
    }));
    found
}

/// What holds the size of the heap: the workload itself where a rollout came shortly before.
fn heap_of(facts: &Facts<'_>, workload: &ObjectRef) -> settings::Holder {
    let own = || settings::Holder { object: workload.clone(), path: String::new() };
    if facts.recent_rollout(workload).is_some() {
        return own();
    }
    let mut held = HEAPS.iter().map(|name| settings::holder_of_variable(facts, workload, name));
    held.find(|holder| !holder.path.is_empty()).unwrap_or_else(own)
}

fn killed_by_kernel(facts: &Facts<'_>, workload: &ObjectRef, killed: &[&Evidence]) -> Candidate {
    let first = killed.first();
    let field = |name: &str| first.and_then(|piece| piece.fields.get(name)).map(String::as_str);
    let container = field("container").unwrap_or("(unknown)");
    let limit = field("limit").map(|limit| format!(" of {limit}")).unwrap_or_default();
    let mut statement =
        format!("Container {container} of {workload} is killed because it reaches its memory limit{limit}.");
    let rollout = Rollout::behind(facts, workload, killed);
    if let Some(rollout) = &rollout {
        statement.push_str(&changed(rollout));
    }
    let support = facts.about(workload, &[codes::METRIC_MEMORY, codes::CRASH_LOOP, codes::RESTARTED]);
    // A limit that a LimitRange gave is that one's, which has a rule of its own.
    let given = facts.with(&[codes::LIMIT_RANGE_DEFAULT]).filter_map(stated::workload);
    let sure = if given.into_iter().any(|given| given == *workload) { 0.9 } else { 1.0 };
    Candidate::new(confidence::MEMORY_EXHAUSTED, workload.clone(), statement)
        .times(sure)
        .because(killed.iter().copied())
        .because(support)
        .because_of(rollout.and_then(|rollout| rollout.shown))
}

fn changed(rollout: &Rollout<'_>) -> String {
    let limit = rollout.change.fields.iter().find(|field| field.path.ends_with("resources.limits.memory"));
    match limit.map(|field| (&field.before, &field.after)) {
        Some((Some(before), Some(after))) => {
            format!(" {} changed the limit from {before} to {after}.", rollout.name())
        }
        Some((None, Some(after))) => format!(" {} introduced the limit of {after}.", rollout.name()),
        _ => format!(" It began after {} was rolled out ({}).", rollout.name(), rollout.what(|_| true)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, crash, object};
    use crate::observe::KeyedObject;

    /// A Java program that ends by itself and reads its options from a ConfigMap.
    fn world() -> World {
        let mut world = World::new()
            .deployment("web", 1)
            .pod("web", 1, "web-1-x", crash(3, "Error", 5))
            .log("web-1-x", "Terminating due to java.lang.OutOfMemoryError: Java heap space\n");
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env_from = Some(object(json!([{"configMapRef": {"name": "jvm"}}])));
        objects.config_maps.push(KeyedObject {
            namespace: "shop".to_owned(),
            name: "jvm".to_owned(),
            version: None,
            keys: vec!["JAVA_TOOL_OPTIONS".to_owned()],
            created_at: None,
            changed_at: None,
            addresses: Vec::new(),
            changed_keys: Vec::new(),
        });
        world
    }

    fn first(world: &World) -> String {
        world
            .causes()
            .into_iter()
            .next()
            .map(|(code, object, _)| format!("{code} {object}"))
            .unwrap_or_default()
    }

    #[test]
    fn a_heap_that_is_too_small_is_the_fault_of_what_sets_it() {
        assert_eq!(first(&world()), "memory.exhausted ConfigMap shop/jvm");
    }

    #[test]
    fn settings_that_only_speak_of_a_heap_do_not_bound_it() {
        let mut world = world();
        world.snapshot.objects.config_maps[0].keys = vec!["HEAP_DUMP_BUCKET".to_owned()];
        assert!(first(&world).ends_with("Deployment shop/web"));
    }

    #[test]
    fn after_a_rollout_it_is_the_workload() {
        let rolled_out = world().rollout("web", &[("containers[app].image", "web:1", "web:2")]);
        assert!(first(&rolled_out).ends_with("Deployment shop/web"));
    }
}
