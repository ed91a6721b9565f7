//! Where a program has a setting from: its own environment, a ConfigMap or a Secret. Whoever must mend the setting must know.

use k8s_openapi::api::core::v1::EnvVar;

use crate::diagnose::facts::Facts;
use crate::diagnose::index::{ConfigKind, ConfigReference, config_references};
use crate::incident::ObjectRef;
use crate::observe::ConfigAddress;

/// Words in the names of variables that hold credentials, the most telling first.
pub(super) const CREDENTIALS: [&str; 9] =
    ["PASSWORD", "PASSWD", "PASS", "PWD", "CREDENTIAL", "AUTH", "USERNAME", "USER", "SECRET"];

/// Words in the names of variables that hold the name of a database.
pub(super) const DATABASE_NAMES: [&str; 6] = ["DATABASE", "DB_NAME", "DBNAME", "SCHEMA", "_DB", "DSN"];

/// Words in the names of variables that hold addresses.
pub(super) const ADDRESSES: [&str; 10] =
    ["PORT", "HOST", "ADDR", "URL", "URI", "DSN", "ENDPOINT", "SERVER", "SERVICE", "UPSTREAM"];

/// The object that holds a setting, and where in the workload it is read.
pub(super) struct Holder {
    /// The workload itself, or the ConfigMap or Secret that it reads.
    pub(super) object: ObjectRef,
    /// The place, as in `containers[app].env[DB_PASSWORD]`; empty where it is not known.
    pub(super) path: String,
}

impl Holder {
    /// ` (containers[app].env[DB_PASSWORD], from Secret shop/db)`, or nothing where the place is not known.
    pub(super) fn describe(&self) -> String {
        let from = match self.object.kind.as_str() {
            "ConfigMap" | "Secret" => format!(", from {}", self.object),
            _ => String::new(),
        };
        if self.path.is_empty() { String::new() } else { format!(" ({}{from})", self.path) }
    }
}

/// What holds a workload's setting whose variable has one of the words in its name: literal values are the workload's own;
/// a ConfigMap or Secret is meant where this workload alone reads it, for what others read as well works for them.
pub(super) fn holder(facts: &Facts<'_>, workload: &ObjectRef, words: &[&str]) -> Holder {
    let own = || Holder { object: workload.clone(), path: String::new() };
    let Some(spec) = facts.index.spec_of(workload) else { return own() };
    let literals = spec.containers.iter().flat_map(|container| {
        let literal = container.env.iter().flatten().filter(|variable| variable.value.is_some());
        literal.map(|variable| (container.name.as_str(), variable))
    });
    let literals: Vec<(&str, &EnvVar)> = literals.collect();
    let references = config_references(spec);
    for word in words {
        let literal = literals.iter().find(|(_, variable)| variable.name.to_ascii_uppercase().contains(word));
        if let Some((container, variable)) = literal {
            let path = format!("containers[{container}].env[{}]", variable.name);
            return Holder { object: workload.clone(), path };
        }
        let fits = |found: &&ConfigReference| names(facts, workload, found, word);
        if let Some(found) = references.iter().find(fits) {
            let object = found.object(&workload.namespace);
            let object = if is_own(facts, &object) { object } else { workload.clone() };
            return Holder { object, path: found.path.clone() };
        }
    }
    own()
}

/// What holds the variable of that very name.
pub(super) fn holder_of_variable(facts: &Facts<'_>, workload: &ObjectRef, variable: &str) -> Holder {
    let own = || Holder { object: workload.clone(), path: String::new() };
    let Some(spec) = facts.index.spec_of(workload) else { return own() };
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let mut literals = container.env.iter().flatten().filter(|found| found.value.is_some());
        if literals.any(|found| found.name == variable) {
            return Holder {
                object: workload.clone(),
                path: format!("containers[{}].env[{variable}]", container.name),
            };
        }
    }
    let references = config_references(spec);
    let named = format!(".env[{variable}]");
    let holds = |found: &&ConfigReference| {
        let keys = facts.index.keys(&found.object(&workload.namespace)).unwrap_or_default();
        found.path.ends_with(&named) || (found.key.is_none() && keys.iter().any(|key| key == variable))
    };
    match references.iter().find(holds) {
        Some(found) => {
            Holder { object: found.object(&workload.namespace), path: format!("data[{variable}]") }
        }
        None => own(),
    }
}

/// What holds the file: the ConfigMap or Secret that is mounted where its path says.
pub(super) fn holder_of_file(facts: &Facts<'_>, workload: &ObjectRef, path: &str) -> Holder {
    let own = || Holder { object: workload.clone(), path: String::new() };
    let Some(spec) = facts.index.spec_of(workload) else { return own() };
    let mounts = spec.containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
    let above = mounts.filter(|mount| path.starts_with(mount.mount_path.trim_end_matches('/')));
    let Some(mount) = above.max_by_key(|mount| mount.mount_path.len()) else { return own() };
    let place = format!("volumes[{}]", mount.name);
    let references = config_references(spec);
    let file = path.rsplit('/').next().unwrap_or(path);
    let mounted: Vec<_> = references.iter().filter(|found| found.path == place).collect();
    // Several objects may be projected into one volume.
    let has_it = |found: &&&ConfigReference| {
        let keys = facts.index.keys(&found.object(&workload.namespace)).unwrap_or_default();
        keys.iter().any(|key| key == file)
    };
    match mounted.iter().find(has_it).or(mounted.first()) {
        Some(found) => Holder { object: found.object(&workload.namespace), path: format!("data[{file}]") },
        None => own(),
    }
}

/// What holds an address of which a complaint says the host: a literal variable, an argument or a ConfigMap that has that
/// host in it; else what [`holder`] finds by names.
pub(super) fn holder_of_address(
    facts: &Facts<'_>,
    workload: &ObjectRef,
    host: Option<&str>,
    port: Option<&str>,
) -> Holder {
    let by_name = || holder(facts, workload, &ADDRESSES);
    let (Some(spec), Some(host)) = (facts.index.spec_of(workload), host) else { return by_name() };
    let has = |text: &str| text.contains(host);
    for container in &spec.containers {
        let mut literals = container.env.iter().flatten();
        if let Some(variable) = literals.find(|variable| variable.value.as_deref().is_some_and(has)) {
            let path = format!("containers[{}].env[{}]", container.name, variable.name);
            return Holder { object: workload.clone(), path };
        }
        if container.args.iter().flatten().chain(container.command.iter().flatten()).any(|text| has(text)) {
            return Holder { object: workload.clone(), path: format!("containers[{}].args", container.name) };
        }
    }
    let maps = config_references(spec).into_iter().filter(|found| found.kind == ConfigKind::ConfigMap);
    for reference in maps {
        let object = reference.object(&workload.namespace);
        let told = facts.index.addresses(&object).iter().filter(|told| told.host.as_deref() == Some(host));
        let exact = |told: &&ConfigAddress| {
            told.port.is_none() || told.port.map(|port| port.to_string()).as_deref() == port
        };
        let mut told = told.filter(|told| reference.key.as_ref().is_none_or(|key| *key == told.key));
        if let Some(told) = told.clone().find(exact).or_else(|| told.next()) {
            return Holder { object, path: format!("data[{}]", told.key) };
        }
    }
    by_name()
}

/// Whether a reference is to a setting with the word in its name: the variable, the key, or one of all keys of the object.
fn names(facts: &Facts<'_>, workload: &ObjectRef, found: &ConfigReference, word: &str) -> bool {
    let has = |text: &str| text.to_ascii_uppercase().replace(['-', '.'], "_").contains(word);
    let variable = found.path.rsplit_once(".env[").is_some_and(|(_, name)| has(name));
    match &found.key {
        Some(key) => variable || has(key),
        None => facts
            .index
            .keys(&found.object(&workload.namespace))
            .is_some_and(|keys| keys.iter().any(|key| has(key))),
    }
}

/// Whether one workload reads a ConfigMap or Secret, alone or together with the database that it logs in to.
pub(super) fn is_own(facts: &Facts<'_>, object: &ObjectRef) -> bool {
    use crate::diagnose::graph::EdgeKind::{Mounts, ReadsConfig};
    let mut readers = facts.graph.sources(object, ReadsConfig);
    readers.extend(facts.graph.sources(object, Mounts));
    readers.iter().filter(|reader| !facts.index.is_database(reader)).count() == 1
}
