//! The configuration file as it is written, section by section, before it is checked.

use serde::Deserialize;

use super::secret::SecretRef;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    pub(super) listen: Option<String>,
    pub(super) token: Option<SecretRef>,
    pub(super) external_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: Option<String>,
    pub(super) url_from: Option<SecretRef>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Intake {
    pub(super) correlation_window: Option<String>,
    pub(super) max_body_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Observe {
    pub(super) collector_deadline: Option<String>,
    pub(super) max_log_bytes: Option<usize>,
    pub(super) max_log_containers: Option<usize>,
    pub(super) max_objects_per_kind: Option<usize>,
    pub(super) change_window: Option<String>,
    pub(super) watch: Watch,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Watch {
    pub(super) enabled: Option<bool>,
    pub(super) namespaces: Vec<String>,
    pub(super) max_objects: Option<usize>,
    pub(super) max_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Diagnosis {
    pub(super) rules: Option<std::path::PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Automation {
    pub(super) level: Option<u8>,
    pub(super) protected_namespaces: Option<Vec<String>>,
    pub(super) freeze_windows: Vec<FreezeWindow>,
    pub(super) approval_ttl: Option<String>,
    pub(super) policy: Option<std::path::PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeWindow {
    pub(super) reason: String,
    pub(super) from: String,
    pub(super) until: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verify {
    pub(super) stability_window: Option<String>,
    pub(super) deadline: Option<String>,
    pub(super) poll_interval: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Agents {
    pub(super) file: Option<std::path::PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Egress {
    pub(super) emails: Option<bool>,
    pub(super) ip_addresses: Option<bool>,
    pub(super) rules: Option<std::path::PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Knowledge {
    pub(super) enabled: Option<bool>,
    pub(super) folder: Option<std::path::PathBuf>,
    pub(super) location: Option<String>,
    pub(super) models: Option<std::path::PathBuf>,
    pub(super) model: Option<String>,
    pub(super) endpoint: Option<KnowledgeEndpoint>,
    pub(super) reranker: Option<String>,
    pub(super) onnx_runtime: Option<std::path::PathBuf>,
    pub(super) download_models: Option<bool>,
    pub(super) keep_versions: Option<String>,
    pub(super) glossary: Option<std::path::PathBuf>,
    pub(super) platform: Option<String>,
    pub(super) manifest: Option<std::path::PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnowledgeEndpoint {
    pub(super) url: String,
    pub(super) model: String,
    #[serde(default)]
    pub(super) dimension: Option<usize>,
    #[serde(default)]
    pub(super) key: Option<SecretRef>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cluster {
    pub(super) name: String,
    #[serde(default)]
    pub(super) environment: Option<String>,
    #[serde(default)]
    pub(super) kubeconfig: Option<std::path::PathBuf>,
    #[serde(default)]
    pub(super) context: Option<String>,
    #[serde(default)]
    pub(super) in_cluster: bool,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) prometheus: Option<Endpoint>,
    #[serde(default)]
    pub(super) loki: Option<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) url: String,
    #[serde(default)]
    pub(super) bearer_token: Option<SecretRef>,
    #[serde(default)]
    pub(super) headers: std::collections::BTreeMap<String, SecretRef>,
}
