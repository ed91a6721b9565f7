//! Provisioners that their storage refuses: then all claims wait for the same.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Event;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};
use crate::observe::ChangeKind;

/// How clouds and storage systems say that they do not accept who asks (the error codes of AWS, Azure, Google Cloud, OpenStack,
/// and gRPC's).
const REFUSED: [&str; 14] = [
    "AuthFailure",
    "UnauthorizedOperation",
    "InvalidClientTokenId",
    "ExpiredToken",
    "SignatureDoesNotMatch",
    "AuthorizationFailed",
    "InvalidAuthenticationToken",
    "code = Unauthenticated",
    "code = PermissionDenied",
    "401 Unauthorized",
    "403 Forbidden",
    "Error 403",
    "invalid_grant",
    "Authentication failed",
];

/// `storage.claim_pending` about the Secret by which the provisioner asks, where that was written shortly before, else about the
/// provisioner itself, where several claims fail for it.
pub(super) fn refused(facts: &Facts<'_>) -> Vec<Candidate> {
    let is_refused = |piece: &&Evidence| {
        let said = &piece.statement;
        REFUSED.iter().any(|words| said.contains(words)) && !said.to_ascii_lowercase().contains("quota")
    };
    let told: Vec<_> = facts.with(&[codes::PROVISIONING_FAILED]).filter(is_refused).collect();
    let Some(first) = told.first() else { return Vec::new() };
    let claims: BTreeSet<_> = told.iter().map(|piece| piece.object.clone()).collect();
    let Some(program) = &claims.iter().find_map(|claim| program(facts, claim)) else { return Vec::new() };
    let read = [EdgeKind::ReadsConfig, EdgeKind::Mounts].map(|kind| facts.graph.targets(program, kind));
    let changed = read.iter().flatten().filter(|object| object.kind == "Secret").find_map(|secret| {
        let (_, shown) = facts.recent_change_of(secret, ChangeKind::Configuration, &claims)?;
        Some((secret.clone(), shown))
    });
    let (object, shown) = match changed {
        Some(changed) => changed,
        None if claims.len() > 1 => (program.clone(), None),
        None => return Vec::new(),
    };
    let by = if object == *program { String::new() } else { format!(" with the credentials of {object}") };
    let users: Vec<_> =
        claims.iter().flat_map(|claim| facts.graph.sources(claim, EdgeKind::Mounts)).collect();
    let statement = format!(
        "The storage refuses {program}, which makes the volumes of {} claims{by}: {}",
        claims.len(),
        first.statement
    );
    let candidate = Candidate::new(confidence::CLAIM_PENDING, object, statement).times(1.1);
    vec![candidate.because(told).because_of(shown).explaining(claims).explaining(users)]
}

/// The workload whose pod said so: a provisioner names itself by its driver, its pod and a number of its own
/// (<https://github.com/kubernetes-csi/external-provisioner>).
fn program(facts: &Facts<'_>, claim: &ObjectRef) -> Option<ObjectRef> {
    let mut events =
        facts.index.events(claim).filter(|event| event.reason.as_deref() == Some("ProvisioningFailed"));
    let component = |event: &Event| {
        let source = event.source.as_ref().and_then(|source| source.component.clone());
        source.or_else(|| event.reporting_component.clone())
    };
    let pod = events.find_map(|event| Some(component(event)?.rsplit('_').nth(1)?.to_owned()))?;
    let mut pods = facts.index.snapshot.objects.pods.iter();
    let found = pods.find(|own| own.metadata.name.as_deref() == Some(&pod))?;
    Some(facts.index.workload(found))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::{Change, ChangeKind};

    /// Two claims of a class whose provisioner says so; its Secret was written so many minutes ago.
    fn world(said: &str, minutes: i64) -> World {
        let mut world = World::new().deployment("driver", 1);
        let objects = &mut world.snapshot.objects;
        let spec = objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env_from = Some(object(json!([{"secretRef": {"name": "cloud"}}])));
        objects
            .storage_classes
            .push(object(json!({"metadata": {"name": "block"}, "provisioner": "csi.test"})));
        for name in ["a", "b"] {
            objects.claims.push(object(json!({
                "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(15)},
                "spec": {"storageClassName": "block", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}})));
            objects.events.push(object(json!({
                "metadata": {"namespace": "shop", "name": format!("{name}.1")}, "reason": "ProvisioningFailed", "type": "Warning",
                "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": name},
                "source": {"component": "csi.test_driver-1-0_7d6c"}, "message": format!("failed to provision volume with StorageClass \"block\": {said}"),
                "count": 9, "firstTimestamp": ago(14), "lastTimestamp": ago(1)})));
            objects.pods.push(object(json!({"metadata": {"namespace": "shop", "name": format!("{name}-0")},
                "spec": {"containers": [], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]},
                "status": {"phase": "Pending"}})));
        }
        world.change(Change {
            kind: ChangeKind::Configuration,
            object: ObjectRef::new("Secret", "shop", "cloud"),
            at: ago(minutes),
            revision: None,
            previous_revision: None,
            fields: Vec::new(),
        })
    }

    fn first(world: &World) -> String {
        world.causes().into_iter().next().map(|(_, object, _)| object).unwrap_or_default()
    }

    const REFUSED: &str = "rpc error: code = Internal desc = api error AuthFailure: the provided access credentials could not be validated";

    #[test]
    fn a_provisioner_that_is_refused_has_wrong_credentials() {
        assert_eq!(first(&world(REFUSED, 25)), "Secret shop/cloud");
        assert_eq!(first(&world(REFUSED, 900)), "Deployment shop/driver");
    }

    #[test]
    fn one_that_fails_otherwise_is_told_by_its_claims() {
        let quota = "googleapi: Error 403: Quota 'SSD_TOTAL_GB' exceeded, quotaExceeded";
        assert!(first(&world(quota, 25)).starts_with("PersistentVolumeClaim shop/"));
        let full = "rpc error: code = ResourceExhausted desc = no space in the pool";
        assert!(first(&world(full, 25)).starts_with("PersistentVolumeClaim shop/"));
    }
}
