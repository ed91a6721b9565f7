//! Requests that an Ingress controller itself turns away, for a limit that an Ingress sets or leaves at its default.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::networking::v1::Ingress;
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// Fewer are the mistakes of single clients.
const AGAIN: usize = 5;

/// What nginx says, and how the annotation ends that sets the limit
/// (<https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/>).
const LIMITS: [(&str, &str); 3] = [
    ("client intended to send too large body", "/proxy-body-size"),
    ("upstream sent too big header", "/proxy-buffer-size"),
    ("client intended to send too large chunked body", "/proxy-body-size"),
];

static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^(?:: ([0-9]{1,15}) bytes)?.{0,200}\bserver: ([A-Za-z0-9.*-]{1,253}), request: "[A-Z]+ (/[^ ?"]{0,500})"#).ok()
});

/// A request that was turned away.
struct Refused<'l> {
    annotation: &'static str,
    host: &'l str,
    path: &'l str,
    /// Bytes, where the limit is one of size.
    size: Option<u64>,
    line: &'l str,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let ingresses = &index.snapshot.objects.ingresses;
    if ingresses.is_empty() {
        return Vec::new();
    }
    let mut told: BTreeMap<(ObjectRef, &str), (&Ingress, Vec<Refused<'_>>)> = BTreeMap::new();
    for excerpt in &index.snapshot.logs {
        let pod = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
        let mut controller = None;
        for refused in excerpt.text.lines().filter_map(Refused::read) {
            if !*controller.get_or_insert_with(|| index.is_gateway(&index.workload_of(&pod))) {
                break;
            }
            if let Some(ingress) = serving(ingresses, &refused).filter(|own| is_over(own, &refused)) {
                let key = (object_ref(ingress), refused.annotation);
                told.entry(key).or_insert((ingress, Vec::new())).1.push(refused);
            }
        }
    }
    let often = told.into_values().filter(|(_, refused)| refused.len() >= AGAIN);
    often.filter_map(|(ingress, refused)| finding(ingress, &refused)).collect()
}

impl<'l> Refused<'l> {
    fn read(line: &'l str) -> Option<Self> {
        let (words, annotation) = LIMITS.iter().find(|(words, _)| line.contains(words))?;
        let (_, rest) = line.split_once(words)?;
        let found = LINE.as_ref()?.captures(rest)?;
        let size = found.get(1).and_then(|size| size.as_str().parse().ok());
        Some(Self { annotation, host: found.get(2)?.as_str(), path: found.get(3)?.as_str(), size, line })
    }
}

/// The Ingress with the longest path of the host under which the request falls.
fn serving<'a>(ingresses: &'a [Ingress], refused: &Refused<'_>) -> Option<&'a Ingress> {
    let longest = |ingress: &Ingress| {
        let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
        let rules = rules.filter(|rule| rule.host.as_deref() == Some(refused.host));
        let paths = rules.flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
        let paths = paths.map(|path| path.path.as_deref().unwrap_or("/"));
        paths.filter(|path| refused.path.starts_with(path)).map(str::len).max()
    };
    ingresses.iter().filter(|ingress| longest(ingress).is_some()).max_by_key(|ingress| longest(ingress))
}

fn limit<'a>(ingress: &'a Ingress, annotation: &str) -> Option<&'a String> {
    let annotations = ingress.metadata.annotations.iter().flatten();
    annotations.into_iter().find(|(key, _)| key.ends_with(annotation)).map(|(_, value)| value)
}

/// Whether the request is larger than the Ingress allows, as far as both are known.
fn is_over(ingress: &Ingress, refused: &Refused<'_>) -> bool {
    let allowed = limit(ingress, refused.annotation).and_then(|value| bytes(value));
    refused.size.zip(allowed).is_none_or(|(size, allowed)| allowed > 0 && size > allowed)
}

/// A size as nginx reads it (<https://nginx.org/en/docs/syntax.html>).
fn bytes(value: &str) -> Option<u64> {
    let number = value.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let factor = match value.get(number.len()..)?.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn finding(ingress: &Ingress, refused: &[Refused<'_>]) -> Option<Finding> {
    let last = refused.last()?;
    let (name, value) = (object_ref(ingress), limit(ingress, last.annotation));
    let setting = last.annotation.trim_start_matches('/');
    let by = match value {
        Some(value) => format!("its {setting} is {value}"),
        None => format!("it sets no {setting}, so what the controller has for all holds"),
    };
    let statement = format!(
        "{} requests for {}{} were turned away by a limit of {name}: {by}: {}",
        refused.len(),
        last.host,
        last.path,
        last.line
    );
    let finding = Finding::new(codes::INGRESS_LIMIT, name, statement);
    let finding = if value.is_some() { finding } else { finding.strength(0.65) };
    Some(finding.field("limit", setting).field_if("value", value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::bytes;
    use crate::diagnose::world::{World, object};

    /// The log of a controller, or of the program behind it, and two Ingresses of the host.
    fn world(times: usize, host: &str, path: &str, bytes: u64) -> World {
        let line = format!(
            "2026/01/05 11:58:00 [error] 31#31: *9 client intended to send too large body: {bytes} bytes, client: 10.1.0.9, server: {host}, request: \"POST {path} HTTP/1.1\", host: \"{host}\"\n"
        );
        let mut world = World::new()
            .deployment("web", 1)
            .deployment("nginx-ingress", 1)
            .log("nginx-ingress-1-0", &line.repeat(times));
        for (name, path, limit) in [("intake", "/v1", "1m"), ("films", "/films", "500m")] {
            world.snapshot.objects.ingresses.push(object(json!({
                "metadata": {"namespace": "shop", "name": name,
                    "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": limit}},
                "spec": {"rules": [{"host": "shop.example.com", "http": {"paths": [{"path": path, "pathType": "Prefix",
                    "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}})));
        }
        world
    }

    fn first(world: &World) -> String {
        world
            .causes()
            .into_iter()
            .next()
            .map(|(code, object, _)| format!("{code} {object}"))
            .unwrap_or_default()
    }

    const LARGE: u64 = 5 << 20;

    #[test]
    fn a_limit_that_turns_request_after_request_away_is_that_of_the_ingress() {
        let world = world(20, "shop.example.com", "/v1/documents", LARGE);
        assert_eq!(first(&world), "ingress.limit_too_low Ingress shop/intake");
    }

    #[test]
    fn single_requests_other_hosts_other_paths_and_other_writers_are_no_cause() {
        assert_eq!(first(&world(2, "shop.example.com", "/v1", LARGE)), "");
        assert_eq!(first(&world(20, "other.example.com", "/v1", LARGE)), "");
        assert_eq!(first(&world(20, "shop.example.com", "/films/9", LARGE)), "", "its limit is larger");
        let mut own = world(20, "shop.example.com", "/v1", LARGE);
        own.snapshot.logs[0].pod = "web-1-0".to_owned();
        assert_eq!(first(&own), "");
    }

    #[test]
    fn sizes_are_read_as_nginx_reads_them() {
        let read = ["1m", "8k", "1G", "0", "512", "1mb", "x"].map(bytes);
        assert_eq!(read, [Some(1 << 20), Some(8 << 10), Some(1 << 30), Some(0), Some(512), None, None]);
    }
}
