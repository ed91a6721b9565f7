//! Whether the pods of a workload are ready, and whether their containers keep running.

use k8s_openapi::api::core::v1::Pod;

use super::workload::{Watched, is_observed};
use super::{Look, Seen};
use crate::incident::ObjectRef;
use crate::remediate::error::ClusterError;
use crate::remediate::fields;

pub(super) async fn ready(look: &Look<'_>, workload: &ObjectRef) -> Result<Seen, ClusterError> {
    let watched = look.watched(workload).await?;
    let wanted = wanted(&watched);
    let not_ready: Vec<&str> = watched
        .pods
        .iter()
        .filter(|pod| !is_ready(pod))
        .filter_map(|pod| pod.metadata.name.as_deref())
        .take(5)
        .collect();
    let ready = watched.pods.iter().filter(|pod| is_ready(pod)).count();
    let mut detail = format!("{ready} of {wanted} ready");
    if !not_ready.is_empty() {
        detail.push_str(&format!(", not ready: {}", not_ready.join(", ")));
    }
    let enough = i64::try_from(ready).unwrap_or(i64::MAX) >= wanted;
    Ok(Seen::told(enough && not_ready.is_empty(), detail))
}

/// The restarts of the newest revision's containers must not grow. The first look sets the baseline; a greater number
/// fails once and becomes the new baseline, so that the stability window begins anew. A smaller one means that pods were
/// replaced: their successors start from their own count.
pub(super) async fn restarts_stable(
    look: &Look<'_>,
    workload: &ObjectRef,
    baseline: Option<i64>,
) -> Result<Seen, ClusterError> {
    let watched = look.watched(workload).await?;
    if !is_observed(&watched.live) {
        return Ok(Seen::unknown("its controller has not seen the newest spec yet"));
    }
    let restarts: i64 = watched.newest_pods().map(restarts).sum();
    Ok(compared(restarts, baseline))
}

fn compared(restarts: i64, baseline: Option<i64>) -> Seen {
    let (passed, detail) = match baseline {
        Some(before) if restarts > before => {
            (false, format!("{restarts} restarts, {before} at the last look"))
        }
        _ => (true, format!("{restarts} restarts, none new")),
    };
    Seen { passed: Some(passed), detail, baseline: Some(restarts) }
}

fn wanted(watched: &Watched) -> i64 {
    fields::number(&watched.live, "/spec/replicas")
        .or_else(|| fields::number(&watched.live, "/status/desiredNumberScheduled"))
        .unwrap_or(1)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn restarts(pod: &Pod) -> i64 {
    let statuses = pod.status.iter().filter_map(|status| status.container_statuses.as_ref()).flatten();
    statuses.map(|status| i64::from(status.restart_count)).sum()
}

#[cfg(test)]
mod tests {
    use super::compared;

    #[test]
    fn only_a_growing_number_of_restarts_fails_and_it_fails_once() {
        let looks = [(4, None), (4, Some(4)), (5, Some(4)), (5, Some(5)), (0, Some(5))];
        let passed = looks.map(|(restarts, baseline)| compared(restarts, baseline).passed);
        assert_eq!(passed, [Some(true), Some(true), Some(false), Some(true), Some(true)]);
        assert_eq!(compared(0, Some(5)).baseline, Some(0));
    }
}
