//! Tests of this room that talk to a scripted API server below `kube::Client`, and tables of decisions.

mod api;
mod apply;
mod catalog;
mod playbooks;
mod policy;
mod undo;
mod world;
