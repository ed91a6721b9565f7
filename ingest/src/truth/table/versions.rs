//! Earlier versions of the table: listed, looked at, brought back.

use futures::FutureExt;
use jiff::Timestamp;

use super::Truth;
use crate::truth::Version;

impl Truth {
    /// All versions that are still kept, the oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn versions(&self) -> anyhow::Result<Vec<Version>> {
        let listed = self.table.list_versions().boxed().await?;
        let versions = listed.into_iter().map(|version| Version {
            version: version.version,
            at: Timestamp::from_millisecond(version.timestamp.timestamp_millis()).unwrap_or_default(),
            passages: version.metadata.get("total_rows").and_then(|rows| rows.parse().ok()),
        });
        Ok(versions.collect())
    }

    /// Makes an earlier version the newest one.
    ///
    /// # Errors
    /// When that version is gone, or the table cannot be written.
    pub(crate) async fn restore(&self, version: u64) -> anyhow::Result<Self> {
        let old = self.at(version).await?;
        old.table.restore().boxed().await?;
        Self::opened(self.connection.clone()).await
    }
}
