//! What a request path addresses: kind, namespace, name and subresource, as the API server's own RequestInfo.

use crate::sim::kinds::{self, Kind};
use crate::sim::objects::ApiError;

/// The addressee of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The kind of resource.
    pub kind: &'static Kind,
    /// The version asked for; objects are answered in it.
    pub version: String,
    /// The namespace, none for cluster-wide kinds and lists across namespaces.
    pub namespace: Option<String>,
    /// The object's name, none for collections.
    pub name: Option<String>,
    /// The subresource, empty for the object itself.
    pub subresource: String,
}

impl Target {
    /// Reads the path below `/api/v1/` (empty group) or `/apis/GROUP/VERSION/`.
    ///
    /// # Errors
    /// 404 for anything that is not served.
    pub(super) fn parse(group: &str, version: &str, rest: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        let (namespace, parts) = match parts.as_slice() {
            // `namespaces/x` and its own subresources address the namespace itself.
            ["namespaces", _, "status" | "finalize"] | ["namespaces", _] | ["namespaces"] => {
                (None, parts.as_slice())
            }
            ["namespaces", namespace, inner @ ..] => (Some((*namespace).to_owned()), inner),
            all => (None, all),
        };
        let (plural, name, subresource) = match parts {
            [plural] => (*plural, None, ""),
            [plural, name] => (*plural, Some(*name), ""),
            [plural, name, subresource] => (*plural, Some(*name), *subresource),
            _ => return Err(ApiError::no_such_path()),
        };
        let kind = kinds::by_resource(group, plural).filter(|kind| kind.serves(version));
        let kind = kind.ok_or_else(ApiError::no_such_path)?;
        let misplaced = kind.namespaced != namespace.is_some() && (name.is_some() || !kind.namespaced);
        if misplaced {
            return Err(ApiError::no_such_path());
        }
        Ok(Self {
            kind,
            version: version.to_owned(),
            namespace,
            name: name.map(str::to_owned),
            subresource: subresource.to_owned(),
        })
    }

    /// The namespace as the store keys it: empty for cluster-wide kinds.
    pub(super) fn store_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The object's name, empty for collections.
    pub(super) fn object_name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// `apps/v1`: the version that objects are answered in.
    pub(super) fn api_version(&self) -> String {
        self.kind.api_version_as(&self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(
        group: &str,
        version: &str,
        rest: &str,
    ) -> Option<(String, Option<String>, Option<String>, String)> {
        Target::parse(group, version, rest)
            .ok()
            .map(|t| (t.kind.resource(), t.namespace, t.name, t.subresource))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn paths_address_collections_objects_and_subresources() {
        assert_eq!(short("", "v1", "pods"), Some(("pods".into(), None, None, String::new())));
        assert_eq!(
            short("", "v1", "namespaces/shop"),
            Some(("namespaces".into(), None, some("shop"), String::new()))
        );
        assert_eq!(
            short("", "v1", "namespaces/shop/pods/web/log"),
            Some(("pods".into(), some("shop"), some("web"), "log".into()))
        );
        assert_eq!(
            short("apps", "v1", "namespaces/shop/deployments"),
            Some(("deployments.apps".into(), some("shop"), None, String::new()))
        );
        assert_eq!(
            short("", "v1", "nodes/a/status"),
            Some(("nodes".into(), None, some("a"), "status".into()))
        );
    }

    #[test]
    fn anything_else_is_not_served() {
        for (group, version, rest) in [
            ("", "v1", "gadgets"),
            ("apps", "v1beta1", "deployments"),
            ("", "v1", "pods/web"),
            ("", "v1", "namespaces/shop/nodes/a"),
            ("", "v1", "namespaces/shop/pods/web/log/more"),
            ("", "v1", ""),
        ] {
            assert_eq!(short(group, version, rest), None, "{group}/{version}/{rest}");
        }
    }
}
