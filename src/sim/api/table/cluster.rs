//! Nodes, namespaces, events, configuration, storage and access.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{self, NONE, UNKNOWN, UNSET, age, condition, count, items, name, size, text};
use super::{View, column, number, wide};

/// Kinds without a printer of their own.
pub(super) const PLAIN: View = View {
    columns: &[column("Name"), column("Created At")],
    cells: |object, _| vec![name(object), json!(text(object, "/metadata/creationTimestamp"))],
};

pub(super) const NODES: View = View {
    columns: &[
        column("Name"),
        column("Status"),
        column("Roles"),
        column("Age"),
        column("Version"),
        wide("Internal-IP"),
        wide("External-IP"),
        wide("OS-Image"),
        wide("Kernel-Version"),
        wide("Container-Runtime"),
    ],
    cells: |object, now| {
        let address = |of: &str| {
            let found =
                items(object, "/status/addresses").iter().find(|address| text(address, "/type") == of);
            json!(found.map_or(NONE, |address| text(address, "/address")))
        };
        let info = |field: &str| match text(object, &format!("/status/nodeInfo/{field}")) {
            "" => json!(UNKNOWN),
            text => json!(text),
        };
        vec![
            name(object),
            json!(node_status(object)),
            json!(roles(object)),
            age(object, now),
            json!(text(object, "/status/nodeInfo/kubeletVersion")),
            address("InternalIP"),
            address("ExternalIP"),
            info("osImage"),
            info("kernelVersion"),
            info("containerRuntimeVersion"),
        ]
    },
};

fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready") {
        "True" => "Ready",
        "" => "Unknown",
        _ => "NotReady",
    };
    let unschedulable = node.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
    if unschedulable { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

fn roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() { NONE.to_owned() } else { roles.join(",") }
}

pub(super) const NAMESPACES: View = View {
    columns: &[column("Name"), column("Status"), column("Age")],
    cells: |object, now| vec![name(object), json!(text(object, "/status/phase")), age(object, now)],
};

pub(super) const EVENTS: View = View {
    columns: &[
        column("Last Seen"),
        column("Type"),
        column("Reason"),
        column("Object"),
        wide("Subobject"),
        wide("Source"),
        column("Message"),
        wide("First Seen"),
        wide("Count"),
        wide("Name"),
    ],
    cells: |object, now| {
        let first = earliest(object, &["/firstTimestamp", "/eventTime"]);
        let last = earliest(
            object,
            &["/series/lastObservedTime", "/lastTimestamp", "/firstTimestamp", "/eventTime"],
        );
        let involved = format!(
            "{}/{}",
            text(object, "/involvedObject/kind").to_lowercase(),
            text(object, "/involvedObject/name")
        );
        let times = [count(object, "/series/count"), count(object, "/count"), 1].into_iter().find(|n| *n > 0);
        vec![
            json!(cells::since(last, now)),
            json!(text(object, "/type")),
            json!(text(object, "/reason")),
            json!(involved),
            json!(text(object, "/involvedObject/fieldPath")),
            json!(source(object)),
            json!(text(object, "/message").trim()),
            json!(cells::since(first, now)),
            json!(times),
            name(object),
        ]
    },
};

/// The first of several times that is set.
fn earliest<'a>(object: &'a Value, paths: &[&str]) -> &'a str {
    paths.iter().map(|path| text(object, path)).find(|time| !time.is_empty()).unwrap_or_default()
}

fn source(event: &Value) -> String {
    let component = match text(event, "/source/component") {
        "" => text(event, "/reportingComponent"),
        component => component,
    };
    match text(event, "/source/host") {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

pub(super) const CONFIG_MAPS: View = View {
    columns: &[column("Name"), column("Data"), column("Age")],
    cells: |object, now| {
        vec![name(object), json!(size(object.get("data")) + size(object.get("binaryData"))), age(object, now)]
    },
};

pub(super) const SECRETS: View = View {
    columns: &[column("Name"), column("Type"), column("Data"), column("Age")],
    cells: |object, now| {
        vec![name(object), json!(text(object, "/type")), json!(size(object.get("data"))), age(object, now)]
    },
};

pub(super) const SERVICE_ACCOUNTS: View = View {
    columns: &[column("Name"), column("Age")],
    cells: |object, now| vec![name(object), age(object, now)],
};

fn modes(list: &[Value]) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    list.iter().map(short).collect::<Vec<_>>().join(",")
}

pub(super) const CLAIMS: View = View {
    columns: &[
        column("Name"),
        column("Status"),
        column("Volume"),
        column("Capacity"),
        column("Access Modes"),
        column("StorageClass"),
        column("VolumeAttributesClass"),
        column("Age"),
        wide("VolumeMode"),
    ],
    cells: |object, now| {
        let terminating = !text(object, "/metadata/deletionTimestamp").is_empty();
        let status = if terminating { "Terminating" } else { text(object, "/status/phase") };
        vec![
            name(object),
            json!(status),
            json!(text(object, "/spec/volumeName")),
            json!(text(object, "/status/capacity/storage")),
            json!(modes(items(object, "/status/accessModes"))),
            json!(text(object, "/spec/storageClassName")),
            json!(UNSET),
            age(object, now),
            json!(text(object, "/spec/volumeMode")),
        ]
    },
};

pub(super) const VOLUMES: View = View {
    columns: &[
        column("Name"),
        column("Capacity"),
        column("Access Modes"),
        column("Reclaim Policy"),
        column("Status"),
        column("Claim"),
        column("StorageClass"),
        column("VolumeAttributesClass"),
        column("Reason"),
        column("Age"),
        wide("VolumeMode"),
    ],
    cells: |object, now| {
        let claim = match text(object, "/spec/claimRef/name") {
            "" => String::new(),
            claim => format!("{}/{claim}", text(object, "/spec/claimRef/namespace")),
        };
        vec![
            name(object),
            json!(text(object, "/spec/capacity/storage")),
            json!(modes(items(object, "/spec/accessModes"))),
            json!(text(object, "/spec/persistentVolumeReclaimPolicy")),
            json!(text(object, "/status/phase")),
            json!(claim),
            json!(text(object, "/spec/storageClassName")),
            json!(UNSET),
            json!(text(object, "/status/reason")),
            age(object, now),
            json!(text(object, "/spec/volumeMode")),
        ]
    },
};

pub(super) const STORAGE_CLASSES: View = View {
    columns: &[
        column("Name"),
        column("Provisioner"),
        column("ReclaimPolicy"),
        column("VolumeBindingMode"),
        column("AllowVolumeExpansion"),
        column("Age"),
    ],
    cells: |object, now| {
        let default = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";
        let shown = match text(object, default) {
            "true" => json!(format!("{} (default)", text(object, "/metadata/name"))),
            _ => name(object),
        };
        vec![
            shown,
            json!(text(object, "/provisioner")),
            json!(text(object, "/reclaimPolicy")),
            json!(text(object, "/volumeBindingMode")),
            json!(object.get("allowVolumeExpansion").and_then(Value::as_bool).unwrap_or(false)),
            age(object, now),
        ]
    },
};

pub(super) const QUOTAS: View = View {
    columns: &[column("Name"), column("Request"), column("Limit"), column("Age")],
    cells: |object, now| {
        let hard = object
            .pointer("/status/hard")
            .or_else(|| object.pointer("/spec/hard"))
            .and_then(Value::as_object);
        let (limits, requests): (Vec<_>, Vec<_>) =
            hard.into_iter().flatten().partition(|(resource, _)| resource.starts_with("limits."));
        let shown = |list: Vec<(&String, &Value)>| {
            let used = |resource: &str| {
                object.pointer("/status/used").and_then(|used| used.get(resource)?.as_str()).unwrap_or("0")
            };
            let parts = list.iter().map(|(resource, hard)| {
                format!("{resource}: {}/{}", used(resource), hard.as_str().unwrap_or_default())
            });
            json!(parts.collect::<Vec<_>>().join(", "))
        };
        vec![name(object), shown(requests), shown(limits), age(object, now)]
    },
};

pub(super) const LIMIT_RANGES: View = View {
    columns: &[column("Name"), column("Created At")],
    cells: |object, _| vec![name(object), json!(text(object, "/metadata/creationTimestamp"))],
};

pub(super) const LEASES: View = View {
    columns: &[column("Name"), column("Holder"), column("Age")],
    cells: |object, now| vec![name(object), json!(text(object, "/spec/holderIdentity")), age(object, now)],
};

pub(super) const ROLES: View = View {
    columns: &[column("Name"), column("Created At")],
    cells: |object, _| vec![name(object), json!(text(object, "/metadata/creationTimestamp"))],
};

pub(super) const BINDINGS: View = View {
    columns: &[
        column("Name"),
        column("Role"),
        column("Age"),
        wide("Users"),
        wide("Groups"),
        wide("ServiceAccounts"),
    ],
    cells: |object, now: Timestamp| {
        let subjects = |of: &str| {
            let shown = items(object, "/subjects").iter().filter(|subject| text(subject, "/kind") == of).map(
                |subject| match text(subject, "/namespace") {
                    "" => text(subject, "/name").to_owned(),
                    namespace => format!("{namespace}/{}", text(subject, "/name")),
                },
            );
            json!(shown.collect::<Vec<_>>().join(", "))
        };
        vec![
            name(object),
            json!(format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"))),
            age(object, now),
            subjects("User"),
            subjects("Group"),
            subjects("ServiceAccount"),
        ]
    },
};

pub(super) const WEBHOOKS: View = View {
    columns: &[column("Name"), number("Webhooks"), column("Age")],
    cells: |object, now| vec![name(object), json!(size(object.get("webhooks"))), age(object, now)],
};
