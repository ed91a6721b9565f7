//! PriorityClasses and RuntimeClasses that do not exist.

use std::sync::LazyLock;

use regex::Regex;

use super::Refusal;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::incident::ObjectRef;

static PRIORITY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"no PriorityClass with name "?([A-Za-z0-9.-]{1,253})"? was found"#).ok());
static RUNTIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)RuntimeClass(?:\.node\.k8s\.io)? "([^"]{1,253})" not found"#).ok());

/// About the class, by the name under which it is looked for.
pub(super) fn missing(refusal: &Refusal<'_>) -> Option<Finding> {
    let name = |pattern: &LazyLock<Option<Regex>>| {
        let found = pattern.as_ref()?.captures(refusal.message)?;
        found.get(1).map(|name| name.as_str().to_owned())
    };
    let (code, kind, name) = match (name(&PRIORITY), name(&RUNTIME)) {
        (Some(name), _) => (codes::PRIORITY_CLASS_MISSING, "PriorityClass", name),
        (None, Some(name)) => (codes::RUNTIME_CLASS_MISSING, "RuntimeClass", name),
        (None, None) => return None,
    };
    let class = ObjectRef::cluster_wide(kind, name);
    let statement =
        format!("{} names {class}, which does not exist, so its pods are refused", refusal.workload);
    Some(Finding::new(code, class, statement))
}
