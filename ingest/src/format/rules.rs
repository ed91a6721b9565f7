//! Prometheus rules, in a PrometheusRule object or a plain rule file: one unit an alert or recording.

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::yaml;

#[derive(Deserialize)]
struct PrometheusRule {
    spec: RuleFile,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rules: Vec<Spanned<Value>>,
}

/// One rule, and where it begins in its text.
pub(super) struct Rule {
    /// `alert NodeDown` or `record job:up:sum`, below its group's name.
    pub(super) headings: [String; 2],
    pub(super) rule: Spanned<Value>,
}

/// The rules of a document; `None` where it has none.
pub(super) fn of(text: &str, value: &Value) -> Option<Vec<Rule>> {
    let file: RuleFile = if value.get("kind").and_then(Value::as_str) == Some("PrometheusRule") {
        yaml::parse::<PrometheusRule>(text).ok()?.spec
    } else if value.get("kind").is_none() && value.get("groups").is_some_and(Value::is_array) {
        yaml::parse(text).ok()?
    } else {
        return None;
    };
    let mut rules = Vec::new();
    for group in file.groups {
        for rule in group.rules {
            let name = |kind: &str| Some(format!("{kind} {}", rule.value.get(kind)?.as_str()?));
            let heading = name("alert").or_else(|| name("record"))?;
            rules.push(Rule { headings: [group.name.clone(), heading], rule });
        }
    }
    (!rules.is_empty()).then_some(rules)
}
