//! PersistentVolumes that lead nowhere: their server does not answer or does not have the path, or their disk is gone; and those
//! that are to be mounted with options that nobody knows.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec};

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::object_ref;
use crate::incident::{Evidence, ObjectRef};

/// What `mount.nfs` and `mount.cifs` say of a server that they cannot reach or that does not have what is asked for
/// (mount.nfs(8), mount.cifs(8): 112 is a host that is down, 113 one to which there is no way).
const OF_SERVER: [&str; 10] = [
    "Connection timed out",
    "No route to host",
    "Connection refused",
    "Host is down",
    "Network is unreachable",
    "Failed to resolve server",
    "could not resolve address",
    "reason given by server",
    "mount error(112)",
    "mount error(113)",
];

/// How a CSI driver says that the storage does not know the disk
/// (<https://github.com/container-storage-interface/spec/blob/master/spec.md>, `NOT_FOUND`).
const NOT_FOUND: &str = "code = NotFound desc =";

/// `storage.mount_failed` about the PersistentVolume that names the server or disk; about the workload that is the server,
/// where it is one of the cluster and does not work.
pub(super) fn out_of_reach(facts: &Facts<'_>, workload: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let (piece, volume) = told.iter().find_map(|piece| Some((piece, at_fault(facts, &piece.statement)?)))?;
    let name = ObjectRef::cluster_wide("PersistentVolume", volume.metadata.name.as_deref()?);
    let spec = volume.spec.as_ref()?;
    let claim = spec.claim_ref.as_ref().and_then(|claim| {
        let (namespace, name) = (claim.namespace.as_deref()?, claim.name.as_deref()?);
        Some(ObjectRef::new("PersistentVolumeClaim", namespace, name))
    });
    let server = server(volume);
    let service = server.and_then(|server| facts.index.service_named(server, &workload.namespace));
    let broken = service.filter(|service| dependency::is_broken(facts, service));
    let object = match broken {
        Some(service) => {
            let mut behind = facts.index.behind(&service).into_iter();
            behind.next().filter(|_| behind.next().is_none()).unwrap_or(service)
        }
        None => name.clone(),
    };
    let of = server.map(|server| format!(", of {server},")).unwrap_or_default();
    let statement = format!("{name}{of} cannot be mounted for {workload}: {}", piece.statement);
    let candidate = Candidate::new(confidence::STORAGE_MOUNT, object, statement).times(1.05);
    Some(candidate.because(told.iter().copied()).explaining([workload.clone(), name]).explaining(claim))
}

/// A volume of this age was hardly mounted before.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// What `mount` says of options that it does not know, and of kinds of file systems (mount(8), mount.nfs(8)).
const OPTIONS: [&str; 5] = [
    "bad option",
    "incorrect mount option",
    "unknown mount option",
    "Unrecognized mount option",
    "invalid mount option",
];
const KIND: &str = "unknown filesystem type";

/// `storage.mount_failed` about the StorageClass that gave the volume its mount options or kind of file system, about the
/// volume where that has them by itself.
pub(super) fn wrong_options(
    facts: &Facts<'_>,
    workload: &ObjectRef,
    told: &[&Evidence],
) -> Option<Candidate> {
    let named = told.iter().find_map(|piece| Some((piece, named(facts, &piece.statement)?)));
    let (piece, (volume, said)) = named?;
    let spec = volume.spec.as_ref()?;
    let spec_class = spec.storage_class_name.clone();
    let options = spec.mount_options.as_ref().filter(|options| !options.is_empty());
    // What `mount` says of everything that it cannot make out tells of the options only where no volume with them was mounted.
    let unclear = said.contains("bad superblock") || said.contains("helper program");
    let made = volume.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let is_young = made.is_some_and(|made| facts.index.snapshot.taken_at.duration_since(made) <= YOUNG);
    let others = || {
        let mut volumes = facts.index.snapshot.objects.volumes.iter();
        volumes.any(|other| {
            let same = |spec: &&PersistentVolumeSpec| spec.storage_class_name == spec_class;
            other.metadata.name != volume.metadata.name && other.spec.as_ref().filter(same).is_some()
        })
    };
    let of_options = options.is_some()
        && OPTIONS.iter().any(|words| said.contains(words))
        && !said.contains("/sbin/mount.")
        && (!unclear || is_young && !others());
    let kind = spec.csi.as_ref().and_then(|csi| csi.fs_type.as_ref());
    let of_kind = kind.is_some_and(|kind| said.contains(KIND) && said.contains(kind.as_str()));
    let what = match (of_options, of_kind) {
        (true, _) => options.map(|options| format!("the mount options {}", options.join(", "))),
        (_, true) => kind.map(|kind| format!("the file system {kind}")),
        _ => None,
    }?;
    let name = ObjectRef::cluster_wide("PersistentVolume", volume.metadata.name.as_deref()?);
    let mut classes = facts.index.snapshot.objects.storage_classes.iter();
    let class = classes.find(|class| class.metadata.name == spec.storage_class_name).filter(|class| {
        let kinds = class.parameters.iter().flat_map(|parameters| parameters.values());
        of_options && class.mount_options == spec.mount_options
            || of_kind && kinds.into_iter().any(|own| Some(own) == kind)
    });
    let object = class.map_or_else(|| name.clone(), object_ref);
    let statement = format!(
        "{object} gives {name} {what}, with which it cannot be mounted for {workload}: {}",
        piece.statement
    );
    let candidate = Candidate::new(confidence::STORAGE_MOUNT, object, statement).times(1.05);
    Some(candidate.because(told.iter().copied()).explaining([workload.clone(), name]))
}

/// The server that a volume names.
fn server(volume: &PersistentVolume) -> Option<&str> {
    let spec = volume.spec.as_ref()?;
    let nfs = spec.nfs.as_ref().map(|nfs| nfs.server.as_str());
    let attributes = spec.csi.as_ref().and_then(|csi| csi.volume_attributes.as_ref());
    nfs.or_else(|| attributes.and_then(|attributes| attributes.get("server")).map(String::as_str))
}

/// The PersistentVolume that the message names, and what it says of it.
fn named<'a, 'm>(facts: &Facts<'a>, message: &'m str) -> Option<(&'a PersistentVolume, &'m str)> {
    let (_, rest) = message.split_once("for volume \"")?;
    let (name, said) = rest.split_once('"')?;
    let mut volumes = facts.index.snapshot.objects.volumes.iter();
    Some((volumes.find(|volume| volume.metadata.name.as_deref() == Some(name))?, said))
}

/// The PersistentVolume that the message names, where it says that its server or disk is at fault.
fn at_fault<'a>(facts: &Facts<'a>, message: &str) -> Option<&'a PersistentVolume> {
    let (volume, said) = named(facts, message)?;
    let of_server = OF_SERVER.iter().any(|words| said.contains(words));
    let gone = said.split_once(NOT_FOUND).is_some_and(|(_, what)| is_of_disk(what));
    (gone || (of_server && (said.contains("mount.") || server(volume).is_some()))).then_some(volume)
}

/// Whether what is not found is the disk, and not the machine that it should be attached to.
fn is_of_disk(what: &str) -> bool {
    let what = what.to_ascii_lowercase();
    let of_machine = ["node", "instance", "server", "vm "].iter().any(|word| what.contains(word));
    !of_machine && (what.contains("volume") || what.contains("disk"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    const NO_ANSWER: &str = "MountVolume.SetUp failed for volume \"films\" : mount failed: exit status 32 Mounting arguments: -t nfs 10.0.0.9:/films /mnt Output: mount.nfs: Connection timed out for 10.0.0.9:/films on /mnt";

    /// A pod that waits for the volume, about which the kubelet says so; the volume exists where `known`.
    fn world(message: &str, known: bool) -> World {
        let waiting = json!({"phase": "Pending", "containerStatuses": null, "conditions": []});
        let mut world =
            World::new().node("node-1", "True").deployment("web", 0).pod("web", 1, "web-1-x", waiting);
        if known {
            world.snapshot.objects.volumes.push(object(json!({"metadata": {"name": "films"},
                "spec": {"nfs": {"server": "10.0.0.9", "path": "/films"},
                    "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "films"}}})));
        }
        world.event("web-1-x", "FailedMount", message, 9)
    }

    fn first(world: &World) -> Option<String> {
        let found = world.causes().into_iter().find(|(code, ..)| code == "storage.mount_failed");
        found.map(|(_, object, _)| object)
    }

    #[test]
    fn a_volume_whose_server_does_not_answer_or_whose_disk_is_gone_is_at_fault() {
        let volume = Some("PersistentVolume films".to_owned());
        assert_eq!(first(&world(NO_ANSWER, true)), volume);
        let no_path = "MountVolume.SetUp failed for volume \"films\" : mount.nfs: mounting 10.0.0.9:/films failed, reason given by server: No such file or directory";
        assert_eq!(first(&world(no_path, true)), volume);
        let gone = "AttachVolume.Attach failed for volume \"films\" : rpc error: code = NotFound desc = volume vol-1 not found";
        assert_eq!(first(&world(gone, true)), volume);
    }

    #[test]
    fn volumes_of_the_pod_itself_and_other_refusals_are_about_the_workload() {
        let workload = Some("Deployment shop/web".to_owned());
        assert_eq!(first(&world(NO_ANSWER, false)), workload);
        let options = "MountVolume.SetUp failed for volume \"films\" : mount.nfs: an incorrect mount option was specified";
        assert_eq!(first(&world(options, true)), workload);
        let machine = "AttachVolume.Attach failed for volume \"films\" : rpc error: code = NotFound desc = instance of volume not found";
        assert_eq!(first(&world(machine, true)), workload);
    }

    /// Mounted with options that its class has, too, where `by_class`.
    fn with_options(message: &str, by_class: bool) -> World {
        let mut world = world(message, false);
        let objects = &mut world.snapshot.objects;
        objects.volumes.push(object(json!({"metadata": {"name": "films", "creationTimestamp": ago(20)}, "spec": {"storageClassName": "fast",
            "mountOptions": ["noatime", "dsicard"], "csi": {"driver": "csi.test", "volumeHandle": "v", "fsType": "xsf"}}})));
        let options = if by_class { json!(["noatime", "dsicard"]) } else { json!([]) };
        let parameters = json!({"csi.storage.k8s.io/fstype": if by_class { "xsf" } else { "xfs" }});
        objects.storage_classes.push(object(json!({"metadata": {"name": "fast"}, "provisioner": "csi.test",
            "mountOptions": options, "parameters": parameters})));
        world
    }

    #[test]
    fn options_that_nobody_knows_are_those_of_the_class_or_of_the_volume_itself() {
        let class = Some("StorageClass fast".to_owned());
        let volume = Some("PersistentVolume films".to_owned());
        let option = "MountVolume.MountDevice failed for volume \"films\" : mount failed: exit status 32 Output: mount: /mnt: wrong fs type, bad option, bad superblock on /dev/vdf.";
        assert_eq!(first(&with_options(option, true)), class);
        assert_eq!(first(&with_options(option, false)), volume);
        let kind = "MountVolume.MountDevice failed for volume \"films\" : mount failed: exit status 32 Output: mount: /mnt: unknown filesystem type 'xsf'.";
        assert_eq!(first(&with_options(kind, true)), class);
        assert_eq!(first(&with_options(kind, false)), volume);
        let mut mounted = with_options(option, true);
        mounted.snapshot.objects.volumes.push(object(json!({"metadata": {"name": "songs"},
            "spec": {"storageClassName": "fast", "mountOptions": ["noatime", "dsicard"]}})));
        assert_eq!(first(&mounted), Some("Deployment shop/web".to_owned()), "the disk may be broken");
        let other = "MountVolume.MountDevice failed for volume \"films\" : rpc error: code = Internal desc = device is busy";
        assert_eq!(first(&with_options(other, true)), Some("Deployment shop/web".to_owned()));
    }

    #[test]
    fn a_server_of_the_cluster_that_does_not_work_is_at_fault_itself() {
        let mut world = world(NO_ANSWER, true).deployment("store", 0).endpoints("store", false);
        let services = world.snapshot.objects.services.iter_mut();
        for service in services.filter(|service| service.metadata.name.as_deref() == Some("store")) {
            service.spec.as_mut().unwrap().cluster_ip = Some("10.0.0.9".to_owned());
        }
        assert_eq!(first(&world), Some("Deployment shop/store".to_owned()));
    }
}
