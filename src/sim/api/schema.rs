//! How lists merge: the `x-kubernetes-list-type` and `patchMergeKey` of the well-known lists, by the names of the
//! fields that lead to them.

/// How server-side apply sees a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Items are told apart by these fields.
    Keyed(&'static [&'static str]),
    /// Items are told apart by their value.
    Set,
}

/// How a strategic merge patch treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeStrategy {
    /// The patch's list takes its place.
    Replace,
    /// Items merge by this field.
    ByKey(&'static str),
    /// Values are added.
    Values,
}

/// The list type of a field, given the names of the fields above it (list items left out).
pub(super) fn list_type(path: &[&str]) -> ListType {
    let (parent, name) = ends(path);
    match (parent, name) {
        ("containers" | "initContainers" | "ephemeralContainers", "ports") => {
            ListType::Keyed(&["containerPort", "protocol"])
        }
        ("spec", "ports") => ListType::Keyed(&["port", "protocol"]),
        ("spec", "topologySpreadConstraints") => ListType::Keyed(&["topologyKey", "whenUnsatisfiable"]),
        ("metadata", "finalizers") => ListType::Set,
        ("status", "addresses") => ListType::Keyed(&["type"]),
        (_, name) => keyed(name).map_or(ListType::Atomic, ListType::Keyed),
    }
}

fn keyed(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => {
            &["name"]
        }
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "webhooks" | "secrets" => &["name"],
        _ => return None,
    })
}

/// How a strategic merge patch treats a list field.
pub(super) fn merge_strategy(path: &[&str]) -> MergeStrategy {
    let (parent, name) = ends(path);
    match (parent, name) {
        ("containers" | "initContainers" | "ephemeralContainers", "ports") => {
            MergeStrategy::ByKey("containerPort")
        }
        ("spec", "ports") => MergeStrategy::ByKey("port"),
        ("spec", "topologySpreadConstraints") => MergeStrategy::ByKey("topologyKey"),
        ("spec", "taints") => MergeStrategy::ByKey("key"),
        ("metadata", "finalizers") => MergeStrategy::Values,
        ("status", "addresses") => MergeStrategy::ByKey("type"),
        (_, name) => match keyed(name) {
            Some([key]) => MergeStrategy::ByKey(key),
            _ => MergeStrategy::Replace,
        },
    }
}

/// Maps that server-side apply owns as a whole.
pub(super) fn is_atomic_map(path: &[&str]) -> bool {
    let (parent, name) = ends(path);
    matches!(
        name,
        "selector"
            | "labelSelector"
            | "nodeSelector"
            | "configMapKeyRef"
            | "secretKeyRef"
            | "fieldRef"
            | "resourceFieldRef"
            | "scaleTargetRef"
            | "podSelector"
            | "namespaceSelector"
            | "roleRef"
            | "targetRef"
    ) && !(name == "selector" && parent == "matchLabels")
}

/// The default of a key field that a manifest may leave out.
pub(super) fn key_default(key: &str) -> Option<&'static str> {
    (key == "protocol").then_some("TCP")
}

fn ends<'a>(path: &[&'a str]) -> (&'a str, &'a str) {
    match path {
        [.., parent, name] => (parent, name),
        [name] => ("", name),
        [] => ("", ""),
    }
}
