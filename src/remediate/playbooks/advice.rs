//! What people can do where kubewright has no repair: concrete steps for somebody who was just woken up.

use crate::incident::{Hypothesis, ObjectRef};

/// Steps by cause. `{object}` is the object at fault and `{workload}` the one that shows it, as kubectl names them with
/// their namespace (`deployment/web -n shop`); `{namespace}` is the workload's.
const STEPS: &[(&str, &str)] = &[
    (
        "dependency.authentication",
        "kubewright changes no Secrets and no databases. Compare the credentials that {workload} is given (kubectl describe \
         {workload}) with those that the dependency accepts, put the right ones into the Secret, then kubectl rollout restart \
         {workload}.",
    ),
    (
        "dependency.unavailable",
        "kubewright does not repair dependencies that it cannot see into. Look at {object} first (is it up, reachable, out of \
         connections?); {workload} recovers by itself once it answers.",
    ),
    (
        "dependency.scaled_to_zero",
        "Somebody scaled {object} to zero, maybe on purpose. If not: kubectl scale {object} --replicas=N.",
    ),
    (
        "config.bad_change",
        "Put the former values back into {object} (kubewright keeps none of them), then kubectl rollout restart {workload}.",
    ),
    (
        "admission.refused",
        "The events of {workload} say who refuses its pods and why (kubectl describe {workload}): change what is refused, or \
         the rule.",
    ),
    (
        "config.missing_reference",
        "Create the missing ConfigMap, Secret or key, or take the reference out of {workload}; kubectl describe {workload} and \
         the events of its pods name it. Pods that wait for it start by themselves.",
    ),
    (
        "image.pull_failed",
        "Check that the image and tag exist and that the pull secret is right: kubectl describe {workload}; then kubectl set \
         image {workload} CONTAINER=IMAGE, or repair the registry.",
    ),
    (
        "memory.exhausted",
        "Find out what {workload} needs (kubectl top pod -n {namespace} --containers) and why; raise it with kubectl set \
         resources {workload} --limits=memory=AMOUNT, or mend the leak.",
    ),
    (
        "scaling.limit_reached",
        "More replicas need room: raise the maximum (kubectl edit {object}), the ResourceQuota of {namespace} or the size of the \
         cluster, or shed load.",
    ),
    (
        "node.not_ready",
        "kubectl describe {object}: is the machine on, does its kubelet run, is its disk full? Bring it back, or kubectl drain it \
         and replace it.",
    ),
    (
        "node.pressure",
        "Free disk or memory on {object} or add nodes; give the evicted pods of {workload} requests that match what they use.",
    ),
    (
        "scheduling.unschedulable",
        "kubectl describe the pending pods in {namespace}: their events say what no node has. Add nodes, lower the requests of \
         {workload}, or change its node selector, affinity or tolerations.",
    ),
    (
        "quota.exceeded",
        "Raise the quota (kubectl describe quota -n {namespace}) or lower what {workload} asks for.",
    ),
    (
        "admission.webhook_failed",
        "Bring the webhook's own service back ({object}); until then nothing can be created. Deleting its configuration is the last \
         resort.",
    ),
    (
        "service.selector_mismatch",
        "Make the selector of {object} match the labels of the pods it should reach (kubectl get pods -n {namespace} \
         --show-labels).",
    ),
    (
        "storage.claim_pending",
        "kubectl describe {object} says why it is not bound: storage class, size, zone or quota.",
    ),
    (
        "network.policy_denies",
        "Allow the traffic in the NetworkPolicy ({object}), or delete the policy if it is wrong.",
    ),
    (
        "access.forbidden",
        "Put {object} right (kubectl describe {object}), so that the service account of {workload} may do what its log asks for; \
         kubectl auth can-i --list --as system:serviceaccount:{namespace}:NAME shows what it may do now.",
    ),
    (
        "job.failed",
        "Read its log (kubectl logs {object}), repair the cause, delete the Job and create it again.",
    ),
    (
        "storage.permission_denied",
        "Give the process the volume: securityContext.fsGroup of {workload}, the owner of the files, or a mount that \
         is not read-only; kubectl describe {workload} shows what it has.",
    ),
    (
        "storage.mount_failed",
        "The events of the pods of {workload} say why the volume does not come (kubectl describe pods -n \
         {namespace}): another node that has it, a path that is missing, a driver that is down.",
    ),
    (
        "storage.full",
        "Make room on {object} (old logs, temporary files), then enlarge it where its storage class allows; \
         {workload} starts by itself once it can write.",
    ),
    (
        "container.port_conflict",
        "Two programs want one port: change that of {workload} with its probes and Service, or keep the sidecar out.",
    ),
    (
        "security.context_forbids",
        "Compare the security context of {workload} with what its image needs (user, writable paths, ports below \
         1024).",
    ),
    (
        "container.bad_command",
        "Mend command, args or workingDir of {workload}; kubectl logs {workload} --previous shows what it did not \
         understand.",
    ),
    (
        "image.wrong_architecture",
        "Use an image of {workload} that is built for the machines of its nodes, or a node selector for \
         kubernetes.io/arch.",
    ),
    (
        "database.read_only",
        "kubewright changes no databases. Find out who made {object} read-only (an argument, an operator, a full \
         disk, a failover) before it is undone.",
    ),
    (
        "database.connections_exhausted",
        "Find who holds the connections of {object}; shrink pools or restart the one that leaks, then raise the \
         limit.",
    ),
    (
        "database.unknown_schema",
        "Compare the name of the database that {workload} is told ({object}) with what the server has; run the \
         migration if it has not run.",
    ),
    (
        "dns.resolution_failed",
        "Look at {object}: dnsPolicy and dnsConfig of a program, replicas and log of the cluster's DNS (kubectl get \
         pods -n kube-system -l k8s-app=kube-dns).",
    ),
    (
        "gateway.misrouted",
        "Put the right Service and port into the route ({object}), then kubectl rollout restart {workload}.",
    ),
    (
        "dependency.wrong_address",
        "Correct the address that {workload} is told ({object}): kubectl get services -n {namespace} shows names and \
         ports.",
    ),
    ("config.invalid_value", "Mend the setting in {object}, then kubectl rollout restart {workload}."),
    (
        "network.sandbox_failed",
        "Look at the network plugin of {object}: its pods (kubectl get pods -n kube-system -o wide) and the \
         addresses it has left.",
    ),
    (
        "scheduling.preempted",
        "Lower the priority or the replicas of {object}, which took the place, or add nodes.",
    ),
    (
        "cronjob.not_starting",
        "kubectl describe {object}: end the Job that does not end, or mend schedule and time zone.",
    ),
    (
        "pod.stuck_terminating",
        "kubectl describe {object}: let the owner of its finalizers finish, or bring its node back.",
    ),
    (
        "access.token_invalid",
        "Give {workload} a token: automountServiceAccountToken: true in its template, or a restart where its account was made \
         anew.",
    ),
    (
        "admission.denied",
        "Change what the rule denies in {workload}, or ask the owner of the rule for audit mode or an exception; {object} is the \
         younger of the two.",
    ),
    (
        "admission.pod_security",
        "Set the fields that the message names in the template of {workload} (kubectl edit {workload}), or ask the owner of \
         namespace {namespace} whether its level is meant: kubectl get namespace {namespace} --show-labels.",
    ),
    (
        "admission.limit_range",
        "Bring the requests and limits of {workload} within the LimitRange (kubectl describe limitrange -n {namespace}), or ask \
         its owner to change it.",
    ),
    (
        "admission.class_missing",
        "Create {object} again from its source, or correct the name in the template of {workload}.",
    ),
    (
        "admission.injected",
        "Repair what {object} injects, then delete the pods that fail: they are made anew. The templates are innocent.",
    ),
    (
        "ingress.misrouted",
        "kubectl describe {object}: make its backend, port, class or certificate name what exists.",
    ),
    (
        "gateway.route_refused",
        "kubectl describe {object}: its conditions say what its controller does not accept; make names and ports fit what exists.",
    ),
    (
        "service.wrong_endpoints",
        "kubectl describe {object}: put the right address or name there; nothing keeps it up to date by itself.",
    ),
    (
        "disruption.blocked",
        "Scale {workload} up for the time of the drain, or change {object} to maxUnavailable: 1 with its owner's consent.",
    ),
    (
        "deletion.blocked",
        "Bring back the controller that takes the finalizer of {object} away (kubectl get {object} -o yaml names it); only if it \
         will never come back, remove the finalizer, after noting what remains outside.",
    ),
    (
        "scaling.metrics_unavailable",
        "kubectl describe the autoscaler: give every container of {workload} a request for what it scales on, or correct the name of \
         the metric ({object}).",
    ),
    (
        "service.load_balancer_failed",
        "kubectl describe {object}: the newest event says what the cloud refuses; correct the annotation or field that it names, or \
         ask whoever keeps the cloud account or the pool of addresses.",
    ),
    (
        "object.changed_by_hand",
        "kubectl apply view-last-applied shows how {object} was applied: ask who changed it and why, then apply it again; restart \
         {workload} if it reads it only when it starts.",
    ),
    (
        "deploy.paused",
        "kubectl rollout resume {object}, once whoever paused it agrees; else take those that ask for its new version back.",
    ),
    (
        "object.warned_about",
        "kubectl describe {object}: the warning says what its controller or kubelet cannot do; nothing else is known of it.",
    ),
    ("scaling.target_missing", "Point {object} at a workload that exists, or delete it."),
];

/// For every other cause.
const OTHERWISE: &str = "Look at the newest change and the last words of the containers: kubectl rollout history {workload}; \
                         kubectl logs {workload} --all-containers --previous.";

/// What happened and the next steps for it. `workload` is the one that shows the trouble, where it is known.
pub(super) fn next_steps(hypothesis: &Hypothesis, workload: Option<&ObjectRef>) -> String {
    let workload = workload.unwrap_or(&hypothesis.object);
    let known = STEPS.iter().find(|(code, _)| *code == super::playbook(hypothesis));
    let steps = known
        .map_or(OTHERWISE, |(_, steps)| steps)
        .replace("{object}", &in_kubectl(&hypothesis.object))
        .replace("{workload}", &in_kubectl(workload))
        .replace("{namespace}", &workload.namespace);
    let runbook = hypothesis.runbook.as_ref().map(|runbook| format!(" Runbook: {runbook}."));
    format!("{} {steps}{}", hypothesis.statement.trim_end(), runbook.unwrap_or_default())
}

fn in_kubectl(object: &ObjectRef) -> String {
    let name = format!("{}/{}", object.kind.to_lowercase(), object.name);
    if object.namespace.is_empty() { name } else { format!("{name} -n {}", object.namespace) }
}
