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

static SERVER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bserver: ([A-Za-z0-9.*-]+)").ok());

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let ingresses = &index.snapshot.objects.ingresses;
    if ingresses.is_empty() {
        return Vec::new();
    }
    let mut told: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for excerpt in &index.snapshot.logs {
        for line in excerpt.text.lines() {
            let Some((_, annotation)) = LIMITS.iter().find(|(words, _)| line.contains(words)) else {
                continue;
            };
            if let Some(server) = SERVER.as_ref().and_then(|server| server.captures(line)?.get(1)) {
                told.entry((server.as_str(), *annotation)).or_default().push(line);
            }
        }
    }
    let often = told.into_iter().filter(|(_, lines)| lines.len() >= AGAIN);
    often.filter_map(|((host, annotation), lines)| finding(ingresses, host, annotation, &lines)).collect()
}

/// The Ingress that serves the host: one that sets the limit before others.
fn finding(ingresses: &[Ingress], host: &str, annotation: &str, lines: &[&str]) -> Option<Finding> {
    let serves = |ingress: &&Ingress| {
        let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
        rules.into_iter().any(|rule| rule.host.as_deref() == Some(host))
    };
    let set = |ingress: &Ingress| {
        let annotations = ingress.metadata.annotations.iter().flatten();
        annotations.into_iter().find(|(key, _)| key.ends_with(annotation)).map(|(_, value)| value.clone())
    };
    let serving: Vec<_> = ingresses.iter().filter(serves).collect();
    let first = serving.iter().find(|ingress| set(ingress).is_some()).or(serving.first())?;
    let value = set(first);
    let name: ObjectRef = object_ref(*first);
    let limit = annotation.trim_start_matches('/');
    let by = match &value {
        Some(value) => format!("its {limit} is {value}"),
        None => format!("it sets no {limit}, so the controller's own holds"),
    };
    let said = lines.last().copied().unwrap_or_default();
    let statement = format!(
        "Requests for {host} are turned away by the limit of {name}: {by} ({} lines): {said}",
        lines.len()
    );
    let finding = Finding::new(codes::INGRESS_LIMIT, name, statement);
    let finding = if value.is_some() { finding } else { finding.strength(0.65) };
    Some(finding.field("limit", limit).field_if("value", value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, object};

    fn world(times: usize, host: &str) -> World {
        let line = format!(
            "2026/01/05 11:58:00 [error] 31#31: *9 client intended to send too large body: 5242880 bytes, client: 10.1.0.9, server: {host}, request: \"POST /v1 HTTP/1.1\", host: \"{host}\"\n"
        );
        let mut world =
            World::new().deployment("web", 1).deployment("edge", 1).log("edge-1-0", &line.repeat(times));
        world.snapshot.objects.ingresses.push(object(json!({
            "metadata": {"namespace": "shop", "name": "intake",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1m"}},
            "spec": {"rules": [{"host": "shop.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}})));
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

    #[test]
    fn a_limit_that_turns_request_after_request_away_is_that_of_the_ingress() {
        assert_eq!(first(&world(20, "shop.example.com")), "ingress.limit_too_low Ingress shop/intake");
    }

    #[test]
    fn single_requests_and_other_hosts_are_no_cause() {
        assert_eq!(first(&world(2, "shop.example.com")), "");
        assert_eq!(first(&world(20, "other.example.com")), "");
    }
}
