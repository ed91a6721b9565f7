//! The one table of causes: a stable code, the confidence that a rule starts from, and how specific the cause is.

/// How much a cause says: a more specific one about the same workloads makes a less specific one superfluous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Specificity {
    /// That something fails, not why.
    Symptom,
    /// What set it off.
    Trigger,
    /// The mechanism itself, as the cluster states it.
    Mechanism,
}

/// One kind of root cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cause {
    /// Stable code; playbooks and runbooks are keyed by it.
    pub code: &'static str,
    /// Starting confidence, 0 to 1.
    pub confidence: f64,
    /// How much it says.
    pub specificity: Specificity,
    /// What it means, for documentation.
    pub meaning: &'static str,
}

macro_rules! causes {
    ($($constant:ident = $code:literal, $confidence:literal, $specificity:ident, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Cause = Cause {
            code: $code, confidence: $confidence, specificity: Specificity::$specificity, meaning: $meaning,
        };)*
        /// Every cause, in the order in which equals are ranked.
        pub const ALL: &[Cause] = &[$($constant),*];
    };
}

causes! {
    MEMORY_EXHAUSTED = "memory.exhausted", 0.95, Mechanism, "A container needs more memory than its limit.";
    IMAGE_PULL_FAILED = "image.pull_failed", 0.95, Mechanism, "An image cannot be pulled.";
    CONFIG_MISSING = "config.missing_reference", 0.93, Mechanism, "A pod refers to a ConfigMap, a Secret or a key that does not exist.";
    WRONG_ARCHITECTURE = "image.wrong_architecture", 0.92, Mechanism, "The program of an image was built for another kind of machine than its node.";
    STORAGE_PERMISSION = "storage.permission_denied", 0.88, Mechanism, "A program may not use a volume that it needs.";
    STORAGE_MOUNT = "storage.mount_failed", 0.87, Mechanism, "A volume of a pod cannot be attached or mounted.";
    STORAGE_FULL = "storage.full", 0.88, Mechanism, "A volume or a node's disk is full.";
    PORT_CONFLICT = "container.port_conflict", 0.89, Mechanism, "A program cannot listen on its port because something else in its pod or on its node does.";
    SECURITY_CONTEXT = "security.context_forbids", 0.88, Mechanism, "The security context of a pod forbids what its program needs.";
    BAD_COMMAND = "container.bad_command", 0.86, Mechanism, "The command line of a container does not start its program.";
    DATABASE_READ_ONLY = "database.read_only", 0.88, Mechanism, "A database refuses writes.";
    DATABASE_CONNECTIONS = "database.connections_exhausted", 0.87, Mechanism, "A database accepts no more connections.";
    DATABASE_UNKNOWN = "database.unknown_schema", 0.78, Mechanism, "A program asks a database server for a database or table that it does not have.";
    DNS_FAILING = "dns.resolution_failed", 0.84, Mechanism, "Names that exist do not resolve, for one program or for all.";
    CERTIFICATE_EXPIRED = "tls.certificate_expired", 0.86, Mechanism, "A certificate that a program serves is not valid any more, or not yet.";
    GATEWAY_MISROUTED = "gateway.misrouted", 0.87, Mechanism, "A gateway passes requests on to a service or port that does not exist.";
    BAD_ROLLOUT = "deploy.bad_rollout", 0.90, Trigger, "The newest revision of a workload does not run.";
    QUOTA_EXCEEDED = "quota.exceeded", 0.90, Mechanism, "A ResourceQuota refuses pods.";
    WEBHOOK_FAILED = "admission.webhook_failed", 0.90, Mechanism, "An admission webhook that cannot be called refuses pods.";
    POLICY_DENIED = "admission.denied", 0.88, Mechanism, "An admission webhook or policy denies what a workload asks for.";
    POD_SECURITY = "admission.pod_security", 0.90, Mechanism, "Pod Security admission refuses the pods of a workload.";
    INJECTED = "admission.injected", 0.96, Mechanism, "A webhook changes pods as they are made, and they do not run because of it.";
    LIMIT_RANGE = "admission.limit_range", 0.90, Mechanism, "A LimitRange refuses the amounts of a workload, or gives it too little.";
    CLASS_MISSING = "admission.class_missing", 0.92, Mechanism, "A workload names a PriorityClass or RuntimeClass that does not exist.";
    SELECTOR_MISMATCH = "service.selector_mismatch", 0.88, Mechanism, "The selector of a Service matches no pod, or pods of other programs as well.";
    PORT_MISMATCH = "service.port_mismatch", 0.88, Mechanism, "A Service forwards to a port or protocol that its pods do not serve.";
    INGRESS_MISROUTED = "ingress.misrouted", 0.85, Mechanism, "An Ingress leads nowhere, or to the wrong place.";
    INGRESS_LIMIT = "ingress.limit_too_low", 0.85, Mechanism, "A limit of an Ingress turns requests away.";
    ROUTE_REFUSED = "gateway.route_refused", 0.87, Mechanism, "A Gateway or route leads nowhere, or its controller does not accept it.";
    LOAD_BALANCER = "service.load_balancer_failed", 0.87, Mechanism, "The cloud does not make the load balancer of a Service.";
    WRONG_ENDPOINTS = "service.wrong_endpoints", 0.87, Mechanism, "A Service leads to addresses or a name that people wrote down and that nobody has.";
    DISRUPTION_BLOCKED = "disruption.blocked", 0.85, Mechanism, "A PodDisruptionBudget lets no pod go, so a drain waits.";
    DELETION_BLOCKED = "deletion.blocked", 0.85, Mechanism, "Something that is being deleted does not go.";
    WRONG_ADDRESS = "dependency.wrong_address", 0.87, Mechanism, "A program is told the address of a Service that does not exist or does not have the port.";
    PROBE_MISCONFIGURED = "probe.misconfigured", 0.88, Mechanism, "A probe asks in a way that the program cannot answer.";
    COMPONENT_DOWN = "node.component_down", 0.92, Mechanism, "A service that a node or the control plane needs is not running.";
    CPU_SATURATED = "cpu.saturated", 0.80, Mechanism, "A program gets less CPU than it needs.";
    NETWORK_DEGRADED = "network.degraded", 0.62, Symptom, "Traffic of a node or a program is delayed or lost.";
    NODE_CANNOT_PULL = "node.cannot_pull", 0.93, Mechanism, "One node cannot reach a registry from which others pull.";
    NODE_FAILS_PODS = "node.fails_its_pods", 0.88, Mechanism, "Pods of several workloads keep ending on one node and run on others.";
    NODE_NOT_READY = "node.not_ready", 0.85, Mechanism, "A node does not work, and what runs on it fails.";
    AUTOSCALER_TARGET = "scaling.target_missing", 0.85, Mechanism, "An autoscaler points at a workload that does not exist.";
    CLAIM_PENDING = "storage.claim_pending", 0.85, Mechanism, "A volume claim is not bound, so its pods cannot start.";
    UNSCHEDULABLE = "scheduling.unschedulable", 0.85, Mechanism, "No node fits a pod.";
    SCALING_LIMIT = "scaling.limit_reached", 0.80, Mechanism, "An autoscaler may not add the replicas that the load needs.";
    CHANGED_BY_HAND = "object.changed_by_hand", 0.85, Trigger, "An object that what fails depends on is not as it was applied.";
    ROLLOUT_PAUSED = "deploy.paused", 0.80, Mechanism, "A Deployment is paused, and the version that others wait for was never rolled out.";
    JOB_FAILED = "job.failed", 0.80, Trigger, "A Job gave up.";
    AUTOSCALER_METRICS = "scaling.metrics_unavailable", 0.78, Mechanism, "An autoscaler cannot read the metrics that it scales by.";
    AUTOSCALER_CONTESTED = "scaling.contested", 0.84, Mechanism, "Two autoscalers find the same pods, so neither scales them.";
    DATABASE_LOCKED = "database.locked", 0.85, Mechanism, "A client of a database holds locks that others wait for.";
    CONFIG_INVALID = "config.invalid_value", 0.86, Mechanism, "A program cannot use the value of a setting, or has none.";
    SANDBOX_FAILED = "network.sandbox_failed", 0.86, Mechanism, "The network plugin of a node cannot connect pods.";
    PREEMPTED = "scheduling.preempted", 0.9, Mechanism, "Pods of higher priority have taken the place of others.";
    CRON_JOB_STOPPED = "cronjob.not_starting", 0.82, Mechanism, "A CronJob starts no Jobs, or a Job does not end.";
    STUCK_TERMINATING = "pod.stuck_terminating", 0.72, Trigger, "A pod that is to go does not.";
    SCALED_TO_ZERO = "dependency.scaled_to_zero", 0.80, Mechanism, "A dependency that is called has no replicas.";
    NETWORK_DENIED = "network.policy_denies", 0.78, Mechanism, "A NetworkPolicy keeps a caller from its dependency.";
    DEPENDENCY_AUTHENTICATION = "dependency.authentication", 0.75, Trigger, "A dependency refuses the credentials of its callers.";
    DEPENDENCY_UNAVAILABLE = "dependency.unavailable", 0.75, Trigger, "A dependency does not answer its callers.";
    CREATION_REFUSED = "admission.refused", 0.75, Mechanism, "The API server refuses pods of a workload.";
    CONFIG_CHANGED = "config.bad_change", 0.70, Trigger, "A program fails since configuration that it reads was written.";
    ACCESS_FORBIDDEN = "access.forbidden", 0.90, Mechanism, "A service account may not do what its program asks.";
    TOKEN_INVALID = "access.token_invalid", 0.85, Mechanism, "A program asks the Kubernetes API without a token, or with one that is not valid any more.";
    PROBE_FAILING = "probe.failing", 0.65, Symptom, "A probe fails although the program runs.";
    CRASH_LOOP = "workload.crash_loop", 0.60, Symptom, "A program keeps ending, and nothing shows what set it off.";
    WARNED_ABOUT = "object.warned_about", 0.50, Symptom, "A controller or kubelet goes on warning about an object.";
    POD_EVICTED = "node.pressure", 0.70, Mechanism, "A node short of resources evicts pods.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn every_cause_has_a_code_of_its_own() {
        let codes: BTreeSet<_> = ALL.iter().map(|cause| cause.code).collect();
        assert_eq!(codes.len(), ALL.len());
    }
}
