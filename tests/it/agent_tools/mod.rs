//! The tools of agents against a simulated cluster, over HTTP as of a real one.

mod graph;
mod kubectl;
mod reading;
mod stage;
