//! kubewright: an incident responder for Kubernetes.
//!
//! The modules, in the order in which a newcomer should read them.

// The domain: pure values and transitions; no I/O.
pub mod incident;

// Files and environment into one validated Settings.
pub mod settings;

// Payloads of the outside world into Signals; fingerprint, dedupe, correlate.
pub mod intake;

// Reading the world into a Snapshot: cluster, metrics, logs, changes.
pub mod observe;

// From a Snapshot to ranked Hypotheses; pure functions.
pub mod diagnose;

// Incidents kept as cases, and how well the diagnosis does on them.
pub mod cases;

// From a Hypothesis to a guarded, journaled, reversible repair.
pub mod remediate;

// The port to the knowledge base: documents and past incidents.
pub mod recall;

// The one place through which text leaves for models, traces and chats; fails closed.
pub mod egress;

// What a language model adds: tools, specialists, the orchestrator, chat.
pub mod agents;

// The runner and one step a phase.
pub mod workflow;

// The durable truth: incidents, events, signals, snapshots.
pub mod store;

// The HTTP interface.
pub mod http;

// The only composition root.
pub mod app;

// The command line, one file a subcommand.
pub mod cli;

// A simulated cluster that speaks the Kubernetes, Prometheus and Loki HTTP APIs.
pub mod sim;

// Logging and metrics set-up.
pub mod telemetry;
