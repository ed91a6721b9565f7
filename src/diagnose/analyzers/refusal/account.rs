//! ServiceAccounts that do not exist.

use std::sync::LazyLock;

use regex::Regex;

use super::Refusal;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::object_ref;
use crate::incident::ObjectRef;

static MISSING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)serviceaccounts? "([^"]{1,253})" not found"#).ok());

/// About the account. One that exists by now was merely late.
pub(super) fn missing(refusal: &Refusal<'_>) -> Option<Finding> {
    let name = MISSING.as_ref()?.captures(refusal.message)?.get(1)?.as_str();
    let account = ObjectRef::new("ServiceAccount", refusal.workload.namespace.as_str(), name);
    let mut known = refusal.index.snapshot.objects.service_accounts.iter();
    if known.any(|found| object_ref(found) == account) {
        return None;
    }
    let statement = format!(
        "{} runs as {account}, which does not exist, so its pods cannot be created",
        refusal.workload
    );
    Some(Finding::new(codes::SERVICE_ACCOUNT_MISSING, account, statement))
}
