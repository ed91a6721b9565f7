//! Integration tests: one binary, one module a capability.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod http;
mod layering;
mod sim_kubectl;
mod sim_scenarios;
