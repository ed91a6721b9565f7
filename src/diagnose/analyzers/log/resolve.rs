//! Which object of the cluster a complaint is about.

use super::complaint::{Complaint, Place, usual_ports};
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
}

/// Resolves what a complaint of `source` names. `None` where it is about the source itself: a database that logs a refused
/// login complains about its callers, not about a dependency.
pub(super) fn about(index: &Index<'_>, source: &ObjectRef, complaint: &Complaint) -> Option<About> {
    if let Some(account) = &complaint.account {
        return Some(About { dependency: Some(account.clone()), ..About::default() });
    }
    let workload = index.workload_of(source);
    for Place { host, port } in &complaint.places {
        if let Some(service) = resolve(index, host, &source.namespace) {
            let own = service == workload || index.is_behind(&workload, &service);
            return (!own).then(|| About {
                dependency: Some(service),
                host: Some(host.clone()),
                port: *port,
            });
        }
    }
    let guessed = by_words(index, &workload, &complaint.line)
        .or_else(|| by_software(index, &workload, &complaint.line));
    if let Some(service) = guessed {
        return Some(About { host: Some(service.name.clone()), dependency: Some(service), port: None });
    }
    let outside = complaint.places.iter().find(|place| is_external(&place.host));
    Some(match (outside, complaint.places.first()) {
        (Some(Place { host, port }), _) => {
            let dependency = Some(ObjectRef::cluster_wide("ExternalHost", host));
            About { dependency, host: Some(host.clone()), port: *port }
        }
        // A name that no Service has, an address that nothing has.
        (None, Some(Place { host, port })) => {
            About { dependency: missing(host), host: Some(host.clone()), port: *port }
        }
        (None, None) => About::default(),
    })
}

fn resolve(index: &Index<'_>, host: &str, namespace: &str) -> Option<ObjectRef> {
    let pod = || index.pod_at(host).map(|pod| index.workload_of(pod));
    index.service_named(host, namespace).or_else(pod)
}

/// The Service that a name with `.svc` in it means, though it does not exist.
fn missing(host: &str) -> Option<ObjectRef> {
    let mut labels = host.split('.');
    let (name, namespace, mark) = (labels.next()?, labels.next()?, labels.next()?);
    (mark == "svc").then(|| ObjectRef::new("Service", namespace, name))
}

/// A name outside the cluster: it has a dot, and is neither an address nor loopback.
fn is_external(host: &str) -> bool {
    let letters = host.contains(|letter: char| letter.is_ascii_alphabetic());
    let file = [".go", ".py", ".js", ".java", ".ts", ".rb", ".rs", ".cc", ".php", ".cs", ".conf"];
    let named = |ends: &[&str]| ends.iter().any(|end| host.ends_with(end));
    host.contains('.')
        && letters
        && !named(&file)
        && missing(host).is_none()
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

/// The one Service called by configuration that has the port of the software whose words these are.
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
    only.or_else(|| called.iter().next().filter(|_| called.len() == 1)).cloned()
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
