//! The closed catalog of changes that kubewright can make.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ObjectRef;

/// Amounts of compute resources in Kubernetes quantity notation (`500m`, `256Mi`); absent means left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceAmounts {
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// One typed change to a cluster. There is no free-form variant, on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Replaces all pods of a Deployment, StatefulSet or DaemonSet by a rolling restart.
    RestartWorkload {
        /// The workload.
        workload: ObjectRef,
    },
    /// Puts a Deployment's pod template back to an earlier revision.
    RollBack {
        /// The Deployment.
        workload: ObjectRef,
        /// The revision to go back to, as in `deployment.kubernetes.io/revision`.
        to_revision: i64,
    },
    /// Sets the number of replicas.
    Scale {
        /// A Deployment, StatefulSet or ReplicaSet.
        workload: ObjectRef,
        /// Wanted replicas.
        replicas: i32,
    },
    /// Sets requests and limits of one container of a workload's template.
    SetResources {
        /// A Deployment, StatefulSet or DaemonSet.
        workload: ObjectRef,
        /// The container's name.
        container: String,
        /// New requests.
        requests: ResourceAmounts,
        /// New limits.
        limits: ResourceAmounts,
    },
    /// Deletes one pod, so that its owner makes a new one. `uid` keeps a namesake from being hit.
    DeletePod {
        /// The pod.
        pod: ObjectRef,
        /// The pod's UID at planning time.
        uid: String,
    },
    /// Raises `maxReplicas` of a HorizontalPodAutoscaler.
    RaiseHpaMaximum {
        /// The autoscaler.
        hpa: ObjectRef,
        /// The new maximum.
        max_replicas: i32,
    },
    /// Marks a node unschedulable.
    Cordon {
        /// The node.
        node: ObjectRef,
    },
    /// Marks a node schedulable again.
    Uncordon {
        /// The node.
        node: ObjectRef,
    },
}

/// The name of an Action without its arguments: what policies and metrics speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// See [`Action::RestartWorkload`].
    RestartWorkload,
    /// See [`Action::RollBack`].
    RollBack,
    /// See [`Action::Scale`].
    Scale,
    /// See [`Action::SetResources`].
    SetResources,
    /// See [`Action::DeletePod`].
    DeletePod,
    /// See [`Action::RaiseHpaMaximum`].
    RaiseHpaMaximum,
    /// See [`Action::Cordon`].
    Cordon,
    /// See [`Action::Uncordon`].
    Uncordon,
}

impl ActionKind {
    /// The name used in JSON, policies and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestartWorkload => "restart_workload",
            Self::RollBack => "roll_back",
            Self::Scale => "scale",
            Self::SetResources => "set_resources",
            Self::DeletePod => "delete_pod",
            Self::RaiseHpaMaximum => "raise_hpa_maximum",
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
        }
    }
}

impl Action {
    /// The name without the arguments.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::RestartWorkload { .. } => ActionKind::RestartWorkload,
            Self::RollBack { .. } => ActionKind::RollBack,
            Self::Scale { .. } => ActionKind::Scale,
            Self::SetResources { .. } => ActionKind::SetResources,
            Self::DeletePod { .. } => ActionKind::DeletePod,
            Self::RaiseHpaMaximum { .. } => ActionKind::RaiseHpaMaximum,
            Self::Cordon { .. } => ActionKind::Cordon,
            Self::Uncordon { .. } => ActionKind::Uncordon,
        }
    }

    /// The object that the Action changes.
    #[must_use]
    pub const fn target(&self) -> &ObjectRef {
        match self {
            Self::RestartWorkload { workload }
            | Self::RollBack { workload, .. }
            | Self::Scale { workload, .. }
            | Self::SetResources { workload, .. } => workload,
            Self::DeletePod { pod, .. } => pod,
            Self::RaiseHpaMaximum { hpa, .. } => hpa,
            Self::Cordon { node } | Self::Uncordon { node } => node,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestartWorkload { workload } => write!(f, "restart {workload}"),
            Self::RollBack { workload, to_revision } => {
                write!(f, "roll {workload} back to revision {to_revision}")
            }
            Self::Scale { workload, replicas } => write!(f, "scale {workload} to {replicas} replicas"),
            Self::SetResources { workload, container, requests, limits } => {
                write!(f, "set resources of container {container} in {workload}:")?;
                write_amounts(f, "requests", requests)?;
                write_amounts(f, "limits", limits)
            }
            Self::DeletePod { pod, .. } => write!(f, "delete {pod}"),
            Self::RaiseHpaMaximum { hpa, max_replicas } => {
                write!(f, "raise the maximum of {hpa} to {max_replicas} replicas")
            }
            Self::Cordon { node } => write!(f, "cordon {node}"),
            Self::Uncordon { node } => write!(f, "uncordon {node}"),
        }
    }
}

fn write_amounts(f: &mut fmt::Formatter<'_>, what: &str, amounts: &ResourceAmounts) -> fmt::Result {
    if let Some(cpu) = &amounts.cpu {
        write!(f, " {what}.cpu={cpu}")?;
    }
    if let Some(memory) = &amounts.memory {
        write!(f, " {what}.memory={memory}")?;
    }
    Ok(())
}
