//! Trying every connection of a cluster, for `kubewright check`.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::{Observer, ReadError};

/// What was tried and how it went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Connection {
    /// What was tried: `Kubernetes API`, `RBAC list pods`, `Prometheus`, `Loki`.
    pub what: String,
    /// Whether it works.
    pub ok: bool,
    /// The version where it works; what to do where it does not.
    pub detail: String,
}

/// What is needed: verb, API group, resource, subresource.
type Permission = (&'static str, &'static str, &'static str, &'static str);

/// What reading needs everywhere, then what the repairs of the catalog need.
const PERMISSIONS: &[Permission] = &[
    ("list", "", "pods", ""),
    ("get", "", "pods", "log"),
    ("list", "", "services", ""),
    ("list", "", "configmaps", ""),
    ("list", "", "secrets", ""),
    ("list", "", "events", ""),
    ("list", "", "nodes", ""),
    ("list", "", "persistentvolumeclaims", ""),
    ("list", "", "persistentvolumes", ""),
    ("list", "", "resourcequotas", ""),
    ("list", "", "limitranges", ""),
    ("list", "", "serviceaccounts", ""),
    ("list", "", "namespaces", ""),
    ("list", "apps", "deployments", ""),
    ("list", "apps", "replicasets", ""),
    ("list", "apps", "statefulsets", ""),
    ("list", "apps", "daemonsets", ""),
    ("list", "apps", "controllerrevisions", ""),
    ("list", "batch", "jobs", ""),
    ("list", "batch", "cronjobs", ""),
    ("list", "autoscaling", "horizontalpodautoscalers", ""),
    ("list", "discovery.k8s.io", "endpointslices", ""),
    ("list", "networking.k8s.io", "ingresses", ""),
    ("list", "networking.k8s.io", "networkpolicies", ""),
    ("list", "networking.k8s.io", "ingressclasses", ""),
    ("list", "policy", "poddisruptionbudgets", ""),
    ("list", "storage.k8s.io", "storageclasses", ""),
    ("list", "rbac.authorization.k8s.io", "roles", ""),
    ("list", "rbac.authorization.k8s.io", "rolebindings", ""),
    ("list", "rbac.authorization.k8s.io", "clusterroles", ""),
    ("list", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("list", "admissionregistration.k8s.io", "validatingwebhookconfigurations", ""),
    ("list", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", ""),
    ("list", "scheduling.k8s.io", "priorityclasses", ""),
    ("list", "gateway.networking.k8s.io", "gatewayclasses", ""),
    ("list", "gateway.networking.k8s.io", "gateways", ""),
    ("list", "gateway.networking.k8s.io", "httproutes", ""),
    ("list", "gateway.networking.k8s.io", "grpcroutes", ""),
    ("list", "gateway.networking.k8s.io", "referencegrants", ""),
    ("list", "node.k8s.io", "runtimeclasses", ""),
    ("update", "apps", "deployments", ""),
    ("update", "apps", "statefulsets", ""),
    ("update", "apps", "daemonsets", ""),
    ("update", "autoscaling", "horizontalpodautoscalers", ""),
    ("update", "", "nodes", ""),
    ("create", "", "pods", "eviction"),
    ("delete", "", "pods", ""),
    ("create", "", "events", ""),
];

pub(super) async fn probe(observer: &Observer) -> Vec<Connection> {
    let api = api_version(observer).await;
    if !api.ok {
        let (prometheus, loki) = tokio::join!(prometheus(observer), loki(observer));
        return std::iter::once(api).chain(prometheus).chain(loki).collect();
    }
    let permissions = join_all(PERMISSIONS.iter().map(|permission| permitted(observer, *permission)));
    let (permissions, watches) = futures::join!(permissions, watching(observer));
    let (prometheus, loki) = futures::join!(prometheus(observer), loki(observer));
    std::iter::once(api).chain(permissions).chain(watches).chain(prometheus).chain(loki).collect()
}

/// What is listed and never watched.
const GATEWAYS: &str = "gateway.networking.k8s.io";

/// Whether `serve` may watch what it lists. Where it may not, it lists for each diagnosis: no fault, but worth knowing.
async fn watching(observer: &Observer) -> Option<Connection> {
    if !observer.settings().watch.enabled {
        return None;
    }
    let listed = PERMISSIONS.iter().filter(|(verb, group, ..)| *verb == "list" && *group != GATEWAYS);
    let reviews = listed.map(|(_, group, resource, _)| permitted(observer, ("watch", group, resource, "")));
    let refused = join_all(reviews).await.into_iter().filter(|review| !review.ok);
    let refused: Vec<_> = refused.map(|review| review.what.replace("RBAC watch ", "")).collect();
    let detail = if refused.is_empty() {
        "allowed in all namespaces".to_owned()
    } else {
        format!("not allowed for {}: listed for each diagnosis instead", refused.join(", "))
    };
    Some(Connection { what: "RBAC watch".to_owned(), ok: true, detail })
}

/// Runs one trial under the collectors' deadline and words its result.
async fn tried<E: Into<ReadError>>(
    what: String,
    deadline: Duration,
    trial: impl Future<Output = Result<String, E>>,
) -> Connection {
    let result = match tokio::time::timeout(deadline, trial).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(ReadError::TimedOut { after: deadline }),
    };
    match result {
        Ok(detail) => Connection { what, ok: true, detail },
        Err(error) => Connection { what, ok: false, detail: error.to_string() },
    }
}

async fn api_version(observer: &Observer) -> Connection {
    let trial = async {
        let info = observer.client().apiserver_version().await.map_err(ReadError::from_kube)?;
        Ok::<_, ReadError>(format!("version {}", info.git_version))
    };
    tried("Kubernetes API".to_owned(), observer.settings().collector_deadline, trial).await
}

async fn permitted(observer: &Observer, (verb, group, resource, subresource): Permission) -> Connection {
    let name =
        [resource, subresource].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    let name = if group.is_empty() { name } else { format!("{name}.{group}") };
    let what = format!("RBAC {verb} {name}");
    let attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(observer.client());
    let trial = async {
        let review = reviews.create(&PostParams::default(), &review).await.map_err(ReadError::from_kube)?;
        if review.status.is_some_and(|status| status.allowed) {
            return Ok("allowed in all namespaces".to_owned());
        }
        Err(ReadError::Forbidden { verb, resource: name, namespace: None })
    };
    tried(what, observer.settings().collector_deadline, trial).await
}

async fn prometheus(observer: &Observer) -> Option<Connection> {
    let prometheus = observer.prometheus()?;
    // Proxies in front of Prometheus often let only the query API through, hence no `/-/ready`.
    let deadline = observer.settings().collector_deadline;
    let answer = tokio::time::timeout(deadline, prometheus.query("1", None)).await;
    let (ok, detail) = match answer {
        Ok(Ok(_)) => (true, prometheus.url()),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => (false, ReadError::TimedOut { after: deadline }.to_string()),
    };
    Some(Connection { what: "Prometheus".to_owned(), ok, detail })
}

async fn loki(observer: &Observer) -> Option<Connection> {
    let loki = observer.loki()?;
    let trial = async {
        loki.labels().await?;
        Ok::<_, ReadError>(loki.url())
    };
    Some(tried("Loki".to_owned(), observer.settings().collector_deadline, trial).await)
}
