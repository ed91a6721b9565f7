//! Why an [`Observer`](super::Observer) cannot be built.

/// Why an observer cannot be built from its settings. Nothing was sent yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The kubeconfig cannot be read, or does not hold what the settings name.
    #[error("the kubeconfig cannot be used; check clusters.kubeconfig and clusters.context")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// This program does not run in a pod with a service account.
    #[error(
        "no in-cluster service account; set clusters.kubeconfig where kubewright runs outside the cluster"
    )]
    InCluster(#[source] kube::config::InClusterError),
    /// The API server's URL is unusable.
    #[error("{url} cannot be used as the URL of an API server")]
    Url {
        /// The URL.
        url: String,
    },
    /// The Kubernetes client cannot be built: certificates or credentials.
    #[error("the Kubernetes client cannot be built; check certificates and credentials")]
    Client(#[source] kube::Error),
    /// The HTTP client for metrics or logs cannot be built.
    #[error("the HTTP client cannot be built")]
    HttpClient(#[source] reqwest::Error),
    /// A header's name or value has characters that HTTP does not allow.
    #[error("the header {name} cannot be sent: its name or value has characters that HTTP does not allow")]
    Header {
        /// The header's name.
        name: String,
    },
}
