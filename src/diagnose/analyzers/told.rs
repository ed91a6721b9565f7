//! Where programs are told that others are: hosts and ports in their environment, their command line, and the ConfigMaps that
//! they read. What of it is right is for others to say.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::diagnose::index::{ConfigKind, Index, config_references};
use crate::incident::ObjectRef;

/// A host and a port that a program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The variable, the argument, or the key of the ConfigMap.
    pub(super) place: String,
    /// The ConfigMap, where it stands in one.
    pub(super) config_map: Option<ObjectRef>,
    /// Whether it is one of several in a file: such files often tell more than the program uses.
    pub(super) in_file: bool,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// Pairs of endings by which two variables hold one address.
const HOSTS: [&str; 7] = ["_HOSTNAME", "_HOST", "_SERVER", "_ADDRESS", "_ADDR", "_ENDPOINT", "_URL"];

/// Everything that a workload is told.
pub(super) fn told(index: &Index<'_>, workload: &ObjectRef, spec: &PodSpec) -> Vec<Told> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mut found: Vec<Told> = containers.flat_map(of_container).collect();
    found.extend(of_config_maps(index, workload, spec));
    found
}

fn of_container(container: &Container) -> Vec<Told> {
    let literals: BTreeMap<&str, &str> = container
        .env
        .iter()
        .flatten()
        .filter_map(|variable| Some((variable.name.as_str(), variable.value.as_deref()?.trim())))
        .collect();
    let mut found: Vec<_> = literals
        .iter()
        .filter_map(|(name, value)| {
            let (host, port) = address(value).or_else(|| host_only(name, value))?;
            let port = port.or_else(|| port_beside(name, |other| literals.get(other).copied()));
            let port = port.or_else(|| usual_port(value));
            Some(Told {
                place: (*name).to_owned(),
                config_map: None,
                in_file: false,
                host: host.to_owned(),
                port,
            })
        })
        .collect();
    let arguments = container.command.iter().flatten().chain(container.args.iter().flatten());
    // Scripts hold anything; a flag holds one value.
    let flags = arguments.filter(|argument| !argument.contains(char::is_whitespace));
    found.extend(flags.filter_map(|argument| {
        let (name, value) = argument.split_once('=').unwrap_or(("an argument", argument));
        let (host, port) = address(value)?;
        Some(Told { place: name.to_owned(), config_map: None, in_file: false, host: host.to_owned(), port })
    }));
    found
}

/// A variable that by its name holds a host, and holds nothing else.
fn host_only<'a>(name: &str, value: &'a str) -> Option<(&'a str, Option<u16>)> {
    let upper = name.to_ascii_uppercase();
    let named = HOSTS.iter().any(|ending| upper.ends_with(ending));
    (named && is_host(value)).then_some((value, None))
}

/// The port in the variable beside one that holds a host: `DB_PORT` beside `DB_HOST`.
fn port_beside<'a>(name: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<u16> {
    let upper = name.to_ascii_uppercase();
    let ending = HOSTS.iter().find(|ending| upper.ends_with(**ending))?;
    let stem = name.get(..name.len() - ending.len())?;
    let port = value(&format!("{stem}_PORT")).or_else(|| value(&format!("{stem}_port")))?;
    port.parse().ok()
}

/// The port that a URL without one means.
fn usual_port(value: &str) -> Option<u16> {
    let (scheme, _) = value.split_once("://")?;
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn of_config_maps(index: &Index<'_>, workload: &ObjectRef, spec: &PodSpec) -> Vec<Told> {
    let mut found: Vec<Told> = Vec::new();
    for reference in config_references(spec).iter().filter(|found| found.kind == ConfigKind::ConfigMap) {
        let object = reference.object(&workload.namespace);
        let addresses = index.addresses(&object);
        let mut last: Option<&str> = None;
        for address in addresses {
            if reference.key.as_ref().is_some_and(|key| *key != address.key) {
                continue;
            }
            last = address.host.as_deref().or(last.filter(|_| address.setting != address.key));
            let beside = addresses.iter().filter(|other| other.host.is_none());
            let ports: BTreeMap<String, u16> =
                beside.filter_map(|other| Some((other.setting.clone(), other.port?))).collect();
            let by_name = || {
                let texts: BTreeMap<&str, String> =
                    ports.iter().map(|(name, port)| (name.as_str(), port.to_string())).collect();
                port_beside(&address.setting, |other| texts.get(other).map(String::as_str))
            };
            // In a file the port follows its host.
            let (host, port) = match (&address.host, address.port) {
                (Some(host), port) => (host.as_str(), port.or_else(by_name)),
                (None, port) if address.setting != address.key => match last {
                    Some(host) => (host, port),
                    None => continue,
                },
                (None, _) => continue,
            };
            let in_file = address.key.contains('.') || address.setting != address.key;
            let (place, host) = (address.key.clone(), host.to_owned());
            let told = Told { place, config_map: Some(object.clone()), in_file, host, port };
            if !found.contains(&told) {
                found.push(told);
            }
        }
    }
    found
}

/// The address that a value is, if it is one: `host:port`, or the host of a URL.
pub(super) fn address(value: &str) -> Option<(&str, Option<u16>)> {
    let (rest, is_url) = match value.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (value, false),
    };
    let authority = rest.split(['/', '?', '#', ',']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (authority, None),
    };
    (is_host(host) && (is_url || port.is_some())).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    host.starts_with(|c: char| c.is_ascii_lowercase()) && host.chars().all(letters) && host.len() <= 253
}
