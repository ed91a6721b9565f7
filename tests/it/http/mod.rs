//! The HTTP interface over a real store in a temporary SQLite file.

mod approvals;
mod document;
mod guards;
mod incidents;
mod operations;
mod payload;
pub(crate) mod runs;
pub(crate) mod stage;
mod streams;
mod webhooks;
