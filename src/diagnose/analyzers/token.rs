//! Programs that ask the Kubernetes API without a token, or with one that is not valid any more.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::ServiceAccount;
use regex::Regex;

use super::log;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// Clients of Go, Python, Java and Node that find no token.
static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)kubernetes\.io/serviceaccount\S*.{0,60}(?:no such file|does not exist|not found|ENOENT)",
        r"|(?:ENOENT|FileNotFoundException|no such file).{0,80}kubernetes\.io/serviceaccount",
        r"|service token file does not exist|unable to load in-?cluster config",
    ))
    .ok()
});

/// How the API server, and clients that quote it, word a token that is not valid.
static REJECTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)the server has asked for the client to provide credentials",
        r"|service ?account token (?:has expired|has been invalidated)|invalid bearer token",
        r"|failed to (?:list|watch|get) [*\w./]+: unauthorized",
    ))
    .ok()
});

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Complaint {
    Missing,
    Rejected,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut said: BTreeMap<(ObjectRef, Complaint), String> = BTreeMap::new();
    for excerpt in index.snapshot.logs.iter().filter(|excerpt| log::still_matters(index, excerpt)) {
        let source = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
        for line in log::lines(&excerpt.text).filter(|line| mentions(line)) {
            if let Some(complaint) = read(line) {
                said.entry((source.clone(), complaint)).or_insert_with(|| line.trim().to_owned());
            }
        }
    }
    said.iter().filter_map(|((pod, complaint), line)| of_pod(index, pod, *complaint, line)).collect()
}

/// A cheap look before the expressions.
fn mentions(line: &str) -> bool {
    ["oken", "serviceaccount", "credentials", "nauthorized", "cluster"].iter().any(|word| line.contains(word))
}

fn read(line: &str) -> Option<Complaint> {
    if MISSING.as_ref()?.is_match(line) {
        return Some(Complaint::Missing);
    }
    REJECTED.as_ref()?.is_match(line).then_some(Complaint::Rejected)
}

fn of_pod(index: &Index<'_>, pod: &ObjectRef, complaint: Complaint, line: &str) -> Option<Finding> {
    let workload = index.workload_of(pod);
    let spec = index.pod(pod)?.spec.as_ref()?;
    let name = spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    let name = ObjectRef::new("ServiceAccount", pod.namespace.as_str(), name);
    let account = index.snapshot.objects.service_accounts.iter().find(|account| object_ref(*account) == name);
    let finding = match complaint {
        Complaint::Missing => {
            let of_account = account.and_then(|account| account.automount_service_account_token);
            not_mounted(&workload, &name, spec.automount_service_account_token, of_account)?
        }
        Complaint::Rejected => rejected(index, pod, &workload, &name, account)?,
    };
    Some(finding.field("said", line).hinders(&workload))
}

/// What the pod says counts, else what its account says.
fn not_mounted(
    workload: &ObjectRef,
    account: &ObjectRef,
    of_pod: Option<bool>,
    of_account: Option<bool>,
) -> Option<Finding> {
    let object = match (of_pod, of_account) {
        (Some(false), _) => workload,
        (None, Some(false)) => account,
        _ => return None,
    };
    let statement = format!(
        "{workload} asks the Kubernetes API, and {object} says automountServiceAccountToken: false, so it has no token"
    );
    let finding = Finding::new(codes::TOKEN_NOT_MOUNTED, object.clone(), statement);
    Some(finding.field("automountServiceAccountToken", false))
}

/// A token is for one account, not for a later one of the same name; that of an account which is gone is for nobody.
fn rejected(
    index: &Index<'_>,
    pod: &ObjectRef,
    workload: &ObjectRef,
    name: &ObjectRef,
    account: Option<&ServiceAccount>,
) -> Option<Finding> {
    let made = index.pod(pod)?.metadata.creation_timestamp.as_ref()?.0;
    let why = match account {
        Some(account) => {
            let since = account.metadata.creation_timestamp.as_ref()?.0;
            if since <= made {
                return None;
            }
            format!("{name} was made anew at {since}, after the pod")
        }
        None if index.snapshot.recorded.knows_in("serviceaccounts", &name.namespace) => {
            format!("{name} does not exist any more")
        }
        None => return None,
    };
    let statement = format!("The Kubernetes API does not accept the token of {workload}: {why}");
    Some(Finding::new(codes::TOKEN_REJECTED, name.clone(), statement))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    const NO_TOKEN: &str =
        "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory";
    const REFUSED: &str =
        "failed to list *v1.Pod: the server has asked for the client to provide credentials";

    /// Cause and object for a program that says something, with an account and a pod that are made as told.
    fn told(line: &str, account: &Value, automount: Option<bool>) -> Option<(String, String)> {
        let mut world = World::new().deployment("sync", 1).log("sync-1-0", line);
        let pod = &mut world.snapshot.objects.pods[0];
        pod.spec.as_mut().unwrap().service_account_name = Some("sync".to_owned());
        pod.spec.as_mut().unwrap().automount_service_account_token = automount;
        let mut meant = json!({"metadata": {"namespace": "shop", "name": "sync", "creationTimestamp": ago(900).to_string()}});
        json_patch::merge(&mut meant, account);
        world.snapshot.objects.service_accounts.push(object(meant));
        world.causes().into_iter().next().map(|(code, object, _)| (code, object))
    }

    fn cause(object: &str) -> Option<(String, String)> {
        Some(("access.token_invalid".to_owned(), object.to_owned()))
    }

    #[test]
    fn a_token_that_is_not_mounted_is_blamed_on_who_says_so() {
        let off = json!({"automountServiceAccountToken": false});
        assert_eq!(told(NO_TOKEN, &json!({}), Some(false)), cause("Deployment shop/sync"));
        assert_eq!(told(NO_TOKEN, &off, None), cause("ServiceAccount shop/sync"));
    }

    #[test]
    fn a_token_of_an_account_that_was_made_anew_is_refused() {
        let young = json!({"metadata": {"creationTimestamp": ago(10).to_string()}});
        assert_eq!(told(REFUSED, &young, None), cause("ServiceAccount shop/sync"));
    }

    #[test]
    fn tokens_that_are_mounted_or_not_asked_for_give_nothing() {
        let off = json!({"automountServiceAccountToken": false});
        assert_eq!(told(NO_TOKEN, &off, Some(true)), None);
        assert_eq!(told(NO_TOKEN, &json!({}), None), None);
        assert_eq!(told("ready, token cache is warm", &off, Some(false)), None);
        assert_eq!(told(REFUSED, &json!({}), None), None);
    }
}
