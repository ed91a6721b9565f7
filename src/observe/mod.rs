//! Reading the world into a [`Snapshot`]: the cluster's API, metrics, logs and recent changes.
//!
//! Owns every read from outside and its limits (deadline, size), and what a Snapshot holds. It judges nothing: what is
//! wrong, and why, is for `diagnose` to say.

mod snapshot;

pub use snapshot::{
    Change, ChangeKind, FieldChange, KeyedObject, LogExcerpt, LogPattern, Objects, Reading, ReadingKind,
    Snapshot,
};
