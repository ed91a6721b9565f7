//! What of kubectl is refused, with the reason and the way that there is instead.

use crate::agents::tools::ToolError;

/// Verbs that change the cluster.
const CHANGING: &[&str] = &[
    "annotate",
    "apply",
    "autoscale",
    "cordon",
    "create",
    "delete",
    "drain",
    "edit",
    "expose",
    "label",
    "patch",
    "replace",
    "run",
    "scale",
    "set",
    "taint",
    "uncordon",
];

/// Verbs that reach into containers or through the network.
const REACHING: &[&str] = &["attach", "cp", "debug", "exec", "port-forward", "proxy"];

/// Verbs about this machine's own files.
const LOCAL: &[&str] = &["completion", "config", "ctx", "kustomize", "ns", "options", "plugin", "alpha"];

/// Verbs with a reason of their own.
const OTHERS: &[(&str, &str)] = &[
    (
        "auth",
        "kubectl auth is not served; a read that is not permitted says so, and kubewright's own permissions are shown by kubewright check",
    ),
    ("certificate", "kubectl certificate changes the cluster, and this tool only reads"),
    ("diff", "kubectl diff needs a manifest from a file; rollout_diff compares revisions of a workload"),
    (
        "explain",
        "kubectl explain is not served; kubectl get KIND NAME -o yaml shows the fields of a live object",
    ),
    ("help", "see the description of this tool for what it understands"),
    ("wait", "kubectl wait would hold the run; ask for the state with kubectl get instead"),
];

/// Flags that choose other credentials or another server.
const CREDENTIALS: &[&str] = &[
    "as",
    "as-group",
    "as-uid",
    "cache-dir",
    "certificate-authority",
    "client-certificate",
    "client-key",
    "cluster",
    "context",
    "insecure-skip-tls-verify",
    "insecure-skip-tls-verify-backend",
    "kubeconfig",
    "password",
    "server",
    "tls-server-name",
    "token",
    "user",
    "username",
];

/// Flags with a reason of their own.
const FLAGS: &[(&str, &str)] = &[
    ("raw", "--raw reads paths of the API without any check; name a kind"),
    ("filename", "-f/--filename reads files, and there are none here; name a kind"),
    ("follow", "-f/--follow would never end; leave it out, and call again for newer lines"),
    ("kustomize", "-k reads files, and there are none here"),
    ("profile", "--profile writes files"),
    ("template", "--template is not served; use -o jsonpath or -o yaml"),
    ("v", "-v shows requests with their headers"),
    ("vmodule", "--vmodule shows requests with their headers"),
    ("watch", "-w/--watch would never end; leave it out, and call again later"),
    ("watch-only", "--watch-only would never end; leave it out"),
];

/// Why a verb is refused; `None` for one that is not known at all.
pub(super) fn verb(verb: &str) -> Option<ToolError> {
    let text = if CHANGING.contains(&verb) {
        changes(verb)
    } else if REACHING.contains(&verb) {
        format!("kubectl {verb} reaches into containers or the network; read with get, describe and logs")
    } else if LOCAL.contains(&verb) {
        format!("kubectl {verb} is about files of a machine, and there are none here")
    } else {
        OTHERS.iter().find(|(name, _)| *name == verb).map(|(_, why)| (*why).to_owned())?
    };
    Some(ToolError::Denied(text))
}

/// Not every reader has the same tools: what is not offered must not be named as the way.
fn changes(verb: &str) -> String {
    format!("kubectl {verb} changes the cluster, and this tool only reads; say in words what should be done")
}

/// Why a rollout verb is refused.
pub(super) fn rollout(verb: &str) -> ToolError {
    match verb {
        "pause" | "restart" | "resume" | "undo" => ToolError::Denied(changes(&format!("rollout {verb}"))),
        other => {
            ToolError::Arguments(format!("kubectl rollout {other} is not known; history and status are"))
        }
    }
}

/// Why a flag is refused; `None` for one that is not.
pub(super) fn flag(name: &str) -> Option<ToolError> {
    let text = if CREDENTIALS.contains(&name) {
        format!(
            "--{name} would choose other credentials or another server; this tool reads one cluster as kubewright"
        )
    } else {
        FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, why)| (*why).to_owned())?
    };
    Some(ToolError::Denied(text))
}
