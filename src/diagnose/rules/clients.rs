//! Clients that take all the connections of a server: one that has many more pods than before, or one that came only now.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// Pods that are younger than this came lately.
const LATELY: SignedDuration = SignedDuration::from_mins(60);

/// A client that takes the connections does so soon after it came.
const SOON: SignedDuration = SignedDuration::from_mins(15);

/// Clocks and rounding.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The client that took the connections, and how it came to.
pub(super) fn taker(
    facts: &Facts<'_>,
    server: &ObjectRef,
    told: &[&Evidence],
) -> Option<(ObjectRef, String)> {
    let multiplied = || {
        let (client, before, more) = multiplied(facts, server)?;
        Some((client, format!("has {more} more pods than the {before} before")))
    };
    let newcomer = || {
        let (client, at) = newcomer(facts, server, told)?;
        Some((client, format!("came only at {at}, and others were served before")))
    };
    multiplied().or_else(newcomer)
}

/// The workloads that call a server.
pub(super) fn callers(facts: &Facts<'_>, server: &ObjectRef) -> Vec<ObjectRef> {
    let calls = |workload: &ObjectRef| {
        facts.index.called_by(workload).iter().any(|service| facts.index.behind(service).contains(server))
    };
    let clients = facts.index.templates().filter(|(workload, _)| *workload != server && calls(workload));
    clients.map(|(workload, _)| workload.clone()).collect()
}

/// The one client of a server that was scaled to twice its pods or more lately, with how many it had and has more. A rollout
/// replaces pods; here old and new ones are of the same revision.
fn multiplied(facts: &Facts<'_>, server: &ObjectRef) -> Option<(ObjectRef, usize, usize)> {
    let now = facts.index.snapshot.taken_at;
    let mut grown = callers(facts, server).into_iter().filter_map(|workload| {
        let pods = facts.index.pods_of(&workload);
        let owners: BTreeSet<_> = pods.iter().map(|pod| facts.index.owner(&pod.metadata)).collect();
        let made = pods.iter().filter_map(|pod| pod.metadata.creation_timestamp.as_ref());
        let (young, old): (Vec<_>, Vec<_>) = made.partition(|made| now.duration_since(made.0) <= LATELY);
        let twice = !old.is_empty() && young.len() >= old.len().max(2);
        (owners.len() == 1 && twice).then_some((workload, old.len(), young.len()))
    });
    grown.next().filter(|_| grown.next().is_none())
}

/// The one client that was made shortly before clients that were there already were turned away first.
pub(super) fn newcomer(
    facts: &Facts<'_>,
    server: &ObjectRef,
    told: &[&Evidence],
) -> Option<(ObjectRef, Timestamp)> {
    let now = facts.index.snapshot.taken_at;
    let is_new = |at: &Timestamp| now.duration_since(*at) <= LATELY;
    let clients = callers(facts, server);
    let mut young =
        clients.iter().filter_map(|client| Some((client, facts.index.created_at(client).filter(is_new)?)));
    let (client, at) = young.next().filter(|_| young.next().is_none())?;
    let others = told.iter().filter(|piece| {
        let by = facts.index.workload_of(&piece.object);
        by != *client && by != *server && facts.index.created_at(&by).is_none_or(|made| made < at)
    });
    let began = others.filter_map(|piece| piece.fields.get("first_seen")?.parse::<Timestamp>().ok()).min()?;
    let soon = (-SKEW..=SOON).contains(&began.duration_since(at));
    let server_is_older = facts.index.created_at(server).is_none_or(|made| made < at);
    let ended = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    let runs = facts.index.pods_of(client).iter().any(|pod| !ended(pod));
    (soon && server_is_older && runs).then(|| (client.clone(), at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::LogPattern;

    /// A database with a client of long ago, which is turned away since eleven minutes, and one made so many minutes ago.
    fn world(minutes: i64, calls: &str) -> World {
        let line = format!("{} FATAL: sorry, too many clients already (db:5432)\n", ago(11));
        let url =
            |host: &str| json!([{"name": "DATABASE_URL", "value": format!("postgres://{host}:5432/shop")}]);
        let mut world = World::new().deployment("db", 1).deployment("web", 1).deployment("bulk", 2);
        world = world.environment("web", &url("db")).environment("bulk", &url(calls));
        let ages = [("db", 900), ("web", 600), ("bulk", minutes)];
        for deployment in &mut world.snapshot.objects.deployments {
            let name = deployment.metadata.name.as_deref();
            let (_, age) = ages.iter().find(|(own, _)| name == Some(own)).unwrap();
            deployment.metadata.creation_timestamp = Some(object(json!(ago(*age).to_string())));
            if name == Some("db") {
                let spec = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
                spec.containers[0].image = Some("registry.test/postgres:16".to_owned());
            }
        }
        for service in &mut world.snapshot.objects.services {
            service.spec.as_mut().unwrap().ports = Some(object(json!([{"port": 5432}])));
        }
        world.snapshot.log_patterns.push(LogPattern {
            namespace: "shop".to_owned(),
            source: ObjectRef::new("Deployment", "shop", "web"),
            template: line.clone(),
            sample: line.clone(),
            count: 20,
            stack_trace: None,
            trace_excerpt: None,
            first_seen: Some(ago(11)),
            last_seen: Some(ago(0)),
            level: None,
            around_onset: None,
            trend: None,
        });
        world.log("web-1-0", &line.repeat(20))
    }

    fn first(world: &World) -> String {
        let exhausted = |(code, ..): &(String, String, f64)| code == "database.connections_exhausted";
        world
            .causes()
            .into_iter()
            .find(exhausted)
            .map(|(code, object, _)| format!("{code} {object}"))
            .unwrap_or_default()
    }

    #[test]
    fn a_client_that_came_just_before_others_were_turned_away_took_the_connections() {
        assert_eq!(first(&world(13, "db")), "database.connections_exhausted Deployment shop/bulk");
    }

    #[test]
    fn clients_of_long_ago_later_ones_and_those_of_another_server_did_not() {
        for (minutes, calls) in [(500, "db"), (45, "db"), (3, "db"), (13, "elsewhere")] {
            let expected = "database.connections_exhausted Deployment shop/db";
            assert_eq!(first(&world(minutes, calls)), expected, "{minutes} {calls}");
        }
    }
}
