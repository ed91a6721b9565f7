//! RuntimeClasses whose handler the container runtime of a node does not know.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

static UNKNOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:no runtime for|runtime handler|RuntimeHandler) "([^"]{1,253})" (?:is configured|is not|not supported|not found)"#).ok()
});

/// Looks at the sandboxes that cannot be made among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let failed = found.iter().filter(|finding| finding.code == codes::SANDBOX_FAILED);
    failed.filter_map(|finding| unknown(index, finding)).collect()
}

fn unknown(index: &Index<'_>, failed: &Finding) -> Option<Finding> {
    let handler = UNKNOWN.as_ref()?.captures(&failed.statement)?.get(1)?.as_str();
    let class = index.pod(&failed.object)?.spec.as_ref()?.runtime_class_name.as_deref()?;
    let class = ObjectRef::cluster_wide("RuntimeClass", class);
    let workload = index.workload_of(&failed.object);
    let statement = format!(
        "{class} has the handler {handler}, which the node's runtime does not know: {}",
        failed.statement
    );
    Some(
        Finding::new(codes::RUNTIME_HANDLER_UNKNOWN, class, statement)
            .at(failed.at)
            .field("handler", handler)
            .hinders(&workload),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::World;

    fn blamed(class: Option<&str>, message: &str) -> Vec<String> {
        let mut world =
            World::new().deployment("web", 0).pod("web", 1, "web-1-x", json!({"phase": "Pending"}));
        world.snapshot.objects.pods[0].spec.as_mut().unwrap().runtime_class_name = class.map(str::to_owned);
        let world = world.event("web-1-x", "FailedCreatePodSandBox", message, 5);
        world.codes().into_iter().filter(|code| code.starts_with("runtime_class.")).collect()
    }

    #[test]
    fn a_handler_that_the_runtime_does_not_know_is_the_class_fault_and_other_failures_are_not() {
        let message = "Failed to create pod sandbox: unable to get OCI runtime: no runtime for \"sandboxed\" is configured";
        assert_eq!(blamed(Some("strict"), message), ["runtime_class.handler_unknown"]);
        assert_eq!(blamed(None, message), Vec::<String>::new());
        assert_eq!(
            blamed(Some("strict"), "Failed to create pod sandbox: network plugin is not ready"),
            Vec::<String>::new()
        );
    }
}
