//! The tools of agents against a simulated cluster, over HTTP as of a real one.

mod graph;
mod kubectl;
mod plain;
mod reading;
mod rubbish;
mod stage;
