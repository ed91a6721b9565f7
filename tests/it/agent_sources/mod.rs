//! The tools of agents over metrics, logs, knowledge, incidents and the catalog, on a simulated cluster.

mod incidents;
mod knowledge;
mod logs;
mod metrics;
mod plans;
mod prometheus;
mod stage;
