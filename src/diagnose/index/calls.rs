//! Whom a workload is configured to call: host names in its environment and arguments that are Services.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{EnvVar, PodSpec};

use super::{ConfigKind, Index, config_references, namespace_of};
use crate::incident::ObjectRef;

static NOBODY: BTreeSet<ObjectRef> = BTreeSet::new();

impl<'a> Index<'a> {
    /// The Services that a workload is configured to call, those in front of itself left out.
    #[must_use]
    pub fn called_by(&self, workload: &ObjectRef) -> &BTreeSet<ObjectRef> {
        self.calls.get(workload).unwrap_or(&NOBODY)
    }

    /// Every workload once, with its template, or its first pod where the workload itself was not read.
    #[must_use]
    pub fn specs(&self) -> Vec<(ObjectRef, &'a PodSpec)> {
        let mut workloads: BTreeSet<_> = self.templates().map(|(workload, _)| workload.clone()).collect();
        workloads.extend(self.workloads_with_pods().map(|(workload, _)| workload.clone()));
        let spec = |workload: ObjectRef| self.spec_of(&workload).map(|spec| (workload, spec));
        workloads.into_iter().filter_map(spec).collect()
    }

    /// The workload that an autoscaler scales, whether or not it exists.
    #[must_use]
    pub fn scale_target(&self, autoscaler: &HorizontalPodAutoscaler) -> Option<ObjectRef> {
        let target = &autoscaler.spec.scale_target_ref;
        Some(ObjectRef::new(&target.kind, namespace_of(&autoscaler.metadata), &target.name))
    }
}

pub(super) fn calls(index: &Index<'_>) -> BTreeMap<ObjectRef, BTreeSet<ObjectRef>> {
    let specs = index.specs().into_iter();
    let called = specs.map(|(workload, spec)| {
        let called = called(index, &workload, spec);
        (workload, called)
    });
    called.filter(|(_, called)| !called.is_empty()).collect()
}

fn called(index: &Index<'_>, workload: &ObjectRef, spec: &PodSpec) -> BTreeSet<ObjectRef> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mut hosts = BTreeSet::new();
    for container in containers {
        hosts.extend(container.env.iter().flatten().flat_map(hosts_in_variable));
        let arguments = container.command.iter().flatten().chain(container.args.iter().flatten());
        let addresses = arguments.clone().filter(|text| looks_like_address(text));
        hosts.extend(addresses.flat_map(|text| host_names(text)));
        hosts.extend(hosts_after_flags(arguments.map(String::as_str)));
    }
    let references = config_references(spec);
    let maps = references.iter().filter(|found| found.kind == ConfigKind::ConfigMap);
    for reference in maps {
        let told = index.addresses(&reference.object(&workload.namespace)).iter();
        let told = told.filter(|told| reference.key.as_ref().is_none_or(|key| *key == told.key));
        hosts.extend(told.filter_map(|told| told.host.as_deref()));
    }
    let service = |host: &str| index.service_named(host, &workload.namespace);
    let other = |service: &ObjectRef| !index.is_behind(workload, service);
    hosts.iter().filter_map(|host| service(host)).filter(other).collect()
}

fn hosts_in_variable(variable: &EnvVar) -> Vec<&str> {
    let name = variable.name.to_ascii_uppercase();
    let named = ["HOST", "URL", "URI", "ADDR", "ENDPOINT", "SERVER", "DSN", "SERVICE", "UPSTREAM", "BROKER"];
    let Some(value) = variable.value.as_deref() else { return Vec::new() };
    let address = looks_like_address(value) || named.iter().any(|word| name.contains(word));
    if address { host_names(value) } else { Vec::new() }
}

/// Options by which clients are told a host: of databases, brokers and the like.
const FLAGS: [&str; 6] = ["--host", "--hostname", "--server", "--endpoint", "--bootstrap-server", "--broker"];

/// Clients of databases for which `-h` is the host; for most programs it is help, or sizes for people.
const CLIENTS: [&str; 9] = [
    "psql",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "pg_isready",
    "mysql",
    "mysqldump",
    "mariadb",
    "redis-cli",
];

/// The words that follow such an option, also within the one argument of a shell.
fn hosts_after_flags<'t>(arguments: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut hosts = Vec::new();
    let (mut expected, mut client) = (false, false);
    for word in arguments.flat_map(str::split_whitespace) {
        let value = FLAGS.iter().find_map(|flag| word.strip_prefix(flag)?.strip_prefix('='));
        let host = value.or_else(|| expected.then_some(word));
        hosts.extend(host.into_iter().flat_map(host_names));
        client |= CLIENTS.iter().any(|name| word.rsplit('/').next() == Some(name));
        expected = FLAGS.contains(&word) || client && word == "-h";
    }
    hosts
}

/// A plain word may happen to be a Service's name; with a scheme, a port or a cluster domain it is meant as one.
fn looks_like_address(text: &str) -> bool {
    let port = |(_, rest): (&str, &str)| rest.starts_with(|letter: char| letter.is_ascii_digit());
    text.contains("://") || text.contains(".svc") || text.split_once(':').is_some_and(port)
}

fn host_names(text: &str) -> Vec<&str> {
    let part = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '-' || letter == '.');
    text.split(part).filter(|word| !word.is_empty() && word.len() <= 253).collect()
}

#[cfg(test)]
mod tests {
    use super::hosts_after_flags;

    #[test]
    fn the_word_after_an_option_for_hosts_is_one() {
        let hosts = |line: &'static [&str]| hosts_after_flags(line.iter().copied());
        assert_eq!(hosts(&["psql", "-h", "db", "-d", "shop"]), ["db"]);
        assert_eq!(hosts(&["sh", "-c", "pg_dump --host=db.data shop | gzip"]), ["db.data"]);
        assert_eq!(hosts(&["kafka-topics", "--bootstrap-server", "queue:9092"]), ["queue", "9092"]);
        assert!(hosts(&["serve", "db", "--verbose", "-h"]).is_empty());
        assert!(hosts(&["sh", "-c", "du -h cache"]).is_empty());
    }
}
