//! The simulated Loki: log queries with stream selectors and line filters over what containers wrote.

mod http;
mod query;

pub(crate) use http::{LokiState, router};
