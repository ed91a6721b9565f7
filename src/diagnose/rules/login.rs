//! Which of a program's credentials a login used that was refused: programs log in to several servers.
//!
//! Told by the name of the variable (it begins as the one that holds the server's address does, or with the name of the
//! server or its software), and by which of them was written last.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::PodSpec;

use super::settings::{self, ADDRESSES, CREDENTIALS, Holder};
use crate::diagnose::facts::Facts;
use crate::diagnose::index::config_references;
use crate::incident::ObjectRef;

/// A Secret that was written so long ago has been right for as long.
const LATELY: SignedDuration = SignedDuration::from_hours(1);

/// Ports of servers, and words by which variables and Secrets are told to be about them.
const SOFTWARE: [(i32, &[&str]); 9] = [
    (5432, &["PG", "POSTGRES"]),
    (3306, &["MYSQL", "MARIADB"]),
    (27017, &["MONGO"]),
    (6379, &["REDIS", "VALKEY", "CACHE"]),
    (5672, &["RABBIT", "AMQP"]),
    (9092, &["KAFKA", "SASL"]),
    (9200, &["ELASTIC", "OPENSEARCH"]),
    (1433, &["MSSQL", "SQLSERVER"]),
    (389, &["LDAP"]),
];

/// One of the credentials that a program has.
struct Credential {
    /// The variable, the key, or the name of what holds it whole; in capitals, with `_` between words.
    name: String,
    /// The ConfigMap or Secret that holds it; `None` for a literal.
    object: Option<ObjectRef>,
    path: String,
    /// The place of its word in the list: passwords before users.
    rank: usize,
}

impl Credential {
    /// Whether it is but a name: passwords are what gets lost.
    fn is_user(&self) -> bool {
        CREDENTIALS.get(self.rank).is_some_and(|word| word.starts_with("USER"))
    }
}

/// What holds the credentials with which a workload logs in to a Service: of several the one that fits best, else what
/// [`settings::holder`] finds first.
pub(super) fn holder(facts: &Facts<'_>, workload: &ObjectRef, service: &ObjectRef) -> Holder {
    let first = || settings::holder(facts, workload, &CREDENTIALS);
    let Some(spec) = facts.index.spec_of(workload) else { return first() };
    let mut all = credentials(facts, workload, spec);
    if all.iter().any(|found| !found.is_user()) {
        all.retain(|found| !found.is_user());
    }
    let stems = stems(facts, workload, spec, service);
    let rated = all.iter().map(|found| {
        let written = found.object.as_ref().and_then(|object| facts.index.written_within(object, LATELY));
        ((fit(facts, found, service, &stems), written, std::cmp::Reverse(found.rank)), found)
    });
    let best = rated.max_by(|(left, _), (right, _)| left.cmp(right));
    let Some(((fit, written, _), best)) = best else { return first() };
    if fit <= 0 && written.is_none() {
        return first();
    }
    let shared = |object: &ObjectRef| written.is_none() && !settings::is_own(facts, object);
    let object = best.object.clone().filter(|object| !shared(object));
    Holder { object: object.unwrap_or_else(|| workload.clone()), path: best.path.clone() }
}

fn rank(name: &str) -> Option<usize> {
    CREDENTIALS.iter().position(|word| name.contains(word))
}

fn capitals(name: &str) -> String {
    name.to_ascii_uppercase().replace(['-', '.'], "_")
}

fn credentials(facts: &Facts<'_>, workload: &ObjectRef, spec: &PodSpec) -> Vec<Credential> {
    let mut found = Vec::new();
    for container in &spec.containers {
        for variable in container.env.iter().flatten().filter(|variable| variable.value.is_some()) {
            let (name, path) =
                (capitals(&variable.name), format!("containers[{}].env[{}]", container.name, variable.name));
            found.extend(rank(&name).map(|rank| Credential { name, object: None, path, rank }));
        }
    }
    for reference in config_references(spec) {
        let object = reference.object(&workload.namespace);
        let variable = reference.path.rsplit_once(".env[").map(|(_, name)| name.trim_end_matches(']'));
        let keys = facts.index.keys(&object).unwrap_or_default();
        let names: Vec<&str> = match (variable, &reference.key) {
            (Some(variable), _) => vec![variable],
            (None, Some(key)) => vec![key],
            (None, None) => keys.iter().map(String::as_str).collect(),
        };
        let key = reference.key.as_deref().and_then(|key| rank(&capitals(key)));
        for name in names.into_iter().map(capitals) {
            let (path, object) = (reference.path.clone(), Some(object.clone()));
            found.extend(rank(&name).or(key).map(|rank| Credential { name, object, path, rank }));
        }
    }
    found
}

/// How the variables begin that hold an address with the name of the Service in it: `QUEUE` of `QUEUE_URL`.
fn stems(facts: &Facts<'_>, workload: &ObjectRef, spec: &PodSpec, service: &ObjectRef) -> Vec<String> {
    let literals = spec.containers.iter().flat_map(|container| container.env.iter().flatten());
    let named = |value: &str| value.split(['/', '@', ':', '.', ',']).any(|part| part == service.name);
    let literal = literals.filter(|variable| variable.value.as_deref().is_some_and(named));
    let literal = literal.map(|variable| capitals(&variable.name));
    let maps = config_references(spec).into_iter().flat_map(|reference| {
        let addresses = facts.index.addresses(&reference.object(&workload.namespace)).iter();
        let told = addresses.filter(|told| told.host.as_deref().is_some_and(named));
        told.map(|told| capitals(&told.setting)).collect::<Vec<_>>()
    });
    literal.chain(maps).filter_map(|name| stem(&name, &ADDRESSES)).collect()
}

/// What stands before the first of the words in a name.
fn stem(name: &str, words: &[&str]) -> Option<String> {
    let end = words.iter().filter_map(|word| name.find(word)).min()?;
    let stem = name.get(..end)?.trim_end_matches('_');
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// How well a credential fits the Service: by the beginning of its variable, the words of the Service's name, and its software.
fn fit(facts: &Facts<'_>, found: &Credential, service: &ObjectRef, stems: &[String]) -> i32 {
    let own = stem(&found.name, &CREDENTIALS);
    let begins_alike = own.as_ref().is_some_and(|own| stems.contains(own));
    let holder = found.object.as_ref().map(|object| capitals(&object.name)).unwrap_or_default();
    let server = capitals(&service.name);
    let words =
        |name: &str| name.split('_').filter(|word| word.len() > 2).map(str::to_owned).collect::<Vec<_>>();
    let of_server = words(&server);
    let named =
        own.iter().chain([&holder]).flat_map(|name| words(name)).any(|word| of_server.contains(&word));
    let spec = facts.index.service(service).and_then(|service| service.spec.as_ref());
    let ports: Vec<i32> =
        spec.iter().flat_map(|spec| spec.ports.iter().flatten()).map(|port| port.port).collect();
    let says = |words: &[&str]| words.iter().any(|word| found.name.contains(word) || holder.contains(word));
    let software = SOFTWARE.iter().filter(|(_, words)| says(words)).map(|(port, _)| ports.contains(port));
    let software: i32 = software.map(|same| if same { 2 } else { -2 }).max().unwrap_or(0);
    4 * i32::from(begins_alike) + i32::from(named) + software
}
