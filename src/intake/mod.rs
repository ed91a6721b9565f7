//! Payloads of the outside world into [`crate::incident::Signal`]s, and the decision which incident a Signal belongs to.
//!
//! Pure: bytes and values in, values out. Owns limits on what is kept of an alert. It stores nothing and answers no
//! request; those are the rooms `store` and `http`.

mod correlate;

pub use correlate::{Current, Episode, Known, OpenIncident, Route, correlate};
