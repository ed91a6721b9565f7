//! Ingresses that rewrite paths by a group of characters which their paths do not have: then nothing stands in its place, and
//! every request asks for the same.

use std::sync::LazyLock;

use k8s_openapi::api::networking::v1::Ingress;
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

/// How the annotation of ingress-nginx ends, whatever prefix the controller was told
/// (<https://kubernetes.github.io/ingress-nginx/examples/rewrite/>).
const REWRITE_TARGET: &str = "ingress.kubernetes.io/rewrite-target";

static GROUP: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$([1-9])").ok());

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let ingresses = index.snapshot.objects.ingresses.iter();
    ingresses.filter(|found| found.metadata.deletion_timestamp.is_none()).filter_map(check).collect()
}

fn check(ingress: &Ingress) -> Option<Finding> {
    let annotations = ingress.metadata.annotations.iter().flatten();
    let (key, target) = annotations.into_iter().find(|(key, _)| key.ends_with(REWRITE_TARGET))?;
    let groups =
        GROUP.as_ref()?.captures_iter(target).filter_map(|found| found.get(1)?.as_str().parse().ok());
    let wanted: usize = groups.max()?;
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let paths = rules.flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
    let mut paths = paths.map(|path| path.path.as_deref().unwrap_or("/"));
    let without = paths.find(|path| groups_of(path).is_some_and(|groups| groups < wanted))?;
    let name = object_ref(ingress);
    let statement = format!(
        "{name} rewrites {without} to {target}, but that path has no group {wanted}: it stands for nothing"
    );
    let finding = Finding::new(codes::INGRESS_REWRITE, name, statement);
    Some(finding.field(&format!("metadata.annotations[{key}]"), target).field("path", without))
}

/// How many groups a path has; `None` where it is no regular expression that is understood here.
fn groups_of(path: &str) -> Option<usize> {
    Regex::new(path).ok().map(|expression| expression.captures_len() - 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, object};

    fn rewrites(target: &str, paths: &[&str]) -> Option<String> {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| {
                json!({"path": path, "pathType": "ImplementationSpecific",
                    "backend": {"service": {"name": "web", "port": {"number": 80}}}})
            })
            .collect();
        let mut world = World::new().deployment("web", 1);
        world.snapshot.objects.ingresses.push(object(json!({
            "metadata": {"namespace": "shop", "name": "edge",
                "annotations": {"nginx.ingress.kubernetes.io/rewrite-target": target}},
            "spec": {"rules": [{"http": {"paths": paths}}]}})));
        let evidence = world.diagnose().evidence.into_iter();
        let mut told = evidence.filter(|piece| piece.code == "ingress.rewrite_without_group");
        told.next().map(|piece| piece.statement)
    }

    #[test]
    fn a_target_with_a_group_that_a_path_lacks_is_told() {
        let told = rewrites("/$2", &["/api(/|$)(.*)", "/api"]).unwrap();
        assert!(told.contains("rewrites /api to /$2"), "{told}");
        assert!(rewrites("/$2", &["/api/(.*)"]).is_some());
    }

    #[test]
    fn targets_whose_groups_are_there_or_that_have_none_are_right() {
        assert_eq!(rewrites("/$2", &["/api(/|$)(.*)"]), None);
        assert_eq!(rewrites("/$1", &["/(?:v1|v2)/(.+)"]), None);
        assert_eq!(rewrites("/", &["/api"]), None);
        assert_eq!(rewrites("/$1", &["/api(?!/internal)(.*)"]), None, "what is not understood is not judged");
    }
}
