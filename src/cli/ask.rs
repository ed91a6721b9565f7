//! `kubewright ask`: one question to a running server, the answer as it is made.

use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Client;
use super::chat::turn::{ask, sources};
use super::output::{Format, print, render};
use crate::http::ChatRequest;

/// A question.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright ask \"why is checkout crashing?\"
  kubewright ask --incident inc-7h2k what was done, and did it help
  kubewright ask -n shop what changed in namespace shop
  kubewright ask -o json what is going on")]
pub struct AskArgs {
    /// The question, in words
    #[arg(required = true, num_args = 1.., value_name = "QUESTION")]
    question: Vec<String>,
    /// The incident that it is about: its identifier, or its beginning
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Who is asked (orchestrator, diagnostic, remediation, security, performance, learning)
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The cluster that it is about
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Read only this namespace for the answer; may come several times
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// Go on with this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
}

pub(super) async fn run(
    args: AskArgs,
    client: &Client,
    format: Format,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let request = ChatRequest {
        message: args.question.join(" "),
        conversation: args.conversation,
        incident: args.incident,
        agent: args.agent,
        cluster: args.cluster,
        namespaces: args.namespace,
    };
    let Some(done) = shutdown.run_until_cancelled(ask(client, &request, format)).await else {
        return Ok(ExitCode::FAILURE);
    };
    let done = done?;
    // For people the text was printed while it came.
    print(&render(format, &done, |done| sources(&done.citations))?)?;
    Ok(ExitCode::SUCCESS)
}
