//! Databases that answer and refuse: writes, further connections, logins, databases that they do not have.
//!
//! Who is at fault is the question. A server that refuses everybody is; of a login that is refused, or a database that is not
//! there, it is the client's word against the server's: the client that asks for something else than all others is at fault.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::{clients, login, settings};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::diagnose::index::{ConfigKind, config_references};
use crate::incident::{Evidence, ObjectRef};

/// Programs meet with a refusal now and then; so many are no accident.
const INSISTENT: u64 = 3;

/// A program that has said so many lines since has got over it.
const OVER: usize = 50;

/// Factor where nothing but the log shows trouble.
const ONLY_SAID: f64 = 0.85;

/// What a server does to all of its clients, the cause that it is, what shows the setting behind it, and how it is told.
const REFUSALS: [(Code, Cause, Code, &str); 2] = [
    (codes::LOG_READ_ONLY, confidence::DATABASE_READ_ONLY, codes::STARTED_READ_ONLY, "refuses writes"),
    (
        codes::LOG_TOO_MANY,
        confidence::DATABASE_CONNECTIONS,
        codes::FEW_CONNECTIONS,
        "accepts no more connections",
    ),
];

/// `database.read_only` and `database.connections_exhausted` about the server, `database.unknown_schema` about the client.
pub(super) fn refuses(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (said, cause, setting, what) in REFUSALS {
        let servers = by_server(facts, said).into_iter();
        found.extend(
            servers.filter_map(|(server, told)| refusing(facts, &server, &told, (cause, setting, what))),
        );
    }
    let unknown = by_server(facts, codes::LOG_UNKNOWN_DATABASE).into_iter();
    found.extend(unknown.flat_map(|(server, told)| unknown_schema(facts, &server, &told)));
    found
}

/// Complaints by the server that they are about: the one workload behind the dependency, else the dependency.
fn by_server<'a>(facts: &Facts<'a>, code: Code) -> BTreeMap<ObjectRef, Vec<&'a Evidence>> {
    let mut servers: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[code]) {
        if let Some(dependency) = super::dependency::named(piece) {
            servers.entry(server(facts, dependency)).or_default().push(piece);
        }
    }
    servers
}

fn server(facts: &Facts<'_>, dependency: ObjectRef) -> ObjectRef {
    let mut behind = facts.index.behind(&dependency).into_iter();
    let only = behind.next().filter(|_| behind.next().is_none());
    only.unwrap_or(dependency)
}

/// The workloads that suffer: who says it, or the client that a server speaks of; the server itself left out.
fn clients(facts: &Facts<'_>, server: &ObjectRef, told: &[&Evidence]) -> BTreeSet<ObjectRef> {
    let named = told.iter().filter_map(|piece| client(piece));
    let say = told.iter().map(|piece| facts.index.workload_of(&piece.object));
    named.chain(say).filter(|client| client != server).collect()
}

/// The client that a database names in its own log.
pub(super) fn client(piece: &Evidence) -> Option<ObjectRef> {
    let field = |name: &str| piece.fields.get(name).map(String::as_str);
    Some(ObjectRef::new(field("client_kind")?, field("client_namespace")?, field("client")?))
}

/// Programs get over a refusal now and then: it counts where one of them is in trouble or asked about, or insists.
fn counts(facts: &Facts<'_>, clients: &BTreeSet<ObjectRef>, told: &[&Evidence]) -> Option<f64> {
    let suffers = |client: &ObjectRef| facts.in_trouble(client) || facts.is_asked_about(client);
    if clients.iter().any(suffers) {
        return Some(1.0);
    }
    told.iter().any(|piece| insists(piece)).then_some(ONLY_SAID)
}

/// Whether a complaint was made several times, not only before the trouble, and was not followed by work.
pub(super) fn insists(piece: &Evidence) -> bool {
    said_lately(piece, INSISTENT, OVER)
}

/// Whether a complaint was made that often and nearly to the end of the log.
pub(super) fn said_lately(piece: &Evidence, times: u64, within: usize) -> bool {
    let number = |name: &str| piece.fields.get(name).and_then(|text| text.parse::<u64>().ok());
    let as_ever =
        piece.fields.get("since_onset").is_some_and(|since| since == "as before" || since == "ceased");
    let since = number("lines_since").and_then(|since| usize::try_from(since).ok());
    !as_ever
        && number("lines").is_some_and(|said| said >= times)
        && since.is_some_and(|since| since <= within)
}

/// Whether a dependency that does not look like a database may be one: no other of its namespace is known to be.
fn may_serve(facts: &Facts<'_>, server: &ObjectRef) -> bool {
    let databases = facts.index.specs();
    let known = databases
        .iter()
        .any(|(workload, _)| facts.index.is_database(workload) && workload.namespace == server.namespace);
    !known
}

fn refusing(
    facts: &Facts<'_>,
    server: &ObjectRef,
    told: &[&Evidence],
    (cause, setting, what): (Cause, Code, &str),
) -> Option<Candidate> {
    // What is known not to be a database passes on what its own database said.
    let serves = facts.index.is_database(server) || facts.index.is_broker(server);
    if facts.index.spec_of(server).is_some() && !serves && !may_serve(facts, server) {
        return None;
    }
    let clients = clients(facts, server, told);
    let sure = counts(facts, &clients, told)?;
    if let Some(consumer) = absent_consumer(facts, server, told) {
        let statement =
            format!("{consumer} wants 0 replicas, and nobody else takes what {server} is full of");
        let candidate = Candidate::new(confidence::SCALED_TO_ZERO, consumer, statement).times(sure);
        return Some(
            candidate.because(told.iter().copied()).explaining(clients).explaining([server.clone()]),
        );
    }
    let set = facts.about(server, &[setting]);
    if cause == confidence::DATABASE_CONNECTIONS
        && set.is_empty()
        && let Some((client, how)) = clients::taker(facts, server, told)
    {
        let statement = format!("{client} {how}, and {server} has no connection left");
        let candidate = Candidate::new(cause, client, statement).times(sure).because(told.iter().copied());
        return Some(candidate.explaining(clients).explaining([server.clone()]));
    }
    let because = set.first().map(|piece| format!(" {}.", piece.statement)).unwrap_or_default();
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!("{server} {what}.{because} {said}");
    let sure = if set.is_empty() { sure } else { sure * 1.06 };
    let candidate = Candidate::new(cause, server.clone(), statement).times(sure);
    Some(candidate.because(told.iter().copied()).because(set).explaining(clients))
}

/// How brokers and their clients say that a queue is full.
const FULL: [&str; 3] = ["max-length", "maximum length", "messages exceeded"];

/// The one program that is told the address of a broker whose queue is full and wants no replicas: it should have emptied it.
fn absent_consumer(facts: &Facts<'_>, server: &ObjectRef, told: &[&Evidence]) -> Option<ObjectRef> {
    if !told.iter().any(|piece| FULL.iter().any(|words| piece.statement.contains(words))) {
        return None;
    }
    let wants_none =
        |workload: &ObjectRef| facts.index.template(workload).is_some_and(|template| template.replicas == 0);
    let mut idle = clients::callers(facts, server).into_iter().filter(wants_none);
    idle.next().filter(|_| idle.next().is_none())
}

/// A server without the database that one client asks for: the client asks for the wrong one.
fn unknown_schema(facts: &Facts<'_>, server: &ObjectRef, told: &[&Evidence]) -> Vec<Candidate> {
    let clients = clients(facts, server, told);
    let Some(sure) = counts(facts, &clients, told) else { return Vec::new() };
    let candidate = |client: &ObjectRef| {
        let own: Vec<_> = told.iter().copied().filter(|piece| is_of(facts, piece, client)).collect();
        let differs = differs(facts, client, "database");
        let at_fault = settings::holder(facts, client, &settings::DATABASE_NAMES);
        let where_set = at_fault.describe();
        let statement = format!(
            "{client} asks {server} for a database or table that is not there{where_set}: {}",
            own.first().or(told.first()).map(|piece| piece.statement.as_str()).unwrap_or_default()
        );
        let sure = if differs.is_empty() { sure } else { sure * 1.1 };
        Candidate::new(confidence::DATABASE_UNKNOWN, at_fault.object, statement)
            .times(sure)
            .because(own)
            .because(differs)
            .explaining([client.clone()])
    };
    clients.iter().map(candidate).collect()
}

fn is_of(facts: &Facts<'_>, piece: &Evidence, client: &ObjectRef) -> bool {
    facts.index.workload_of(&piece.object) == *client || self::client(piece).as_ref() == Some(client)
}

fn differs<'a>(facts: &Facts<'a>, client: &ObjectRef, role: &str) -> Vec<&'a Evidence> {
    let mut found = facts.about(client, &[codes::CREDENTIALS_DIFFER]);
    found.retain(|piece| piece.fields.get("role").is_none_or(|known| known == role));
    found
}

/// What servers say of clients that their list of hosts does not let in, whatever their password.
const NOT_LISTED: [&str; 3] =
    ["no pg_hba.conf entry", "pg_hba.conf rejects connection", "is not allowed to connect to this"];

/// Logins that a server's own list of hosts refuses: about the ConfigMap that holds the list, else the server.
pub(super) fn not_listed(facts: &Facts<'_>, dependency: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let refused = |piece: &&&Evidence| NOT_LISTED.iter().any(|words| piece.statement.contains(words));
    let said: Vec<_> = told.iter().filter(refused).copied().collect();
    let first = said.first()?;
    let server = server(facts, dependency.clone());
    let holder = facts.index.spec_of(&server).and_then(|spec| {
        let maps = config_references(spec).into_iter().filter(|found| found.kind == ConfigKind::ConfigMap);
        let mut maps = maps.map(|found| found.object(&server.namespace));
        maps.find(|object| {
            let keys = facts.index.keys(object).unwrap_or_default();
            keys.iter().any(|key| key.contains("hba"))
        })
    });
    let object = holder.unwrap_or_else(|| server.clone());
    let statement =
        format!("{server} lets its clients in by a list that these are not on: {}", first.statement);
    let candidate = Candidate::new(confidence::DEPENDENCY_AUTHENTICATION, object, statement).times(1.1);
    Some(candidate.because(said).explaining([server, dependency.clone()]))
}

/// Whose fault a refused login is where nothing was changed: the callers', unless the server is in trouble itself, or refuses
/// several who do not share their credentials.
pub(super) fn refused_logins(
    facts: &Facts<'_>,
    dependency: &ObjectRef,
    callers: &BTreeSet<ObjectRef>,
) -> Option<Candidate> {
    let server = server(facts, dependency.clone());
    let all: BTreeSet<_> = facts.graph.sources(dependency, EdgeKind::Calls);
    let content = all.difference(callers).filter(|caller| **caller != server && works(facts, caller)).count();
    let caller = callers.iter().find(|caller| **caller != server)?;
    if facts.in_trouble(&server) || facts.recent_rollout(&server).is_some() {
        return None;
    }
    if callers.len() > 1 && content == 0 {
        return None;
    }
    let holder = login::holder(facts, caller, dependency);
    let differs: Vec<_> = ["password", "user"].iter().flat_map(|role| differs(facts, caller, role)).collect();
    let others = if content > 0 { format!(" {content} others get in.") } else { String::new() };
    let where_set = holder.describe();
    let statement =
        format!("{caller} logs in to {server} with credentials that it refuses{where_set}.{others}");
    let sure = if content > 0 || !differs.is_empty() { 1.14 } else { 1.0 };
    let candidate = Candidate::new(confidence::DEPENDENCY_AUTHENTICATION, holder.object, statement);
    Some(candidate.times(sure).because(differs).explaining(callers.clone()))
}

/// Whether a workload has a Ready pod and nothing says that it is in trouble.
fn works(facts: &Facts<'_>, workload: &ObjectRef) -> bool {
    !facts.in_trouble(workload) && !facts.index.pods_of(workload).is_empty()
}
