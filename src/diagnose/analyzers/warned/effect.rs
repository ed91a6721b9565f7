//! Whether a warning about an object can matter: it is still there, and not all is well with it.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::diagnose::index::{Index, is_ready, object_ref};
use crate::incident::ObjectRef;

/// A pod may take so long to start, whatever it says meanwhile.
const STARTING: SignedDuration = SignedDuration::from_mins(3);

/// Objects of kinds that are not read are taken to be there: controllers do not warn about what is gone.
pub(super) fn matters(index: &Index<'_>, object: &ObjectRef) -> bool {
    let objects = &index.snapshot.objects;
    match object.kind.as_str() {
        "Pod" => index.pod(object).is_some_and(|pod| pod_waits(index, pod)),
        "Node" => index.node(&object.name).is_some(),
        "ReplicaSet" => index.replica_set(object).is_some_and(|set| {
            let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
            is_kept(&set.metadata) && ready < wanted
        }),
        "Deployment" | "StatefulSet" | "DaemonSet" => lacks_pods(index, object),
        "Service" => index.service(object).is_some_and(|service| is_kept(&service.metadata)),
        "Endpoints" => {
            let service = ObjectRef::new("Service", object.namespace.as_str(), object.name.as_str());
            index.service(&service).is_some_and(|service| is_kept(&service.metadata))
        }
        "PersistentVolumeClaim" => objects.claims.iter().any(|claim| {
            let bound = claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound");
            object_ref(claim) == *object && bound && is_kept(&claim.metadata)
        }),
        "Ingress" => {
            objects.ingresses.iter().any(|found| object_ref(found) == *object && is_kept(&found.metadata))
        }
        "Job" => index.job(object).is_some_and(|job| {
            let ended = job.status.as_ref().is_some_and(|status| status.completion_time.is_some());
            !ended && is_kept(&job.metadata)
        }),
        "CronJob" => objects.cron_jobs.iter().any(|found| {
            object_ref(found) == *object && found.spec.suspend != Some(true) && is_kept(&found.metadata)
        }),
        _ => true,
    }
}

fn is_kept(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_none()
}

fn pod_waits(index: &Index<'_>, pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let young = made.is_some_and(|made| index.snapshot.taken_at.duration_since(made) < STARTING);
    is_kept(&pod.metadata) && matches!(phase, "Pending" | "Running") && !is_ready(pod) && !young
}

/// Whether fewer pods of the workload are Ready than it wants.
fn lacks_pods(index: &Index<'_>, workload: &ObjectRef) -> bool {
    let Some(template) = index.template(workload) else { return false };
    let pods = index.pods_of(workload);
    let ready = pods.iter().filter(|pod| is_ready(pod));
    let waiting = pods.iter().any(|pod| pod_waits(index, pod));
    waiting
        || (workload.kind != "DaemonSet"
            && i32::try_from(ready.count()).is_ok_and(|ready| ready < template.replicas))
}
