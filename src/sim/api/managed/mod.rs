//! Who owns which field: `metadata.managedFields`, as updates and server-side apply keep it.

mod apply;
mod entries;
mod fields;
mod update;

pub(super) use apply::apply;
pub(super) use entries::{Entry, Operation};
pub(super) use update::record_update;
