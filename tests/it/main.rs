//! Integration tests: one binary, one module a capability.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod agent_chat;
mod agent_context;
mod agent_incidents;
mod agent_models;
mod agent_quotas;
mod agent_resume;
mod agent_runs;
mod agent_sources;
mod agent_tools;
mod alertmanager;
mod attacks;
mod attacks_e2e;
mod chat;
mod cli;
mod crash;
mod diagnose_cli;
mod http;
mod knowledge_cli;
mod knowledge_http;
mod knowledge_kill;
mod knowledge_pdf;
mod layering;
mod mcp;
mod observe_sim;
mod remediate_sim;
mod sim_kubectl;
mod sim_prometheus;
mod sim_scenarios;
mod store;
mod support;
mod watch_sim;
