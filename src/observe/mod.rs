//! Reading the world into a [`Snapshot`]: the cluster's API, metrics, logs and recent changes.
//!
//! Owns every read from outside and its limits (deadline, size), and what a Snapshot holds. It judges nothing: what is
//! wrong, and why, is for `diagnose` to say.

mod bound;
mod changes;
mod cluster;
mod collect;
mod config_address;
mod dependencies;
mod directory;
mod dump;
mod error;
mod gaps;
mod http;
mod log_query;
mod logs;
mod loki;
mod observer;
mod permitted;
mod probe;
mod prometheus;
mod promql;
mod read;
mod read_error;
mod readings;
mod recorded;
mod references;
mod revisions;
mod series;
mod snapshot;
mod template_diff;
mod text;
mod versions;
mod watch;

#[cfg(test)]
mod tests;

pub use cluster::{AppliedChange, changed_since_applied};
pub use config_address::ConfigAddress;
#[cfg(test)]
pub(crate) use config_address::addresses;
pub use directory::Directory;
pub use dump::{DumpError, DumpLimits, DumpRequest, may_be_written, read_dump, write_dump};
pub use error::ObserveError;
pub use log_query::{LogAnswer, LogLine};
pub use logs::{LogLevel, LogMiner, LogTemplate, LogTrend};
pub use loki::Loki;
pub use observer::Observer;
pub use probe::Connection;
pub use prometheus::{Answered, Prometheus, PrometheusError, Sample};
pub use read::{
    Catalog, ClusterReader, Listed, LogQuery, LogText, ObjectEvent, ResourceKind, Row, Selection, Table,
    WorkloadRevision, age,
};
pub use read_error::{ConnectionFailure, ReadError};
pub use recorded::{
    AlertValue, Allocated, Connectivity, ConnectivityCheck, ConnectivityResult, Dependency, LogSummary,
    LogSummaryPattern, Manifest, NodeDetail, NodeLease, NodePod, NodeService, Recorded,
};
pub use series::{MetricInfo, Ranged, Series, Span};
pub use snapshot::{
    Change, ChangeKind, FieldChange, KeyedObject, LogExcerpt, LogPattern, Objects, Reading, ReadingKind,
    Snapshot,
};
