//! Whether a rollout is complete: what `kubectl rollout status` waits for.

use serde_json::Value;

use super::workload::is_observed;
use super::{Look, Seen};
use crate::incident::ObjectRef;
use crate::remediate::error::ClusterError;
use crate::remediate::fields;

pub(super) async fn complete(look: &Look<'_>, workload: &ObjectRef) -> Result<Seen, ClusterError> {
    let live = look.read_object(workload).await?;
    Ok(judge(workload, &live))
}

fn judge(workload: &ObjectRef, live: &Value) -> Seen {
    if !is_observed(live) {
        return Seen::told(false, "its controller has not seen the newest spec yet".to_owned());
    }
    let status = |field: &str| fields::number(live, &format!("/status/{field}")).unwrap_or_default();
    match workload.kind.as_str() {
        "Deployment" => deployment(live, &status),
        "StatefulSet" => {
            let wanted = fields::number(live, "/spec/replicas").unwrap_or(1);
            let (updated, ready) = (status("updatedReplicas"), status("readyReplicas"));
            let detail = format!("{updated} of {wanted} updated, {ready} ready");
            Seen::told(updated >= wanted && ready >= wanted, detail)
        }
        "DaemonSet" => {
            let wanted = status("desiredNumberScheduled");
            let (updated, available) = (status("updatedNumberScheduled"), status("numberAvailable"));
            let detail = format!("{updated} of {wanted} updated, {available} available");
            Seen::told(updated >= wanted && available >= wanted, detail)
        }
        kind => Seen::unknown(format!("a {kind} has no rollout")),
    }
}

fn deployment(live: &Value, status: &dyn Fn(&str) -> i64) -> Seen {
    let wanted = fields::number(live, "/spec/replicas").unwrap_or(1);
    let (total, updated, available) =
        (status("replicas"), status("updatedReplicas"), status("availableReplicas"));
    let old = total.saturating_sub(updated);
    let mut detail = format!("{updated} of {wanted} updated, {available} available, {old} old");
    let stuck = fields::list(live, "/status/conditions").iter().any(|condition| {
        fields::text(condition, "/type") == Some("Progressing")
            && fields::text(condition, "/reason") == Some("ProgressDeadlineExceeded")
    });
    if stuck {
        detail.push_str(", no progress within its deadline");
    }
    Seen::told(updated >= wanted && old == 0 && available >= updated && !stuck, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge;
    use crate::incident::ObjectRef;

    fn passed(kind: &str, spec: &Value, status: &Value) -> Option<bool> {
        let live = json!({ "metadata": { "generation": 3 }, "spec": spec, "status": status });
        judge(&ObjectRef::new(kind, "shop", "web"), &live).passed
    }

    #[test]
    fn a_deployment_is_rolled_out_when_all_replicas_are_new_and_available() {
        let done =
            json!({ "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 });
        let unseen =
            json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 });
        let old_left =
            json!({ "observedGeneration": 3, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3 });
        let starting =
            json!({ "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1 });
        let seen = [done, unseen, old_left, starting]
            .map(|status| passed("Deployment", &json!({ "replicas": 2 }), &status));
        assert_eq!(seen, [Some(true), Some(false), Some(false), Some(false)]);
        assert_eq!(
            passed("Deployment", &json!({ "replicas": 0 }), &json!({ "observedGeneration": 3 })),
            Some(true)
        );
    }

    #[test]
    fn other_workloads_have_their_own_counters_and_a_job_has_none() {
        let set = json!({ "observedGeneration": 3, "updatedReplicas": 2, "readyReplicas": 2 });
        let daemon = json!({ "observedGeneration": 3, "desiredNumberScheduled": 4, "updatedNumberScheduled": 4, "numberAvailable": 3 });
        assert_eq!(passed("StatefulSet", &json!({ "replicas": 2 }), &set), Some(true));
        assert_eq!(passed("DaemonSet", &json!({}), &daemon), Some(false));
        assert_eq!(passed("Job", &json!({}), &json!({ "observedGeneration": 3 })), None);
    }
}
