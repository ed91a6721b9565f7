//! Tools that read the cluster: one file a tool.
//!
//! All reads go through [`crate::observe::ClusterReader`]. A kind, namespace or name that is not there is answered with
//! what is; namespaces outside the caller's permission are refused before anything is read.

mod describe;
mod events;
mod fields;
mod get;
mod graph;
mod kubectl;
mod list;
mod logs;
mod page;
mod rollouts;
mod state;
mod target;

pub(super) use logs::expression;

use std::future::Future;
use std::sync::Arc;

use super::{Tool, ToolContext, ToolError};

/// The tools that read the cluster.
#[must_use]
pub fn kubernetes() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(get::Get),
        Arc::new(describe::Describe),
        Arc::new(list::List),
        Arc::new(logs::Logs),
        Arc::new(events::Events),
        Arc::new(rollouts::History),
        Arc::new(rollouts::Diff),
        Arc::new(graph::Graph),
        Arc::new(kubectl::Kubectl),
    ]
}

/// Runs a call until it is done or the run is cancelled.
async fn until_cancelled<T>(
    context: &ToolContext,
    call: impl Future<Output = Result<T, ToolError>>,
) -> Result<T, ToolError> {
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => Err(ToolError::Unavailable("the run was cancelled".to_owned())),
        result = call => result,
    }
}
