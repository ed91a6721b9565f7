//! One writer at a time.
//!
//! A file in the folder keeps the processes of one machine apart; that lock is the operating system's and ends with the
//! process, however that ends. Where the truth is in an object store, a lease in that store keeps machines apart as well.

#[cfg(feature = "vectors")]
mod lease;
#[cfg(test)]
#[cfg(feature = "vectors")]
mod lease_tests;
#[cfg(feature = "vectors")]
mod slip;

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::Context;

use super::{KnowledgeBase, KnowledgeError};
#[cfg(feature = "vectors")]
pub(super) use lease::{Lease, Place, Times};

/// Held while something in the folder is written.
pub(super) struct FolderLock(#[expect(dead_code, reason = "unlocks when it is closed")] File);

impl FolderLock {
    /// Takes the lock.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("writer.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("could not open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(KnowledgeError::Busy(folder.display().to_string()).into()),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock {}", path.display()))
            }
        }
    }
}

impl KnowledgeBase {
    /// Writes to the truth while nobody else does, neither on this machine nor on another. `write` begins once the locks
    /// are held. If the lease in the object store is lost meanwhile, `write` is dropped where it waits: each of its
    /// commits is whole, so what it has done stays and the rest is not done.
    ///
    /// # Errors
    /// [`KnowledgeError::Busy`] while somebody writes, [`KnowledgeError::LockLost`], and those of `write`.
    pub(super) async fn locked<T>(
        &self,
        write: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let _folder = FolderLock::take(self.folder())?;
        let Some(mut lease) = self.inner.backing.lease().await? else { return write.await };
        let written = tokio::select! {
            biased;
            error = lease.lost() => Err(error.into()),
            written = write => written,
        };
        lease.release().await;
        written
    }
}
