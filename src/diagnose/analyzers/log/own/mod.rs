//! What a program says of its own surroundings: a port that is taken, files that it may not touch, a disk that is full, a
//! command line that it does not understand.
//!
//! Programs warn about such things and go on; a line counts where the container failed lately or is not ready, and a full
//! disk wherever it is the news.

mod wordings;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::mount::{self, Mount};
use super::{last_words, lines};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;
use crate::observe::LogExcerpt;
use wordings::Own;

/// A running program that has said so many lines since has left the trouble behind.
const LEFT_BEHIND: usize = 50;

/// Factor for what a program says that runs all the same.
const RUNS: f64 = 0.6;

/// Each kind of trouble that a container tells of its surroundings, once for each path or port, the newest line of it.
pub(super) fn findings(index: &Index<'_>, excerpt: &LogExcerpt, source: &ObjectRef) -> Vec<Finding> {
    let Some(pod) = index.pod(source) else { return Vec::new() };
    let failed = has_failed(index, pod, &excerpt.container);
    let mut found = BTreeMap::new();
    for (after, line) in lines(&excerpt.text).enumerate() {
        let Some(own) = wordings::read(line) else { continue };
        if !failed && (after > LEFT_BEHIND || own.only_at_the_end()) {
            continue;
        }
        let mount = own.paths.iter().find_map(|path| mount::of(pod, &excerpt.container, path));
        let unnamed = own.is_about_files() && own.paths.is_empty();
        let mount = mount.or_else(|| mount::only_data(pod, &excerpt.container).filter(|_| unnamed));
        let about =
            mount.as_ref().map(|mount| mount.path.to_owned()).or(own.port.map(|port| port.to_string()));
        found
            .entry((own.code.name, about))
            .or_insert_with(|| finding(excerpt, source, &own, mount.as_ref(), (failed, after, line.trim())));
    }
    found.into_values().collect()
}

fn finding(
    excerpt: &LogExcerpt,
    source: &ObjectRef,
    own: &Own<'_>,
    mount: Option<&Mount<'_>>,
    (failed, after, line): (bool, usize, &str),
) -> Finding {
    let statement = format!("Container {} of {source} says: {line}", excerpt.container);
    let goes_on = !failed && own.code.name != codes::LOG_DISK_FULL.name;
    let strength = own.code.strength * if goes_on { RUNS } else { 1.0 };
    let finding = Finding::new(own.code, source.clone(), statement)
        .strength(strength)
        .field("pod", &source.name)
        .field("container", &excerpt.container)
        .field("lines_since", after)
        .field_if("port", own.port)
        .field_if("path", own.paths.first());
    match mount {
        Some(mount) => mount.describe(finding, &source.namespace),
        None => finding,
    }
}

/// Whether the container ended lately, waits, or runs without being ready.
fn has_failed(index: &Index<'_>, pod: &Pod, container: &str) -> bool {
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().chain(&status.init_container_statuses).flatten());
    let unready =
        |own: &ContainerStatus| !own.ready && own.state.as_ref().is_some_and(|state| state.running.is_some());
    let mut own = statuses.into_iter().filter(|own| own.name == container);
    own.any(|own| unready(own) || last_words::ended_lately(index, own))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::findings;
    use crate::diagnose::index::Index;
    use crate::diagnose::world::{World, crash, object};
    use crate::incident::ObjectRef;

    const TAKEN: &str = "listen tcp 0.0.0.0:8080: bind: address already in use";

    fn world(status: &Value, log: &str) -> World {
        let mut world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status.clone());
        let spec = world.snapshot.objects.pods[0].spec.as_mut().unwrap();
        spec.volumes =
            Some(object(json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}])));
        spec.containers[0].volume_mounts =
            Some(object(json!([{"name": "data", "mountPath": "/var/lib/web"}])));
        world.log("web-1-x", log)
    }

    /// Code, strength, and what it is about.
    fn told(world: &World) -> Vec<(&'static str, f64, Option<String>)> {
        let source = ObjectRef::new("Pod", "shop", "web-1-x");
        let found = findings(&Index::new(&world.snapshot), &world.snapshot.logs[0], &source);
        let about = |fields: &std::collections::BTreeMap<String, String>| {
            fields.get("claim").or(fields.get("port")).or(fields.get("path")).cloned()
        };
        found.into_iter().map(|found| (found.code.name, found.strength, about(&found.fields))).collect()
    }

    #[test]
    fn a_program_that_ended_over_its_surroundings_is_believed() {
        let log = format!("starting\n{TAKEN}\nmkdir /var/lib/web/db: permission denied\n");
        assert_eq!(
            told(&world(&crash(1, "Error", 5), &log)),
            [
                ("log.own.permission_denied", 0.65, Some("web-data".to_owned())),
                ("log.own.port_taken", 0.75, Some("8080".to_owned())),
            ]
        );
    }

    #[test]
    fn a_program_that_runs_all_the_same_is_hardly_believed() {
        let found = told(&world(&json!({}), TAKEN));
        assert!(found.iter().all(|(_, strength, _)| *strength < 0.5), "{found:?}");
        let long_ago = format!("{TAKEN}\n{}", "served\n".repeat(60));
        assert_eq!(told(&world(&json!({}), &long_ago)), []);
        assert_eq!(
            told(&world(&json!({}), "error: unknown flag: --fast")),
            [],
            "only the end is told by that"
        );
    }

    #[test]
    fn a_file_without_its_path_lies_on_the_only_volume_with_data() {
        let log = "Can't open or create append-only dir appendonlydir: Permission denied";
        let claim = Some("web-data".to_owned());
        assert_eq!(told(&world(&crash(1, "Error", 5), log)), [("log.own.permission_denied", 0.65, claim)]);
    }

    #[test]
    fn a_full_disk_is_the_news_while_the_program_runs() {
        let full = "could not extend file \"base/1\": No space left on device: /var/lib/web/base/1";
        assert_eq!(told(&world(&json!({}), full)), [("log.own.disk_full", 0.8, Some("web-data".to_owned()))]);
    }
}
