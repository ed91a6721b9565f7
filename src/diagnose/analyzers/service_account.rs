//! ServiceAccounts that workloads name and that do not exist: the API server refuses their pods.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of};
use crate::incident::ObjectRef;

/// Every namespace has this one.
const DEFAULT: &str = "default";

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for account in &index.snapshot.objects.service_accounts {
        let name = account.metadata.name.as_deref().unwrap_or_default();
        known.entry(namespace_of(&account.metadata)).or_default().insert(name);
    }
    let missing = index.templates().filter_map(|(workload, template)| {
        let account = template.spec?.service_account_name.as_deref().filter(|name| !name.is_empty())?;
        let namespace = workload.namespace.as_str();
        let listed = index.snapshot.recorded.knows_in("serviceaccounts", namespace)
            // The default account is in every list that was read.
            || known.get(namespace).is_some_and(|names| names.contains(DEFAULT));
        let exists = account == DEFAULT || known.get(namespace).is_some_and(|names| names.contains(account));
        let lacks = i32::try_from(index.pods_of(workload).len()).is_ok_and(|pods| pods < template.replicas);
        (listed && !exists && lacks).then(|| finding(workload, account))
    });
    missing.collect()
}

fn finding(workload: &ObjectRef, account: &str) -> Finding {
    let object = ObjectRef::new("ServiceAccount", workload.namespace.as_str(), account);
    let statement =
        format!("{workload} runs as {object}, which does not exist, so its pods cannot be created");
    Finding::new(codes::SERVICE_ACCOUNT_MISSING, object, statement)
        .field("workload_kind", &workload.kind)
        .field("workload", &workload.name)
        .field("spec.serviceAccountName", account)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, object};

    fn world(account: &str, pods: bool, listed: &[&str]) -> World {
        let mut world = World::new().deployment("web", i32::from(pods));
        let deployment = &mut world.snapshot.objects.deployments[0];
        let spec = deployment.spec.as_mut().unwrap();
        spec.replicas = Some(1);
        spec.template.spec.as_mut().unwrap().service_account_name = Some(account.to_owned());
        for name in listed {
            let account = json!({"metadata": {"namespace": "shop", "name": name}});
            world.snapshot.objects.service_accounts.push(object(account));
        }
        world
    }

    #[test]
    fn an_account_that_does_not_exist_is_named() {
        let found = world("runner", false, &["default"]).diagnose();
        assert_eq!(found.hypotheses[0].object.to_string(), "ServiceAccount shop/runner");
    }

    #[test]
    fn accounts_that_exist_or_were_not_listed_and_workloads_that_have_their_pods_give_nothing() {
        for world in [
            world("runner", false, &["default", "runner"]),
            world("runner", false, &[]),
            world("runner", true, &["default"]),
        ] {
            assert!(!world.codes().contains(&"service_account.missing".to_owned()));
        }
    }
}
