//! Objects that were edited, patched or scaled since they were applied, and that what fails depends on. An edit that nobody
//! suffers from gives nothing, and neither does one where what is behind it fails by itself.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, PodSpec, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::diagnose::codes;
use crate::diagnose::facts::ABNORMAL;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{DNS_SERVICES, Index, SYSTEM, config_references, object_ref};
use crate::incident::ObjectRef;
use crate::observe::{AppliedChange, KeyedObject, changed_since_applied};

/// Fewer lines are the mistakes of single requests.
const AGAIN: u64 = 5;

/// Fields that are told of one object.
const TOLD: usize = 3;

/// How sure each kind of edit is: what a caller goes through is asked for by name, what a program reads may do no harm.
mod strength {
    pub(super) const SERVICE: f64 = 0.84;
    pub(super) const IDENTITY: f64 = 0.89;
    pub(super) const NAMESPACE: f64 = 0.88;
    pub(super) const CONFIGURATION: f64 = 0.68;
    pub(super) const WORKLOAD: f64 = 0.66;
}

/// Who suffers, and from what.
struct Suffering<'f> {
    /// Workloads that something other than their log says are in trouble.
    failing: BTreeMap<ObjectRef, &'f Finding>,
    /// What others say in their logs.
    complaining: Vec<Complaint<'f>>,
}

struct Complaint<'f> {
    caller: ObjectRef,
    /// The Service that it names.
    named: Option<ObjectRef>,
    finding: &'f Finding,
}

/// Looks for edits behind what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let suffering = Suffering::of(index, found);
    if suffering.failing.is_empty() && suffering.complaining.is_empty() {
        return Vec::new();
    }
    let mut edits = services(index, &suffering);
    edits.extend(configurations(index, &suffering));
    edits.extend(identities(index, &suffering));
    edits.extend(namespaces(index, found));
    edits.extend(workloads(index, &suffering));
    edits
}

impl<'f> Suffering<'f> {
    fn of(index: &Index<'_>, found: &'f [Finding]) -> Self {
        let mut suffering = Self { failing: BTreeMap::new(), complaining: Vec::new() };
        for finding in found {
            let workload = index.workload_of(&finding.object);
            if !finding.code.name.starts_with("log.") {
                if finding.strength >= ABNORMAL {
                    suffering.failing.entry(workload).or_insert(finding);
                }
            } else if is_sustained(finding) && is_about_others(finding) {
                suffering.complaining.push(Complaint {
                    caller: workload,
                    named: finding.dependency(),
                    finding,
                });
            }
        }
        suffering
    }

    fn complaint_about(&self, service: &ObjectRef) -> Option<&Complaint<'f>> {
        let is_dns = service.namespace == SYSTEM && DNS_SERVICES.contains(&service.name.as_str());
        let mut complaints = self.complaining.iter();
        complaints
            .find(|own| own.named.as_ref() == Some(service) || is_dns && own.finding.code == codes::LOG_DNS)
    }

    /// What is wrong with a workload or what others say about it; not a complaint about what fails by itself.
    fn trouble(&self, index: &Index<'_>, workload: &ObjectRef) -> Option<&'f Finding> {
        let own = self.failing.get(workload).copied();
        let said = || {
            let concerns = |Complaint { caller, named, finding }: &&Complaint<'_>| {
                let is_called = named.as_ref().is_some_and(|service| index.is_behind(workload, service));
                let fails = named.as_ref().is_some_and(|service| self.fails_behind(index, service));
                // That something is not there may be the right answer.
                finding.code != codes::LOG_WRONG_ANSWER && (is_called || caller == workload && !fails)
            };
            self.complaining.iter().find(concerns).map(|own| own.finding)
        };
        own.or_else(said)
    }

    fn fails_behind(&self, index: &Index<'_>, service: &ObjectRef) -> bool {
        let behind = index.behind(service);
        behind.is_empty() || behind.iter().any(|workload| self.failing.contains_key(workload))
    }
}

fn is_sustained(complaint: &Finding) -> bool {
    complaint.lines().is_some_and(|lines| lines >= AGAIN)
}

/// Whether it names somebody else, or names that do not resolve.
fn is_about_others(complaint: &Finding) -> bool {
    complaint.fields.contains_key("dependency") || complaint.code == codes::LOG_DNS
}

/// Services that callers complain about, and that send calls elsewhere than they were applied to.
fn services(index: &Index<'_>, suffering: &Suffering<'_>) -> Vec<Finding> {
    const FIELDS: [&str; 5] =
        ["spec.selector", "spec.ports", "spec.type", "spec.externalName", "spec.internalTrafficPolicy"];
    let services = index.snapshot.objects.services.iter();
    let finding = |service: &Service| {
        let changes = changes(&service.metadata, |field| FIELDS.iter().any(|own| field.starts_with(own)))?;
        let object = object_ref(service);
        let Complaint { caller, finding: complaint, .. } = suffering.complaint_about(&object)?;
        let fails = index.behind(&object).iter().any(|workload| suffering.failing.contains_key(workload));
        (!fails).then(|| edit(object, &changes, complaint, caller, strength::SERVICE))
    };
    services.filter_map(finding).collect()
}

/// ConfigMaps that programs in trouble read.
fn configurations(index: &Index<'_>, suffering: &Suffering<'_>) -> Vec<Finding> {
    let edited: BTreeMap<ObjectRef, &KeyedObject> = index
        .snapshot
        .objects
        .config_maps
        .iter()
        .filter(|map| !map.changed_keys.is_empty())
        .map(|map| (ObjectRef::new("ConfigMap", &map.namespace, &map.name), map))
        .collect();
    if edited.is_empty() {
        return Vec::new();
    }
    let mut found: BTreeMap<(ObjectRef, ObjectRef), Finding> = BTreeMap::new();
    for (workload, spec) in index.specs() {
        for reference in config_references(spec) {
            let object = reference.object(&workload.namespace);
            let Some(map) = edited.get(&object) else { continue };
            let is_read = |key: &&String| reference.key.as_ref().is_none_or(|read| read == *key);
            let keys: Vec<_> =
                map.changed_keys.iter().filter(is_read).map(|key| format!("data.{key}")).collect();
            if let Some(trouble) = suffering.trouble(index, &workload).filter(|_| !keys.is_empty()) {
                let finding = edit(object.clone(), &keys, trouble, &workload, strength::CONFIGURATION);
                found.entry((object, workload.clone())).or_insert(finding.at(map.changed_at.or(trouble.at)));
            }
        }
    }
    found.into_values().collect()
}

/// ServiceAccounts that lost what made them somebody: a role in the cloud, a secret to pull images with.
fn identities(index: &Index<'_>, suffering: &Suffering<'_>) -> Vec<Finding> {
    const FIELDS: [&str; 3] = ["metadata.annotations", "imagePullSecrets", "automountServiceAccountToken"];
    let mut edited = BTreeMap::new();
    for account in &index.snapshot.objects.service_accounts {
        let changes = changes(&account.metadata, |field| FIELDS.iter().any(|own| field.starts_with(own)));
        edited.extend(changes.map(|changes| (object_ref(account), changes)));
    }
    if edited.is_empty() {
        return Vec::new();
    }
    let of_workload = |(workload, spec): (ObjectRef, &PodSpec)| {
        let name = spec.service_account_name.as_deref().unwrap_or("default");
        let account = ObjectRef::new("ServiceAccount", &workload.namespace, name);
        let changes = edited.get(&account)?;
        let trouble = suffering.failing.get(&workload)?;
        Some(edit(account, changes, trouble, &workload, strength::IDENTITY))
    };
    index.specs().into_iter().filter_map(of_workload).collect()
}

/// Namespaces whose labels were changed by which a policy lets their pods in or out, where it now denies a call.
fn namespaces(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let denied = found.iter().filter(|finding| finding.code == codes::POLICY_DENIES);
    let finding = |denied: &Finding| {
        let objects = &index.snapshot.objects;
        let policy = objects.network_policies.iter().find(|policy| object_ref(*policy) == denied.object)?;
        let asked = serde_json::to_string(&policy.spec).ok()?;
        let caller = denied.hindered()?;
        let is_its = |own: &&Namespace| own.metadata.name.as_ref() == Some(&caller.namespace);
        let namespace = objects.namespaces.iter().find(is_its)?;
        let changes = changes(&namespace.metadata, |field| {
            field
                .strip_prefix("metadata.labels.")
                .is_some_and(|label| asked.contains(&format!("\"{label}\"")))
        })?;
        Some(edit(object_ref(namespace), &changes, denied, &caller, strength::NAMESPACE))
    };
    denied.filter_map(finding).collect()
}

/// Workloads in trouble whose pod templates are not as they were applied, where no other revision is known.
fn workloads(index: &Index<'_>, suffering: &Suffering<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    let known: BTreeSet<&ObjectRef> = index.snapshot.changes.iter().map(|change| &change.object).collect();
    let deployments = objects.deployments.iter().map(|own| (object_ref(own), &own.metadata));
    let sets = objects.stateful_sets.iter().map(|own| (object_ref(own), &own.metadata));
    let agents = objects.daemon_sets.iter().map(|own| (object_ref(own), &own.metadata));
    let finding = |(workload, metadata): (ObjectRef, &ObjectMeta)| {
        let changes = changes(metadata, |field| field.starts_with("spec.template"))?;
        let trouble = suffering.trouble(index, &workload).filter(|_| !known.contains(&workload))?;
        Some(edit(workload.clone(), &changes, trouble, &workload, strength::WORKLOAD))
    };
    deployments.chain(sets).chain(agents).filter_map(finding).collect()
}

/// The fields of interest that were changed since the object was applied, in words; `None` where there are none.
fn changes(metadata: &ObjectMeta, of_interest: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let changes = changed_since_applied(metadata).into_iter().filter(|change| of_interest(&change.field));
    let told: Vec<_> = changes.map(|change| shown(&change)).collect();
    (!told.is_empty()).then_some(told)
}

fn shown(change: &AppliedChange) -> String {
    let field = &change.field;
    match (&change.applied, &change.now) {
        (Some(applied), Some(now)) => format!("{field} {applied} → {now}"),
        (Some(applied), None) => format!("{field} without {applied}"),
        _ => field.clone(),
    }
}

fn edit(
    object: ObjectRef,
    changes: &[String],
    trouble: &Finding,
    workload: &ObjectRef,
    strength: f64,
) -> Finding {
    let told = changes.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    let statement = format!("{object} was changed since it was applied ({told}): {}", trouble.statement);
    Finding::new(codes::CHANGED_SINCE_APPLIED, object, statement)
        .strength(strength)
        .at(trouble.at)
        .field("changed", told)
        .hinders(workload)
}
