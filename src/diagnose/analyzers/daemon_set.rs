//! DaemonSets that miss pods.

use k8s_openapi::api::apps::v1::DaemonSet;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.daemon_sets.iter().filter_map(check).collect()
}

fn check(set: &DaemonSet) -> Option<Finding> {
    let status = set.status.as_ref()?;
    let (wanted, ready) = (status.desired_number_scheduled, status.number_ready);
    if ready >= wanted {
        return None;
    }
    let name = object_ref(set);
    let statement = format!("{name} has {ready} of {wanted} pods ready");
    let finding = Finding::new(codes::DAEMON_SET_UNAVAILABLE, name, statement);
    Some(finding.field("status.numberReady", ready).field("status.desiredNumberScheduled", wanted))
}
