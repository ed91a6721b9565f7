//! Field selectors: `status.phase!=Running,metadata.namespace=shop`.

use serde_json::Value;

use crate::sim::kinds::Kind;
use crate::sim::objects::ApiError;

/// Requirements on fields that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    field: String,
    equal: bool,
    value: String,
}

/// Fields that each kind can be selected by, beside name and namespace.
const SELECTABLE: &[(&str, &[&str])] = &[
    (
        "Pod",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    (
        "Event",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    ("Node", &["spec.unschedulable"]),
    ("Secret", &["type"]),
    ("Namespace", &["status.phase"]),
    ("Service", &["spec.clusterIP", "spec.type"]),
    ("ReplicaSet", &["status.replicas"]),
    ("ReplicationController", &["status.replicas"]),
    ("Job", &["status.successful"]),
];

impl FieldSelector {
    /// Reads a selector; the empty one selects everything.
    ///
    /// # Errors
    /// 400 when it cannot be understood.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        text.split(',')
            .filter(|part| !part.trim().is_empty())
            .map(requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Refuses fields that the kind cannot be selected by, as the API server does.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self, kind: &Kind) -> Result<(), ApiError> {
        let selectable =
            SELECTABLE.iter().find(|(name, _)| *name == kind.kind).map_or(&[][..], |(_, fields)| fields);
        for requirement in &self.0 {
            let field = requirement.field.as_str();
            let known = field == "metadata.name" || (field == "metadata.namespace" && kind.namespaced);
            if !known && !selectable.contains(&field) {
                return Err(ApiError::bad_request(format!("field label not supported: {field}")));
            }
        }
        Ok(())
    }

    /// Whether an object's fields fit; an absent field is the empty string.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|r| (field_text(object, &r.field) == r.value) == r.equal)
    }
}

fn requirement(part: &str) -> Result<Requirement, ApiError> {
    for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((field, value)) = part.split_once(operator) {
            return Ok(Requirement { field: field.trim().to_owned(), equal, value: unescape(value.trim()) });
        }
    }
    Err(ApiError::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'")))
}

fn unescape(value: &str) -> String {
    value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\")
}

fn field_text(object: &Value, field: &str) -> String {
    let field = if field == "source" { "source.component" } else { field };
    let found = field.split('.').try_fold(object, |value, part| value.get(part));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        _ if field == "spec.unschedulable" || field == "spec.hostNetwork" => "false".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kinds;
    use serde_json::json;

    #[test]
    fn equality_and_inequality_look_at_the_fields() {
        let pod =
            json!({"metadata": {"name": "web"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        let fits = |text: &str| FieldSelector::parse(text).unwrap().matches(&pod);
        assert_eq!(
            [
                "status.phase=Running",
                "spec.nodeName==n1,metadata.name=web",
                "status.phase!=Failed",
                "spec.hostNetwork=false"
            ]
            .map(fits),
            [true; 4]
        );
        assert_eq!(["status.phase!=Running", "spec.nodeName=", "metadata.name=db"].map(fits), [false; 3]);
    }

    #[test]
    fn fields_that_a_kind_does_not_offer_are_refused() {
        let selector = FieldSelector::parse("spec.image=x").unwrap();
        let refused = selector.check(&kinds::PODS).unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (400, "field label not supported: spec.image"));
        assert_eq!(FieldSelector::parse("nonsense").map_err(|e| e.code), Err(400));
    }
}
