//! What is different between two pod templates, field by field. Pure.
//!
//! Literal values of environment variables, commands and arguments may be secrets: that they changed is told, what they
//! are is not.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, PodSpec, PodTemplateSpec, Volume};
use serde::Serialize;
use serde_json::Value;

use super::FieldChange;
use super::read_error::quote;

/// Set by controllers, different in every revision.
const HASH_LABELS: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// Parts of a container that are compared leaf by leaf and hold no secrets.
const CONTAINER_TREES: [&str; 5] =
    ["resources", "livenessProbe", "readinessProbe", "startupProbe", "securityContext"];

/// Parts of a container of which it is only told that they changed.
const CONTAINER_HIDDEN: [&str; 3] = ["command", "args", "lifecycle"];

/// Plain values of a container.
const CONTAINER_PLAIN: [&str; 4] = ["image", "imagePullPolicy", "workingDir", "restartPolicy"];

/// Plain values of a pod.
const POD_PLAIN: [&str; 10] = [
    "serviceAccountName",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "hostNetwork",
    "hostPID",
    "dnsPolicy",
    "nodeName",
    "restartPolicy",
    "terminationGracePeriodSeconds",
];

/// Parts of a pod that are compared leaf by leaf and hold no secrets.
const POD_TREES: [&str; 4] = ["nodeSelector", "tolerations", "securityContext", "imagePullSecrets"];

/// Parts of a pod of which it is only told that they changed.
const POD_HIDDEN: [&str; 4] = ["affinity", "topologySpreadConstraints", "hostAliases", "dnsConfig"];

/// Below these, values may be secrets: `exec.command`, `httpGet.httpHeaders`.
const SECRET_LEAVES: [&str; 2] = ["command", "httpHeaders"];

/// Shown in place of a value that may be a secret.
const HIDDEN: &str = "(changed)";

/// Most differences that are told.
const MAX_CHANGES: usize = 60;

/// A field as it is compared and as it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    exact: String,
    shown: String,
}

type Fields = BTreeMap<String, Field>;

/// The differences, sorted by path.
pub(super) fn template_changes(before: &PodTemplateSpec, after: &PodTemplateSpec) -> Vec<FieldChange> {
    let (before, mut after) = (fields(before), fields(after));
    let mut changes: Vec<FieldChange> = Vec::new();
    for (path, old) in before {
        let new = after.remove(&path);
        if new.as_ref().is_none_or(|new| new.exact != old.exact) {
            changes.push(FieldChange { path, before: Some(old.shown), after: new.map(|new| new.shown) });
        }
    }
    let added =
        after.into_iter().map(|(path, new)| FieldChange { path, before: None, after: Some(new.shown) });
    changes.extend(added);
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes.truncate(MAX_CHANGES);
    changes
}

fn fields(template: &PodTemplateSpec) -> Fields {
    let mut fields = Fields::new();
    if let Some(metadata) = &template.metadata {
        let labels = metadata.labels.iter().flatten();
        for (key, value) in labels.filter(|(key, _)| !HASH_LABELS.contains(&key.as_str())) {
            plain(&mut fields, format!("labels[{key}]"), value);
        }
        for (key, value) in metadata.annotations.iter().flatten() {
            hidden(&mut fields, format!("annotations[{key}]"), value.clone());
        }
    }
    if let Some(spec) = &template.spec {
        pod(&mut fields, spec);
    }
    fields
}

fn pod(fields: &mut Fields, spec: &PodSpec) {
    let whole = json(spec);
    picked(fields, "", &whole, &POD_PLAIN, &POD_TREES, &POD_HIDDEN);
    for source in spec.volumes.iter().flatten() {
        let path = format!("volumes[{}]", source.name);
        fields.insert(path, Field { exact: json(source).to_string(), shown: volume(source) });
    }
    for one in spec.init_containers.iter().flatten() {
        container(fields, &format!("initContainers[{}]", one.name), one);
    }
    for one in &spec.containers {
        container(fields, &format!("containers[{}]", one.name), one);
    }
}

fn container(fields: &mut Fields, path: &str, container: &Container) {
    let prefix = format!("{path}.");
    picked(fields, &prefix, &json(container), &CONTAINER_PLAIN, &CONTAINER_TREES, &CONTAINER_HIDDEN);
    for variable in container.env.iter().flatten() {
        let exact = json(variable).to_string();
        fields
            .insert(format!("{path}.env[{}]", variable.name), Field { exact, shown: environment(variable) });
    }
    for source in container.env_from.iter().flatten() {
        let name = match (&source.config_map_ref, &source.secret_ref) {
            (Some(map), _) => format!("configMapRef {}", map.name),
            (None, Some(secret)) => format!("secretRef {}", secret.name),
            (None, None) => continue,
        };
        fields.insert(
            format!("{path}.envFrom[{name}]"),
            Field { exact: json(source).to_string(), shown: name },
        );
    }
    for mount in container.volume_mounts.iter().flatten() {
        let at = format!("{path}.volumeMounts[{}]", mount.mount_path);
        let sub_path = mount.sub_path.as_ref().map(|sub| format!(" ({sub})")).unwrap_or_default();
        fields
            .insert(at, Field { exact: json(mount).to_string(), shown: format!("{}{sub_path}", mount.name) });
    }
    for port in container.ports.iter().flatten() {
        let name = port.name.clone().unwrap_or_else(|| port.container_port.to_string());
        plain(fields, format!("{path}.ports[{name}]"), &port.container_port.to_string());
    }
}

fn environment(variable: &EnvVar) -> String {
    match &variable.value_from {
        Some(EnvVarSource { config_map_key_ref: Some(key), .. }) => {
            format!("configMapKeyRef {}/{}", key.name, key.key)
        }
        Some(EnvVarSource { secret_key_ref: Some(key), .. }) => {
            format!("secretKeyRef {}/{}", key.name, key.key)
        }
        Some(EnvVarSource { field_ref: Some(field), .. }) => format!("fieldRef {}", field.field_path),
        Some(EnvVarSource { resource_field_ref: Some(field), .. }) => {
            format!("resourceFieldRef {}", field.resource)
        }
        _ => "(literal)".to_owned(),
    }
}

/// The source of a volume: `configMap checkout-config`, `persistentVolumeClaim data`, `emptyDir`.
fn volume(volume: &Volume) -> String {
    if let Some(map) = &volume.config_map {
        return format!("configMap {}", map.name);
    }
    if let Some(secret) = &volume.secret {
        return format!("secret {}", secret.secret_name.as_deref().unwrap_or_default());
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return format!("persistentVolumeClaim {}", claim.claim_name);
    }
    let value = json(volume);
    let kind =
        value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| *key != "name");
    kind.unwrap_or("emptyDir").to_owned()
}

/// Takes the named parts out of `whole`, each in its manner.
fn picked(
    fields: &mut Fields,
    prefix: &str,
    whole: &Value,
    values: &[&str],
    trees: &[&str],
    secret: &[&str],
) {
    for name in values.iter().chain(trees) {
        if let Some(value) = whole.get(*name) {
            leaves(fields, format!("{prefix}{name}"), value);
        }
    }
    for name in secret {
        if let Some(value) = whole.get(*name) {
            hidden(fields, format!("{prefix}{name}"), value.to_string());
        }
    }
}

fn leaves(fields: &mut Fields, path: String, value: &Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{path}.{key}");
                if SECRET_LEAVES.contains(&key.as_str()) {
                    hidden(fields, path, value.to_string());
                } else {
                    leaves(fields, path, value);
                }
            }
        }
        Value::Array(items) => {
            let text = Value::Array(items.clone()).to_string();
            plain(fields, path, &text);
        }
        Value::String(text) => plain(fields, path, text),
        other => plain(fields, path, &other.to_string()),
    }
}

fn plain(fields: &mut Fields, path: String, value: &str) {
    fields.insert(path, Field { exact: value.to_owned(), shown: quote(value) });
}

fn hidden(fields: &mut Fields, path: String, exact: String) {
    fields.insert(path, Field { exact, shown: HIDDEN.to_owned() });
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodTemplateSpec;
    use serde_json::{Value, json};

    use super::template_changes;

    fn template(container: &Value, rest: &Value) -> PodTemplateSpec {
        let mut spec = rest.clone();
        spec["containers"] = json!([container]);
        serde_json::from_value(
            json!({"metadata": {"labels": {"app": "a", "pod-template-hash": rest.to_string()}},
            "spec": spec}),
        )
        .unwrap()
    }

    #[test]
    fn every_difference_is_told_by_its_path_and_secrets_are_not_shown() {
        let before = template(
            &json!({"name": "app", "image": "shop/checkout:1.4", "args": ["--token=hunter1"],
                "env": [{"name": "PASSWORD", "value": "hunter1"},
                    {"name": "URL", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "url"}}}],
                "envFrom": [{"secretRef": {"name": "old"}}],
                "resources": {"limits": {"memory": "256Mi"}},
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080,
                    "httpHeaders": [{"name": "Authorization", "value": "hunter1"}]}},
                "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf"}]}),
            &json!({"serviceAccountName": "default", "volumes": [{"name": "conf", "configMap": {"name": "cm"}}]}),
        );
        let after = template(
            &json!({"name": "app", "image": "shop/checkout:1.5", "args": ["--token=hunter2"],
                "env": [{"name": "PASSWORD", "value": "hunter2"},
                    {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "url"}}}],
                "resources": {"limits": {"memory": "64Mi"}},
                "livenessProbe": {"httpGet": {"path": "/health", "port": 8080,
                    "httpHeaders": [{"name": "Authorization", "value": "hunter2"}]}},
                "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf", "subPath": "a"}]}),
            &json!({"serviceAccountName": "checkout", "nodeSelector": {"disk": "ssd"},
                "volumes": [{"name": "conf", "configMap": {"name": "cm-2"}}]}),
        );
        let changes = template_changes(&before, &after);
        let told: Vec<String> = changes
            .iter()
            .map(|change| {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
                format!("{}: {} -> {}", change.path, shown(&change.before), shown(&change.after))
            })
            .collect();
        assert_eq!(
            told,
            [
                "containers[app].args: (changed) -> (changed)",
                "containers[app].envFrom[secretRef old]: secretRef old -> -",
                "containers[app].env[PASSWORD]: (literal) -> (literal)",
                "containers[app].env[URL]: configMapKeyRef cm/url -> secretKeyRef s/url",
                "containers[app].image: shop/checkout:1.4 -> shop/checkout:1.5",
                "containers[app].livenessProbe.httpGet.httpHeaders: (changed) -> (changed)",
                "containers[app].livenessProbe.httpGet.path: /healthz -> /health",
                "containers[app].resources.limits.memory: 256Mi -> 64Mi",
                "containers[app].volumeMounts[/etc/conf]: conf -> conf (a)",
                "nodeSelector.disk: - -> ssd",
                "serviceAccountName: default -> checkout",
                "volumes[conf]: configMap cm -> configMap cm-2",
            ]
        );
        assert!(!format!("{changes:?}").contains("hunter"));
    }

    #[test]
    fn equal_templates_have_no_differences() {
        let one = template(&json!({"name": "app", "image": "a"}), &json!({}));
        assert_eq!(template_changes(&one, &one), []);
    }
}
