//! PersistentVolumeClaims: a claim whose storage class exists gets a volume at once, others wait and say why.

use serde_json::{Value, json};

use crate::sim::kinds::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES};
use crate::sim::objects::meta;
use crate::sim::world::{Report, World, fields};

const COMPONENT: &str = "persistentvolume-controller";

pub(super) fn reconcile(world: &World) {
    for claim in world.all(&PERSISTENT_VOLUME_CLAIMS) {
        if !meta::is_terminating(&claim) && fields::text(&claim, "/status/phase") != "Bound" {
            bind(world, &claim);
        }
    }
}

fn bind(world: &World, claim: &Value) {
    let class = fields::text(claim, "/spec/storageClassName");
    let Some(class) = world.store.get_shared(&STORAGE_CLASSES, "", class) else {
        let is_new = fields::text(claim, "/status/phase") != "Pending";
        if is_new {
            let message = format!("storageclass.storage.k8s.io \"{class}\" not found");
            world.report(claim, Report::warning(COMPONENT, "ProvisioningFailed", &message));
            world.modify(&PERSISTENT_VOLUME_CLAIMS, claim, |c| {
                fields::set(c, "/status", json!({"phase": "Pending"}));
            });
        }
        return;
    };
    let volume = format!("pvc-{}", meta::uid(claim));
    let capacity = claim.pointer("/spec/resources/requests").cloned().unwrap_or_default();
    let modes = claim.pointer("/spec/accessModes").cloned().unwrap_or_else(|| json!(["ReadWriteOnce"]));
    let object = json!({
        "metadata": {"name": volume},
        "spec": {
            "capacity": capacity, "accessModes": modes, "storageClassName": meta::name(&class),
            "persistentVolumeReclaimPolicy": "Delete", "volumeMode": "Filesystem",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": meta::name(claim),
                         "namespace": meta::namespace(claim), "uid": meta::uid(claim)},
            "csi": {"driver": fields::text(&class, "/provisioner"), "volumeHandle": volume},
        },
        "status": {"phase": "Bound"},
    });
    if let Err(error) = world.store.create(&PERSISTENT_VOLUMES, object) {
        tracing::debug!(%error, "a volume was not made");
    }
    world.modify(&PERSISTENT_VOLUME_CLAIMS, claim, |c| {
        fields::set(c, "/spec/volumeName", volume.into());
        fields::set(c, "/status", json!({"phase": "Bound", "capacity": capacity, "accessModes": modes}));
    });
}
