//! The simulated cluster: HTTP servers on loopback that speak the Kubernetes API to `kubectl` and kube clients, and the
//! APIs of Prometheus and Loki beside it, all over one world in which something goes wrong; and a language model that
//! says what a script tells it to.
//!
//! It is a rehearsal stage: the rest of the program reaches it over HTTP only, as it would a real cluster.

/// The Kubernetes HTTP API over both.
pub mod api;
mod base64;
/// The table of resource kinds that the cluster serves.
pub mod kinds;
/// What containers wrote to their standard output.
pub mod logbook;
/// A scripted language model.
pub mod model;
/// The object store: what etcd and the API server's registry are to a real cluster.
pub mod objects;
/// Quantities such as `128Mi`.
pub mod quantity;
/// Stories: what is healthy, what goes wrong, what would heal it.
pub mod scenarios;

mod assembly;
mod clock;
mod collect;
mod controllers;
mod delivery;
mod engine;
mod kubelet;
mod loki;
mod prometheus;
mod story;
mod traffic;
mod world;

pub use assembly::{Addresses, Sim, SimOptions};
pub use delivery::Webhook;
pub use scenarios::{Outcome, Scenario, names};
