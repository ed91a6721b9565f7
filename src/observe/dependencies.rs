//! Which other namespaces the focus depends on, by the host names that its pods name. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, Service};

use super::cluster::is_label;
use super::text::{head, pattern};

/// Most text of one kind that is searched, bytes.
const MAX_TEXT: usize = 256 * 1024;

/// A Service in a namespace, as a host name names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host {
    pub(super) namespace: String,
    pub(super) service: String,
    /// Whether the name has `.svc` in it, so that it cannot be anything but a Service's. `db.data` may be.
    pub(super) certain: bool,
}

pattern!(CERTAIN, r"\b([a-z0-9][-a-z0-9]{0,62})\.([a-z0-9][-a-z0-9]{0,62})\.svc\b");
// The whole value, or a URL's host: `db.data`, `db.data:5432`, `postgres://user:password@db.data/shop`.
pattern!(POSSIBLE, r"(?:^|://(?:[^/\s@]*@)?)([a-z0-9][-a-z0-9]{0,62})\.([a-z0-9][-a-z0-9]{0,62})(?:[:/]|$)");

/// The hosts that a pod's literal environment, commands and arguments name.
pub(super) fn hosts_of_pod(spec: &PodSpec) -> BTreeSet<Host> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let texts = containers.flat_map(|container| {
        let values = container.env.iter().flatten().filter_map(|variable| variable.value.as_deref());
        let words = container.command.iter().chain(&container.args).flatten().map(String::as_str);
        values.chain(words)
    });
    texts.flat_map(hosts_of_value).collect()
}

/// The hosts that an ExternalName Service leads to.
pub(super) fn hosts_of_service(service: &Service) -> BTreeSet<Host> {
    let name = service.spec.as_ref().and_then(|spec| spec.external_name.as_deref());
    name.map(hosts_of_text).unwrap_or_default()
}

/// The hosts that running text, such as a log, names for certain.
pub(super) fn hosts_of_text(text: &str) -> BTreeSet<Host> {
    let found = CERTAIN.captures_iter(head(text, MAX_TEXT));
    found.filter_map(|host| of_captures(&host, true)).collect()
}

fn hosts_of_value(text: &str) -> BTreeSet<Host> {
    let possible = POSSIBLE.captures_iter(head(text, MAX_TEXT)).filter_map(|host| of_captures(&host, false));
    hosts_of_text(text).into_iter().chain(possible).collect()
}

fn of_captures(found: &regex::Captures<'_>, certain: bool) -> Option<Host> {
    let (service, namespace) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    let is_name = |label: &str| label.contains(|c: char| c.is_ascii_alphabetic());
    (is_name(service) && is_name(namespace) && is_label(service) && is_label(namespace)).then(|| Host {
        namespace: namespace.to_owned(),
        service: service.to_owned(),
        certain,
    })
}

#[cfg(test)]
mod tests {
    use super::{hosts_of_text, hosts_of_value};

    fn hosts(text: &str, running: bool) -> Vec<(String, bool)> {
        let found = if running { hosts_of_text(text) } else { hosts_of_value(text) };
        found.into_iter().map(|host| (format!("{}/{}", host.namespace, host.service), host.certain)).collect()
    }

    #[test]
    fn services_are_recognised_by_their_host_names() {
        let cases = [
            ("postgres.data.svc", vec![("data/postgres", true)]),
            ("postgres.data.svc.cluster.local:5432", vec![("data/postgres", true)]),
            ("postgres-0.postgres.data.svc", vec![("data/postgres", true)]),
            ("http://cart.shop:8080/api", vec![("shop/cart", false)]),
            ("postgres://shop:secret@db.data/shop", vec![("data/db", false)]),
            ("redis.cache:6379", vec![("cache/redis", false)]),
            ("10.0.0.1:5432", vec![]),
            ("1.5", vec![]),
            ("api.example.com", vec![]),
            ("plain", vec![]),
            ("", vec![]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|(host, sure)| (host.to_owned(), sure)).collect();
            assert_eq!(hosts(text, false), expected, "{text}");
        }
    }

    #[test]
    fn running_text_names_only_what_is_certain() {
        let log = "dial tcp: lookup payments.billing.svc: no such host; see error.log and main.go";
        assert_eq!(hosts(log, true), [("billing/payments".to_owned(), true)]);
    }
}
