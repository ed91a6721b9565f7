//! Pod Security admission: the level that a namespace enforces, and the fields that violate it.

use std::sync::LazyLock;

use regex::Regex;

use super::Refusal;
use super::before::Aspect;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::incident::ObjectRef;

static VIOLATED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"violates PodSecurity "([^"]{1,100})": (.{1,2000})"#).ok());

/// About the workload whose template violates the level, or the Namespace where the same template was let in before.
pub(super) fn violated(refusal: &Refusal<'_>) -> Option<Finding> {
    let found = VIOLATED.as_ref()?.captures(refusal.message)?;
    let (level, fields) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    let namespace = ObjectRef::cluster_wide("Namespace", refusal.workload.namespace.as_str());
    let changed = refusal.was_admitted_before(Aspect::Security);
    let statement = if changed {
        format!(
            "{namespace} enforces Pod Security {level} now, which refuses {} as it was let in before: {fields}",
            refusal.workload
        )
    } else {
        format!("{} violates Pod Security {level}, which {namespace} enforces: {fields}", refusal.workload)
    };
    let object = if changed { namespace } else { refusal.workload.clone() };
    let mut finding = Finding::new(codes::POD_SECURITY_VIOLATED, object, statement).field("level", level);
    for (number, violation) in violations(fields).take(12).enumerate() {
        finding = finding.field(&format!("violation_{}", number + 1), violation);
    }
    Some(finding)
}

/// `a (b), c (d, e)` as its parts `a (b)` and `c (d, e)`.
fn violations(fields: &str) -> impl Iterator<Item = &str> {
    fields.split("), ").map(str::trim).filter(|part| !part.is_empty())
}
