//! Analyzers: what is abnormal about each kind of object, one file a kind.
//!
//! They report only what is wrong or unusual now. What healthy clusters also show gives nothing: restarts that lie back,
//! completed jobs, zero replicas on purpose, conditions whose `True` means health.

mod access;
mod address;
mod alert;
mod answers;
mod autoscaler;
mod backend;
mod change;
mod claim;
mod config;
mod cron_job;
mod daemon_set;
mod database;
mod deletion;
mod deployment;
mod disruption;
mod double_budget;
mod edited;
mod endpoint;
mod gateway;
mod host_port;
mod ingress;
mod injected;
mod job;
mod limit_range;
mod load;
mod load_balancer;
mod log;
mod metric;
mod missing;
mod mutated;
mod network_policy;
mod node;
mod node_event;
mod node_service;
mod not_admitted;
mod placeholder;
mod pod;
mod preempted;
mod proxy_limit;
mod quota;
mod refusal;
mod repair;
mod repeated;
mod replica_set;
mod rewrite;
mod route;
mod runtime_class;
mod scheduling;
mod service;
mod service_account;
mod sharing;
mod stateful_set;
mod suspended;
mod token;
mod told;
mod traffic_policy;
mod warned;
mod webhook;

pub(super) use access::CODES as ACCESS;
pub(super) use change::{code as change_code, describe as describe_change};
pub(super) use cron_job::origin as job_origin;
pub(super) use scheduling::CODES as SCHEDULING;

use super::finding::Finding;
use super::index::Index;
use crate::incident::{Execution, ObjectRef};

/// An analyzer that asks what others have found.
type Second = fn(&Index<'_>, &[Finding]) -> Vec<Finding>;

/// Everything abnormal in a Snapshot, in no particular order.
#[must_use]
pub fn findings(index: &Index<'_>, failed: &[Execution]) -> Vec<Finding> {
    let analyzers: &[fn(&Index<'_>) -> Vec<Finding>] = &[
        pod::findings,
        config::findings,
        deployment::findings,
        replica_set::findings,
        stateful_set::findings,
        daemon_set::findings,
        job::findings,
        cron_job::findings,
        suspended::findings,
        preempted::findings,
        service::findings,
        load_balancer::findings,
        route::findings,
        address::findings,
        database::findings,
        sharing::findings,
        autoscaler::findings,
        node::findings,
        node_event::findings,
        node_service::findings,
        load::findings,
        claim::findings,
        scheduling::findings,
        service_account::findings,
        access::findings,
        token::findings,
        webhook::findings,
        ingress::findings,
        rewrite::findings,
        proxy_limit::findings,
        gateway::findings,
        disruption::findings,
        double_budget::findings,
        deletion::findings,
        quota::findings,
        log::findings,
        metric::findings,
        alert::findings,
        not_admitted::findings,
    ];
    let mut found: Vec<_> = analyzers.iter().flat_map(|analyzer| analyzer(index)).collect();
    found.extend(repair::findings(failed));
    // What the second look finds must not depend on the order in which objects were read.
    found.sort_by(|left, right| key(left).cmp(&key(right)));
    look_again(index, &mut found);
    found
}

/// Adds what shows only beside what others have found.
fn look_again(index: &Index<'_>, found: &mut Vec<Finding>) {
    let seconds: &[Second] = &[
        network_policy::findings,
        injected::findings,
        mutated::findings,
        endpoint::findings,
        answers::findings,
        host_port::findings,
        limit_range::findings,
        runtime_class::findings,
        traffic_policy::findings,
    ];
    let more: Vec<_> = seconds.iter().flat_map(|analyzer| analyzer(index, found)).collect();
    found.extend(more);
    // Each of these also asks what the one before it has found.
    let thirds: [Second; 3] = [edited::findings, warned::findings, change::findings];
    for analyzer in thirds {
        found.extend(analyzer(index, found));
    }
}

fn key(finding: &Finding) -> (&str, &ObjectRef, &str) {
    (finding.code.name, &finding.object, &finding.statement)
}
