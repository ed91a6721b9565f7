//! Which volume of a pod a path lies on.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume, VolumeMount};

use crate::diagnose::finding::Finding;

/// A place in a container where a volume is mounted.
pub(super) struct Mount<'a> {
    /// Where.
    pub(super) path: &'a str,
    mount: &'a VolumeMount,
    volume: Option<&'a Volume>,
}

/// The volume under a path: of several mounts above it, the nearest.
pub(super) fn of<'a>(pod: &'a Pod, container: &str, path: &str) -> Option<Mount<'a>> {
    let spec = pod.spec.as_ref()?;
    let own = named(spec, container)?;
    let above = own.volume_mounts.iter().flatten().filter(|mount| is_under(path, &mount.mount_path));
    let mount = above.max_by_key(|mount| mount.mount_path.len())?;
    let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
    Some(Mount { path: &mount.mount_path, mount, volume })
}

/// The one volume of a container that holds data: where a program names no path, it is about this.
pub(super) fn only_data<'a>(pod: &'a Pod, container: &str) -> Option<Mount<'a>> {
    let spec = pod.spec.as_ref()?;
    let own = named(spec, container)?;
    let mounts = own.volume_mounts.iter().flatten().map(|mount| {
        let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
        Mount { path: &mount.mount_path, mount, volume }
    });
    let holds = |mount: &Mount<'_>| mount.volume.is_some_and(|volume| DATA.contains(&kind(volume)));
    let mut data = mounts.filter(holds);
    data.next().filter(|_| data.next().is_none())
}

/// Kinds of volumes that programs write to.
const DATA: [&str; 6] = ["persistentVolumeClaim", "hostPath", "nfs", "csi", "ephemeral", "emptyDir"];

fn named<'a>(spec: &'a PodSpec, container: &str) -> Option<&'a Container> {
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.find(|own| own.name == container)
}

fn is_under(path: &str, mount: &str) -> bool {
    let mount = mount.trim_end_matches('/');
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !mount.is_empty()
}

impl Mount<'_> {
    /// Whether it is a ConfigMap or a Secret.
    pub(super) fn holds_settings(&self) -> bool {
        let settings = |volume: &Volume| {
            let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            let mut sources = sources.filter(|source| source.config_map.is_some() || source.secret.is_some());
            volume.config_map.is_some() || volume.secret.is_some() || sources.next().is_some()
        };
        self.volume.is_some_and(settings)
    }

    /// Adds what the path lies on.
    pub(super) fn describe(&self, finding: Finding, namespace: &str) -> Finding {
        let finding = finding
            .field("mount", self.path)
            .field("volume", &self.mount.name)
            .field_if("mount_read_only", self.mount.read_only.filter(|read_only| *read_only));
        let Some(volume) = self.volume else { return finding };
        if let Some(claim) = &volume.persistent_volume_claim {
            return finding
                .field("volume_kind", "persistentVolumeClaim")
                .field("claim_namespace", namespace)
                .field("claim", &claim.claim_name);
        }
        let host = volume.host_path.as_ref().map(|host| host.path.as_str());
        finding.field("volume_kind", kind(volume)).field_if("host_path", host)
    }
}

fn kind(volume: &Volume) -> &'static str {
    let kinds = [
        (volume.persistent_volume_claim.is_some(), "persistentVolumeClaim"),
        (volume.host_path.is_some(), "hostPath"),
        (volume.config_map.is_some(), "configMap"),
        (volume.secret.is_some(), "secret"),
        (volume.empty_dir.is_some(), "emptyDir"),
        (volume.projected.is_some(), "projected"),
        (volume.nfs.is_some(), "nfs"),
        (volume.csi.is_some(), "csi"),
        (volume.ephemeral.is_some(), "ephemeral"),
    ];
    kinds.into_iter().find(|(is, _)| *is).map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::is_under;

    #[test]
    fn a_path_is_under_a_mount_by_whole_names() {
        assert!(is_under("/data", "/data") && is_under("/data/x", "/data/"));
        assert!(!is_under("/database", "/data") && !is_under("/x", "/"));
    }
}
