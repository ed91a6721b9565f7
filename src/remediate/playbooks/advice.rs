//! What people can do where kubewright has no repair: concrete steps for somebody who was just woken up.

use crate::incident::{Hypothesis, ObjectRef};

/// The next steps for a cause. `workload` is the one that shows the trouble, where it is known.
pub(super) fn next_steps(hypothesis: &Hypothesis, workload: Option<&ObjectRef>) -> String {
    let object = &hypothesis.object;
    let shown = workload.unwrap_or(object);
    let steps = steps(&hypothesis.code, object, shown);
    format!("{} {steps}", hypothesis.statement.trim_end())
}

fn steps(code: &str, object: &ObjectRef, shown: &ObjectRef) -> String {
    let at = |object: &ObjectRef| {
        let namespace = if object.namespace.is_empty() { String::new() } else { format!(" -n {}", object.namespace) };
        format!("{}/{}{namespace}", object.kind.to_lowercase(), object.name)
    };
    let (object, workload, namespace) = (at(object), at(shown), &shown.namespace);
    match code {
        "dependency.authentication" => format!(
            "kubewright changes no Secrets and no databases. Compare the credentials that {workload} is given (kubectl describe \
             {workload}) with those that the dependency accepts, put the right ones into the Secret, then kubectl rollout \
             restart {workload}."
        ),
        "dependency.unavailable" => format!(
            "kubewright does not repair dependencies that it cannot see into. Look at {object} first (is it up, reachable, out of \
             connections?); {workload} recovers by itself once it answers."
        ),
        "dependency.scaled_to_zero" => format!(
            "Somebody scaled {object} to zero, maybe on purpose. If not: kubectl scale {object} --replicas=N."
        ),
        "config.missing_reference" => format!(
            "Create the missing ConfigMap, Secret or key, or take the reference out of {workload}; kubectl describe {workload} and \
             its events name it. Pods that wait for it start by themselves."
        ),
        "image.pull_failed" => format!(
            "Check that the image and tag exist and that the pull secret is right: kubectl describe {workload}; then kubectl set \
             image {workload} CONTAINER=IMAGE, or repair the registry."
        ),
        "memory.exhausted" => format!(
            "Find out what {workload} needs (kubectl top pod -n {namespace} --containers) and why; raise it with kubectl set \
             resources {workload} --limits=memory=…, or mend the leak."
        ),
        "scaling.limit_reached" => format!(
            "More replicas need room: raise the maximum (kubectl patch {object} --type=merge -p '{{\"spec\":{{\"maxReplicas\":N}}}}'), \
             the ResourceQuota of {namespace} or the size of the cluster, or shed load."
        ),
        "node.not_ready" => format!(
            "Look at {object}: kubectl describe {object}; is the machine on, does its kubelet run, is its disk full? Then kubectl \
             drain it or bring it back."
        ),
        "node.pressure" => format!(
            "Free disk or memory on {object} or add nodes; give the evicted pods of {workload} requests that match what they use."
        ),
        "scheduling.unschedulable" => format!(
            "No node fits: kubectl describe pod -n {namespace} names what is missing. Add nodes, lower the requests of {workload}, or \
             change its node selector, affinity or tolerations."
        ),
        "quota.exceeded" => format!("Raise the quota (kubectl describe quota -n {namespace}) or lower what {workload} asks for."),
        "admission.webhook_failed" => format!(
            "Bring the webhook's own service back ({object}); until then nothing can be created. Deleting its configuration is the \
             last resort."
        ),
        "service.selector_mismatch" => {
            format!("Make the selector of {object} match the labels of the pods it should reach (kubectl get pods -n {namespace} --show-labels).")
        }
        "storage.claim_pending" => format!("kubectl describe {object} says why it is not bound: storage class, size, zone or quota."),
        "network.policy_denies" => format!("Allow the traffic in the NetworkPolicy ({object}), or delete the policy if it is wrong."),
        "access.forbidden" => format!(
            "Grant the service account of {workload} what its log asks for: kubectl auth can-i --list --as \
             system:serviceaccount:{namespace}:NAME; then a Role and a RoleBinding."
        ),
        "job.failed" => format!("Read its log (kubectl logs {object}), repair the cause, delete the Job and create it again."),
        "scaling.target_missing" => format!("Point {object} at a workload that exists, or delete it."),
        _ => format!(
            "Look at the newest change and the logs: kubectl rollout history {workload}; kubectl logs {workload} --all-containers \
             --previous."
        ),
    }
}
