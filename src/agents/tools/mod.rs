//! What a model may call: read-only tools, one file each.
//!
//! Owns the shape of a tool, what it may see, and how much it may answer. Arguments are checked against the world before
//! anything is read; what is wrong with them goes back to the model as a sentence that it can act on. Permission is
//! checked here, not asked for in a prompt.

mod access;
mod earlier_result;
mod figures;
mod incident_evidence;
mod incidents_list;
mod kubernetes;
mod list_actions;
mod logql;
mod logs_query;
mod metrics_list;
mod metrics_query;
mod metrics_range;
mod output;
mod promql;
mod proposals;
mod propose_plan;
mod proposed_action;
mod registry;
mod run_analyzers;
mod schema;
mod search_knowledge;
mod similar_incidents;
mod when;

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use access::Access;
pub(in crate::agents) use earlier_result::EARLIER_RESULT;
pub use kubernetes::kubernetes;
pub use output::{MOST_BYTES, Observation, ToolError, ToolOutput};
pub use proposals::{Proposals, Proposed};
pub use registry::{Definition, Tools};
use schema::schema_of;

use crate::diagnose::RuleBook;
use crate::incident::Incident;
use crate::observe::Observer;
use crate::recall::Recall;
use crate::store::Store;

/// What the tools of one run work with.
#[derive(Clone)]
pub struct ToolContext {
    /// The cluster.
    pub observer: Observer,
    /// What of it the caller may see.
    pub access: Access,
    /// What a fresh look at it is diagnosed by.
    pub rules: Arc<RuleBook>,
    /// Documents and past incidents.
    pub recall: Recall,
    /// The truth.
    pub store: Store,
    /// The incident that the run is about.
    pub incident: Option<Arc<Incident>>,
    /// The time of the run; tools that look back count from here.
    pub now: Timestamp,
    /// Ends a call under way.
    pub cancel: CancellationToken,
    /// The Plans that were drafted in the run.
    pub proposals: Proposals,
    /// What answers that leave the conversation are kept under; none: they are not kept.
    pub keeps: Option<String>,
}

/// One tool. Its result is text from the world: untrusted, to be scrubbed and fenced by the caller.
pub trait Tool: Send + Sync {
    /// The name that a model calls, `snake_case`.
    fn name(&self) -> &str;

    /// What it does and when to use it, for a model.
    fn description(&self) -> &str;

    /// JSON Schema of its arguments: an object, with `additionalProperties: false`.
    fn schema(&self) -> Value;

    /// Does it.
    fn call<'a>(
        &'a self,
        arguments: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>>;
}

/// Every built-in tool.
#[must_use]
pub fn built_in() -> Vec<Arc<dyn Tool>> {
    kubernetes().into_iter().chain(sources()).collect()
}

/// Reads arguments into their type; what does not fit is told with the place.
///
/// # Errors
/// [`ToolError::Arguments`] with what is wrong.
pub fn arguments<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ToolError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        ToolError::Arguments(format!("{place}{}", error.inner()))
    })
}

/// The tools over metrics, logs, knowledge, incidents, analyzers and the catalog of changes.
#[must_use]
pub fn sources() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(metrics_query::MetricsQuery),
        Arc::new(metrics_range::MetricsRange),
        Arc::new(metrics_list::MetricsList),
        Arc::new(logs_query::LogsQuery),
        Arc::new(search_knowledge::SearchKnowledge),
        Arc::new(similar_incidents::SimilarIncidents),
        Arc::new(incident_evidence::IncidentEvidence),
        Arc::new(incidents_list::IncidentsList),
        Arc::new(run_analyzers::RunAnalyzers),
        Arc::new(list_actions::ListActions),
        Arc::new(propose_plan::ProposePlan),
        Arc::new(earlier_result::EarlierResult),
    ]
}
