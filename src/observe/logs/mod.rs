//! Container logs: reading them, and finding the errors in them.
//!
//! Owns which containers' logs are worth reading and how lines become patterns. All of it is untrusted text; nothing here
//! obeys it.

mod mine;
mod patterns;
mod pod_logs;
mod stack_trace;
mod targets;

pub use mine::{LogLevel, LogMiner, LogTemplate, LogTrend};
pub(super) use patterns::Patterns;
pub(super) use pod_logs::{Logs, printable, read};
pub(super) use targets::{Target, targets};
