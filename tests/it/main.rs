//! Integration tests: one binary, one module a capability.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

mod alertmanager;
mod http;
mod layering;
mod sim_scenarios;
