//! The one table of what analyzers can find: a stable code, where such a finding is read, how strongly it speaks, and
//! what it means.
//!
//! Strengths are starting values on the project's 0-to-1 scale: about 0.9 where the object itself says that it has failed,
//! about 0.6 where it says that something is unusual, about 0.3 where it is context for a rule.

use crate::incident::EvidenceSource;

/// One kind of finding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Code {
    /// Stable name, for instance `pod.container.oom_killed`.
    pub name: &'static str,
    /// Where it is read.
    pub source: EvidenceSource,
    /// Signal strength unless the analyzer knows better, 0 to 1.
    pub strength: f64,
    /// What it means, for documentation.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $source:ident, $strength:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Code = Code {
            name: $name, source: EvidenceSource::$source, strength: $strength, meaning: $meaning,
        };)*
        /// Every code, in the order of the table.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    CRASH_LOOP = "pod.container.crash_loop", Object, 0.9, "The kubelet waits before starting a container again that keeps ending.";
    RESTARTED = "pod.container.restarted", Object, 0.6, "A container ended and was started again within the last minutes.";
    OOM_KILLED = "pod.container.oom_killed", Object, 0.95, "The kernel killed a container that reached its memory limit.";
    KILLED = "pod.container.killed", Object, 0.6, "A container ended with 137 (SIGKILL) without being out of memory.";
    TERMINATED = "pod.container.terminated", Object, 0.5, "A container ended with 143 (SIGTERM): it was asked to stop.";
    SEGMENTATION_FAULT = "pod.container.segmentation_fault", Object, 0.85, "A container ended with 139 (SIGSEGV).";
    NOT_EXECUTABLE = "pod.container.not_executable", Object, 0.9, "The command of a container cannot be executed (126).";
    COMMAND_NOT_FOUND = "pod.container.command_not_found", Object, 0.9, "The command of a container does not exist in its image (127).";
    EXITED = "pod.container.exited", Object, 0.7, "A container ended with an error of its own.";
    CREATE_FAILED = "pod.container.create_failed", Object, 0.85, "The container runtime could not create or start a container.";
    RUNS_AS_ROOT = "pod.security.runs_as_root", Object, 0.95, "A container must not run as root, and its image does or may.";
    WORKING_DIRECTORY = "pod.container.working_directory", Object, 0.9, "The working directory of a container does not exist or cannot be entered.";
    EXEC_FORMAT = "pod.container.exec_format", Object, 0.95, "The program of a container was built for another kind of machine.";
    MOUNT_INTO_CONTAINER = "pod.volume.mount_into_container", Object, 0.9, "A volume cannot be mounted into a container: its path or part is missing or of another kind.";
    IMAGE_NOT_FOUND = "pod.image.not_found", Object, 0.95, "The registry does not know the image or its tag.";
    IMAGE_UNAUTHORIZED = "pod.image.unauthorized", Object, 0.95, "The registry refuses the credentials, or asks for some.";
    IMAGE_REGISTRY_UNREACHABLE = "pod.image.registry_unreachable", Object, 0.9, "The registry cannot be reached.";
    IMAGE_REGISTRY_NAME = "pod.image.registry_name_unknown", Object, 0.95, "The host name of the registry cannot be resolved.";
    IMAGE_INVALID_NAME = "pod.image.invalid_name", Object, 0.95, "The image reference cannot be parsed.";
    IMAGE_PLATFORM = "pod.image.wrong_platform", Object, 0.95, "The image does not exist for the architecture of the node.";
    IMAGE_RATE_LIMITED = "pod.image.rate_limited", Object, 0.95, "The registry answers no more pulls for now: too many requests.";
    IMAGE_REGISTRY_TLS = "pod.image.registry_tls", Object, 0.95, "TLS with the registry fails.";
    IMAGE_NEVER_PULLED = "pod.image.never_pulled", Object, 0.95, "The image is not on the node, and the pull policy forbids to pull it.";
    IMAGE_PULL_FAILED = "pod.image.pull_failed", Object, 0.9, "The image cannot be pulled, for a reason that is not told apart further.";
    UNSCHEDULABLE = "pod.unschedulable", Object, 0.85, "The scheduler finds no node for a pod.";
    NODE_NAME_UNKNOWN = "pod.scheduling.node_name", Object, 0.9, "A pod names a node that does not exist or has no room.";
    SELECTOR_FITS_NO_NODE = "pod.scheduling.node_selector", Object, 0.9, "No node has the labels that the node selector of a pod asks for.";
    AFFINITY_FITS_NO_NODE = "pod.scheduling.node_affinity", Object, 0.9, "No node fits the required node affinity of a pod.";
    TAINT_NOT_TOLERATED = "pod.scheduling.taint", Object, 0.9, "A pod does not tolerate a taint of the nodes that it could use.";
    NODES_CORDONED = "pod.scheduling.cordoned", Object, 0.9, "The nodes that a pod could use are cordoned.";
    NODE_CLOSED_LATELY = "pod.scheduling.closed_lately", Object, 0.85, "A node that was cordoned or tainted lately would have room for a pod that fits no other.";
    AGENT_KEPT_OFF = "daemon_set.kept_off", Object, 0.85, "A DaemonSet does not tolerate a taint of a node whose programs are refused at its host port.";
    NODES_IN_TROUBLE = "pod.scheduling.nodes_in_trouble", Object, 0.85, "The nodes that a pod could use are not Ready or short of resources.";
    CPU_SHORT = "pod.scheduling.cpu", Object, 0.9, "No node that a pod could use has the CPU that it requests.";
    MEMORY_SHORT = "pod.scheduling.memory", Object, 0.9, "No node that a pod could use has the memory that it requests.";
    RESOURCE_SHORT = "pod.scheduling.resource", Object, 0.9, "No node that a pod could use has what it requests of another resource.";
    PODS_FULL = "pod.scheduling.too_many_pods", Object, 0.85, "The nodes that a pod could use run as many pods as they may.";
    HOST_PORT_TAKEN = "pod.scheduling.host_port", Object, 0.9, "The host port of a pod is taken on every node that it could use.";
    ANTI_AFFINITY = "pod.scheduling.anti_affinity", Object, 0.9, "Anti-affinity with other pods leaves no node.";
    POD_AFFINITY = "pod.scheduling.pod_affinity", Object, 0.9, "The pods that a pod must be near are nowhere that it could go.";
    VOLUME_ELSEWHERE = "pod.scheduling.volume", Object, 0.9, "A volume of a pod can be reached only from nodes that the pod cannot use.";
    CLAIM_CLASS = "claim.class_mismatch", Object, 0.9, "The nearest volume has another storage class than the claim asks for.";
    CLAIM_ACCESS_MODE = "claim.access_mode_mismatch", Object, 0.9, "The nearest volume does not offer an access mode that the claim asks for.";
    CLAIM_CAPACITY = "claim.capacity_mismatch", Object, 0.9, "The nearest volume holds less than the claim asks for.";
    CLAIM_SELECTOR = "claim.selector_mismatch", Object, 0.9, "The label selector of the claim matches no volume.";
    VOLUME_TAKEN = "claim.volume_taken", Object, 0.9, "The volume that the claim could have is bound to another one.";
    NO_VOLUME = "claim.no_volume", Object, 0.8, "There is no volume for the claim, and nothing makes one.";
    PROVISIONING_FAILED = "claim.provisioning_failed", Event, 0.9, "The provisioner of the claim's storage class fails.";
    SERVICE_ACCOUNT_MISSING = "service_account.missing", Object, 0.95, "A workload names a ServiceAccount that does not exist, so its pods cannot be created.";
    ACCESS_REFUSED = "access.refused", Object, 0.7, "The Kubernetes API refuses what a service account asks; why could not be seen.";
    ACCOUNT_UNBOUND = "rbac.account_unbound", Object, 0.75, "No binding gives a service account a role that allows what it asks.";
    ROLE_LACKS_RULE = "rbac.role.lacks_rule", Object, 0.85, "The role of a service account does not allow what it asks.";
    ROLE_OTHER_NAMES = "rbac.role.other_names", Object, 0.85, "The role of a service account allows it for objects of other names only.";
    BINDING_OTHER_NAMESPACE = "rbac.binding.other_namespace", Object, 0.85, "A binding allows in another namespace what a service account asks.";
    BINDING_OTHER_SUBJECT = "rbac.binding.other_subject", Object, 0.85, "A binding that would allow what a service account asks names another subject.";
    BINDING_ROLE_MISSING = "rbac.binding.role_missing", Object, 0.9, "A binding of a service account refers to a role that does not exist.";
    WORKLOAD_OTHER_ACCOUNT = "rbac.workload.other_account", Object, 0.85, "A program runs as another account than the one that may do what it asks.";
    TOKEN_NOT_MOUNTED = "service_account.token_not_mounted", Object, 0.85, "A program asks the Kubernetes API, and its pod is told to have no token.";
    TOKEN_REJECTED = "service_account.token_rejected", Object, 0.85, "The token of a program is of a ServiceAccount that is gone or was made anew.";
    CHANGED_SINCE_APPLIED = "change.since_applied", Object, 0.8, "An object that what fails depends on was edited, patched or scaled since it was applied.";
    POLICY_DENIES = "network_policy.denies", Object, 0.8, "A NetworkPolicy keeps a caller from what it complains about.";
    QUOTA_AMOUNT_MISSING = "quota.amount_missing", Object, 0.9, "A ResourceQuota wants amounts that a workload does not state.";
    POLICY_DENIED = "admission.denied", Object, 0.9, "An admission webhook or policy denies what a workload asks for.";
    POD_SECURITY_VIOLATED = "admission.pod_security_violated", Object, 0.9, "A pod template violates the level of Pod Security that its namespace enforces.";
    LIMIT_RANGE_EXCEEDED = "limit_range.exceeded", Object, 0.9, "Requests or limits of a workload lie outside a LimitRange.";
    LIMIT_RANGE_DEFAULT = "limit_range.default_too_small", Object, 0.85, "A container is killed at a memory limit that only a LimitRange gave it.";
    PRIORITY_CLASS_MISSING = "priority_class.missing", Object, 0.95, "A workload names a PriorityClass that does not exist, so its pods are refused.";
    RUNTIME_CLASS_MISSING = "runtime_class.missing", Object, 0.95, "A workload names a RuntimeClass that does not exist, so its pods are refused.";
    RUNTIME_HANDLER_UNKNOWN = "runtime_class.handler_unknown", Event, 0.85, "The container runtime of a node does not know the handler of a RuntimeClass.";
    INGRESS_BACKEND_MISSING = "ingress.backend.missing", Object, 0.85, "An Ingress sends requests to a Service that does not exist.";
    INGRESS_PORT_UNSERVED = "ingress.backend.port_unserved", Object, 0.85, "An Ingress sends requests to a port that the Service does not have.";
    INGRESS_CERTIFICATE_MISSING = "ingress.certificate.missing", Object, 0.75, "An Ingress takes its certificate from a Secret that does not exist or holds none.";
    INGRESS_CLASS_UNKNOWN = "ingress.class.unknown", Object, 0.9, "An Ingress is of a class that does not exist, so nobody serves it.";
    INGRESS_CLAIMED_TWICE = "ingress.claimed_twice", Object, 0.6, "Two Ingresses claim the same host and path for different Services.";
    GATEWAY_CLASS_REFUSED = "gateway_class.refused", Object, 0.85, "No controller accepts a GatewayClass that Gateways are of.";
    GATEWAY_REFUSED = "gateway.refused", Object, 0.9, "A Gateway or one of its listeners is not accepted, or refers to what is not there.";
    ROUTE_REFUSED = "route.refused", Object, 0.85, "A Gateway does not accept a route.";
    ROUTE_PARENT_MISSING = "route.parent.missing", Object, 0.9, "A route is attached to a Gateway or listener that does not exist.";
    ROUTE_BACKEND_MISSING = "route.backend.missing", Object, 0.9, "A route sends requests to a Service that does not exist.";
    ROUTE_PORT_UNSERVED = "route.backend.port_unserved", Object, 0.9, "A route sends requests to a port that the Service does not have.";
    ROUTE_NOT_GRANTED = "route.backend.not_granted", Object, 0.9, "A route sends requests into another namespace that does not let it.";
    ENDPOINTS_NOT_WRITTEN = "service.endpoints.not_written", Object, 0.8, "Callers complain about a Service without a selector that has no addresses.";
    ENDPOINTS_DEAD = "service.endpoints.dead_addresses", Object, 0.85, "The addresses that were written down for a Service are of no pod.";
    FOREIGN_PODS = "service.foreign_pods", Object, 0.8, "Behind a Service about whose answers callers complain are pods of different programs.";
    TARGET_PORT_ASIDE = "service.port.aside", Object, 0.8, "A Service leads to a port for metrics or the like of pods that have one for calls, and callers complain about its answers.";
    ROLLOUT_PAUSED = "deployment.paused", Object, 0.8, "A paused Deployment has a template that was never rolled out, and callers complain about its answers.";
    ENDPOINTS_STRAY = "service.endpoints.stray", Object, 0.85, "An EndpointSlice that people made adds addresses that no pod has to a Service that selects its pods.";
    EXTERNAL_NAME_UNKNOWN = "service.external_name.unknown", Object, 0.85, "A Service is another name for one that does not exist.";
    BUDGET_BLOCKS = "disruption_budget.blocks", Object, 0.85, "A PodDisruptionBudget holds up an eviction although all its pods are well.";
    NAMESPACE_STUCK = "namespace.stuck", Object, 0.85, "A namespace is being deleted and does not go.";
    FINALIZERS_STUCK = "object.finalizers_stuck", Object, 0.8, "An object is being deleted and nobody takes its finalizers away.";
    INJECTED_CONTAINER = "pod.container.injected", Object, 0.85, "A container that does not run was added to a pod by a webhook.";
    POD_REJECTED = "pod.rejected_by_kubelet", Object, 0.85, "A kubelet does not admit a pod because of what its security context asks for.";
    POD_CHANGED = "pod.changed_by_webhook", Object, 0.85, "A webhook changed a pod as it was made, in what keeps it from running.";
    SERVICE_LOCAL_ONLY = "service.local_only", Object, 0.85, "A Service sends callers to pods of their own node only, and a caller's node has none.";
    LOAD_BALANCER_FAILED = "service.load_balancer_failed", Event, 0.85, "The cloud does not make the load balancer of a Service, or does not keep it up to date.";
    SERVICE_MADE_ANEW = "service.made_anew", Object, 0.8, "A program still calls an address that its Service had before it was made anew.";
    SERVICE_DELETED = "service.deleted", Object, 0.85, "A Service that callers look for does not exist, though what it stood for does.";
    HEADLESS_MISSING = "service.headless_missing", Object, 0.85, "The headless Service that gives the pods of a StatefulSet their names does not exist.";
    QUOTA_LEAVES_NO_ROOM = "quota.leaves_no_room", Object, 0.9, "An object that was applied does not exist, and a ResourceQuota has no room for it.";
    LIVENESS_WRONG_PROTOCOL = "probe.liveness.wrong_protocol", Object, 0.85, "The liveness probe speaks another protocol than the program.";
    LIVENESS_WRONG_PORT = "probe.liveness.wrong_port", Object, 0.85, "The liveness probe asks a port on which nothing listens.";
    LIVENESS_WRONG_PATH = "probe.liveness.wrong_path", Object, 0.85, "The liveness probe asks a path that the program does not serve.";
    LIVENESS_IMPATIENT = "probe.liveness.impatient", Object, 0.85, "The liveness probe gives up before the program can be ready.";
    READINESS_WRONG_PROTOCOL = "probe.readiness.wrong_protocol", Object, 0.85, "The readiness probe speaks another protocol than the program.";
    READINESS_WRONG_PORT = "probe.readiness.wrong_port", Object, 0.85, "The readiness probe asks a port on which nothing listens.";
    READINESS_WRONG_PATH = "probe.readiness.wrong_path", Object, 0.85, "The readiness probe asks a path that the program does not serve.";
    READINESS_IMPATIENT = "probe.readiness.impatient", Object, 0.85, "The readiness probe gives up before the program can be ready.";
    STARTUP_WRONG_PROTOCOL = "probe.startup.wrong_protocol", Object, 0.85, "The startup probe speaks another protocol than the program.";
    STARTUP_WRONG_PORT = "probe.startup.wrong_port", Object, 0.85, "The startup probe asks a port on which nothing listens.";
    STARTUP_WRONG_PATH = "probe.startup.wrong_path", Object, 0.85, "The startup probe asks a path that the program does not serve.";
    STARTUP_IMPATIENT = "probe.startup.impatient", Object, 0.85, "The startup probe gives up before the program can be ready.";
    LIVENESS_WRONG_COMMAND = "probe.liveness.wrong_command", Object, 0.85, "The liveness probe runs a command that the image does not have.";
    READINESS_WRONG_COMMAND = "probe.readiness.wrong_command", Object, 0.85, "The readiness probe runs a command that the image does not have.";
    STARTUP_WRONG_COMMAND = "probe.startup.wrong_command", Object, 0.85, "The startup probe runs a command that the image does not have.";
    INIT_WAITS = "pod.init.waits", Object, 0.6, "An init container runs for minutes and keeps its pod from starting.";
    PROVISIONER_UNKNOWN = "claim.provisioner_unknown", Object, 0.85, "The storage class of a claim names a provisioner that has never made a volume, and one of nearly that name has.";
    TARGET_PORT_UNSERVED = "service.port.target_unserved", Object, 0.4, "A Service forwards to a port that no container of its pods declares.";
    TARGET_PORT_UNKNOWN = "service.port.name_unknown", Object, 0.9, "A Service forwards to a named port that its pods do not have.";
    SERVICE_PROTOCOL = "service.port.protocol_mismatch", Object, 0.75, "A Service forwards another protocol than its pods speak on that port.";
    SERVICE_UNREACHABLE = "service.unreachable", Object, 0.8, "Connections to a Service fail.";
    CALLED_PORT_UNSERVED = "env.address.port_unserved", Object, 0.7, "A program is told a port that the Service does not have.";
    STARTED_READ_ONLY = "database.started_read_only", Object, 0.4, "A database is started so that it refuses writes.";
    FEW_CONNECTIONS = "database.few_connections", Object, 0.4, "A database is started so that it accepts few connections.";
    CREDENTIALS_DIFFER = "database.credentials_differ", Object, 0.7, "A program is told another user, password or database than its database server.";
    CALLED_NAME_UNKNOWN = "env.address.name_unknown", Object, 0.7, "A program is told the name of a Service that does not exist.";
    KUBELET_DOWN = "node.service.kubelet_down", Object, 0.95, "The kubelet of a node is not running.";
    RUNTIME_DOWN = "node.service.runtime_down", Object, 0.95, "The container runtime of a node is not running.";
    PROXY_DOWN = "node.service.proxy_down", Object, 0.95, "kube-proxy of a node is not running.";
    SCHEDULER_DOWN = "node.service.scheduler_down", Object, 0.95, "The scheduler is not running, and no other stands in for it.";
    NODE_SERVICE_DOWN = "node.service.down", Object, 0.85, "Another service of a node is not running.";
    NOT_SCHEDULED = "pod.not_scheduled", Object, 0.85, "No scheduler has looked at a pod.";
    ALERT_LATENCY = "alert.latency", Alert, 0.6, "An alert says that answers are slow.";
    ALERT_CPU = "alert.cpu", Alert, 0.6, "An alert says that CPU runs out.";
    ALERT_NETWORK = "alert.network", Alert, 0.6, "An alert says that a network loses or delays.";
    NODE_CUT_OFF = "node.connections_fail", Object, 0.75, "From one node connections to several Services fail, and from others they do not.";
    ALERT_PACKET_LOSS = "alert.packet_loss", Alert, 0.65, "An alert says that packets are lost.";
    ALERT_NODE_PACKET_LOSS = "alert.node_packet_loss", Alert, 0.75, "An alert says that a node loses packets.";
    ALERT_NODE_NETWORK = "alert.node_network", Alert, 0.7, "An alert says that the network of a node loses or delays.";
    NOT_READY = "pod.not_ready", Object, 0.6, "A pod runs and is not Ready.";
    TERMINATING_STUCK = "pod.terminating_stuck", Object, 0.5, "A pod is being deleted for longer than its grace period.";
    EVICTED = "pod.evicted", Object, 0.6, "A node threw a pod out to save itself.";
    ON_BAD_NODE = "pod.on_unhealthy_node", Object, 0.7, "A pod sits on a node that is not Ready.";
    SANDBOX_FAILED = "pod.sandbox_failed", Event, 0.8, "The sandbox of a pod (its network and namespaces) cannot be made.";
    MOUNT_FAILED = "pod.volume.mount_failed", Event, 0.8, "A volume of a pod cannot be attached or mounted.";
    MOUNT_DENIED = "pod.volume.access_denied", Event, 0.85, "A volume of a pod cannot be mounted: access is denied.";
    MOUNT_PATH = "pod.volume.path_missing", Event, 0.85, "A volume of a pod cannot be mounted: the path behind it is missing or of another kind.";
    VOLUME_BUSY = "pod.volume.attached_elsewhere", Event, 0.85, "A volume of a pod is attached to another node.";
    ADDRESSES_EXHAUSTED = "pod.sandbox.no_addresses", Event, 0.85, "The network has no address left for a pod.";
    NETWORK_PLUGIN = "pod.sandbox.network_plugin", Event, 0.85, "The network plugin of a node cannot connect a pod.";
    PORT_DECLARED_TWICE = "pod.port.declared_twice", Object, 0.4, "Two containers of a pod declare the same port.";
    PORT_OF_MESH = "pod.port.taken_by_mesh", Object, 0.45, "A container declares a port that the mesh's sidecar of its pod listens on.";
    DNS_MISPLACED = "pod.dns.not_of_cluster", Object, 0.45, "The DNS settings of a pod do not know the cluster's names that it is told.";
    DNS_SERVICE_DOWN = "dns.service_down", Object, 0.9, "The cluster's DNS has no ready endpoint.";
    READINESS_FAILING = "pod.probe.readiness_failing", Event, 0.6, "The readiness probe of a container fails.";
    LIVENESS_FAILING = "pod.probe.liveness_failing", Event, 0.7, "The liveness probe of a container fails, so the kubelet kills it.";
    STARTUP_FAILING = "pod.probe.startup_failing", Event, 0.7, "The startup probe of a container fails, so the kubelet kills it.";
    DEPLOYMENT_UNAVAILABLE = "deployment.unavailable", Object, 0.6, "A Deployment has fewer available replicas than it promises.";
    DEPLOYMENT_STUCK = "deployment.progress_deadline_exceeded", Object, 0.7, "A rollout makes no progress.";
    STATEFUL_SET_UNAVAILABLE = "stateful_set.unavailable", Object, 0.6, "A StatefulSet has fewer ready replicas than wanted.";
    DAEMON_SET_UNAVAILABLE = "daemon_set.unavailable", Object, 0.6, "A DaemonSet misses ready pods on some nodes.";
    CREATE_PODS_FAILED = "replica_set.create_failed", Object, 0.8, "A controller is refused when it creates pods.";
    QUOTA_EXCEEDED = "quota.exceeded", Object, 0.9, "A ResourceQuota refuses new pods.";
    WEBHOOK_FAILED = "admission.webhook_failed", Object, 0.9, "An admission webhook cannot be called, so objects are refused.";
    JOB_FAILED = "job.failed", Object, 0.85, "A Job gave up.";
    SCALED_TO_ZERO = "workload.scaled_to_zero", Object, 0.3, "A workload that a Service selects wants no replicas.";
    SELECTOR_MATCHES_NOTHING = "service.selector.matches_nothing", Object, 0.8, "The selector of a Service matches no pod and no pod template.";
    NO_READY_ENDPOINTS = "service.endpoints.none_ready", Object, 0.6, "A Service has pods and none of them is ready.";
    HPA_AT_MAXIMUM = "autoscaler.at_maximum", Object, 0.5, "An autoscaler wants more replicas than its maximum.";
    HPA_TARGET_MISSING = "autoscaler.target_missing", Object, 0.85, "An autoscaler points at a workload that does not exist.";
    HPA_NO_REQUESTS = "autoscaler.no_requests", Object, 0.8, "An autoscaler compares use with requests, and the pods that it scales have none.";
    HPA_CONTESTED = "autoscaler.contested", Object, 0.85, "Two autoscalers find the same pods, so neither scales them.";
    INGRESS_LIMIT = "ingress.limit_too_low", Log, 0.82, "An Ingress controller turns requests away for a limit of an Ingress.";
    INGRESS_REWRITE = "ingress.rewrite_without_group", Object, 0.75, "An Ingress rewrites paths by a group that its paths do not have.";
    HPA_NO_METRICS_SERVER = "autoscaler.no_metrics_server", Object, 0.8, "An autoscaler finds no metrics API.";
    CRON_JOB_BLOCKED = "cron_job.blocked", Object, 0.8, "A CronJob starts no more Jobs because one of them does not end.";
    CRON_JOB_HELD_OPEN = "cron_job.held_open", Object, 0.85, "A container beside the one that works keeps the pod of a Job from ending, so its CronJob starts no more.";
    CRON_JOB_SCHEDULE = "cron_job.schedule_invalid", Object, 0.85, "The schedule or time zone of a CronJob cannot be used.";
    CRON_JOB_MISSED = "cron_job.missed", Object, 0.75, "A CronJob has missed its starts.";
    CRON_JOB_SUSPENDED = "cron_job.suspended", Object, 0.4, "A CronJob that ran before, or a Job, is suspended.";
    PREEMPTED_BY = "pod.preempted", Event, 0.45, "A pod had to make room for one of higher priority.";
    HEADLESS_SERVICE_MISSING = "stateful_set.service_missing", Object, 0.6, "A StatefulSet names a Service that does not exist, so its pods have no names.";
    HPA_METRICS_UNAVAILABLE = "autoscaler.metrics_unavailable", Object, 0.6, "An autoscaler cannot read its metrics.";
    NODE_NOT_READY = "node.not_ready", Object, 0.9, "A node is not Ready, or its kubelet has stopped reporting.";
    NODE_PRESSURE = "node.pressure", Object, 0.7, "A node is short of memory, disk or process ids.";
    NODE_PROBLEM = "node.problem", Event, 0.8, "The system of a node goes on reporting failing hardware, a broken file system, tasks that hang or the like.";
    NODE_FLAPS = "node.flaps", Event, 0.8, "A node was not Ready, or began anew, several times within the last hours, and came back each time.";
    NODE_NETWORK = "node.network_unavailable", Object, 0.8, "The network of a node is not set up.";
    CLAIM_PENDING = "claim.pending", Object, 0.7, "A PersistentVolumeClaim is not bound.";
    CLAIM_LOST = "claim.lost", Object, 0.9, "A PersistentVolumeClaim has lost its volume.";
    CONFIG_MAP_MISSING = "config_map.missing", Object, 0.95, "A pod needs a ConfigMap that does not exist.";
    CONFIG_MAP_KEY_MISSING = "config_map.key_missing", Object, 0.95, "A pod needs a key that its ConfigMap does not have.";
    SECRET_MISSING = "secret.missing", Object, 0.95, "A pod needs a Secret that does not exist.";
    SECRET_KEY_MISSING = "secret.key_missing", Object, 0.95, "A pod needs a key that its Secret does not have.";
    PULL_SECRET_MISSING = "secret.pull_secret_missing", Object, 0.7, "A pod names a pull secret that does not exist.";
    ROLLOUT = "change.rollout", Change, 0.6, "A workload got a new pod template shortly before the trouble.";
    CONFIGURATION = "change.configuration", Change, 0.5, "A ConfigMap or Secret was written shortly before the trouble.";
    LOG_REFUSED = "log.dependency.connection_refused", Log, 0.6, "A log says that a dependency refuses connections.";
    LOG_TIMEOUT = "log.dependency.timeout", Log, 0.55, "A log says that a dependency does not answer in time.";
    LOG_DNS = "log.dependency.name_not_found", Log, 0.6, "A log says that the name of a dependency does not resolve.";
    LOG_TLS = "log.dependency.tls", Log, 0.6, "A log says that TLS with a dependency fails.";
    LOG_AUTHENTICATION = "log.dependency.authentication", Log, 0.7, "A log says that a dependency refuses the credentials.";
    LOG_TOO_MANY = "log.dependency.too_many_connections", Log, 0.65, "A log says that a dependency has no connection left.";
    LOG_UPSTREAM = "log.dependency.server_error", Log, 0.5, "A log says that a dependency answers with server errors.";
    LOG_UNREACHABLE = "log.dependency.unreachable", Log, 0.6, "A log says that there is no way to the address of a dependency.";
    LOG_RESET = "log.dependency.connection_reset", Log, 0.5, "A log says that a dependency breaks connections off.";
    LOG_UNAVAILABLE = "log.dependency.unavailable", Log, 0.55, "A log says that a dependency cannot be used, for a reason that is not told apart further.";
    LOG_QUERY = "log.dependency.query_failed", Log, 0.4, "A log says that a database or broker does not know what is asked for.";
    LOG_WRONG_ANSWER = "log.dependency.wrong_answer", Log, 0.4, "A log says that a dependency answers that it does not know or do what it is asked.";
    LOG_READ_ONLY = "log.dependency.read_only", Log, 0.75, "A log says that a database refuses writes.";
    LOG_UNKNOWN_DATABASE = "log.dependency.unknown_database", Log, 0.7, "A log says that a database server does not have the database or table that is asked for.";
    LOG_PORT_TAKEN = "log.own.port_taken", Log, 0.75, "A program cannot listen: something else has its port.";
    LOG_BIND_DENIED = "log.own.bind_denied", Log, 0.75, "A program may not listen on its port.";
    LOG_PERMISSION = "log.own.permission_denied", Log, 0.65, "A program may not use a file.";
    LOG_READ_ONLY_FILES = "log.own.read_only_files", Log, 0.7, "A program cannot write: the file system is read-only.";
    LOG_DISK_FULL = "log.own.disk_full", Log, 0.8, "A program cannot write: the disk is full.";
    LOG_BAD_ARGUMENT = "log.own.bad_argument", Log, 0.75, "A program does not understand its command line.";
    LOG_EXEC_FORMAT = "log.own.exec_format", Log, 0.85, "A program was built for another kind of machine.";
    LOG_CONFIG_INVALID = "log.config.invalid_value", Log, 0.7, "A log says that a setting has a value of the wrong kind.";
    LOG_CONFIG_MISSING = "log.config.missing_value", Log, 0.7, "A log says that a setting has no value.";
    LOG_FORBIDDEN = "log.api.forbidden", Log, 0.7, "A log says that the Kubernetes API forbids what a service account asks.";
    LOG_STACK_TRACE = "log.stack_trace", Log, 0.5, "A log holds a stack trace.";
    LOG_FATAL = "log.fatal_error", Log, 0.5, "The last words of a container that failed.";
    LOG_OUT_OF_MEMORY = "log.out_of_memory", Log, 0.8, "A language runtime says that it has no memory left.";
    METRIC_RESTARTS = "metric.restarts", Metric, 0.6, "Containers restarted in the last minutes.";
    METRIC_MEMORY = "metric.memory_of_limit", Metric, 0.6, "Memory use is close to its limit.";
    METRIC_THROTTLING = "metric.cpu_throttling", Metric, 0.5, "A container is kept from using CPU time.";
    METRIC_ERRORS = "metric.error_rate", Metric, 0.7, "Many requests are answered with 5xx.";
    METRIC_LATENCY = "metric.latency_p99", Metric, 0.6, "The slowest requests have become much slower.";
    METRIC_HPA = "metric.hpa_utilisation", Metric, 0.4, "An autoscaler runs as many replicas as it may.";
    ALERT = "alert.firing", Alert, 0.5, "An alert fires.";
    NOT_ADMITTED = "pod.not_admitted", Object, 0.85, "The kubelet of a node turns away one pod after the other that was sent there.";
    WARNED_ABOUT = "object.warned_about", Event, 0.55, "A controller or kubelet goes on warning about an object, and no other check says why.";
    REPAIR_FAILED = "repair.did_not_help", Repair, 0.7, "A repair was made for this incident and did not help.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn every_code_is_unique_and_speaks_between_nothing_and_certainty() {
        let names: BTreeSet<_> = ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|code| code.strength > 0.0 && code.strength < 1.0));
    }
}
