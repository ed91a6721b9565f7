//! `kubernetes_get`: one object.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::page::page;
use super::target::{self, filled};
use super::{state, until_cancelled};
use crate::agents::tools::{Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};

/// Reads one object.
pub(super) struct Get;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Kind, in any form that kubectl takes: Pod, deploy, nodes, widgets.example.com.
    kind: String,
    /// Name of the object.
    name: String,
    /// Namespace; left out, all that may be read are searched.
    namespace: Option<String>,
    /// Part to show instead of the whole, as in spec.template.spec.containers or status.conditions[0].
    path: Option<String>,
    /// Lines to skip, to read on where an answer was cut.
    #[serde(default)]
    skip_lines: usize,
}

impl Tool for Get {
    fn name(&self) -> &'static str {
        "kubernetes_get"
    }

    fn description(&self) -> &'static str {
        "Reads one Kubernetes object of any kind (custom resources included) and returns it as YAML. Use it when exact \
         field values matter; kubernetes_describe gives a shorter account with events. managedFields are left out; of \
         Secrets only keys and sizes are shown."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move { get(arguments(value)?, context).await }))
    }
}

async fn get(arguments: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let kind = target::kind(context, &arguments.kind).await?;
    let found =
        target::object(context, &kind, filled(arguments.namespace.as_deref()), &arguments.name).await?;
    let shown = match filled(arguments.path.as_deref()) {
        None => &found.value,
        Some(path) => part(&found.value, path)?,
    };
    let more = "call again with skip_lines={skip}, or name a part with path";
    Ok(page(&yaml(shown), arguments.skip_lines, more).with([state::observation(&found, context.now)]))
}

/// An object as YAML; a text as it is.
pub(super) fn yaml(value: &Value) -> String {
    if let Value::String(text) = value {
        return text.clone();
    }
    serde_saphyr::to_string(value).unwrap_or_else(|error| format!("(cannot be shown as YAML: {error})"))
}

/// The part of an object at a dotted path; keys with dots stand in brackets: `metadata.annotations['a.b/c']`.
fn part<'a>(object: &'a Value, path: &str) -> Result<&'a Value, ToolError> {
    let mut current = object;
    for step in steps(path) {
        let next = match current {
            Value::Array(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
            other => other.get(step),
        };
        current = next.ok_or_else(|| {
            let text = format!("the object has no {path}: at {step:?} there are {}", keys(current));
            ToolError::NotFound(text)
        })?;
    }
    Ok(current)
}

fn steps(path: &str) -> Vec<&str> {
    let (mut steps, mut rest) = (Vec::new(), path.trim().trim_start_matches(['$', '.']));
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap_or((inner, "")),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        steps.push(step.trim_matches(['\'', '"']));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

fn keys(value: &Value) -> String {
    match value {
        Value::Object(map) => map.keys().take(40).map(String::as_str).collect::<Vec<_>>().join(", "),
        Value::Array(items) => format!("{} items", items.len()),
        _ => "no parts".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::part;

    #[test]
    fn a_part_is_found_by_its_path_and_a_wrong_path_names_what_there_is() {
        let object = json!({"spec": {"containers": [{"name": "a", "image": "x"}]}, "metadata": {"annotations": {"a.b/c": "1"}}});
        for (path, expected) in [
            ("spec.containers[0].image", json!("x")),
            (".spec.containers.0.name", json!("a")),
            ("metadata.annotations['a.b/c']", json!("1")),
            ("", object.clone()),
        ] {
            assert_eq!(part(&object, path).unwrap(), &expected, "{path}");
        }
        let error = part(&object, "spec.container").unwrap_err().to_string();
        assert_eq!(
            error,
            "not found: the object has no spec.container: at \"container\" there are containers"
        );
        for odd in ["[", "]", "..", "[[", "spec[", "spec.containers[9]", "spec.containers[-1]"] {
            let _ = part(&object, odd);
        }
    }
}
