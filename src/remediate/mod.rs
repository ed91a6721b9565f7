//! From a Hypothesis to a guarded, journaled, reversible repair.
//!
//! Owns the catalog of changes, the playbooks that choose among them, policy, and everything that writes to a cluster:
//! dry-run, apply, reconcile after a crash, undo, and the look at the Checks afterwards. Deciding is pure (`playbooks`,
//! `catalog`, `policy`, `blast_radius`); the modules that talk to the API server hold no policy. When a step is taken
//! and what is journaled is for `workflow` to say; what the cluster looks like is for `observe`.
//!
//! # Access that this room needs (RBAC)
//! | resource | verbs | for |
//! | --- | --- | --- |
//! | `apps/deployments`, `statefulsets`, `daemonsets` | get, update | restart, roll back, scale, set resources, checks |
//! | `apps/replicasets` | get, list, update | the revisions of a Deployment; scale |
//! | `pods` | get, list, delete | checks; deleting a pod whose node is dead |
//! | `pods/eviction` | create | deleting a pod |
//! | `nodes` | get, update | cordon, uncordon; whether a pod's node is dead |
//! | `autoscaling/horizontalpodautoscalers` | get, list, update | raise the maximum, checks, what a proposal must not scale |
//! | `events` | create | telling what was done (best effort) |

mod apply;
mod blast_radius;
mod catalog;
mod diff;
mod error;
mod fields;
mod pace;
pub mod playbooks;
mod policy;
mod policy_input;
mod preview;
mod prior;
mod proposal;
mod reconcile;
mod record;
mod recursion;
mod rollback;
mod surroundings;
mod target;
#[cfg(test)]
mod tests;
pub mod verify;

pub use apply::{ApplyError, apply, intend};
pub use blast_radius::{Blast, blast_radius};
pub use error::ClusterError;
pub use playbooks::{Draft, NoPlaybook, draft, playbook_for};
pub use policy::{Policy, PolicyError};
pub use policy_input::{ActionInput, HypothesisInput, PolicyInput};
pub use preview::{PreviewError, preview};
pub use proposal::{Proposal, propose};
pub use reconcile::{Reconciled, reconcile};
pub use record::record;
pub use rollback::undo;
pub use verify::look;

/// The field manager under which every change is made.
pub const FIELD_MANAGER: &str = "kubewright";

/// Annotation on a changed object: the id of the [`crate::incident::Execution`] that changed it last. Written in the same
/// request as the change, so the cluster itself tells after a crash whether the change was made.
pub const EXECUTION_ANNOTATION: &str = "kubewright.io/execution";

/// Annotation on an object whose change was undone: the id of the Execution.
pub const UNDO_ANNOTATION: &str = "kubewright.io/undo";
