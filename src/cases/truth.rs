//! What is known of a case, in either of two formats.

use serde::{Deserialize, Serialize};

use crate::incident::ObjectRef;

/// What is known of a case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Truth {
    /// One root cause by its name in a vocabulary, and the object at fault.
    Labelled(LabelledTruth),
    /// The objects at fault; none in a healthy cluster.
    Objects(ObjectTruth),
}

/// A root cause by its name, and the object at fault as `app/<name>`, `node/<name>` or `namespace/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledTruth {
    /// Its name.
    pub root_cause: String,
    /// The object.
    pub fault_object: String,
    /// What kind of trouble it is, for the reader.
    #[serde(default)]
    pub category: String,
}

/// The objects at fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTruth {
    /// All that must be named; empty: nothing is wrong.
    pub root_causes: Vec<ObjectRef>,
    /// Objects that count in their place, since the fix could as well be made there.
    #[serde(default)]
    pub also_accept: Vec<ObjectRef>,
    /// Where the trouble shows without being caused.
    #[serde(default)]
    pub symptoms: Vec<ObjectRef>,
    /// What kind of trouble it is, for the reader.
    #[serde(default)]
    pub category: String,
}

#[cfg(test)]
mod tests {
    use super::Truth;
    use crate::incident::ObjectRef;

    #[test]
    fn both_formats_are_told_apart() {
        let labelled =
            r#"{"root_cause": "disk_full", "fault_object": "node/n1", "system": "x", "case": "7"}"#;
        let objects =
            r#"{"root_causes": [{"kind": "Node", "namespace": "", "name": "n1", "field": "x"}], "fix": []}"#;
        let Truth::Labelled(truth) = serde_json::from_str(labelled).unwrap() else { panic!("labelled") };
        assert_eq!((truth.root_cause.as_str(), truth.fault_object.as_str()), ("disk_full", "node/n1"));
        let Truth::Objects(truth) = serde_json::from_str(objects).unwrap() else { panic!("objects") };
        assert_eq!(truth.root_causes, [ObjectRef::cluster_wide("Node", "n1")]);
    }
}
