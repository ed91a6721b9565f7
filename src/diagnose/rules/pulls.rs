//! Pull secrets that pods have from their ServiceAccount: where the account has lost them, pods from before still have them.

use k8s_openapi::api::core::v1::Pod;

use crate::diagnose::facts::Facts;
use crate::diagnose::index::object_ref;
use crate::incident::{Evidence, ObjectRef};

/// The ServiceAccount that gave older pods of the workload a pull secret which it does not give any more.
pub(super) fn account_without_secret(
    facts: &Facts<'_>,
    workload: &ObjectRef,
    told: &[&Evidence],
) -> Option<ObjectRef> {
    let index = facts.index;
    let template = index.template(workload)?.spec?;
    let written = template.image_pull_secrets.as_ref().is_some_and(|secrets| !secrets.is_empty());
    let name = template.service_account_name.as_deref().unwrap_or("default");
    let account = ObjectRef::new("ServiceAccount", workload.namespace.as_str(), name);
    let accounts = index.snapshot.objects.service_accounts.iter();
    let found = accounts.into_iter().find(|found| object_ref(*found) == account)?;
    let gives = found.image_pull_secrets.as_ref().is_some_and(|secrets| !secrets.is_empty());
    if written || gives {
        return None;
    }
    let has = |pod: &Pod| {
        let secrets = pod.spec.as_ref().and_then(|spec| spec.image_pull_secrets.as_ref());
        secrets.is_some_and(|secrets| !secrets.is_empty())
    };
    let fails = |pod: &Pod| told.iter().any(|piece| piece.object == object_ref(pod));
    let pods = index.pods_of(workload);
    let lost = pods.iter().any(|pod| fails(pod) && !has(pod));
    let had = pods.iter().any(|pod| !fails(pod) && has(pod));
    (lost && had).then_some(account)
}
