//! How databases are started, and whether their clients are told the same user, password and database as they are.
//!
//! A replica that is read-only or a small server with few connections is nothing wrong by itself: these are context for what
//! clients complain about.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// A server that accepts fewer connections than this runs out of them with one common pool.
const FEW: u32 = 20;

static READ_ONLY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let set = r"(?i)(?:super[_-]read[_-]only|read[_-]only|default_transaction_read_only|transaction[_-]read[_-]only|innodb[_-]read[_-]only)(?:\s*=\s*(?:1|on|true|yes))?$";
    Regex::new(set).ok()
});
static CONNECTIONS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:max[_-]connections|maxclients|max[_-]?incoming[_-]?connections|--maxConns)[\s=]+([0-9]{1,6})\b").ok()
});

/// Names of variables by which servers are told who may log in, and to what.
const SERVERS: [(&str, &[&str]); 3] = [
    (
        "user",
        &[
            "MYSQL_USER",
            "MARIADB_USER",
            "POSTGRES_USER",
            "POSTGRESQL_USERNAME",
            "MONGO_INITDB_ROOT_USERNAME",
            "MONGODB_USERNAME",
        ],
    ),
    (
        "password",
        &[
            "MYSQL_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MARIADB_PASSWORD",
            "MARIADB_ROOT_PASSWORD",
            "POSTGRES_PASSWORD",
            "POSTGRESQL_PASSWORD",
            "MONGO_INITDB_ROOT_PASSWORD",
            "MONGODB_PASSWORD",
            "REDIS_PASSWORD",
        ],
    ),
    (
        "database",
        &[
            "MYSQL_DATABASE",
            "MARIADB_DATABASE",
            "POSTGRES_DB",
            "POSTGRESQL_DATABASE",
            "MONGO_INITDB_DATABASE",
        ],
    ),
];

/// Endings of the names of variables by which clients are told the same.
const CLIENTS: [(&str, &[&str]); 3] = [
    ("user", &["DB_USER", "DB_USERNAME", "DATABASE_USER", "DATABASE_USERNAME", "DATASOURCE_USERNAME"]),
    (
        "password",
        &["DB_PASSWORD", "DB_PASS", "DB_PASSWD", "DB_PWD", "DATABASE_PASSWORD", "DATASOURCE_PASSWORD"],
    ),
    ("database", &["DB_NAME", "DB_DATABASE", "DATABASE_NAME", "DBNAME"]),
];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let specs = index.specs();
    let servers: Vec<_> = specs.iter().filter(|(workload, _)| index.is_database(workload)).collect();
    let started = servers.iter().flat_map(|(server, spec)| started(server, spec));
    let clients = specs.iter().filter(|(workload, _)| !index.is_database(workload));
    let told = clients.flat_map(|(client, spec)| {
        let called =
            index.called_by(client).iter().flat_map(|service| index.behind(service)).collect::<BTreeSet<_>>();
        let mut own = servers.iter().filter(|(server, _)| called.contains(server));
        // With two databases, which variable is about which is a guess.
        let only = own.next().filter(|_| own.next().is_none());
        only.map(|(server, theirs)| differing(client, spec, server, theirs)).unwrap_or_default()
    });
    started.chain(told).collect()
}

/// Flags by which the server refuses writes, or nearly all connections.
fn started(server: &ObjectRef, spec: &PodSpec) -> Vec<Finding> {
    let arguments: Vec<&str> = spec
        .containers
        .iter()
        .flat_map(|container| container.command.iter().flatten().chain(container.args.iter().flatten()))
        .map(String::as_str)
        .collect();
    let written = |text: &&&str| READ_ONLY.as_ref().is_some_and(|flag| flag.is_match(text));
    let read_only = arguments.iter().find(written).map(|flag| {
        let statement = format!("{server} is started with {flag}");
        Finding::new(codes::STARTED_READ_ONLY, server.clone(), statement).field("argument", flag)
    });
    let all = arguments.join(" ");
    let limit =
        CONNECTIONS.as_ref().and_then(|limit| limit.captures(&all)?.get(1)?.as_str().parse::<u32>().ok());
    let few = limit.filter(|limit| *limit < FEW).map(|limit| {
        let statement = format!("{server} is started to accept {limit} connections");
        Finding::new(codes::FEW_CONNECTIONS, server.clone(), statement).field("max_connections", limit)
    });
    read_only.into_iter().chain(few).collect()
}

/// What a variable is set to, where that can be compared.
#[derive(PartialEq, Eq)]
enum Setting<'a> {
    Literal(&'a str),
    Reference(&'a str, &'a str),
}

fn setting(variable: &EnvVar) -> Option<Setting<'_>> {
    if let Some(value) = &variable.value {
        return Some(Setting::Literal(value));
    }
    let secret = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
    Some(Setting::Reference(&secret.name, &secret.key))
}

fn variables(spec: &PodSpec) -> impl Iterator<Item = (&Container, &EnvVar)> {
    spec.containers.iter().flat_map(|own| own.env.iter().flatten().map(move |variable| (own, variable)))
}

fn differing(client: &ObjectRef, spec: &PodSpec, server: &ObjectRef, theirs: &PodSpec) -> Vec<Finding> {
    let roles = CLIENTS.iter().zip(SERVERS);
    let found = roles.filter_map(|((role, endings), (_, names))| {
        let known = variables(theirs).filter(|(_, variable)| names.contains(&variable.name.as_str()));
        let known: Vec<_> = known.filter_map(|(_, variable)| setting(variable)).collect();
        let is_own = |variable: &EnvVar| {
            endings.iter().any(|ending| variable.name.to_ascii_uppercase().ends_with(ending))
        };
        let (container, variable) = variables(spec).find(|(_, variable)| is_own(variable))?;
        let own = setting(variable)?;
        // Two literals, or two references, can be compared; a reference may hold any value.
        let same_kind =
            |other: &&Setting<'_>| matches!((&own, other), (Setting::Literal(_), Setting::Literal(_)));
        let comparable: Vec<_> = known.iter().filter(same_kind).collect();
        let differs =
            !comparable.is_empty() && comparable.len() == known.len() && !comparable.contains(&&own);
        differs.then(|| {
            finding(client, server, role, &format!("containers[{}].env[{}]", container.name, variable.name))
        })
    });
    found.collect()
}

fn finding(client: &ObjectRef, server: &ObjectRef, role: &str, path: &str) -> Finding {
    let statement = format!("{client} is told another {role} than {server} in {path}");
    // Servers may have been given further users by hand.
    Finding::new(codes::CREDENTIALS_DIFFER, client.clone(), statement)
        .strength(0.4)
        .field("role", role)
        .field("server", server)
        .field("path", path)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};

    fn world(server: &Value, client: &Value) -> Vec<String> {
        let mut world = World::new().deployment("db", 1).deployment("web", 1);
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        let mut container = json!({"name": "app", "image": "mysql:8"});
        json_patch::merge(&mut container, server);
        spec.containers[0] = object(container);
        let mut env = vec![json!({"name": "DB_HOST", "value": "db"})];
        env.extend(client.as_array().unwrap().iter().cloned());
        world.environment("web", &json!(env)).codes()
    }

    #[test]
    fn a_server_that_is_started_read_only_or_small_is_context() {
        let none = json!([]);
        assert_eq!(world(&json!({"args": ["--super-read-only"]}), &none), ["database.started_read_only"]);
        assert_eq!(
            world(&json!({"args": ["-c", "default_transaction_read_only=on"]}), &none),
            ["database.started_read_only"]
        );
        assert_eq!(world(&json!({"args": ["--max_connections=2"]}), &none), ["database.few_connections"]);
        for args in
            [json!(["--max-connections=500"]), json!(["--read-only=0"]), json!(["--read-only-replicas=2"])]
        {
            assert_eq!(world(&json!({"args": args}), &none), Vec::<String>::new());
        }
    }

    #[test]
    fn a_client_that_is_told_another_password_than_the_server_is_noticed() {
        let server = json!({"env": [{"name": "MYSQL_PASSWORD", "value": "a"}, {"name": "MYSQL_ROOT_PASSWORD", "value": "r"}]});
        let client = |value: &str| json!([{"name": "DB_PASSWORD", "value": value}]);
        assert_eq!(world(&server, &client("b")), ["database.credentials_differ"]);
        assert_eq!(world(&server, &client("a")), Vec::<String>::new());
        assert_eq!(world(&server, &client("r")), Vec::<String>::new());
        let secret =
            json!([{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]);
        assert_eq!(world(&server, &secret), Vec::<String>::new(), "what a Secret holds is not known");
    }
}
