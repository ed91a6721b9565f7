//! Label selectors and node selector terms against labels.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Labels by key.
pub(super) type Labels = BTreeMap<String, String>;

static NONE: Labels = BTreeMap::new();

/// The labels, or none.
pub(super) fn or_none(labels: Option<&Labels>) -> &Labels {
    labels.unwrap_or(&NONE)
}

/// Whether a label selector matches. An empty one matches everything, one with an operator that is not known nothing.
pub(super) fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal && selector.match_expressions.iter().flatten().all(|requirement| holds(requirement, labels))
}

fn holds(requirement: &LabelSelectorRequirement, labels: &Labels) -> bool {
    let LabelSelectorRequirement { key, operator, values } = requirement;
    let known = ["In", "NotIn", "Exists", "DoesNotExist"].contains(&operator.as_str());
    known && compare(operator, labels.get(key).map(String::as_str), values.as_deref().unwrap_or_default())
}

/// Whether a term of a node affinity fits a node. A term without requirements fits none.
pub(super) fn fits(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let by_label = |requirement: &NodeSelectorRequirement| {
        let values = requirement.values.as_deref().unwrap_or_default();
        compare(&requirement.operator, labels.get(&requirement.key).map(String::as_str), values)
    };
    let by_field = |requirement: &NodeSelectorRequirement| {
        let values = requirement.values.as_deref().unwrap_or_default();
        requirement.key == "metadata.name" && compare(&requirement.operator, Some(name), values)
    };
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(by_label)
        && fields.iter().all(by_field)
}

fn compare(operator: &str, value: Option<&str>, wanted: &[String]) -> bool {
    let is_wanted = value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let ordered = |holds: fn(&i64, &i64) -> bool| match (value.and_then(number), wanted) {
        (Some(value), [bound]) => number(bound).is_some_and(|bound| holds(&value, &bound)),
        _ => false,
    };
    match operator {
        "In" => is_wanted,
        "NotIn" => !is_wanted,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => ordered(i64::gt),
        "Lt" => ordered(i64::lt),
        // An operator that is not known yet excludes nothing: better no explanation than a wrong one.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Labels, fits, matches};

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_operator_compares_as_the_scheduler_does() {
        let node = labels(&[("zone", "a"), ("cores", "8")]);
        let cases = [
            ("zone", "In", vec!["a", "b"], true),
            ("zone", "In", vec!["b"], false),
            ("zone", "NotIn", vec!["b"], true),
            ("disk", "NotIn", vec!["b"], true),
            ("zone", "Exists", vec![], true),
            ("disk", "DoesNotExist", vec![], true),
            ("cores", "Gt", vec!["4"], true),
            ("cores", "Lt", vec!["8"], false),
            ("zone", "Gt", vec!["4"], false),
        ];
        for (key, operator, values, expected) in cases {
            let term = json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
            let term = serde_json::from_value(term).unwrap();
            assert_eq!(fits(&term, "n", &node), expected, "{key} {operator} {values:?}");
        }
    }

    #[test]
    fn a_term_without_requirements_fits_no_node_and_an_empty_selector_every_pod() {
        assert!(!fits(&serde_json::from_value(json!({})).unwrap(), "n", &labels(&[])));
        assert!(matches(&serde_json::from_value(json!({})).unwrap(), &labels(&[("app", "x")])));
    }

    #[test]
    fn nodes_can_be_chosen_by_name() {
        let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n-1"]}]});
        let term = serde_json::from_value(term).unwrap();
        assert!(fits(&term, "n-1", &labels(&[])) && !fits(&term, "n-2", &labels(&[])));
    }
}
