//! Databases whose clients wait for locks, since one of them came that holds them: a migration, a dump, a clean-up.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use super::{clients, dependency};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// How databases say that a statement waited too long: PostgreSQL (lock_timeout, log_lock_waits), MySQL
/// (error 1205), SQLite, Oracle (ORA-00054, ORA-30006), SQL Server (error 1222).
const WAITS: [&str; 9] = [
    "due to lock timeout",
    "Lock on relation",
    "Lock on tuple",
    "Lock wait timeout exceeded",
    "could not obtain lock",
    "database is locked",
    "ORA-00054",
    "ORA-30006",
    "Lock request time out",
];

/// What is said of any statement that took too long, for whatever reason.
const SLOW: &str = "due to statement timeout";

/// `database.locked` about the one client that came shortly before others began to wait.
pub(super) fn held(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut servers: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    let slow = |piece: &&Evidence| piece.statement.contains(SLOW) || waits(piece);
    for piece in facts.with(dependency::COMPLAINTS).filter(slow) {
        let Some(service) = dependency::named(piece) else { continue };
        let mut behind = facts.index.behind(&service).into_iter();
        let server = behind.next().filter(|_| behind.next().is_none()).unwrap_or(service);
        servers.entry(server).or_default().push(piece);
    }
    let databases = servers.into_iter().filter(|(server, _)| facts.index.is_database(server));
    databases.filter_map(|(server, told)| holder(facts, &server, &told)).collect()
}

fn waits(piece: &Evidence) -> bool {
    WAITS.iter().any(|words| piece.statement.contains(words))
}

fn holder(facts: &Facts<'_>, server: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let (client, at) = clients::newcomer(facts, server, told)?;
    let waiting = told.iter().map(|piece| facts.index.workload_of(&piece.object));
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!(
        "{client} came at {at} and may hold locks for which others of {server} wait since then: {said}"
    );
    let sure = if told.iter().any(|piece| waits(piece)) { 1.0 } else { 0.95 };
    let candidate = Candidate::new(confidence::DATABASE_LOCKED, client, statement).times(sure);
    Some(candidate.because(told.iter().copied()).explaining(waiting).explaining([server.clone()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::LogPattern;

    /// A database whose old client says so since eleven minutes, and a Job that calls it and was made so many minutes ago.
    fn world(said: &str, minutes: i64) -> World {
        let line = format!("query failed (host=db port=5432): {said}\n");
        let url = json!([{"name": "DATABASE_URL", "value": "postgres://db:5432/shop"}]);
        let mut world = World::new().deployment("db", 1).deployment("web", 1).environment("web", &url);
        for deployment in &mut world.snapshot.objects.deployments {
            deployment.metadata.creation_timestamp = Some(object(json!(ago(9_000))));
            if deployment.metadata.name.as_deref() == Some("db") {
                let spec = deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
                spec.containers[0].image = Some("registry.test/postgres:16".to_owned());
            }
        }
        let objects = &mut world.snapshot.objects;
        for service in &mut objects.services {
            service.spec.as_mut().unwrap().ports = Some(object(json!([{"port": 5432}])));
        }
        let spec = json!({"containers": [{"name": "app", "env": url}]});
        objects.jobs.push(object(json!({
            "metadata": {"namespace": "shop", "name": "compact", "creationTimestamp": ago(minutes)},
            "spec": {"template": {"spec": spec}}})));
        objects.pods.push(object(json!({
            "metadata": {"namespace": "shop", "name": "compact-x", "creationTimestamp": ago(minutes),
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "compact", "uid": "u", "controller": true}]},
            "spec": spec, "status": {"phase": "Running"}})));
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
        world
            .causes()
            .into_iter()
            .next()
            .map(|(code, object, _)| format!("{code} {object}"))
            .unwrap_or_default()
    }

    const WAITS: &str = "ERROR: canceling statement due to statement timeout (SQLSTATE 57014)";

    #[test]
    fn a_client_that_came_just_before_others_began_to_wait_holds_the_locks() {
        assert_eq!(first(&world(WAITS, 13)), "database.locked Job shop/compact");
    }

    #[test]
    fn a_job_that_has_ended_holds_nothing() {
        let mut world = world(WAITS, 13);
        let pods = world.snapshot.objects.pods.iter_mut();
        for pod in pods.filter(|pod| pod.metadata.name.as_deref() == Some("compact-x")) {
            pod.status.as_mut().unwrap().phase = Some("Succeeded".to_owned());
        }
        assert_ne!(first(&world), "database.locked Job shop/compact");
    }

    #[test]
    fn clients_of_long_ago_and_later_ones_do_not_and_other_errors_are_no_waits() {
        for (said, minutes) in [(WAITS, 500), (WAITS, 3), ("i/o timeout", 13)] {
            assert_ne!(first(&world(said, minutes)), "database.locked Job shop/compact", "{said} {minutes}");
        }
    }
}
