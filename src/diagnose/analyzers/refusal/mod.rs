//! What the API server says when it refuses the pods of a controller: who refuses, and which side of it is to be repaired.
//!
//! A rule that refuses what it let in before has changed; one that refuses what is new was there first. So of a rule and a
//! template that do not go together the younger is at fault, as far as that can be told.

mod account;
mod before;
mod class;
mod limits;
mod pod_security;
mod policy;
mod quota;
mod webhook;

use jiff::Timestamp;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

pub(super) use webhook::{at_fault, configuration};

/// One refusal with what the readers ask of it.
struct Refusal<'a> {
    index: &'a Index<'a>,
    /// Who was refused: a ReplicaSet, StatefulSet, DaemonSet, Job or Deployment.
    controller: &'a ObjectRef,
    workload: ObjectRef,
    message: &'a str,
    since: Option<Timestamp>,
}

/// Says why a controller was refused, about the object at fault.
pub(super) fn finding(
    index: &Index<'_>,
    controller: &ObjectRef,
    message: &str,
    since: Option<Timestamp>,
) -> Finding {
    let workload = index.workload_of(controller);
    let refusal = Refusal { index, controller, workload, message, since };
    let readers: [fn(&Refusal<'_>) -> Option<Finding>; 9] = [
        quota::exceeded,
        quota::amount_missing,
        webhook::failed,
        webhook::denied,
        policy::denied,
        pod_security::violated,
        limits::outside,
        class::missing,
        account::missing,
    ];
    let finding = readers.iter().find_map(|read| read(&refusal)).unwrap_or_else(|| unread(&refusal));
    finding.at(since).hinders(&refusal.workload).field("message", message)
}

/// About the namespace where that is what refuses, else about the workload.
fn unread(refusal: &Refusal<'_>) -> Finding {
    let Refusal { workload, message, .. } = refusal;
    if message.contains("is being terminated") {
        let namespace = ObjectRef::cluster_wide("Namespace", workload.namespace.as_str());
        let statement = format!("{namespace} is being deleted, so {workload} cannot create pods: {message}");
        return Finding::new(codes::CREATE_PODS_FAILED, namespace, statement);
    }
    let statement = format!("{workload} cannot create pods: {message}");
    Finding::new(codes::CREATE_PODS_FAILED, workload.clone(), statement)
}
