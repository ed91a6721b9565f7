//! The simulated cluster: an HTTP server on loopback that speaks the Kubernetes API to `kubectl` and kube clients.
//!
//! It is a rehearsal stage: the rest of the program reaches it over HTTP only, as it would a real cluster.

/// The table of resource kinds that the cluster serves.
pub mod kinds;
/// What containers wrote to their standard output.
pub mod logbook;
/// The object store: what etcd and the API server's registry are to a real cluster.
pub mod objects;
/// Stories: what is healthy, what goes wrong, what would heal it.
pub mod scenarios;

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
