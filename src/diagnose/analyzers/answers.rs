//! Services that answer, and not as the program that callers mean: pods of another program are behind them, they lead to the
//! port of something else, or the version that callers wait for was never rolled out.
//!
//! An answer like 404 may be right. It counts where callers get it again and again, and something about the Service says why.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref, revision_of};
use crate::incident::ObjectRef;

/// Complaints that fit another program, or another version of it, at the other end.
const ANSWERS: [Code; 5] = [
    codes::LOG_WRONG_ANSWER,
    codes::LOG_UPSTREAM,
    codes::LOG_AUTHENTICATION,
    codes::LOG_REFUSED,
    codes::LOG_RESET,
];

/// So many lines are no accident.
const AGAIN: u64 = 10;

/// A program that has said so many lines since has got over it.
const OVER: u64 = 50;

/// What was made longer ago has been there while all was well.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// Names of ports that are for watching a program, not for calling it.
const ASIDE: [&str; 10] = [
    "metrics",
    "admin",
    "health",
    "healthz",
    "debug",
    "probe",
    "probes",
    "management",
    "monitoring",
    "pprof",
];

/// Looks at the complaints about answers among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let complaints = found.iter().filter(|finding| ANSWERS.contains(&finding.code) && insists(finding));
    let explained = complaints.filter_map(|complaint| {
        let name = complaint.dependency()?;
        let service = index.service(&name)?;
        if !told.insert((name, complaint.code.name)) {
            return None;
        }
        let explained =
            strangers(index, service, complaint).or_else(|| wrong_port(index, service, complaint));
        let finding = explained.or_else(|| held_back(index, service, complaint))?;
        let caller = index.workload_of(&complaint.object);
        Some(finding.hinders(&caller))
    });
    explained.collect()
}

fn insists(complaint: &Finding) -> bool {
    let number = |name: &str| complaint.fields.get(name).and_then(|text| text.parse::<u64>().ok());
    let as_ever =
        complaint.fields.get("since_onset").is_some_and(|since| since == "as before" || since == "ceased");
    !as_ever
        && complaint.lines().is_some_and(|lines| lines >= AGAIN)
        && number("lines_since").is_none_or(|since| since <= OVER)
}

/// The images of a workload without their tags: what program it is.
fn programs(index: &Index<'_>, workload: &ObjectRef) -> BTreeSet<String> {
    let containers = index.spec_of(workload).into_iter().flat_map(|spec| &spec.containers);
    let images = containers.filter_map(|container| container.image.as_deref());
    let bare = |image: &str| {
        let image = image.split('@').next().unwrap_or(image);
        let (path, last) = image.rsplit_once('/').unwrap_or(("", image));
        format!("{path}/{}", last.split(':').next().unwrap_or(last))
    };
    images.map(bare).collect()
}

/// Pods of several programs behind one Service. The one that came lately carries labels that are not its own; where all were
/// there before, the Service selects too much.
fn strangers(index: &Index<'_>, service: &Service, complaint: &Finding) -> Option<Finding> {
    let name = object_ref(service);
    let runs = |workload: &ObjectRef| !index.pods_of(workload).is_empty();
    let behind: Vec<_> = index.behind(&name).into_iter().filter(runs).collect();
    let meant = behind.iter().find(|workload| workload.name == name.name);
    let first = meant.or(behind.first())?;
    let own = programs(index, first);
    let foreign: Vec<_> = behind
        .iter()
        .filter(|workload| *workload != first && programs(index, workload).is_disjoint(&own))
        .collect();
    if foreign.is_empty() || own.is_empty() {
        return None;
    }
    let is_young = |workload: &ObjectRef| {
        let lately = |at: jiff::Timestamp| index.snapshot.taken_at.duration_since(at) <= YOUNG;
        index.created_at(workload).is_some_and(lately) && index.created_at(workload) > index.created_at(first)
    };
    let young = foreign
        .iter()
        .filter(|workload| is_young(workload))
        .max_by_key(|workload| index.created_at(workload));
    // Which of several is meant is known where one has the name of the Service.
    let object = match (young, meant) {
        (Some(young), _) => (**young).clone(),
        (None, Some(_)) => name.clone(),
        (None, None) => return None,
    };
    let names: Vec<_> = behind.iter().map(ToString::to_string).collect();
    let statement = format!(
        "{name} sends calls to pods of {}, which are different programs: {}",
        names.join(" and "),
        complaint.statement
    );
    let selector =
        service.spec.as_ref()?.selector.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let selector: Vec<_> = selector.collect();
    Some(
        Finding::new(codes::FOREIGN_PODS, object, statement)
            .field("service", &name.name)
            .field("spec.selector", selector.join(",")),
    )
}

/// A Service that leads to a port for watching the program, which has one for calling it.
fn wrong_port(index: &Index<'_>, service: &Service, complaint: &Finding) -> Option<Finding> {
    let name = object_ref(service);
    let behind = index.behind(&name);
    let containers: Vec<&Container> = behind
        .iter()
        .filter_map(|workload| index.spec_of(workload))
        .flat_map(|spec| &spec.containers)
        .collect();
    let declared = || containers.iter().flat_map(|container| container.ports.iter().flatten());
    let target = |port: &ServicePort| match &port.target_port {
        Some(IntOrString::String(target)) => Some(target.clone()),
        Some(IntOrString::Int(number)) => declared().find(|own| own.container_port == *number)?.name.clone(),
        None => declared().find(|own| own.container_port == port.port)?.name.clone(),
    };
    let ports = service.spec.as_ref()?.ports.iter().flatten();
    let aside = |text: &str| ASIDE.iter().any(|word| text.split('-').any(|part| part == *word));
    let (port, target) = ports
        .filter(|port| !port.name.as_deref().is_some_and(aside))
        .find_map(|port| Some((port, target(port).filter(|target| aside(target))?)))?;
    let other = declared().find(|own| own.name.as_deref().is_some_and(|own| !aside(own)))?;
    let other = other.name.as_deref().unwrap_or_default();
    let statement = format!(
        "{name} sends calls of port {} to port {target} of its pods, which have {other} for that: {}",
        port.port, complaint.statement
    );
    Some(
        Finding::new(codes::TARGET_PORT_ASIDE, name, statement)
            .field("targetPort", target)
            .field("declared", other),
    )
}

/// A Deployment that is paused with a template of which there is no ReplicaSet: what was changed never arrived.
fn held_back(index: &Index<'_>, service: &Service, complaint: &Finding) -> Option<Finding> {
    index.behind(&object_ref(service)).into_iter().find_map(|workload| {
        let spec = index.deployment(&workload)?.spec.as_ref().filter(|spec| spec.paused == Some(true))?;
        let sets = index.replica_sets_of(&workload).iter();
        let newest = sets.max_by_key(|set| revision_of(&set.metadata))?;
        let rolled_out = newest.spec.as_ref()?.template.as_ref()?.spec.as_ref()?;
        let images = |spec: &k8s_openapi::api::core::v1::PodSpec| -> Vec<Option<String>> {
            spec.containers.iter().map(|container| container.image.clone()).collect()
        };
        let wanted = spec.template.spec.as_ref()?;
        let differs = images(wanted) != images(rolled_out)
            || wanted
                .containers
                .iter()
                .zip(&rolled_out.containers)
                .any(|(left, right)| left.env != right.env);
        let statement = format!(
            "{workload} is paused, so its new template was never rolled out: {}",
            complaint.statement
        );
        differs.then(|| Finding::new(codes::ROLLOUT_PAUSED, workload, statement).field("spec.paused", true))
    })
}
