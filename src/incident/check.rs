//! Checks that prove a repair, and what they showed.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ObjectRef;

/// One proof of success, fixed before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Check {
    /// The workload's controller has observed the newest spec and all replicas are updated and available
    /// (the condition that `kubectl rollout status` waits for).
    RolloutComplete {
        /// A Deployment, StatefulSet or DaemonSet.
        workload: ObjectRef,
    },
    /// Every pod of the workload that should run is Ready, and there are as many as wanted.
    PodsReady {
        /// A Deployment, StatefulSet, DaemonSet or ReplicaSet.
        workload: ObjectRef,
    },
    /// No container of the workload's pods restarts during the stability window.
    RestartsStable {
        /// The workload.
        workload: ObjectRef,
    },
    /// The autoscaler no longer wants more replicas than its maximum allows.
    HpaBelowMaximum {
        /// The autoscaler.
        hpa: ObjectRef,
    },
    /// The alert's own PromQL expression returns nothing for the alert's labels.
    AlertExpressionClear {
        /// Name of the alert.
        alert: String,
        /// The expression as it was sent; what it returns is compared with the labels of the alert.
        expression: String,
    },
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolloutComplete { workload } => write!(f, "rollout of {workload} is complete"),
            Self::PodsReady { workload } => write!(f, "all pods of {workload} are ready"),
            Self::RestartsStable { workload } => write!(f, "no container of {workload} restarts"),
            Self::HpaBelowMaximum { hpa } => write!(f, "{hpa} is below its maximum"),
            Self::AlertExpressionClear { alert, .. } => write!(f, "the expression of alert {alert} is clear"),
        }
    }
}

/// What one look at a [`Check`] showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckResult {
    /// The check.
    pub check: Check,
    /// `Some(true)` holds, `Some(false)` does not, `None` could not be told (the reason is in `detail`).
    pub passed: Option<bool>,
    /// What was read, for people: `3 of 3 updated, 2 available`.
    pub detail: String,
    /// A number that must not grow while the repair is watched (restart counts), where the check has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<i64>,
}

/// The state of watching a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// When watching began.
    pub started_at: Timestamp,
    /// The last look.
    pub looked_at: Timestamp,
    /// Since when all checks have held without a break; `None` while one does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_since: Option<Timestamp>,
    /// Results of the last look, in the plan's order.
    pub results: Vec<CheckResult>,
    /// `Some(true)`: held for the whole stability window. `Some(false)`: the deadline passed first. `None`: going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}
