//! What a container is given: environment from ConfigMaps and Secrets, and volumes of them.

use k8s_openapi::ByteString;
use serde_json::Value;

use super::{Environment, Report, World};
use crate::sim::kinds::{CONFIG_MAPS, Kind, PERSISTENT_VOLUME_CLAIMS, SECRETS};
use crate::sim::objects::meta;
use crate::sim::world::fields;

/// The environment of a container, or the kubelet's sentence about what is missing.
pub(super) fn environment(world: &World, pod: &Value, spec: &Value) -> Result<Environment, String> {
    let namespace = meta::namespace(pod);
    let mut environment = Environment::new();
    for source in fields::list(spec, "/envFrom") {
        let prefix = fields::text(source, "/prefix");
        for (kind, field) in [(&CONFIG_MAPS, "configMapRef"), (&SECRETS, "secretRef")] {
            let Some(reference) = source.get(field) else { continue };
            let all = everything(world, kind, namespace, reference)?;
            environment.extend(all.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
        }
    }
    for variable in fields::list(spec, "/env") {
        if let Some(value) = value_of(world, pod, variable)? {
            environment.insert(fields::text(variable, "/name").to_owned(), value);
        }
    }
    Ok(environment)
}

fn value_of(world: &World, pod: &Value, variable: &Value) -> Result<Option<String>, String> {
    let namespace = meta::namespace(pod);
    for (kind, field) in [(&CONFIG_MAPS, "configMapKeyRef"), (&SECRETS, "secretKeyRef")] {
        if let Some(reference) = variable.pointer(&format!("/valueFrom/{field}")) {
            return one_key(world, kind, namespace, reference);
        }
    }
    let path = fields::text(variable, "/valueFrom/fieldRef/fieldPath");
    if !path.is_empty() {
        return Ok(Some(fields::text(pod, &format!("/{}", path.replace('.', "/"))).to_owned()));
    }
    Ok(Some(fields::text(variable, "/value").to_owned()))
}

fn one_key(
    world: &World,
    kind: &'static Kind,
    namespace: &str,
    reference: &Value,
) -> Result<Option<String>, String> {
    let (name, key) = (fields::text(reference, "/name"), fields::text(reference, "/key"));
    let optional = fields::flag(reference, "/optional");
    let Some(object) = world.store.get_shared(kind, namespace, name) else {
        return if optional { Ok(None) } else { Err(format!("{} \"{name}\" not found", kind.singular)) };
    };
    match entry(kind, &object, key) {
        Some(value) => Ok(Some(value)),
        None if optional => Ok(None),
        None => Err(format!("couldn't find key {key} in {} {namespace}/{name}", kind.kind)),
    }
}

fn everything(
    world: &World,
    kind: &'static Kind,
    namespace: &str,
    reference: &Value,
) -> Result<Vec<(String, String)>, String> {
    let name = fields::text(reference, "/name");
    let Some(object) = world.store.get_shared(kind, namespace, name) else {
        let missing = Err(format!("{} \"{name}\" not found", kind.singular));
        return if fields::flag(reference, "/optional") { Ok(Vec::new()) } else { missing };
    };
    let data = object.get("data").and_then(Value::as_object);
    let keys = data.into_iter().flat_map(|map| map.keys());
    Ok(keys.filter_map(|key| Some((key.clone(), entry(kind, &object, key)?))).collect())
}

/// The value of a key; Secrets hold theirs in base64.
fn entry(kind: &Kind, object: &Value, key: &str) -> Option<String> {
    let data = object.get("data").and_then(|data| data.get(key));
    if kind != &SECRETS {
        return data?.as_str().map(str::to_owned);
    }
    let plain = object.get("stringData").and_then(|data| data.get(key)).and_then(Value::as_str);
    if let Some(plain) = plain {
        return Some(plain.to_owned());
    }
    let bytes: ByteString = serde_json::from_value(data?.clone()).ok()?;
    Some(String::from_utf8_lossy(&bytes.0).into_owned())
}

/// Whether everything that a pod mounts exists; if not, it says what is missing.
pub(super) fn volumes_are_there(world: &World, pod: &Value) -> bool {
    let missing =
        fields::list(pod, "/spec/volumes").iter().find_map(|volume| missing_source(world, pod, volume));
    let Some(message) = missing else { return true };
    let told = fields::condition(pod, "PodReadyToStartContainers")
        .is_some_and(|c| fields::text(c, "/status") == "False");
    if !told {
        let host = fields::text(pod, "/spec/nodeName");
        let report = Report { host, ..Report::warning("kubelet", "FailedMount", &message) };
        world.report(pod, report);
    }
    false
}

fn missing_source(world: &World, pod: &Value, volume: &Value) -> Option<String> {
    let sources: [(&'static Kind, &str, &str); 3] = [
        (&CONFIG_MAPS, "/configMap", "/configMap/name"),
        (&SECRETS, "/secret", "/secret/secretName"),
        (&PERSISTENT_VOLUME_CLAIMS, "/persistentVolumeClaim", "/persistentVolumeClaim/claimName"),
    ];
    let (kind, field, name) = sources.into_iter().find(|(_, field, _)| volume.pointer(field).is_some())?;
    let name = fields::text(volume, name);
    let optional = fields::flag(volume, &format!("{field}/optional"));
    if optional || world.store.get_shared(kind, meta::namespace(pod), name).is_some() {
        return None;
    }
    let volume = fields::text(volume, "/name");
    Some(format!("MountVolume.SetUp failed for volume \"{volume}\" : {} \"{name}\" not found", kind.singular))
}
