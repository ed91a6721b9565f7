//! Payloads of the outside world into [`crate::incident::Signal`]s, and the decision which incident a Signal belongs to.
//!
//! Pure: bytes and values in, values out. Owns what is understood of each sender and the limits on what is kept of an
//! alert. It stores nothing and answers no request; those are the rooms `store` and `http`. The size of a body is
//! limited by `http`.

/// The Alertmanager webhook.
pub mod alertmanager;
mod correlate;
mod error;
mod expression;
mod fingerprint;
/// The Grafana alerting webhook.
pub mod grafana;
mod limits;
/// Incidents reported by people.
pub mod manual;
mod pod_name;
mod scope;
mod text;
mod webhook;

pub use correlate::{Current, Episode, Known, OpenIncident, Route, correlate};
pub use error::{IntakeError, Rejected};
pub use webhook::Parsed;
