//! What a file of a dump is, by its path. Pure.

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A container's log.
    Log { namespace: String, pod: String, container: String, previous: bool },
    /// The logs of a pod's containers, one after the other, as `kubectl cluster-info dump` writes them.
    PodLogs { namespace: String, pod: String },
    /// `dump-info.json`.
    Info,
    /// `collected-at.txt`.
    CollectedAt,
    /// What this program noted.
    Notes,
    /// A part beside the objects, by its name: `connectivity`.
    Part(&'static str),
    /// Objects, perhaps; with the resource that the file's name says: `pods`.
    Objects { resource: String },
    /// Nothing that is read here.
    Other,
}

/// The parts beside the objects.
pub(super) const PARTS: [&str; 9] = [
    "alerts",
    "connectivity",
    "dependencies",
    "log-errors",
    "log-summaries",
    "manifests",
    "node-details",
    "node-services",
    // What it says is in nodes.json as well.
    "cluster-config",
];

/// What the file at `path` (relative, with slashes) holds.
pub(super) fn place(path: &str) -> Place {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        // must-gather: namespaces/<ns>/pods/<pod>/<container>/<container>/logs/current.log
        [.., "namespaces", namespace, "pods", pod, container, _, "logs", file] => {
            gathered_log(namespace, pod, container, file)
        }
        [.., "logs", namespace, pod, file] if is_log(file) => log(namespace, pod, file),
        [.., namespace, pod, "logs.txt"] => {
            Place::PodLogs { namespace: (*namespace).to_owned(), pod: (*pod).to_owned() }
        }
        [.., file] => by_name(file),
        [] => Place::Other,
    }
}

fn is_log(file: &str) -> bool {
    file.strip_suffix(".log").is_some_and(|name| !name.is_empty())
}

fn log(namespace: &str, pod: &str, file: &str) -> Place {
    let name = file.strip_suffix(".log").unwrap_or(file);
    let (container, previous) = match name.strip_suffix(".previous") {
        Some(container) => (container, true),
        None => (name, false),
    };
    Place::Log {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        previous,
    }
}

fn gathered_log(namespace: &str, pod: &str, container: &str, file: &str) -> Place {
    let previous = match file {
        "current.log" => false,
        "previous.log" => true,
        _ => return Place::Other,
    };
    Place::Log {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        previous,
    }
}

fn by_name(file: &str) -> Place {
    if file == "collected-at.txt" {
        return Place::CollectedAt;
    }
    if file == super::notes::FILE {
        return Place::Notes;
    }
    if file.starts_with('.') {
        return Place::Other;
    }
    let Some((stem, extension)) = file.rsplit_once('.') else {
        return Place::Objects { resource: file.to_ascii_lowercase() };
    };
    match (stem, extension) {
        ("dump-info", "json") => Place::Info,
        (stem, "json") if PARTS.contains(&stem) => {
            PARTS.iter().find(|part| **part == stem).map_or(Place::Other, |part| Place::Part(part))
        }
        (stem, "json" | "yaml" | "yml" | "txt" | "out") => Place::Objects { resource: resource(stem) },
        _ => Place::Other,
    }
}

/// `deployments.apps` is the resource `deployments`.
fn resource(stem: &str) -> String {
    stem.split('.').next().unwrap_or(stem).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    fn log(namespace: &str, pod: &str, container: &str, previous: bool) -> Place {
        let [namespace, pod, container] = [namespace, pod, container].map(str::to_owned);
        Place::Log { namespace, pod, container, previous }
    }

    fn objects(resource: &str) -> Place {
        Place::Objects { resource: resource.to_owned() }
    }

    #[test]
    fn a_path_says_what_a_file_is() {
        let cases = [
            ("pods.json", objects("pods")),
            ("a/b/deployments.apps.yaml", objects("deployments")),
            ("everything", objects("everything")),
            ("logs/shop/cart-1/app.log", log("shop", "cart-1", "app", false)),
            ("x/logs/shop/cart-1/app.previous.log", log("shop", "cart-1", "app", true)),
            (
                "gather/quay-io/namespaces/shop/pods/cart-1/app/app/logs/current.log",
                log("shop", "cart-1", "app", false),
            ),
            ("namespaces/shop/pods/cart-1/app/app/logs/previous.log", log("shop", "cart-1", "app", true)),
            ("namespaces/shop/pods/cart-1/app/app/logs/rotated.log", Place::Other),
            ("namespaces/shop/core/pods.yaml", objects("pods")),
            ("cluster-scoped-resources/core/nodes/node-1.yaml", objects("node-1")),
            ("shop/pods.json", objects("pods")),
            (
                "shop/cart-1/logs.txt",
                Place::PodLogs { namespace: "shop".to_owned(), pod: "cart-1".to_owned() },
            ),
            ("dump-info.json", Place::Info),
            ("collected-at.txt", Place::CollectedAt),
            ("connectivity.json", Place::Part("connectivity")),
            ("connectivity.yaml", objects("connectivity")),
            ("photo.png", Place::Other),
            (".hidden", Place::Other),
            ("", Place::Other),
        ];
        for (path, expected) in cases {
            assert_eq!(place(path), expected, "{path}");
        }
    }
}
