//! Reading one thing at a time, as people and models ask: any kind by name, tables, logs, events, revisions.
//!
//! Owns finding kinds by the names that kubectl knows (discovery, custom resources included) and the limits of such
//! reads. Answers are JSON and structs of our own. Values of Secrets never enter a type of this program; values of
//! ConfigMaps and literals of environment variables do, and are the caller's to scrub. It judges nothing, and permission
//! is the caller's business.

mod age;
mod catalog;
mod discovery;
mod events;
mod log;
mod names;
mod objects;
mod reader;
mod revisions;
mod secret;
mod table;

pub use age::age;
pub use catalog::{Catalog, ResourceKind};
pub use events::ObjectEvent;
pub use log::{LogQuery, LogText};
pub use objects::{Listed, Selection};
pub use reader::ClusterReader;
pub use revisions::WorkloadRevision;
pub use table::{Row, Table};

pub(super) use reader::CatalogCache;
