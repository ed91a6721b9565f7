//! Which of a program's failures applies to a container as it is configured and as the world is.

use serde_json::Value;

use super::{Environment, Place};
use crate::sim::kinds::{PODS, SERVICES};
use crate::sim::objects::meta;
use crate::sim::scenarios::{Failure, Program, When, split_image};
use crate::sim::world::{World, fields, quantity};

/// The first failure that applies.
pub(super) fn failure<'p>(
    place: Place<'_>,
    program: &'p Program,
    image: &str,
    environment: &Environment,
) -> Option<&'p Failure> {
    program.failures.iter().find(|failure| applies(place, program, &failure.when, image, environment))
}

fn applies(place: Place<'_>, program: &Program, when: &When, image: &str, environment: &Environment) -> bool {
    let (_, tag) = split_image(image);
    let tag_holds = when.tags.is_empty() || when.tags.iter().any(|t| t == tag);
    let env_holds = when.env_missing.as_ref().is_none_or(|name| !environment.contains_key(name));
    let memory_holds = when.memory_limit_below.as_ref().is_none_or(|least| {
        let limit = quantity::of(place.spec.pointer("/resources/limits/memory"));
        limit.is_some_and(|limit| limit < quantity::quantity(least))
    });
    let login_holds = when
        .login_refused
        .as_ref()
        .is_none_or(|database| is_refused(place.world, program, database, environment));
    let reach_holds =
        when.unreachable.as_ref().is_none_or(|service| ready_backends(place.world, service).is_empty());
    tag_holds && env_holds && memory_holds && login_holds && reach_holds
}

/// Whether a database refuses the password that the container was started with. One that is down refuses nobody.
fn is_refused(world: &World, program: &Program, database: &str, environment: &Environment) -> bool {
    let Some(connection) = program.connects.iter().find(|c| c.database == database) else { return false };
    let given = environment.get(&connection.password_env);
    let accepted = world.switches().passwords.get(database).cloned();
    given != accepted.as_ref()
}

/// The ready pods behind a Service, `namespace/name`.
pub(super) fn ready_backends(world: &World, service: &str) -> Vec<std::sync::Arc<Value>> {
    let Some((namespace, name)) = service.split_once('/') else { return Vec::new() };
    let Some(service) = world.store.get_shared(&SERVICES, namespace, name) else { return Vec::new() };
    let mut pods = world.within(&PODS, namespace);
    pods.retain(|pod| {
        fields::selects_plain(service.pointer("/spec/selector"), pod)
            && fields::is_true(pod, "Ready")
            && !meta::is_terminating(pod)
    });
    pods
}

/// A refused login shows up in the database's own log too.
pub(super) fn tell_database(place: Place<'_>, failure: &Failure) {
    let Some(name) = &failure.when.login_refused else { return };
    let Some(database) = place.world.scenario.databases.iter().find(|d| d.name == *name) else { return };
    let now = place.world.now();
    for pod in ready_backends(place.world, &database.service) {
        let container = fields::text(&pod, "/spec/containers/0/name");
        let restarts = fields::int(&pod, "/status/containerStatuses/0/restartCount").unwrap_or(0);
        let restarts = u32::try_from(restarts).unwrap_or(0);
        let stamp = now.strftime("%Y-%m-%d %H:%M:%S%.3f UTC");
        let process = rand::random_range(200..9_000);
        let user = &database.user;
        for line in [
            format!("{stamp} [{process}] FATAL:  password authentication failed for user \"{user}\""),
            format!(
                "{stamp} [{process}] DETAIL:  Connection matched file \"/var/lib/postgresql/data/pg_hba.conf\" line 128: \
                 \"host all all all scram-sha-256\""
            ),
        ] {
            let (namespace, pod) = (meta::namespace(&pod), meta::name(&pod));
            place.world.logs.append(namespace, pod, container, restarts, now, line);
        }
    }
}
