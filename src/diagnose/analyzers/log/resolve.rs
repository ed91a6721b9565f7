//! Which object of the cluster a complaint is about.

use std::sync::LazyLock;

use regex::Regex;

use super::complaint::{Complaint, Place, usual_ports};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// What a complaint is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct About {
    /// The Service, workload or outside host (or service account, for the Kubernetes API), where that can be told.
    pub(super) dependency: Option<ObjectRef>,
    /// The host as the line spells it, or the Service that its words point to.
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    /// The workload whose connection it is about, where a database speaks of its own clients.
    pub(super) client: Option<ObjectRef>,
}

/// What a database server says of itself or its clients.
const OF_SERVERS: [Code; 4] =
    [codes::LOG_READ_ONLY, codes::LOG_TOO_MANY, codes::LOG_UNKNOWN_DATABASE, codes::LOG_AUTHENTICATION];

/// Words by which a line is about a database, though not of which software.
static DATABASE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:communicating with|connect(?:ing|ion)? to|talking to) (?:the )?(?:database|db)\b|SQLSTATE|JDBC|SQLAlchemy|sqlx").ok()
});

/// Resolves what a complaint of `source` names. A database that logs a refused login or a refused write tells of itself and
/// of its clients. `None` where anything else complains about itself.
pub(super) fn about(index: &Index<'_>, source: &ObjectRef, complaint: &Complaint) -> Option<About> {
    if let Some(account) = &complaint.account {
        return Some(About { dependency: Some(account.clone()), ..About::default() });
    }
    let workload = index.workload_of(source);
    // Programs refuse the logins of their users, too.
    let of_users = complaint.code.name == codes::LOG_AUTHENTICATION.name;
    let of_database = DATABASE.as_ref().is_some_and(|words| words.is_match(&complaint.line));
    let of_servers = OF_SERVERS.iter().any(|code| code.name == complaint.code.name);
    if of_servers && (index.is_database(&workload) || index.is_broker(&workload)) {
        let about = of_server(index, workload, complaint);
        // Anybody may try to log in; who is refused matters where it is a program of the cluster.
        let anybody = complaint.code.name == codes::LOG_AUTHENTICATION.name && about.client.is_none();
        return (!anybody).then_some(about);
    }
    for Place { host, port } in &complaint.places {
        if let Some(service) = resolve(index, host, &source.namespace) {
            let own = service == workload || index.is_behind(&workload, &service);
            return (!own).then(|| About {
                dependency: Some(service),
                host: Some(host.clone()),
                port: *port,
                client: None,
            });
        }
    }
    // A name that does not resolve is what the complaint is about, whatever its words remind of.
    let misspelt = |place: &&Place| {
        complaint.code.name == codes::LOG_DNS.name
            && missing(index, &source.namespace, &place.host, true).is_some()
    };
    let unknown = complaint.places.iter().find(misspelt);
    let guessed = by_words(index, &workload, &complaint.line)
        .or_else(|| by_software(index, &workload, &complaint.line))
        .or_else(|| {
            (of_database || (of_servers && !of_users)).then(|| only_database(index, &workload)).flatten()
        });
    if let Some(service) = guessed.filter(|_| unknown.is_none()) {
        let host = Some(service.name.clone());
        return Some(About { host, dependency: Some(service), ..About::default() });
    }
    let inside =
        |host: &str| of_pod(index, &source.namespace, host).or_else(|| of_namespace(index, host)).is_some();
    let outside = complaint.places.iter().find(|place| is_external(&place.host) && !inside(&place.host));
    Some(match (outside.filter(|_| unknown.is_none()), unknown.or(complaint.places.first())) {
        (Some(Place { host, port }), _) => {
            let dependency = Some(ObjectRef::cluster_wide("ExternalHost", host));
            About { dependency, host: Some(host.clone()), port: *port, client: None }
        }
        // A name that no Service has, an address that nothing has.
        (None, Some(Place { host, port })) => {
            let about_names = complaint.code.name == codes::LOG_DNS.name;
            let dependency = missing(index, &source.namespace, host, about_names);
            About { dependency, host: Some(host.clone()), port: *port, client: None }
        }
        (None, None) => About::default(),
    })
}

fn resolve(index: &Index<'_>, host: &str, namespace: &str) -> Option<ObjectRef> {
    let pod = || index.pod_at(host).map(|pod| index.workload_of(pod));
    index.service_named(host, namespace).or_else(pod)
}

/// The server that speaks, with the client whose address it names.
fn of_server(index: &Index<'_>, server: ObjectRef, complaint: &Complaint) -> About {
    let clients = complaint.places.iter().filter_map(|place| index.pod_at(&place.host));
    let client = clients.map(|pod| index.workload_of(pod)).find(|client| *client != server);
    About { host: Some(server.name.clone()), dependency: Some(server), port: None, client }
}

/// The Service that a name means, though it does not exist: one with `.svc` in it; where the complaint is about a name, also
/// a single label, if all Services of the namespace are known.
fn missing(index: &Index<'_>, namespace: &str, host: &str, about_names: bool) -> Option<ObjectRef> {
    if about_names && is_label(host) && index.knows_services(namespace) {
        return Some(ObjectRef::new("Service", namespace, host));
    }
    of_pod(index, namespace, host).or_else(|| of_namespace(index, host)).or_else(|| in_cluster(host))
}

/// `queue-0.queue`: a pod by the headless Service of its StatefulSet.
fn of_pod(index: &Index<'_>, namespace: &str, host: &str) -> Option<ObjectRef> {
    let mut labels = host.split('.');
    let (pod, service) = (labels.next()?, labels.next()?);
    let (set, ordinal) = pod.rsplit_once('-')?;
    ordinal.parse::<u16>().ok()?;
    // The pod itself may not be there yet.
    index.template(&ObjectRef::new("StatefulSet", namespace, set))?;
    Some(ObjectRef::new("Service", namespace, service))
}

/// `db.data`, where Services of that namespace are known; or where one of nearly that name has such a Service.
fn of_namespace(index: &Index<'_>, host: &str) -> Option<ObjectRef> {
    let (name, namespace) = host.split_once('.')?;
    let meant = |service: &ObjectRef| {
        service.name == name && strsim::osa_distance(&service.namespace, namespace) <= MISSPELT
    };
    let known = index.has_services(namespace) || (is_label(namespace) && index.any_service(meant));
    known.then(|| ObjectRef::new("Service", namespace, name))
}

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 2;

fn in_cluster(host: &str) -> Option<ObjectRef> {
    let mut labels = host.split('.');
    let (name, namespace, mark) = (labels.next()?, labels.next()?, labels.next()?);
    (mark == "svc").then(|| ObjectRef::new("Service", namespace, name))
}

/// A name as Services have them: lower case, a letter first, no dot, and not what every machine calls itself.
fn is_label(host: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let begins = host.starts_with(|letter: char| letter.is_ascii_lowercase());
    begins && host.len() > 2 && host.chars().all(letters) && host != "localhost"
}

/// A name outside the cluster: it has a dot, and is neither an address nor loopback.
fn is_external(host: &str) -> bool {
    let letters = host.contains(|letter: char| letter.is_ascii_alphabetic());
    let file = [".go", ".py", ".js", ".java", ".ts", ".rb", ".rs", ".cc", ".php", ".cs", ".conf"];
    let named = |ends: &[&str]| ends.iter().any(|end| host.ends_with(end));
    host.contains('.')
        && letters
        && !named(&file)
        && in_cluster(host).is_none()
        && !host.starts_with("127.")
        && host != "localhost"
}

/// A Service that the workload calls by its configuration and whose name stands in the line as a word.
fn by_words(index: &Index<'_>, workload: &ObjectRef, line: &str) -> Option<ObjectRef> {
    let words = line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let called = index.called_by(workload);
    words
        .filter(|word| word.len() > 1)
        .find_map(|word| called.iter().find(|service| service.name == word).cloned())
}

/// The one Service called by configuration that has the port of the software whose words these are; else the only one of the
/// namespace: programs often read their addresses from where nobody else can.
fn by_software(index: &Index<'_>, workload: &ObjectRef, line: &str) -> Option<ObjectRef> {
    let ports = usual_ports(line);
    if ports.is_empty() {
        return None;
    }
    let has_port = |service: &&ObjectRef| {
        let spec = index.service(service).and_then(|service| service.spec.as_ref());
        let known = |port: i32| u16::try_from(port).is_ok_and(|port| ports.contains(&port));
        spec.is_some_and(|spec| spec.ports.iter().flatten().any(|found| known(found.port)))
    };
    let called = index.called_by(workload);
    let mut fitting = called.iter().filter(has_port);
    let only = fitting.next().filter(|_| fitting.next().is_none());
    let sole = || called.iter().next().filter(|_| called.len() == 1).cloned();
    only.cloned().or_else(|| only_server(index, workload, &ports)).or_else(sole)
}

/// The one database that the workload calls by configuration; where it calls none, the only one of its namespace.
fn only_database(index: &Index<'_>, workload: &ObjectRef) -> Option<ObjectRef> {
    let database =
        |service: &&ObjectRef| index.behind(service).iter().any(|behind| index.is_database(behind));
    let mut called = index.called_by(workload).iter().filter(database).peekable();
    if called.peek().is_some() {
        return called.next().filter(|_| called.next().is_none()).cloned();
    }
    let near = index.services_of(&workload.namespace);
    let mut near = near.iter().filter(database);
    let first = near.next()?;
    near.all(|service| index.behind(service) == index.behind(first)).then(|| first.clone())
}

/// The only Service of the namespace, not its own, that has one of the ports; else the only one anywhere.
fn only_server(index: &Index<'_>, workload: &ObjectRef, ports: &[u16]) -> Option<ObjectRef> {
    let mut near = index.services_with(Some(&workload.namespace), ports);
    near.retain(|service| !index.behind(service).contains(workload));
    let mut servers = if near.is_empty() { index.services_with(None, ports) } else { near };
    servers.retain(|service| !index.behind(service).contains(workload));
    let first = servers.first()?;
    let same = |service: &ObjectRef| index.behind(service) == index.behind(first);
    servers.iter().all(same).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::super::complaint::Complaint;
    use super::{About, about};
    use crate::diagnose::index::Index;
    use crate::diagnose::world::World;
    use crate::incident::ObjectRef;

    /// What a line of the pod `front-1-0` is about, in a namespace with the Services `front` and `web`.
    fn told(line: &str) -> Option<About> {
        let world = World::new().deployment("front", 1).deployment("web", 1);
        let index = Index::new(&world.snapshot);
        let source = ObjectRef::new("Pod", "shop", "front-1-0");
        about(&index, &source, &Complaint::read(line).unwrap())
    }

    fn dependency(line: &str) -> Option<ObjectRef> {
        told(line).unwrap().dependency
    }

    #[test]
    fn the_host_of_a_complaint_is_resolved_to_its_service_with_its_port() {
        let web = ObjectRef::new("Service", "shop", "web");
        let about =
            told("dial tcp: Get \"http://web.shop.svc.cluster.local:8080/\": connection refused").unwrap();
        assert_eq!((about.dependency, about.port), (Some(web.clone()), Some(8080)));
        for line in [
            "Error: getaddrinfo ENOTFOUND web",
            "Connection to web:80 refused",
            "lookup web.shop: no such host",
        ] {
            assert_eq!(dependency(line), Some(web.clone()), "{line}");
        }
    }

    #[test]
    fn a_complaint_about_the_writer_itself_is_none() {
        assert_eq!(told("connection to server at \"front\" failed: connection refused"), None);
    }

    #[test]
    fn a_name_of_the_cluster_that_no_service_has_is_a_missing_service_and_another_name_is_outside() {
        let missing = ObjectRef::new("Service", "shop", "wbe");
        assert_eq!(
            dependency("lookup wbe.shop.svc.cluster.local on 10.96.0.10:53: no such host"),
            Some(missing)
        );
        let outside = ObjectRef::cluster_wide("ExternalHost", "api.example.com");
        assert_eq!(
            dependency("Get \"https://api.example.com/v1\": context deadline exceeded"),
            Some(outside)
        );
    }

    #[test]
    fn an_address_that_nothing_has_and_a_file_name_nobody_to_blame() {
        let about = told("dial tcp 10.9.9.9:80: connect: connection refused").unwrap();
        assert_eq!((about.dependency, about.host.as_deref(), about.port), (None, Some("10.9.9.9"), Some(80)));
        assert_eq!(dependency("main.go:12: connection refused"), None);
        assert_eq!(dependency("localhost:80: connection refused"), None);
    }
}
