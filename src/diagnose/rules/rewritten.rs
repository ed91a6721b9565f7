//! Calls that fail since the configuration of one side was written, where nothing else says that the dependency fails: a time-out
//! that is too short, a credential with a line break, a limit on requests.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};
use crate::observe::ChangeKind;

/// `config.bad_change` about the one ConfigMap or Secret that was written shortly before, of those that only what is behind the
/// dependency reads, or that all callers read and it does not.
pub(super) fn before_complaints(
    facts: &Facts<'_>,
    dependency: &ObjectRef,
    callers: &BTreeSet<ObjectRef>,
    behind: &BTreeSet<ObjectRef>,
    told: &[&Evidence],
) -> Option<Candidate> {
    let changed_itself = behind.iter().any(|server| facts.recent_rollout(server).is_some());
    let outside = dependency.kind == "ExternalHost";
    let caller_changed = callers.iter().any(|caller| facts.recent_rollout(caller).is_some());
    if outside || dependency::is_broken(facts, dependency) || changed_itself || caller_changed {
        return None;
    }
    let of_servers: BTreeSet<_> = behind.iter().flat_map(|server| read_by(facts, server)).collect();
    let mut read = callers.iter().map(|caller| read_by(facts, caller));
    let first = read.next()?;
    let of_callers = read.fold(first, |shared, more| shared.intersection(&more).cloned().collect());
    let only = |read: &BTreeSet<ObjectRef>, others: &BTreeSet<ObjectRef>| {
        let written = read.difference(others).filter_map(|object| {
            let (change, shown) = facts.recent_change_of(object, ChangeKind::Configuration, callers)?;
            Some((object.clone(), change.at, shown))
        });
        let mut written = written.filter(|(_, at, _)| began(told).is_none_or(|began| began >= *at));
        written.next().filter(|_| written.next().is_none())
    };
    let side = |sides: &BTreeSet<ObjectRef>| {
        sides.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let of_server = only(&of_servers, &of_callers).map(|found| (found, side(behind)));
    let found = of_server.or_else(|| Some((only(&of_callers, &of_servers)?, side(callers))));
    let ((object, at, shown), reader) = found?;
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!(
        "{object}, which {reader} reads, was written at {at} or later, before the complaints, and {dependency} itself looks well: {said}"
    );
    let candidate = Candidate::new(confidence::CONFIG_CHANGED, object, statement).times(0.95);
    Some(candidate.because_of(shown).explaining(behind.iter().cloned()))
}

/// When the first of them was said, where that is known.
fn began(told: &[&Evidence]) -> Option<jiff::Timestamp> {
    told.iter().filter_map(|piece| piece.fields.get("first_seen")?.parse().ok()).min()
}

/// Certificates are renewed all the time; rules about TLS look at them.
fn is_certificate(facts: &Facts<'_>, object: &ObjectRef) -> bool {
    facts.index.keys(object).is_some_and(|keys| keys.iter().any(|key| key == "tls.crt"))
}

fn read_by(facts: &Facts<'_>, workload: &ObjectRef) -> BTreeSet<ObjectRef> {
    [EdgeKind::ReadsConfig, EdgeKind::Mounts]
        .into_iter()
        .flat_map(|kind| facts.graph.targets(workload, kind))
        .filter(|object| matches!(object.kind.as_str(), "ConfigMap" | "Secret"))
        .filter(|object| !is_certificate(facts, object))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::{Change, ChangeKind};

    /// A caller that complains about a dependency and reads a ConfigMap which was written so many minutes ago.
    fn world(minutes: i64) -> World {
        let line = "licensing call gave up: operation timed out after 40ms url=http://orders/grants\n";
        let mut world =
            World::new().deployment("web", 1).deployment("orders", 1).log("web-1-0", &line.repeat(20));
        let spec =
            world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env_from = Some(object(json!([{"configMapRef": {"name": "tuning"}}])));
        world.change(Change {
            kind: ChangeKind::Configuration,
            object: ObjectRef::new("ConfigMap", "shop", "tuning"),
            at: ago(minutes),
            revision: None,
            previous_revision: None,
            fields: Vec::new(),
        })
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
    fn what_the_only_caller_reads_is_at_fault_where_it_was_written_shortly_before() {
        assert_eq!(first(&world(20)), "config.bad_change ConfigMap shop/tuning");
        assert_eq!(first(&world(200)), "dependency.unavailable Deployment shop/orders");
    }

    #[test]
    fn a_dependency_that_fails_or_was_rolled_out_is_at_fault_itself() {
        let broken = world(20).crashing("orders", 1, 1, "Error");
        assert_ne!(first(&broken), "config.bad_change ConfigMap shop/tuning");
        let rolled_out = world(20).rollout("orders", &[("containers[app].image", "a", "b")]);
        assert_eq!(first(&rolled_out), "dependency.unavailable Deployment shop/orders");
    }

    #[test]
    fn what_the_dependency_reads_comes_before_what_its_callers_read() {
        let mut both = world(20);
        let spec =
            both.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env_from = Some(object(json!([{"configMapRef": {"name": "limits"}}])));
        let change = Change {
            object: ObjectRef::new("ConfigMap", "shop", "limits"),
            ..both.snapshot.changes[0].clone()
        };
        assert_eq!(first(&both.change(change)), "config.bad_change ConfigMap shop/limits");
    }

    #[test]
    fn what_not_all_callers_read_is_not_at_fault() {
        let line = "error: operation timed out url=http://orders/grants\n".repeat(20);
        let two = world(20).deployment("cart", 1).log("cart-1-0", &line);
        assert_eq!(first(&two), "dependency.unavailable Deployment shop/orders");
    }
}
