//! The kinds that a cluster serves, found by any of their names. Pure.

use strsim::jaro_winkler;

/// Names that differ by less than this are not offered as near.
const NEAR: f64 = 0.82;

/// Most near names that are offered.
const MAX_NEAR: usize = 6;

/// One kind of object as the API serves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Version: `v1`.
    pub version: String,
    /// Kind: `Deployment`.
    pub kind: String,
    /// Name in URLs: `deployments`.
    pub plural: String,
    /// Singular name: `deployment`.
    pub singular: String,
    /// Short names: `deploy`.
    pub short_names: Vec<String>,
    /// Categories: `all`.
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it: `get`, `list`, …
    pub verbs: Vec<String>,
}

impl ResourceKind {
    /// `deployments.apps`, in the words of RBAC.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether its objects hold what nobody may read. Says yes for any kind of that name, whichever group serves it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret" || self.plural == "secrets"
    }

    /// Whether it can be listed.
    #[must_use]
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// The URL path of its collection.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        match namespace {
            Some(namespace) => {
                format!("{root}/{}/namespaces/{namespace}/{}", self.api_version(), self.plural)
            }
            None => format!("{root}/{}/{}", self.api_version(), self.plural),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        [&self.plural, &self.singular].into_iter().chain(&self.short_names).any(|own| own == name)
            || self.kind.eq_ignore_ascii_case(name)
    }
}

/// The kinds of one cluster, in the order of its discovery: the core group first, preferred versions first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The kinds that can be read.
    pub kinds: Vec<ResourceKind>,
    /// Groups that did not tell what they serve, with the reason.
    pub unread: Vec<String>,
}

impl Catalog {
    /// The kind by plural, singular, short name or kind, in any case, with or without its group: `po`, `Pod`,
    /// `deployments.apps`, `deployments.v1.apps`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ResourceKind> {
        let name = name.trim().to_ascii_lowercase();
        let whole = self.kinds.iter().find(|kind| kind.is_called(&name));
        whole.or_else(|| {
            let (plain, suffix) = name.split_once('.')?;
            let fits = |kind: &&ResourceKind| {
                let versioned = format!("{}.{}", kind.version, kind.group);
                kind.is_called(plain) && (kind.group == suffix || versioned == suffix)
            };
            self.kinds.iter().find(fits)
        })
    }

    /// The kind of a group by its plural name: the metrics API has `pods` of its own.
    #[must_use]
    pub fn in_group(&self, group: &str, plural: &str) -> Option<&ResourceKind> {
        self.kinds.iter().find(|kind| kind.group == group && kind.plural == plural)
    }

    /// The kinds of a category, such as `all`.
    #[must_use]
    pub fn category(&self, name: &str) -> Vec<&ResourceKind> {
        self.kinds.iter().filter(|kind| kind.categories.iter().any(|own| own == name)).collect()
    }

    /// Names of kinds that are spelt much alike, the nearest first.
    #[must_use]
    pub fn near(&self, name: &str) -> Vec<String> {
        let name = name.to_ascii_lowercase();
        let likeness = |kind: &ResourceKind| {
            let names = [kind.plural.clone(), kind.singular.clone(), kind.kind.to_ascii_lowercase()];
            names.iter().map(|own| jaro_winkler(own, &name)).fold(0.0, f64::max)
        };
        let mut scored: Vec<(f64, String)> =
            self.kinds.iter().map(|kind| (likeness(kind), kind.resource())).collect();
        scored.retain(|(score, _)| *score >= NEAR);
        scored.sort_by(|left, right| right.0.total_cmp(&left.0));
        scored.dedup_by(|left, right| left.1 == right.1);
        scored.into_iter().take(MAX_NEAR).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalog, ResourceKind};

    fn kind(group: &str, kind: &str, plural: &str, short: &[&str]) -> ResourceKind {
        ResourceKind {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_ascii_lowercase(),
            short_names: short.iter().map(|name| (*name).to_owned()).collect(),
            namespaced: true,
            ..ResourceKind::default()
        }
    }

    fn catalog() -> Catalog {
        let kinds = vec![
            kind("", "Pod", "pods", &["po"]),
            kind("", "Event", "events", &["ev"]),
            kind("apps", "Deployment", "deployments", &["deploy"]),
            kind("events.k8s.io", "Event", "events", &["ev"]),
            kind("metrics.k8s.io", "PodMetrics", "pods", &[]),
            kind("example.com", "Widget", "widgets", &["wd"]),
        ];
        Catalog { kinds, unread: Vec::new() }
    }

    #[test]
    fn a_kind_is_found_by_every_name_that_kubectl_knows() {
        let catalog = catalog();
        let cases = [
            ("po", "pods"),
            ("Pod", "pods"),
            ("PODS", "pods"),
            ("deployments.apps", "deployments.apps"),
            ("deploy", "deployments.apps"),
            ("deployments.v1.apps", "deployments.apps"),
            ("events", "events"),
            ("events.events.k8s.io", "events.events.k8s.io"),
            ("wd", "widgets.example.com"),
            ("widgets.example.com", "widgets.example.com"),
            ("pods.metrics.k8s.io", "pods.metrics.k8s.io"),
        ];
        for (name, expected) in cases {
            assert_eq!(catalog.find(name).map(ResourceKind::resource).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(catalog.find("deployments.extensions"), None);
        assert_eq!(catalog.find(""), None);
    }

    #[test]
    fn a_misspelt_kind_has_near_ones() {
        assert_eq!(catalog().near("deploymnet"), ["deployments.apps"]);
        assert_eq!(catalog().near("zzz"), Vec::<String>::new());
    }

    #[test]
    fn paths_are_those_of_the_api() {
        let catalog = catalog();
        let path = |name: &str, namespace| catalog.find(name).unwrap().path(namespace);
        assert_eq!(path("po", Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(path("deploy", None), "/apis/apps/v1/deployments");
    }
}
