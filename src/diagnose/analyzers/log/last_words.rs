//! What a container said before it failed.

use std::sync::LazyLock;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::ContainerStatus;
use regex::Regex;

use super::lines;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;
use crate::observe::LogExcerpt;

const RECENT: SignedDuration = SignedDuration::from_mins(15);

static FATAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\b(?:fatal|panic|critical|emerg|uncaught|unhandled)\b|"level":\s*"?(?:fatal|panic|60)|^[\w.]*(?:Error|Exception)\b|\b(?:Error|Exception): |^error:|exec format error|cannot start"#,
    )
    .ok()
});
static MEMORY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|\bMemoryError\b|runtime: out of memory|fatal error: out of memory|std::bad_alloc|Cannot allocate memory",
    )
    .ok()
});

/// Whether the container's last end is recent enough for its log to matter.
pub(super) fn ended_lately(index: &Index<'_>, container: &ContainerStatus) -> bool {
    let states = [container.state.as_ref(), container.last_state.as_ref()];
    let ends =
        states.into_iter().flatten().filter_map(|state| state.terminated.as_ref()?.finished_at.as_ref());
    let running = container.state.as_ref().is_some_and(|state| state.running.is_some());
    let lately = ends.map(|time| time.0).any(|at| index.snapshot.taken_at.duration_since(at) <= RECENT);
    lately || (!running && container.restart_count > 0)
}

/// The last telling line of a container that failed lately. A language runtime out of memory is told apart.
pub(super) fn finding(index: &Index<'_>, excerpt: &LogExcerpt, source: &ObjectRef) -> Option<Finding> {
    let status = index.pod(source)?.status.as_ref()?;
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let own = containers.into_iter().find(|container| container.name == excerpt.container)?;
    if !ended_lately(index, own) {
        return None;
    }
    let matching = |pattern: &'static LazyLock<Option<Regex>>| {
        lines(&excerpt.text).find(|line| pattern.as_ref().is_some_and(|pattern| pattern.is_match(line)))
    };
    let (code, line) = match matching(&MEMORY) {
        Some(line) => (codes::LOG_OUT_OF_MEMORY, line),
        None => (codes::LOG_FATAL, matching(&FATAL)?),
    };
    let which = if excerpt.previous { "previous run of container" } else { "container" };
    let statement = format!("Last words of {which} {} of {source}: {}", excerpt.container, line.trim());
    Some(
        Finding::new(code, source.clone(), statement)
            .field("pod", &source.name)
            .field("container", &excerpt.container),
    )
}
