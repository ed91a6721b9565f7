//! What findings name beside the object that they are about: in fields of the same names, which Evidence keeps.

use std::collections::BTreeMap;

use crate::incident::ObjectRef;

/// The fields of a finding or a piece of Evidence.
type Fields = BTreeMap<String, String>;

/// The dependency that a complaint names, where it was resolved to an object.
#[must_use]
pub(super) fn dependency(fields: &Fields) -> Option<ObjectRef> {
    let field = |name: &str| fields.get(name).map(String::as_str);
    let name = field("dependency_name")?;
    let namespace = field("dependency_namespace").unwrap_or_default();
    Some(ObjectRef::new(field("dependency_kind")?, namespace, name))
}

/// The workload that is kept from working; without a namespace it is in that of the `object` which the finding is about.
#[must_use]
pub(super) fn workload(fields: &Fields, object: &ObjectRef) -> Option<ObjectRef> {
    let namespace = fields.get("workload_namespace").unwrap_or(&object.namespace);
    Some(ObjectRef::new(fields.get("workload_kind")?, namespace, fields.get("workload")?))
}

/// How many lines of a log say so.
#[must_use]
pub(super) fn lines(fields: &Fields) -> Option<u64> {
    fields.get("lines")?.parse().ok()
}
