//! What the API offers, in the aggregated form (one request) and in the legacy one (a request a group).

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::accept::aggregated_discovery;
use super::{ApiState, answer};
use crate::sim::kinds::{KINDS, Kind};
use crate::sim::objects::{ApiError, meta};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Resources that are asked, not stored.
static REVIEWS: &[(&str, &str, &str, bool)] = &[
    ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", false),
    ("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", true),
    ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", false),
    ("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", false),
    ("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", false),
];

/// Answers `/api`.
pub(super) async fn core_versions(State(_): State<ApiState>, headers: HeaderMap) -> Response {
    match aggregated_discovery(&headers) {
        Some(version) => aggregated(version, &[""]),
        None => answer::ok(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        })),
    }
}

/// Answers `/apis`.
pub(super) async fn groups(headers: HeaderMap) -> Response {
    let names = group_names();
    match aggregated_discovery(&headers) {
        Some(version) => aggregated(version, &names),
        None => {
            let groups: Vec<Value> = names.iter().map(|name| described(name)).collect();
            answer::ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
    }
}

/// Answers `/apis/GROUP`.
pub(super) async fn group(Path(name): Path<String>) -> Result<Response, ApiError> {
    if !group_names().contains(&name.as_str()) {
        return Err(ApiError::no_such_path());
    }
    let mut group = described(&name);
    meta::as_map(&mut group).insert("kind".to_owned(), "APIGroup".into());
    meta::as_map(&mut group).insert("apiVersion".to_owned(), "v1".into());
    Ok(answer::ok(group))
}

/// Answers `/api/v1`.
pub(super) async fn core_resources() -> Response {
    resources("", "v1")
}

/// Answers `/apis/GROUP/VERSION`.
pub(super) async fn group_resources(
    Path((group, version)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    if group_names().contains(&group.as_str()) && versions(&group).contains(&version.as_str()) {
        return Ok(resources(&group, &version));
    }
    Err(ApiError::no_such_path())
}

fn group_names() -> Vec<&'static str> {
    let mut names = Vec::new();
    let reviews = REVIEWS.iter().map(|(group, ..)| *group);
    for name in KINDS.iter().map(|kind| kind.group).filter(|group| !group.is_empty()).chain(reviews) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The versions of a group, the preferred one first.
pub(super) fn versions(group: &str) -> Vec<&'static str> {
    let mut versions = Vec::new();
    for version in KINDS.iter().filter(|kind| kind.group == group).flat_map(|kind| kind.versions()) {
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    if versions.is_empty() { vec!["v1"] } else { versions }
}

fn kinds_in(group: &str, version: &str) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().copied().filter(move |kind| kind.group == group && kind.serves(version))
}

fn described(group: &str) -> Value {
    let entry = |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let versions = versions(group);
    let preferred = versions.first().map(|version| entry(version)).unwrap_or_default();
    let versions: Vec<Value> = versions.iter().map(|version| entry(version)).collect();
    json!({"name": group, "versions": versions, "preferredVersion": preferred})
}

/// A subresource: its name, the group, version and kind of its body, and what can be done with it.
type Subresource = (&'static str, (&'static str, &'static str, &'static str), &'static [&'static str]);

fn subresources(kind: &Kind) -> Vec<Subresource> {
    const CHANGES: &[&str] = &["get", "patch", "update"];
    let mut all: Vec<Subresource> = Vec::new();
    if kind.kind == "Pod" {
        all.push(("eviction", ("policy", "v1", "Eviction"), &["create"]));
        all.push(("log", ("", "", "Pod"), &["get"]));
    }
    if kind.scalable {
        all.push(("scale", ("autoscaling", "v1", "Scale"), CHANGES));
    }
    if kind.has_status {
        all.push(("status", ("", "", ""), CHANGES));
    }
    all
}

fn verbs(kind: &Kind) -> Vec<&'static str> {
    VERBS.into_iter().filter(|verb| kind.kind != "Namespace" || *verb != "deletecollection").collect()
}

fn aggregated(version: &str, groups: &[&str]) -> Response {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            let versions: Vec<Value> =
                versions(group).iter().map(|version| aggregated_version(group, version)).collect();
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let body = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    });
    let mut response = answer::ok(body);
    let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    if let Ok(media) = HeaderValue::from_str(&media) {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    response
}

fn aggregated_version(group: &str, version: &str) -> Value {
    let stored = kinds_in(group, version).map(aggregated_kind);
    let asked = REVIEWS.iter().filter(|(of, ..)| *of == group).map(|(_, kind, plural, namespaced)| {
        json!({
            "resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": scope(*namespaced), "singularResource": kind.to_lowercase(), "verbs": ["create"],
        })
    });
    json!({"version": version, "resources": stored.chain(asked).collect::<Vec<_>>(), "freshness": "Current"})
}

fn scope(namespaced: bool) -> &'static str {
    if namespaced { "Namespaced" } else { "Cluster" }
}

fn aggregated_kind(kind: &Kind) -> Value {
    let subresources: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|(name, (group, version, body), verbs)| {
            let body = if body.is_empty() { kind.kind } else { body };
            let response = json!({"group": group, "version": version, "kind": body});
            json!({"subresource": name, "responseKind": response, "verbs": verbs})
        })
        .collect();
    let mut entry = json!({
        "resource": kind.plural, "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": scope(kind.namespaced), "singularResource": kind.singular, "verbs": verbs(kind),
    });
    let map = meta::as_map(&mut entry);
    insert_names(map, kind);
    if !subresources.is_empty() {
        map.insert("subresources".to_owned(), subresources.into());
    }
    entry
}

fn insert_names(map: &mut Map<String, Value>, kind: &Kind) {
    for (key, names) in [("shortNames", kind.short_names), ("categories", kind.categories)] {
        if !names.is_empty() {
            map.insert(key.to_owned(), names.into());
        }
    }
}

fn resources(group: &str, version: &str) -> Response {
    let stored = kinds_in(group, version).flat_map(legacy_kind);
    let asked = REVIEWS.iter().filter(|(of, ..)| *of == group).map(|(_, kind, plural, namespaced)| {
        json!({
            "name": plural, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind,
            "verbs": ["create"],
        })
    });
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    answer::ok(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": stored.chain(asked).collect::<Vec<_>>(),
    }))
}

fn legacy_kind(kind: &'static Kind) -> Vec<Value> {
    let mut main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": verbs(kind),
    });
    insert_names(meta::as_map(&mut main), kind);
    let mut all = vec![main];
    for (name, (group, version, body), verbs) in subresources(kind) {
        let mut entry = json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
            "kind": if body.is_empty() { kind.kind } else { body }, "verbs": verbs,
        });
        if !group.is_empty() {
            let map = meta::as_map(&mut entry);
            map.insert("group".to_owned(), group.into());
            map.insert("version".to_owned(), version.into());
        }
        all.push(entry);
    }
    all
}
