//! What a change would do, as a unified diff of YAML that people read before they approve.

use serde_json::Value;
use similar::TextDiff;

use super::{EXECUTION_ANNOTATION, UNDO_ANNOTATION, fields};
use crate::incident::ObjectRef;

/// Written by the server or by controllers, or our own marks: not what the change is about.
const NOISE: [&str; 7] = [
    "/status",
    "/metadata/managedFields",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/uid",
    "/metadata/creationTimestamp",
    "/metadata/selfLink",
];

/// Annotations that are noise; the last one repeats the whole object with values that may be secret.
const NOISY_ANNOTATIONS: [&str; 3] =
    [EXECUTION_ANNOTATION, UNDO_ANNOTATION, "kubectl.kubernetes.io/last-applied-configuration"];

/// Diff of the object as it is and as the dry-run says that it would be. Literal values of environment variables are
/// not shown, only whether they differ: they may be secrets.
pub(super) fn unified(target: &ObjectRef, live: &Value, after: &Value) -> String {
    let (before, after) = (readable(live, after, "(literal)"), readable(after, live, "(another literal)"));
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    diff.unified_diff()
        .context_radius(3)
        .header(&format!("{target} (live)"), &format!("{target} (planned)"))
        .to_string()
}

/// The lines that a diff adds and removes, without context and headings.
pub(super) fn changed_lines(diff: &str) -> Vec<&str> {
    let changes =
        |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    diff.lines().filter(changes).collect()
}

/// What is shown for an eviction.
pub(super) fn eviction(target: &ObjectRef, uid: &str) -> String {
    format!("-{target} (uid {uid}): evicted, honouring disruption budgets and its grace period\n")
}

/// What is shown for a force delete.
pub(super) fn force_delete(target: &ObjectRef, uid: &str) -> String {
    format!(
        "-{target} (uid {uid}): FORCE deleted from the API at once, because its node does not answer; should the node come \
         back, the old containers may run beside the new pod for a moment\n"
    )
}

fn readable(object: &Value, other: &Value, differs: &str) -> String {
    let mut shown = object.clone();
    hide_literals(&mut shown, other, differs);
    for path in NOISE {
        fields::set(&mut shown, path, Value::Null);
    }
    for key in NOISY_ANNOTATIONS {
        if fields::annotation(&shown, key).is_some() {
            fields::set(&mut shown, &fields::annotation_path("", key), Value::Null);
        }
    }
    if shown
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
        .is_some_and(serde_json::Map::is_empty)
    {
        fields::set(&mut shown, "/metadata/annotations", Value::Null);
    }
    serde_saphyr::to_string(&shown).unwrap_or_else(|error| format!("(cannot be shown as YAML: {error})\n"))
}

fn hide_literals(shown: &mut Value, other: &Value, differs: &str) {
    for list in ["containers", "initContainers"] {
        let path = format!("/spec/template/spec/{list}");
        let others = fields::list(other, &path);
        let Some(containers) = shown.pointer_mut(&path).and_then(Value::as_array_mut) else { continue };
        for container in containers {
            let twin = named(others, fields::text(container, "/name")).cloned().unwrap_or_default();
            let Some(variables) = container.get_mut("env").and_then(Value::as_array_mut) else { continue };
            for variable in variables {
                let twin = named(fields::list(&twin, "/env"), fields::text(variable, "/name"));
                hide(variable, twin.and_then(|twin| twin.get("value")), differs);
            }
        }
    }
}

fn hide(variable: &mut Value, twin: Option<&Value>, differs: &str) {
    if let Some(value) = variable.get_mut("value") {
        let same = twin.is_none_or(|twin| twin == value);
        *value = Value::from(if same { "(literal)" } else { differs });
    }
}

fn named<'a>(items: &'a [Value], name: Option<&str>) -> Option<&'a Value> {
    items.iter().find(|item| name.is_some() && fields::text(item, "/name") == name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{changed_lines, unified};
    use crate::incident::ObjectRef;

    fn deployment(image: &str, password: &str, generation: u32) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "namespace": "shop", "generation": generation, "resourceVersion": "7",
                "annotations": { "kubewright.io/execution": format!("x{generation}"),
                    "kubectl.kubernetes.io/last-applied-configuration": password } },
            "spec": { "template": { "spec": { "containers": [
                { "name": "app", "image": image, "env": [{ "name": "PASSWORD", "value": password }, { "name": "A", "value": "1" }] },
            ] } } },
            "status": { "replicas": generation },
        })
    }

    #[test]
    fn only_the_change_is_shown_and_no_literal_value() {
        let (live, after) = (deployment("web:2", "hunter2", 2), deployment("web:1", "hunter1", 3));
        let diff = unified(&ObjectRef::new("Deployment", "shop", "web"), &live, &after);
        let changed: Vec<&str> = changed_lines(&diff).into_iter().map(|line| line.trim_end()).collect();
        assert!(!diff.contains("hunter"), "{diff}");
        assert_eq!(changed.len(), 4, "{diff}");
        assert!(diff.contains("(another literal)") && diff.contains("web:1"), "{diff}");
        assert!(
            diff.starts_with("--- Deployment shop/web (live)\n+++ Deployment shop/web (planned)\n"),
            "{diff}"
        );
    }
}
