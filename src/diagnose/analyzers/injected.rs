//! Containers that fail and that nobody wrote into a template: a webhook added them as the pods were made.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::PodSpec;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

/// What of a container shows that it does not run.
const FAILING: &[Code] = &[
    codes::IMAGE_NOT_FOUND,
    codes::IMAGE_UNAUTHORIZED,
    codes::IMAGE_REGISTRY_NAME,
    codes::IMAGE_REGISTRY_UNREACHABLE,
    codes::IMAGE_INVALID_NAME,
    codes::IMAGE_PULL_FAILED,
    codes::CRASH_LOOP,
    codes::CREATE_FAILED,
];

/// Looks at the containers that fail among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let Some(webhook) = injector(index) else { return Vec::new() };
    let failing = found.iter().filter(|finding| FAILING.contains(&finding.code));
    let mut told = BTreeSet::new();
    let injected = failing.filter_map(|finding| {
        let workload = index.workload_of(&finding.object);
        let spec = index.pod(&finding.object)?.spec.as_ref()?;
        let container = container(spec, finding)?;
        let template = index.template(&workload)?.spec?;
        let new = !names(template).any(|name| name == container)
            && told.insert((workload.clone(), container.to_owned()));
        let object = object_ref(webhook);
        let statement = format!(
            "{object} adds container {container} to the pods of {workload}, and it does not run: {}",
            finding.statement
        );
        new.then(|| {
            Finding::new(codes::INJECTED_CONTAINER, object, statement)
                .at(finding.at)
                .field("container", container)
                .hinders(&workload)
        })
    });
    injected.collect()
}

/// The container that a finding about a pod is about: by its field, else the one whose name the statement has.
fn container<'s>(spec: &'s PodSpec, finding: &Finding) -> Option<&'s str> {
    let said = |name: &&str| finding.statement.contains(&format!("container {name} "));
    match finding.fields.get("container") {
        Some(named) => names(spec).find(|name| name == named),
        None => names(spec).find(said),
    }
}

fn names(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    containers.map(|container| container.name.as_str())
}

/// The newest configuration that changes pods as they are made.
fn injector<'a>(index: &Index<'a>) -> Option<&'a MutatingWebhookConfiguration> {
    pod_webhooks(index).max_by_key(|found| {
        (found.metadata.creation_timestamp.as_ref().map(|time| time.0), object_ref(*found))
    })
}

/// The configurations that change pods as they are made.
pub(super) fn pod_webhooks<'a>(
    index: &Index<'a>,
) -> impl Iterator<Item = &'a MutatingWebhookConfiguration> + use<'a> {
    index.snapshot.objects.mutating_webhooks.iter().filter(|found| changes_pods(found))
}

fn changes_pods(configuration: &MutatingWebhookConfiguration) -> bool {
    let rules = configuration.webhooks.iter().flatten().flat_map(|webhook| webhook.rules.iter().flatten());
    let has = |list: &Option<Vec<String>>, wanted: &str| {
        list.iter().flatten().any(|found| found == wanted || found == "*")
    };
    rules.into_iter().any(|rule| has(&rule.resources, "pods") && has(&rule.operations, "CREATE"))
}
