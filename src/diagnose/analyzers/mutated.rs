//! Pods that a webhook changed as they were made, in what now keeps them from running.
//!
//! A pod is compared with the template of its ReplicaSet (or other owner). What the API server and the usual admission plugins
//! fill in is left out: only what the template has and the pod has otherwise counts, and of what was added only what the
//! trouble is about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::injected::pod_webhooks;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;
use crate::observe::{Change, ChangeKind};

/// A webhook of this age has only just begun to change pods.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// By this annotation of a namespace the API server itself gives pods a node selector.
const NODE_SELECTOR: &str = "scheduler.alpha.kubernetes.io/node-selector";

/// A part of a pod that may have been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Placement,
    Image,
    Amounts,
    Start,
    Volumes,
}

/// What each kind of trouble may come from.
const TROUBLE: &[(&[Code], &[Part])] = &[
    (&[codes::UNSCHEDULABLE], &[Part::Placement, Part::Amounts]),
    (&[codes::NOT_SCHEDULED], &[Part::Placement]),
    (
        &[
            codes::IMAGE_NOT_FOUND,
            codes::IMAGE_UNAUTHORIZED,
            codes::IMAGE_REGISTRY_NAME,
            codes::IMAGE_REGISTRY_UNREACHABLE,
            codes::IMAGE_INVALID_NAME,
            codes::IMAGE_PULL_FAILED,
            codes::IMAGE_PLATFORM,
        ],
        &[Part::Image],
    ),
    (&[codes::OOM_KILLED], &[Part::Amounts]),
    (
        &[
            codes::CRASH_LOOP,
            codes::EXITED,
            codes::CREATE_FAILED,
            codes::COMMAND_NOT_FOUND,
            codes::NOT_EXECUTABLE,
        ],
        &[Part::Start, Part::Image],
    ),
    (
        &[codes::MOUNT_FAILED, codes::MOUNT_DENIED, codes::CONFIG_MAP_MISSING, codes::SECRET_MISSING],
        &[Part::Volumes],
    ),
];

/// Looks at the pods in trouble among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let webhooks: Vec<_> = pod_webhooks(index).collect();
    if webhooks.is_empty() {
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    let changed = |finding: &Finding| {
        let parts = TROUBLE.iter().filter(|(codes, _)| codes.contains(&finding.code));
        parts.flat_map(|(_, parts)| *parts).find_map(|part| changed(index, &webhooks, finding, *part))
    };
    found.iter().filter_map(changed).filter(|told| known.insert(told.fields.clone())).collect()
}

fn changed(
    index: &Index<'_>,
    webhooks: &[&MutatingWebhookConfiguration],
    trouble: &Finding,
    part: Part,
) -> Option<Finding> {
    let pod = pod_of(index, trouble)?;
    let (spec, template) = (pod.spec.as_ref()?, template(index, pod)?);
    let what = difference(index, pod, (template, spec), part, trouble)?;
    let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let only = webhooks.len() == 1;
    let written = || only && trouble.code.name.starts_with("pod.image.") && other_repository(template, spec);
    let spared = || part == Part::Image && written() || has_unchanged_sibling(index, pod, part, trouble);
    let webhook = at_work(index, webhooks, made, spared)?;
    let (object, workload) = (at_fault(index, webhook, made), index.workload(pod));
    let statement = format!(
        "{} gives the pods of {workload} {what}, which their template has otherwise: {}",
        object_ref(webhook),
        trouble.statement
    );
    Some(
        Finding::new(codes::POD_CHANGED, object, statement)
            .at(trouble.at)
            .field("changed", what)
            .hinders(&workload),
    )
}

fn pod_of<'a>(index: &Index<'a>, trouble: &Finding) -> Option<&'a Pod> {
    let named = trouble.fields.get("pod").map(|pod| {
        let namespace = trouble.fields.get("pod_namespace").unwrap_or(&trouble.object.namespace);
        ObjectRef::new("Pod", namespace, pod)
    });
    index.pod(&trouble.object).or_else(|| index.pod(&named?))
}

/// The webhook that changed the pod: the newest that was there when it was made, if that is new, or an older pod of the same
/// template was not changed.
fn at_work<'w>(
    index: &Index<'_>,
    webhooks: &[&'w MutatingWebhookConfiguration],
    made: Option<Timestamp>,
    spared: impl Fn() -> bool,
) -> Option<&'w MutatingWebhookConfiguration> {
    let written = |webhook: &MutatingWebhookConfiguration| {
        webhook.metadata.creation_timestamp.as_ref().map(|time| time.0)
    };
    let there = webhooks.iter().filter(|webhook| made.is_none() || written(webhook) <= made);
    let newest = there.max_by_key(|webhook| (written(webhook), object_ref(**webhook)))?;
    let young = written(newest).is_some_and(|at| index.snapshot.taken_at.duration_since(at) <= YOUNG);
    (young || spared()).then_some(*newest)
}

/// The webhook; or the program that answers for it, where that was rolled out lately and before the pod was made.
fn at_fault(
    index: &Index<'_>,
    webhook: &MutatingWebhookConfiguration,
    pod_made: Option<Timestamp>,
) -> ObjectRef {
    let services = webhook.webhooks.iter().flatten().filter_map(|own| own.client_config.service.as_ref());
    let services = services.map(|own| ObjectRef::new("Service", own.namespace.as_str(), own.name.as_str()));
    let programs: BTreeSet<_> = services.flat_map(|service| index.behind(&service)).collect();
    let taken_at = index.snapshot.taken_at;
    let changed_then = |change: &&Change| {
        change.kind == ChangeKind::Rollout
            && programs.contains(&change.object)
            && pod_made.is_none_or(|made| change.at <= made)
            && taken_at.duration_since(change.at) <= YOUNG
    };
    let rollout = index.snapshot.changes.iter().filter(changed_then).max_by_key(|change| change.at);
    rollout.map_or_else(|| object_ref(webhook), |change| change.object.clone())
}

/// Whether another pod of the same owner has that part as the template says.
fn has_unchanged_sibling(index: &Index<'_>, pod: &Pod, part: Part, trouble: &Finding) -> bool {
    let owner = index.owner(&pod.metadata);
    let siblings = index.pods_of(&index.workload(pod)).iter();
    let same = siblings
        .filter(|other| other.metadata.name != pod.metadata.name && index.owner(&other.metadata) == owner);
    same.filter_map(|other| Some((other, other.spec.as_ref()?, template(index, other)?)))
        .any(|(other, spec, template)| difference(index, other, (template, spec), part, trouble).is_none())
}

/// What the pod was made from. Pods of other owners may be of an older revision than the one template that is known.
fn template<'a>(index: &Index<'a>, pod: &Pod) -> Option<&'a PodSpec> {
    let owner = index.owner(&pod.metadata)?;
    match owner.kind.as_str() {
        "ReplicaSet" => index.replica_set(&owner)?.spec.as_ref()?.template.as_ref()?.spec.as_ref(),
        "Job" => index.template(&owner)?.spec,
        _ => None,
    }
}

/// What of a part the pod has otherwise than its template, in words.
fn difference(
    index: &Index<'_>,
    pod: &Pod,
    (template, spec): (&PodSpec, &PodSpec),
    part: Part,
    trouble: &Finding,
) -> Option<String> {
    match part {
        Part::Placement => placement(index, pod, template, spec),
        Part::Image => each(template, spec, |written, made| {
            let differs = written.image != made.image;
            differs.then(|| format!("image {}", made.image.as_deref().unwrap_or_default()))
        }),
        Part::Amounts if has_limit_range(index, pod) => None,
        Part::Amounts => each(template, spec, |written, made| {
            (amounts(written) != amounts(made))
                .then(|| format!("other requests and limits in container {}", made.name))
        }),
        Part::Start => each(template, spec, started_otherwise),
        Part::Volumes => {
            let known = |name: &str| template.volumes.iter().flatten().any(|volume| volume.name == name);
            let mut added = spec.volumes.iter().flatten().filter(|volume| !known(&volume.name));
            let volume = added.find(|volume| names(volume).any(|name| is_about(trouble, name)))?;
            Some(format!("volume {}", volume.name))
        }
    }
}

/// Whether an image is taken from elsewhere than it was written. Only a webhook does that; others pin digests.
fn other_repository(template: &PodSpec, spec: &PodSpec) -> bool {
    let repository = |own: &Container| {
        let image = own.image.as_deref().unwrap_or_default();
        let (image, _) = image.split_once('@').unwrap_or((image, ""));
        let tagged = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        tagged.map_or(image, |(name, _)| name).to_owned()
    };
    let moved = |written: &Container, made: &Container| {
        (repository(written) != repository(made)).then(|| repository(made))
    };
    each(template, spec, moved).is_some()
}

/// The names by which a message may speak of a volume: its own and that of what it holds.
fn names(volume: &Volume) -> impl Iterator<Item = &str> {
    let map = volume.config_map.as_ref().map(|source| source.name.as_str());
    let secret = volume.secret.as_ref().and_then(|source| source.secret_name.as_deref());
    let claim = volume.persistent_volume_claim.as_ref().map(|source| source.claim_name.as_str());
    [Some(volume.name.as_str()), map, secret, claim].into_iter().flatten()
}

fn is_about(trouble: &Finding, name: &str) -> bool {
    let quoted = trouble.statement.contains(&format!("\"{name}\""));
    let fields = ["volume", "config_map", "secret"];
    quoted || fields.iter().any(|field| trouble.fields.get(*field).is_some_and(|value| value == name))
}

fn pairs(amounts: Option<&BTreeMap<String, Quantity>>) -> BTreeMap<&str, &str> {
    amounts.into_iter().flatten().map(|(name, amount)| (name.as_str(), amount.0.as_str())).collect()
}

/// What a container asks for and may use: of what has a limit and no request, the API server requests as much.
fn amounts(own: &Container) -> (BTreeMap<&str, &str>, BTreeMap<&str, &str>) {
    let limits = pairs(own.resources.as_ref().and_then(|found| found.limits.as_ref()));
    let mut requests = limits.clone();
    requests.extend(pairs(own.resources.as_ref().and_then(|found| found.requests.as_ref())));
    (requests, limits)
}

fn placement(index: &Index<'_>, pod: &Pod, template: &PodSpec, spec: &PodSpec) -> Option<String> {
    let by_namespace = index.snapshot.objects.namespaces.iter().any(|namespace| {
        let annotations = namespace.metadata.annotations.as_ref();
        namespace.metadata.name.as_deref() == Some(namespace_of(&pod.metadata))
            && annotations.is_some_and(|annotations| annotations.contains_key(NODE_SELECTOR))
    });
    let written = template.node_selector.as_ref();
    let has = |key: &String, value: &String| written.is_some_and(|written| written.get(key) == Some(value));
    let mut added = spec.node_selector.iter().flatten().filter(|(key, value)| !has(key, value));
    if let Some((key, value)) = added.next().filter(|_| !by_namespace) {
        return Some(format!("node selector {key}={value}"));
    }
    let scheduler =
        |spec: &PodSpec| spec.scheduler_name.clone().unwrap_or_else(|| "default-scheduler".to_owned());
    if scheduler(template) != scheduler(spec) {
        return Some(format!("scheduler {}", scheduler(spec)));
    }
    (template.affinity != spec.affinity).then(|| "another affinity".to_owned())
}

/// The first difference between a container as it was written and as it was made.
fn each(
    template: &PodSpec,
    spec: &PodSpec,
    differs: impl Fn(&Container, &Container) -> Option<String>,
) -> Option<String> {
    let made: Vec<&Container> = containers(spec).collect();
    containers(template).find_map(|written| {
        let own = made.iter().find(|own| own.name == written.name)?;
        differs(written, own)
    })
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers.iter().chain(spec.init_containers.iter().flatten())
}

/// Another command, or another value of a variable. Variables that were added are usual and harmless.
fn started_otherwise(written: &Container, made: &Container) -> Option<String> {
    if written.command != made.command || written.args != made.args {
        return Some(format!("another command line in container {}", made.name));
    }
    let mut overridden = written.env.iter().flatten().filter(|variable| {
        let mut same = made.env.iter().flatten().filter(|other| other.name == variable.name);
        !same.any(|other| other.value == variable.value && other.value_from == variable.value_from)
    });
    overridden.next().map(|variable| format!("another value of {} in container {}", variable.name, made.name))
}

/// A LimitRange fills amounts in.
fn has_limit_range(index: &Index<'_>, pod: &Pod) -> bool {
    let namespace = namespace_of(&pod.metadata);
    index.snapshot.objects.limit_ranges.iter().any(|range| namespace_of(&range.metadata) == namespace)
}
