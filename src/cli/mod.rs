//! The command line, one file a subcommand.
//!
//! Owns arguments, how results look in a terminal, and the client of our own HTTP interface. It holds no logic about
//! incidents: `incidents`, `approvals`, `runs`, `ask` and `chat` talk to a running server, `serve`, `demo` and `sim` build the program and run it,
//! `ingest`, `search`, `knowledge` and `eval` open the knowledge base themselves, `diagnose` and `snapshot` read a cluster,
//! `rules` reads the rules of a folder.

mod approvals;
mod ask;
mod base;
mod chat;
mod check;
mod client;
mod completions;
mod confirm;
pub mod demo;
mod diagnose;
mod eval;
mod export;
mod incidents;
mod ingest;
mod knowledge;
mod live;
mod mcp;
mod narrate;
mod openapi;
mod output;
mod pdf_worker;
mod rules;
mod runs;
mod search;
pub mod serve;
pub mod sim;
mod snapshot;
mod sse;
mod text;
mod watch;
mod wrap;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use client::Client;
pub use narrate::{narrate, recalled};
use output::OutputParser;
pub use output::{Format, Output, print, story};
pub use pdf_worker::program;
pub use text::{failure, line, lines};

use crate::settings::{Environment, PDF_WORKER};

const EXAMPLES: &str = "\
Examples:
  kubewright demo                         watch one incident from alert to verified repair, no cluster needed
  kubewright check --config kubewright.toml
  kubewright serve --config kubewright.toml
  kubewright incidents list --open
  kubewright incidents watch inc-7h2k     the beginning of an identifier is enough
  kubewright approvals approve inc-7h2k   shows the plan and its diff, then asks
  kubewright runs show run-7h2k           what an agent was asked, called, found and cost
  kubewright ask \"why is checkout crashing?\"
  kubewright ingest ./runbooks            make documents searchable
  kubewright search exit code 137 -k 3
  kubewright diagnose -n shop             what is wrong, from the cluster itself; needs no server
  kubewright snapshot -n shop -o ./dump   collect it all, to keep or send

Environment:
  KUBEWRIGHT_SERVER   the server that incidents, approvals, runs, ask and chat talk to, like --server
  KUBEWRIGHT_TOKEN    its bearer token, like --token-file
  KUBEWRIGHT_LOG      what is logged, for instance warn,kubewright=debug

Exit codes:
  0  done    1  failed, refused, or something is wrong    2  the command line cannot be understood";

/// An incident responder for Kubernetes: from an alert to a verified repair.
#[derive(Debug, Parser)]
#[command(
    name = "kubewright",
    version,
    about,
    long_about = "An incident responder for Kubernetes. It takes alerts in, gathers evidence, finds the cause, plans a \
                  repair, asks where it must, repairs, verifies, and rolls back what did not help.",
    after_help = EXAMPLES,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// How the server is reached and how results look.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How the server is reached and how results look.
#[derive(Debug, Clone, Args)]
pub struct ConnectionArgs {
    /// The running server [env: KUBEWRIGHT_SERVER] [default: http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<Url>,
    /// A file that holds the server's bearer token [env: KUBEWRIGHT_TOKEN holds the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How results are shown
    #[arg(short, long, global = true, value_parser = OutputParser, default_value = "table")]
    pub output: Output,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take alerts in and work on incidents until stopped
    Serve(serve::ServeArgs),
    /// Play an incident from alert to verified repair in a simulated cluster
    Demo(demo::DemoArgs),
    /// Run the simulated cluster alone, for kubectl, Prometheus and `serve`
    Sim(sim::SimArgs),
    /// List, show, follow and close incidents of a running server
    #[command(subcommand)]
    Incidents(incidents::IncidentsCommand),
    /// List and answer repairs that wait for a person
    #[command(subcommand)]
    Approvals(approvals::ApprovalsCommand),
    /// List and show what agents of a running server did
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Ask a running server one question
    Ask(ask::AskArgs),
    /// Talk to a running server
    Chat(chat::ChatArgs),
    /// Bring the knowledge base up to date with its sources
    Ingest(ingest::IngestArgs),
    /// Read one PDF for another process of this program
    #[command(name = PDF_WORKER, hide = true)]
    IngestPdfWorker,
    /// Search the knowledge base
    Search(search::SearchArgs),
    /// List, show, restore and remove what the knowledge base holds
    Knowledge(knowledge::KnowledgeArgs),
    /// Measure how good a search, the diagnosis or the grouping of logs is
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    /// Offer the reading tools to another assistant (MCP on standard input and output)
    Mcp(mcp::McpArgs),
    /// Find what is wrong in a cluster or a dump of one, by the rules alone
    Diagnose(diagnose::DiagnoseArgs),
    /// List and check the rules that a diagnosis works with
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Collect what a diagnosis needs into a folder, to keep or send
    Snapshot(snapshot::SnapshotArgs),
    /// Check a configuration and try every connection in it
    Check(check::CheckArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
}

/// Does what the command line asks. `shutdown` ends whatever would go on.
///
/// # Errors
/// What went wrong, in words that say what to do next.
pub async fn run(
    cli: Cli,
    environment: Environment,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let Cli { connection, command } = cli;
    let format = match (&connection.output, &command) {
        (Output::Format(format), _) => *format,
        (Output::Place(_), Command::Snapshot(_)) => Format::default(),
        (Output::Place(place), _) => return refuse(place),
    };
    match command {
        Command::Diagnose(args) => diagnose::run(args, format, &environment, &shutdown).await,
        Command::Rules(command) => rules::run(command, format).await,
        Command::Snapshot(args) => snapshot::run(args, connection.output, &environment, &shutdown).await,
        Command::Serve(args) => serve::run(args, environment, shutdown).await,
        Command::Demo(args) => demo::run(args, environment, shutdown).await,
        Command::Sim(args) => sim::run(args, environment, shutdown).await,
        Command::Incidents(command) => {
            let client = Client::connect(&connection, &environment)?;
            incidents::run(command, &client, format, &environment, &shutdown).await
        }
        Command::Approvals(command) => {
            let client = Client::connect(&connection, &environment)?;
            approvals::run(command, &client, format, &environment, &shutdown).await
        }
        Command::Runs(command) => {
            let client = Client::connect(&connection, &environment)?;
            runs::run(command, &client, format).await
        }
        Command::Ask(args) => {
            let client = Client::connect(&connection, &environment)?;
            ask::run(args, &client, format, &shutdown).await
        }
        Command::Chat(args) => {
            let client = Client::connect(&connection, &environment)?;
            chat::run(args, &client, &environment, &shutdown).await
        }
        Command::Ingest(args) => ingest::run(args, format, &environment, &shutdown).await,
        Command::IngestPdfWorker => pdf_worker::run().await,
        Command::Search(args) => search::run(args, format, &environment).await,
        Command::Knowledge(args) => knowledge::run(args, format, &environment, &shutdown).await,
        Command::Eval(command) => eval::run(command, format, &environment, &shutdown).await,
        Command::Mcp(args) => mcp::run(args, environment, shutdown).await,
        Command::Check(args) => check::run(&args, format, &environment).await,
        Command::Completions(args) => completions::run(&args),
        Command::Openapi => openapi::run(format),
    }
}

/// A format that is none, told as clap tells it.
fn refuse(place: &std::path::Path) -> anyhow::Result<ExitCode> {
    let message = format!(
        "invalid value '{}' for '--output <OUTPUT>'\n  [possible values: table, json, yaml, markdown]\n",
        text::line(&place.display().to_string())
    );
    Cli::command().error(ErrorKind::InvalidValue, message).print()?;
    Ok(ExitCode::from(2))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_says_what_it_does_and_the_help_shows_examples() {
        let help = Cli::command().term_width(100).render_long_help().to_string();
        insta::assert_snapshot!(help);
    }

    #[test]
    fn connection_options_may_stand_anywhere() {
        let before = Cli::try_parse_from(["kubewright", "-o", "json", "incidents", "list"]).unwrap();
        let after = Cli::try_parse_from(["kubewright", "incidents", "list", "-o", "json"]).unwrap();
        assert_eq!(before.connection.output, after.connection.output);
    }
}
