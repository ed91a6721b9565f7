//! The one table of resource kinds that the simulated API serves.
//!
//! Discovery, routing, storage and OpenAPI all read it. How a kind is shown as a table is `api::table`'s business,
//! what its absent fields default to is `objects::defaults`'s.

/// One resource kind, as discovery tells it.
#[derive(Debug)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// The version objects are stored in, also the preferred one.
    pub version: &'static str,
    /// Further versions served from the same storage.
    pub also_served: &'static [&'static str],
    /// Kind name, such as `Deployment`.
    pub kind: &'static str,
    /// Resource name in URLs, such as `deployments`.
    pub plural: &'static str,
    /// Singular resource name.
    pub singular: &'static str,
    /// Short names that kubectl accepts.
    pub short_names: &'static [&'static str],
    /// Categories such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether there is a `status` subresource.
    pub has_status: bool,
    /// Whether there is a `scale` subresource.
    pub scalable: bool,
    /// Whether `metadata.generation` counts changes of the desired state.
    pub has_generation: bool,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.plural == other.plural && self.group == other.group
    }
}

impl Eq for Kind {}

impl Kind {
    /// `v1` or `apps/v1`: what objects carry as `apiVersion` in storage.
    pub fn api_version(&self) -> String {
        self.api_version_as(self.version)
    }

    /// The `apiVersion` of this kind in one of its served versions.
    pub fn api_version_as(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// `deployments.apps`: how messages of the API name the resource.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether this kind is served under a version.
    pub fn serves(&self, version: &str) -> bool {
        self.version == version || self.also_served.contains(&version)
    }

    /// All versions, the preferred one first.
    pub fn versions(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.version).chain(self.also_served.iter().copied())
    }

    const fn new(
        group: &'static str,
        kind: &'static str,
        plural: &'static str,
        singular: &'static str,
    ) -> Self {
        Self {
            group,
            version: "v1",
            also_served: &[],
            kind,
            plural,
            singular,
            short_names: &[],
            categories: &[],
            namespaced: true,
            has_status: false,
            scalable: false,
            has_generation: false,
        }
    }

    const fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short_names = names;
        self
    }

    const fn in_all(mut self) -> Self {
        self.categories = &["all"];
        self
    }

    const fn cluster_wide(mut self) -> Self {
        self.namespaced = false;
        self
    }

    const fn status(mut self) -> Self {
        self.has_status = true;
        self
    }

    const fn scale(mut self) -> Self {
        self.scalable = true;
        self
    }

    const fn generation(mut self) -> Self {
        self.has_generation = true;
        self
    }

    const fn served(mut self, version: &'static str, also: &'static [&'static str]) -> Self {
        self.version = version;
        self.also_served = also;
        self
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:expr;)*) => {
        $($(#[$doc])* pub static $name: Kind = $kind;)*
        /// Every kind, in the order of groups in discovery.
        pub static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

const APPS: &str = "apps";
const BATCH: &str = "batch";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

kinds! {
    /// Key-value configuration.
    CONFIG_MAPS = Kind::new("", "ConfigMap", "configmaps", "configmap").short(&["cm"]);
    /// The older form of a Service's endpoints.
    ENDPOINTS = Kind::new("", "Endpoints", "endpoints", "endpoints").short(&["ep"]);
    /// What controllers and kubelets report.
    EVENTS = Kind::new("", "Event", "events", "event").short(&["ev"]);
    /// Default and maximum resources in a namespace.
    LIMIT_RANGES = Kind::new("", "LimitRange", "limitranges", "limitrange").short(&["limits"]);
    /// Namespaces.
    NAMESPACES = Kind::new("", "Namespace", "namespaces", "namespace").short(&["ns"]).cluster_wide().status();
    /// Nodes.
    NODES = Kind::new("", "Node", "nodes", "node").short(&["no"]).cluster_wide().status();
    /// Claims for storage.
    PERSISTENT_VOLUME_CLAIMS =
        Kind::new("", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim").short(&["pvc"]).status();
    /// Pieces of storage.
    PERSISTENT_VOLUMES =
        Kind::new("", "PersistentVolume", "persistentvolumes", "persistentvolume").short(&["pv"]).cluster_wide().status();
    /// Pods.
    PODS = Kind::new("", "Pod", "pods", "pod").short(&["po"]).in_all().status().generation();
    /// The ancestor of ReplicaSets; served, never used.
    REPLICATION_CONTROLLERS = Kind::new("", "ReplicationController", "replicationcontrollers", "replicationcontroller")
        .short(&["rc"]).in_all().status().scale().generation();
    /// Limits on what a namespace may use.
    RESOURCE_QUOTAS = Kind::new("", "ResourceQuota", "resourcequotas", "resourcequota").short(&["quota"]).status();
    /// Secrets.
    SECRETS = Kind::new("", "Secret", "secrets", "secret");
    /// Identities of pods.
    SERVICE_ACCOUNTS = Kind::new("", "ServiceAccount", "serviceaccounts", "serviceaccount").short(&["sa"]);
    /// Services.
    SERVICES = Kind::new("", "Service", "services", "service").short(&["svc"]).in_all().status();
    /// Webhooks that may change an object on its way in; stored only.
    MUTATING_WEBHOOKS = Kind::new(
        ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration",
    ).cluster_wide().generation();
    /// Webhooks that may refuse an object on its way in; stored only.
    VALIDATING_WEBHOOKS = Kind::new(
        ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "validatingwebhookconfiguration",
    ).cluster_wide().generation();
    /// Revisions of StatefulSets and DaemonSets.
    CONTROLLER_REVISIONS = Kind::new(APPS, "ControllerRevision", "controllerrevisions", "controllerrevision");
    /// DaemonSets.
    DAEMON_SETS = Kind::new(APPS, "DaemonSet", "daemonsets", "daemonset").short(&["ds"]).in_all().status().generation();
    /// Deployments.
    DEPLOYMENTS =
        Kind::new(APPS, "Deployment", "deployments", "deployment").short(&["deploy"]).in_all().status().scale().generation();
    /// ReplicaSets.
    REPLICA_SETS =
        Kind::new(APPS, "ReplicaSet", "replicasets", "replicaset").short(&["rs"]).in_all().status().scale().generation();
    /// StatefulSets.
    STATEFUL_SETS =
        Kind::new(APPS, "StatefulSet", "statefulsets", "statefulset").short(&["sts"]).in_all().status().scale().generation();
    /// Horizontal pod autoscalers, stored as v2 and served as v1 too.
    HORIZONTAL_POD_AUTOSCALERS = Kind::new(
        "autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler",
    ).short(&["hpa"]).in_all().status().served("v2", &["v1"]);
    /// CronJobs.
    CRON_JOBS = Kind::new(BATCH, "CronJob", "cronjobs", "cronjob").short(&["cj"]).in_all().status().generation();
    /// Jobs.
    JOBS = Kind::new(BATCH, "Job", "jobs", "job").in_all().status().generation();
    /// Leases, by which nodes and leaders show that they live.
    LEASES = Kind::new("coordination.k8s.io", "Lease", "leases", "lease");
    /// The addresses behind Services.
    ENDPOINT_SLICES = Kind::new("discovery.k8s.io", "EndpointSlice", "endpointslices", "endpointslice").generation();
    /// Ingresses.
    INGRESSES = Kind::new(NETWORKING, "Ingress", "ingresses", "ingress").short(&["ing"]).status().generation();
    /// Network policies.
    NETWORK_POLICIES =
        Kind::new(NETWORKING, "NetworkPolicy", "networkpolicies", "networkpolicy").short(&["netpol"]).generation();
    /// Disruption budgets that evictions honour.
    POD_DISRUPTION_BUDGETS = Kind::new("policy", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget")
        .short(&["pdb"]).status().generation();
    /// Cluster-wide role bindings.
    CLUSTER_ROLE_BINDINGS =
        Kind::new(RBAC, "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding").cluster_wide();
    /// Cluster-wide roles.
    CLUSTER_ROLES = Kind::new(RBAC, "ClusterRole", "clusterroles", "clusterrole").cluster_wide();
    /// Role bindings.
    ROLE_BINDINGS = Kind::new(RBAC, "RoleBinding", "rolebindings", "rolebinding");
    /// Roles.
    ROLES = Kind::new(RBAC, "Role", "roles", "role");
    /// Storage classes.
    STORAGE_CLASSES = Kind::new("storage.k8s.io", "StorageClass", "storageclasses", "storageclass").short(&["sc"]).cluster_wide();
}

/// The kind behind a URL's group and plural resource name.
pub fn by_resource(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.group == group && kind.plural == plural)
}

/// The kind with a kind name such as `Deployment`; kind names are unique here.
pub fn by_kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.kind == name)
}

/// The kind of an object by its `apiVersion` and `kind`.
pub fn of(object: &serde_json::Value) -> Option<&'static Kind> {
    let api_version = object.get("apiVersion")?.as_str()?;
    let kind = by_kind(object.get("kind")?.as_str()?)?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    (kind.group == group && kind.serves(version)).then_some(kind)
}
