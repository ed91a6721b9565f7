//! Logging and metrics set-up.
//!
//! Owns how log lines look and go out, and the names, labels and descriptions of every `kubewright_*` metric. It decides
//! nothing about when something is logged or counted: that is for the room in which it happens.

mod logging;
pub mod metrics;

pub use logging::{DEFAULT_FILTER, LogFormat, LoggingError, start_logging};
