//! Ingresses that rewrite paths by a group of characters which their paths do not have: then nothing stands in its place, and
//! every request asks for the same.

use std::sync::LazyLock;

use k8s_openapi::api::networking::v1::Ingress;
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// How the annotation of ingress-nginx ends, whatever prefix the controller was told
/// (<https://kubernetes.github.io/ingress-nginx/examples/rewrite/>).
const REWRITE_TARGET: &str = "ingress.kubernetes.io/rewrite-target";

static GROUP: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$([1-9])").ok());

/// So many answers that there is no such thing are no mistakes of single users.
const AGAIN: usize = 5;

/// Programs of one page take every path for the first: where nobody is told that there is no such thing, nothing is wrong.
pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let ingresses = index.snapshot.objects.ingresses.iter();
    let found: Vec<_> =
        ingresses.filter(|found| found.metadata.deletion_timestamp.is_none()).filter_map(check).collect();
    if found.is_empty() || !answers_not_found(index) {
        return Vec::new();
    }
    found
}

/// Whether the log of a controller holds answers of 404.
fn answers_not_found(index: &Index<'_>) -> bool {
    let logs = index.snapshot.logs.iter().filter(|log| {
        let pod = ObjectRef::new("Pod", log.namespace.as_str(), log.pod.as_str());
        index.is_gateway(&index.workload_of(&pod))
    });
    logs.flat_map(|log| log.text.lines()).filter(|line| line.contains("\" 404 ")).nth(AGAIN - 1).is_some()
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
    let lacks = |path: &&str| *path != "/" && groups_of(path).is_some_and(|groups| groups < wanted);
    let without = paths.find(lacks)?;
    let name = object_ref(ingress);
    let statement = format!(
        "{name} rewrites {without} to {target}, but that path has no group {wanted} in parentheses: all that is asked under it arrives as one and the same path"
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
        let line =
            "10.1.0.9 - - [05/Jan/2026:11:58:00 +0000] \"GET /api/cart HTTP/1.1\" 404 19 \"-\" \"curl\"\n";
        told(target, paths, &line.repeat(20))
    }

    fn told(target: &str, paths: &[&str], log: &str) -> Option<String> {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| {
                json!({"path": path, "pathType": "ImplementationSpecific",
                    "backend": {"service": {"name": "web", "port": {"number": 80}}}})
            })
            .collect();
        let mut world =
            World::new().deployment("web", 1).deployment("nginx-ingress", 1).log("nginx-ingress-1-0", log);
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
        assert_eq!(rewrites("/$1", &["/"]), None, "a program of one page");
        let ok = "10.1.0.9 - - [05/Jan/2026:11:58:00 +0000] \"GET /api HTTP/1.1\" 200 19\n";
        assert_eq!(told("/$1", &["/api"], &ok.repeat(20)), None, "nobody misses anything");
        assert_eq!(rewrites("/$1", &["/api(?!/internal)(.*)"]), None, "what is not understood is not judged");
    }
}
