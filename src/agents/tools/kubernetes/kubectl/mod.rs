//! `kubectl`: a read-only part of kubectl's command line, parsed here and served from the API. No shell and no kubectl
//! binary is involved.
//!
//! [`Command`](command::Command) has variants for reading only: a line either becomes one of them or is refused with the
//! reason.

mod command;
mod filter;
mod flags;
mod get;
mod jsonpath;
mod refused;
mod run;
mod shell;
#[cfg(test)]
mod tests;
mod top;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::until_cancelled;
use crate::agents::tools::{Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};

/// Runs kubectl commands that only read.
pub(super) struct Kubectl;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// One kubectl command line: kubectl get pods -n shop -o wide
    command: String,
}

impl Tool for Kubectl {
    fn name(&self) -> &'static str {
        "kubectl"
    }

    fn description(&self) -> &'static str {
        "Runs one read-only kubectl command line: get (-n, -A, -l, --field-selector, -o wide|yaml|json|name|jsonpath), describe, \
         logs (-c, -p, --since, --tail, -l, --all-containers, deploy/NAME), events (--for, --types), top, rollout history \
         and status, api-resources, version, cluster-info. `| grep`, `| head`, `| tail` and `| wc -l` may follow; nothing else of \
         a shell is there. Without -n all namespaces that may be read are searched. Whatever changes the cluster is \
         refused."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move {
            let asked: Arguments = arguments(value)?;
            let (command, filters) = command::parse(&asked.command)?;
            run::run(&command, &filters, context).await
        }))
    }
}
