//! Reading the Kubernetes API: connecting, listing with limits, and finding what an alert means among live objects.
//!
//! Owns the lists that make a Snapshot, and the bounded GET and list that every read is made with. Values of ConfigMaps and
//! Secrets never enter a type here.

mod applied;
mod connect;
mod fetch;
mod focus;
mod keyed;
mod list;
mod names;
mod objects;
mod owners;
mod prune;
mod untyped;

pub use applied::{AppliedChange, changed_since_applied};
pub(super) use applied::{CHANGED, LAST_APPLIED};
pub(super) use connect::connect;
pub(super) use fetch::{Asked, fetch};
pub(super) use focus::resolve;
pub(super) use keyed::{Keyed, KeyedMap, KeyedSecret, MapValue, Nothing, Remains};
pub(super) use list::{Limits, Listing, list};
pub(super) use names::{is_label, is_subdomain};
pub(super) use objects::{EachKind, Kept, Part, Reader, Served, append, each_kind};
pub(super) use owners::{pods_of, selector_text, template_of, top_owner};
pub(super) use prune::prune_object;
