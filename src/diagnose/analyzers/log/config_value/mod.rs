//! Settings that a program cannot use: values of the wrong kind, and values that are not there.
//!
//! Programs parse more than settings. A value that cannot be parsed and belongs to no setting by its words counts only where
//! an environment variable of the container has it, or the container ended over it.

mod file;
mod wordings;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{Container, Pod};
use regex::Regex;

use super::{last_words, lines, mount};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;
use crate::observe::LogExcerpt;
use wordings::{Setting, read};

/// Most settings told of one excerpt.
const MAX_SETTINGS: usize = 4;

/// Programs that go on remark what they do without.
const REMARK: f64 = 0.3;

/// The settings that a container's log complains about, each once.
pub(super) fn findings(index: &Index<'_>, excerpt: &LogExcerpt, source: &ObjectRef) -> Vec<Finding> {
    let Some(pod) = index.pod(source) else { return Vec::new() };
    let failed = has_failed(index, pod, &excerpt.container);
    let mut found = BTreeMap::new();
    let in_file = if failed { of_files(pod, excerpt, source) } else { None };
    for line in lines(&excerpt.text) {
        let line = line.replace("\\\"", "\"");
        let Some(setting) = read(&line) else { continue };
        let own = setting.value.and_then(|value| variable_with(pod, &excerpt.container, value));
        let read_here = || accessed(&excerpt.text).filter(|_| failed);
        let name = setting.name.map(str::to_owned).or(own).or_else(read_here);
        if (name.is_some() || failed) && found.len() < MAX_SETTINGS {
            let key = (setting.missing, name.clone(), setting.value.map(str::to_owned));
            let told = || finding(excerpt, source, &setting, name, line.trim());
            found.entry(key).or_insert_with(|| if failed { told() } else { told().strength(REMARK) });
        }
    }
    found.into_values().chain(in_file).collect()
}

/// The newest complaint about a file of settings: one that names the file and what is wrong with it; else one about a file
/// that a ConfigMap or Secret holds, in the same words or in the lines around it.
fn of_files(pod: &Pod, excerpt: &LogExcerpt, source: &ObjectRef) -> Option<Finding> {
    let held =
        |path: &str| mount::of(pod, &excerpt.container, path).is_some_and(|mount| mount.holds_settings());
    let last: Vec<_> = lines(&excerpt.text).map(|line| line.replace("\\\"", "\"")).collect();
    let plain = last.iter().find_map(|line| Some((file::named(line)?, line.as_str())));
    let (path, line) = plain.or_else(|| file::held(&last, held))?;
    Some(of_file(excerpt, source, path, line.trim()))
}

fn of_file(excerpt: &LogExcerpt, source: &ObjectRef, path: &str, line: &str) -> Finding {
    let statement = format!("Container {} of {source} cannot read {path}: {line}", excerpt.container);
    let finding =
        Finding::new(codes::LOG_CONFIG_INVALID, source.clone(), statement).field("pod", &source.name);
    finding.field("container", &excerpt.container).field("config_file", path)
}

fn finding(
    excerpt: &LogExcerpt,
    source: &ObjectRef,
    setting: &Setting<'_>,
    name: Option<String>,
    line: &str,
) -> Finding {
    let code = if setting.missing { codes::LOG_CONFIG_MISSING } else { codes::LOG_CONFIG_INVALID };
    let which = name.as_deref().map_or_else(|| "a setting".to_owned(), |name| format!("the setting {name}"));
    let what = if setting.missing { "has no value for" } else { "cannot use the value of" };
    let statement = format!("Container {} of {source} {what} {which}: {line}", excerpt.container);
    let finding = Finding::new(code, source.clone(), statement).field("pod", &source.name);
    finding.field("container", &excerpt.container).field_if("variable", name)
}

/// How code reads a variable, as a stack trace quotes it.
static ACCESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:os\.environ(?:\.get)?[\[(]|os\.getenv\(|process\.env\.|process\.env\[|ENV\[|ENV\.fetch\(|getenv\(|os\.Getenv\()["']?([A-Z][A-Z0-9_]+)"#).ok()
});

/// The one variable that the code reads which a log quotes.
fn accessed(text: &str) -> Option<String> {
    let mut names = lines(text).filter_map(|line| Some(ACCESS.as_ref()?.captures(line)?.get(1)?.as_str()));
    let first = names.next()?;
    names.all(|name| name == first).then(|| first.to_owned())
}

fn has_failed(index: &Index<'_>, pod: &Pod, container: &str) -> bool {
    let status = pod.status.as_ref();
    let own = status
        .into_iter()
        .flat_map(|status| status.container_statuses.iter().chain(&status.init_container_statuses).flatten());
    own.filter(|own| own.name == container).any(|own| last_words::ended_lately(index, own))
}

/// The one variable of a container that has a value.
fn variable_with(pod: &Pod, container: &str, value: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let own: &Container = all.find(|own| own.name == container)?;
    let mut having =
        own.env.iter().flatten().filter(|env| env.value.as_deref() == Some(value) && !value.is_empty());
    having.next().filter(|_| having.next().is_none()).map(|env| env.name.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::findings;
    use crate::diagnose::index::Index;
    use crate::diagnose::world::{World, object};
    use crate::incident::ObjectRef;

    fn world(ended: bool, log: &str) -> World {
        let state =
            if ended { json!({"waiting": {"reason": "CrashLoopBackOff"}}) } else { json!({"running": {}}) };
        let mut world = World::new();
        world.snapshot.objects.pods.push(object(json!({
            "metadata": {"namespace": "shop", "name": "cart-1"},
            "spec": {"containers": [{"name": "app", "env": [{"name": "TTL", "value": "15m"}]}]},
            "status": {"containerStatuses": [{"name": "app", "image": "a", "imageID": "", "ready": !ended,
                "restartCount": i32::from(ended), "state": state}]},
        })));
        world.log("cart-1", log)
    }

    fn told(world: &World) -> Vec<(&'static str, Option<String>)> {
        let index = Index::new(&world.snapshot);
        let source = ObjectRef::new("Pod", "shop", "cart-1");
        let found = findings(&index, &world.snapshot.logs[0], &source);
        found.into_iter().map(|found| (found.code.name, found.fields.get("variable").cloned())).collect()
    }

    #[test]
    fn a_bare_value_is_traced_to_the_variable_that_has_it() {
        let log = "strconv.ParseInt: parsing \"15m\": invalid syntax\n".repeat(3);
        assert_eq!(told(&world(false, &log)), [("log.config.invalid_value", Some("TTL".to_owned()))]);
    }

    #[test]
    fn a_bare_value_that_no_variable_has_counts_only_when_the_container_ended_over_it() {
        let log = "ValueError: invalid literal for int() with base 10: 'from a request'";
        assert_eq!(told(&world(false, log)), []);
        assert_eq!(told(&world(true, log)), [("log.config.invalid_value", None)]);
    }

    #[test]
    fn a_bare_value_belongs_to_the_variable_that_the_quoted_code_reads() {
        let log = "  limit = int(os.environ['MAX_ITEMS'])\nValueError: invalid literal for int() with base 10: 'many'";
        assert_eq!(told(&world(true, log)), [("log.config.invalid_value", Some("MAX_ITEMS".to_owned()))]);
        assert_eq!(told(&world(false, log)), []);
    }
}
