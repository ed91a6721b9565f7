//! Reading objects of the Gateway API, whose types are not built in and which many clusters do not have.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::api::ListParams;
use serde_json::Value;

use super::applied::LAST_APPLIED;
use super::fetch::Asked;
use super::list::list;
use super::objects::{Part, Reader};

const GROUP: &str = "gateway.networking.k8s.io";

/// Largest object that is kept, bytes of JSON.
const LARGEST: usize = 64 * 1024;

/// A kind: its version, plural and name.
type Kind = (&'static str, &'static str, &'static str);

/// Kinds that routes of other namespaces may refer to.
const SHARED: [Kind; 3] = [
    ("v1", "gatewayclasses", "GatewayClass"),
    ("v1", "gateways", "Gateway"),
    ("v1beta1", "referencegrants", "ReferenceGrant"),
];

/// Kinds that are read in the namespace that matters.
const ROUTES: [Kind; 2] = [("v1", "httproutes", "HTTPRoute"), ("v1", "grpcroutes", "GRPCRoute")];

impl<'a> Reader<'a> {
    /// GatewayClasses, Gateways and ReferenceGrants of all namespaces.
    pub(in super::super) fn gateways(self) -> Vec<BoxFuture<'a, Part>> {
        SHARED.into_iter().map(|kind| self.untyped(None, kind)).collect()
    }

    /// Routes of a namespace.
    pub(in super::super) fn routes(self, namespace: &'a str) -> Vec<BoxFuture<'a, Part>> {
        ROUTES.into_iter().map(|kind| self.untyped(Some(namespace), kind)).collect()
    }

    /// One kind; a server that does not serve it has none.
    fn untyped(self, namespace: Option<&'a str>, (version, plural, kind): Kind) -> BoxFuture<'a, Part> {
        async move {
            let place = namespace.map(|namespace| format!("namespaces/{namespace}/")).unwrap_or_default();
            let path = format!("/apis/{GROUP}/{version}/{place}{plural}");
            let resource = format!("{plural}.{GROUP}");
            let asked = Asked { verb: "list", resource, namespace: namespace.map(str::to_owned) };
            let listing = list::<Value>(self.client, &path, ListParams::default(), &asked, self.limits).await;
            let mut part = Part::default();
            let whole = listing.items.into_iter().filter_map(|object| kept(object, version, kind));
            part.objects.others = whole.collect();
            let error = listing.error.filter(|error| error.code() != Some(404));
            part.asked.extend(Some(plural).filter(|_| error.is_none()));
            part.failures.extend(error.map(|error| (plural, error)));
            part
        }
        .boxed()
    }
}

/// The object with what says its kind, without what nobody reads; `None` where it is too large, or none.
fn kept(mut object: Value, version: &str, kind: &str) -> Option<Value> {
    let fields = object.as_object_mut()?;
    fields.entry("apiVersion").or_insert_with(|| Value::from(format!("{GROUP}/{version}")));
    fields.entry("kind").or_insert_with(|| Value::from(kind));
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.remove("managedFields");
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
        }
    }
    Some(object).filter(|object| object.to_string().len() <= LARGEST)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LARGEST, kept};

    #[test]
    fn an_object_says_its_kind_and_loses_what_nobody_reads() {
        let object = json!({"metadata": {"name": "a", "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "x"}}});
        let expected = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "a", "annotations": {"note": "x"}}});
        assert_eq!(kept(object, "v1", "HTTPRoute"), Some(expected));
    }

    #[test]
    fn what_is_too_large_or_no_object_is_left_out() {
        assert_eq!(kept(json!({"spec": "x".repeat(LARGEST)}), "v1", "Gateway"), None);
        assert_eq!(kept(json!(7), "v1", "Gateway"), None);
    }
}
