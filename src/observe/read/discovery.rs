//! What a cluster serves: the aggregated form in two requests where the server has it, else a request a group version.

use futures::StreamExt as _;
use serde::Deserialize;

use super::super::ReadError;
use super::catalog::{Catalog, ResourceKind};
use super::reader::ClusterReader;

/// The aggregated form (Kubernetes 1.27 and later), with the plain one as second choice.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Largest answer that is read. A cluster with a thousand custom kinds has about 1 MiB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Group versions asked for at once.
const AT_ONCE: usize = 8;

/// Most group versions that are asked for one by one.
const MAX_VERSIONS: usize = 300;

/// Either form of `/api` and `/apis`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Root {
    /// Aggregated.
    items: Option<Vec<Group>>,
    /// Legacy `/api`.
    versions: Vec<String>,
    /// Legacy `/apis`.
    groups: Vec<LegacyGroup>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize, Default)]
struct GroupMeta {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupVersion {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    #[serde(default)]
    response_kind: ResponseKind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize, Default)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct LegacyGroup {
    versions: Vec<LegacyVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyVersion {
    group_version: String,
}

#[derive(Deserialize)]
struct LegacyList {
    #[serde(default)]
    resources: Vec<LegacyResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyResource {
    name: String,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    short_names: Option<Vec<String>>,
    #[serde(default)]
    categories: Option<Vec<String>>,
    #[serde(default)]
    verbs: Vec<String>,
}

/// Asks what there is. A group that does not answer is noted and left out.
pub(super) async fn discover(reader: &ClusterReader) -> Result<Catalog, ReadError> {
    let (core, groups) = tokio::try_join!(root(reader, "/api"), root(reader, "/apis"))?;
    let mut catalog = Catalog::default();
    for root in [core, groups] {
        match root.items {
            Some(groups) => groups.into_iter().for_each(|group| aggregated(&mut catalog, group)),
            None => legacy(reader, &mut catalog, &root.versions, &root.groups).await,
        }
    }
    if catalog.kinds.is_empty() {
        // Whatever answers there, it is no API server that this program may read.
        return Err(ReadError::NoKinds { why: catalog.unread.into_iter().next().unwrap_or_default() });
    }
    Ok(catalog)
}

async fn root(reader: &ClusterReader, path: &str) -> Result<Root, ReadError> {
    let body =
        reader.fetch(path, Some(AGGREGATED), &ClusterReader::asked("get", path, None), MAX_BYTES).await?;
    ReadError::read_json(&body)
}

fn aggregated(catalog: &mut Catalog, group: Group) {
    let name = group.metadata.name;
    for version in group.versions {
        if version.freshness == "Stale" {
            catalog.unread.push(format!("{name}/{}: its server does not answer", version.version));
        }
        for resource in version.resources {
            let kind = ResourceKind {
                group: name.clone(),
                version: version.version.clone(),
                kind: resource.response_kind.kind,
                singular: resource.singular_resource,
                plural: resource.resource,
                short_names: resource.short_names,
                categories: resource.categories,
                namespaced: resource.scope == "Namespaced",
                verbs: resource.verbs,
            };
            add(catalog, kind);
        }
    }
}

async fn legacy(reader: &ClusterReader, catalog: &mut Catalog, core: &[String], groups: &[LegacyGroup]) {
    let core = core.iter().map(|version| format!("/api/{version}"));
    let named = groups.iter().flat_map(|group| &group.versions);
    let paths: Vec<String> = core
        .chain(named.map(|version| format!("/apis/{}", version.group_version)))
        .take(MAX_VERSIONS)
        .collect();
    let lists: Vec<(String, Result<LegacyList, ReadError>)> = futures::stream::iter(paths)
        .map(async |path| {
            let list = legacy_list(reader, &path).await;
            (path, list)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (path, list) in lists {
        match list {
            Ok(list) => {
                list.resources.into_iter().for_each(|resource| add(catalog, of_legacy(&path, resource)));
            }
            Err(error) => catalog.unread.push(format!("{path}: {error}")),
        }
    }
}

async fn legacy_list(reader: &ClusterReader, path: &str) -> Result<LegacyList, ReadError> {
    let body = reader.fetch(path, None, &ClusterReader::asked("get", path, None), MAX_BYTES).await?;
    ReadError::read_json(&body)
}

fn of_legacy(path: &str, resource: LegacyResource) -> ResourceKind {
    let served = path.trim_start_matches("/apis/").trim_start_matches("/api/");
    let (group, version) = served.split_once('/').unwrap_or(("", served));
    ResourceKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: resource.kind,
        plural: resource.name,
        singular: resource.singular_name,
        short_names: resource.short_names.unwrap_or_default(),
        categories: resource.categories.unwrap_or_default(),
        namespaced: resource.namespaced,
        verbs: resource.verbs,
    }
}

/// Keeps what can be read, each kind once: in the version that came first, which the server prefers. Names that could
/// not stand in a URL are left out.
fn add(catalog: &mut Catalog, mut kind: ResourceKind) {
    let plain = |text: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) && !text.contains("..")
    };
    let named =
        !kind.plural.is_empty() && [&kind.plural, &kind.group, &kind.version].iter().all(|name| plain(name));
    if !named || !(kind.can("get") || kind.can("list")) {
        return;
    }
    if kind.singular.is_empty() {
        kind.singular = kind.kind.to_ascii_lowercase();
    }
    if catalog.in_group(&kind.group, &kind.plural).is_none() {
        catalog.kinds.push(kind);
    }
}
