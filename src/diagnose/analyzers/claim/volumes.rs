//! Why no volume is bound to a claim: each volume against what the claim asks for, as the binder compares them
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding>).

use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec};

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::diagnose::labels;
use crate::incident::{ObjectRef, Quantity};

/// The provisioner of classes whose volumes people make.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// One thing about a volume that keeps the claim from it.
struct Misfit {
    code: Code,
    why: String,
}

/// The volume that misses least, and what it misses; `None` where a provisioner makes volumes, or nothing is known of them.
pub(super) fn finding(index: &Index<'_>, claim: &PersistentVolumeClaim) -> Option<Finding> {
    let spec = claim.spec.as_ref()?;
    let name = object_ref(claim);
    let since = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let told = |code: Code, why: String| Finding::new(code, name.clone(), format!("{name}: {why}")).at(since);
    if is_provisioned(index, spec) {
        if let Some((class, why)) = misspelt(index, spec) {
            let class = ObjectRef::cluster_wide("StorageClass", class);
            return Some(told(codes::PROVISIONER_UNKNOWN, why).field("storage_class", &class.name));
        }
        let events =
            index.events(&name).filter(|event| event.reason.as_deref() == Some("ProvisioningFailed"));
        let last = |event: &&Event| (event.last_timestamp.as_ref().map(|time| time.0), event.message.clone());
        let failed = events.max_by_key(last)?.message.as_deref()?;
        let missing = failed.contains("storageclass") && failed.contains("not found");
        return (!missing)
            .then(|| told(codes::PROVISIONING_FAILED, format!("the provisioner fails: {failed}")));
    }
    let volumes = candidates(index, spec);
    let fits: Vec<_> = volumes.iter().map(|volume| (*volume, misfits(claim, spec, volume))).collect();
    // A volume that fits and is not bound yet: the binder is about to.
    if fits.iter().any(|(_, misfits)| misfits.is_empty()) {
        return None;
    }
    // Of volumes that are equally near the first by name, in whatever order they were read.
    let nearest = fits.iter().min_by_key(|(volume, misfits)| (misfits.len(), volume.metadata.name.clone()));
    let Some((volume, missing)) = nearest else {
        let knows = !index.blind_to("persistentvolume");
        return knows
            .then(|| told(codes::NO_VOLUME, "there is no volume, and no provisioner makes one".to_owned()));
    };
    let first = missing.first()?;
    let why: Vec<_> = missing.iter().map(|misfit| misfit.why.as_str()).collect();
    let volume = volume.metadata.name.as_deref().unwrap_or_default();
    let finding = told(first.code, format!("volume {volume} is nearest, but {}", why.join(", and ")));
    Some(finding.field("volume", volume))
}

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 3;

/// The class of the claim where its provisioner made none of the volumes that there are, and one of nearly its name made some.
fn misspelt<'a>(index: &Index<'a>, spec: &PersistentVolumeClaimSpec) -> Option<(&'a str, String)> {
    let name = spec.storage_class_name.as_deref()?;
    let classes = &index.snapshot.objects.storage_classes;
    let class = classes.iter().find(|class| class.metadata.name.as_deref() == Some(name))?;
    let drivers = index.snapshot.objects.volumes.iter().filter_map(|volume| {
        let csi = volume.spec.as_ref()?.csi.as_ref().map(|csi| csi.driver.as_str());
        let annotations = volume.metadata.annotations.as_ref();
        csi.or_else(|| Some(annotations?.get("pv.kubernetes.io/provisioned-by")?.as_str()))
    });
    let mut drivers: Vec<&str> = drivers.collect();
    drivers.sort_unstable();
    drivers.dedup();
    let own = class.provisioner.as_str();
    let near = drivers.iter().find(|driver| strsim::osa_distance(driver, own) <= MISSPELT)?;
    let why = format!("StorageClass {name} names the provisioner {own}, which made no volume; {near} did");
    (!drivers.contains(&own)).then_some((class.metadata.name.as_deref()?, why))
}

/// Whether a provisioner makes volumes for the claim's class.
fn is_provisioned(index: &Index<'_>, spec: &PersistentVolumeClaimSpec) -> bool {
    let classes = &index.snapshot.objects.storage_classes;
    let class = match spec.storage_class_name.as_deref() {
        Some(name) => classes.iter().find(|class| class.metadata.name.as_deref() == Some(name)),
        None => classes.iter().find(|class| {
            let annotations = class.metadata.annotations.as_ref();
            let default = annotations.and_then(|all| all.get("storageclass.kubernetes.io/is-default-class"));
            default.is_some_and(|value| value == "true")
        }),
    };
    class.is_some_and(|class| class.provisioner != BY_HAND)
        && spec.volume_name.is_none()
        && spec.selector.is_none()
}

/// The volume that the claim names, else all.
fn candidates<'a>(index: &Index<'a>, spec: &PersistentVolumeClaimSpec) -> Vec<&'a PersistentVolume> {
    let volumes = index.snapshot.objects.volumes.iter();
    let named = spec.volume_name.as_deref().filter(|name| !name.is_empty());
    volumes.filter(|volume| named.is_none_or(|name| volume.metadata.name.as_deref() == Some(name))).collect()
}

fn misfits(
    claim: &PersistentVolumeClaim,
    spec: &PersistentVolumeClaimSpec,
    volume: &PersistentVolume,
) -> Vec<Misfit> {
    let checks = [
        taken(claim, volume),
        selector(spec, volume),
        class(spec, volume),
        modes(spec, volume),
        capacity(spec, volume),
    ];
    checks.into_iter().flatten().collect()
}

fn taken(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Option<Misfit> {
    let holder = volume.spec.as_ref()?.claim_ref.as_ref()?;
    let (namespace, name) = (holder.namespace.as_deref()?, holder.name.as_deref()?);
    let own = namespace == namespace_of(&claim.metadata) && Some(name) == claim.metadata.name.as_deref();
    (!own).then(|| Misfit { code: codes::VOLUME_TAKEN, why: format!("claim {namespace}/{name} has it") })
}

fn selector(spec: &PersistentVolumeClaimSpec, volume: &PersistentVolume) -> Option<Misfit> {
    let selector = spec.selector.as_ref()?;
    let has = labels::or_none(volume.metadata.labels.as_ref());
    let why = || "it has not the labels that the claim's selector asks for".to_owned();
    (!labels::matches(selector, has)).then(|| Misfit { code: codes::CLAIM_SELECTOR, why: why() })
}

fn class(spec: &PersistentVolumeClaimSpec, volume: &PersistentVolume) -> Option<Misfit> {
    let asked = spec.storage_class_name.as_deref()?;
    let has = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()).unwrap_or_default();
    let named = |class: &str| if class.is_empty() { "none".to_owned() } else { class.to_owned() };
    let why = || format!("its class is {}, not {}", named(has), named(asked));
    (asked != has).then(|| Misfit { code: codes::CLAIM_CLASS, why: why() })
}

fn modes(spec: &PersistentVolumeClaimSpec, volume: &PersistentVolume) -> Option<Misfit> {
    let offered = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let missing: Vec<_> = spec
        .access_modes
        .iter()
        .flatten()
        .filter(|mode| !offered.contains(mode))
        .map(String::as_str)
        .collect();
    let why = || format!("it offers {}, not {}", offered.join(", "), missing.join(", "));
    (!missing.is_empty()).then(|| Misfit { code: codes::CLAIM_ACCESS_MODE, why: why() })
}

fn capacity(spec: &PersistentVolumeClaimSpec, volume: &PersistentVolume) -> Option<Misfit> {
    let asked = spec.resources.as_ref()?.requests.as_ref()?.get("storage")?;
    let has = volume.spec.as_ref()?.capacity.as_ref()?.get("storage")?;
    let small = Quantity::parse(&has.0)? < Quantity::parse(&asked.0)?;
    let why = || format!("it holds {}, not {}", has.0, asked.0);
    small.then(|| Misfit { code: codes::CLAIM_CAPACITY, why: why() })
}
