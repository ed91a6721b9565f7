//! One writer at a time. The lock is the operating system's, on a file: it ends with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::Context;

use super::KnowledgeError;

/// Held while writing.
pub(super) struct WriterLock(#[expect(dead_code, reason = "unlocks when it is closed")] File);

impl WriterLock {
    /// Takes the lock.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("writer.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("could not open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(KnowledgeError::Busy(folder.to_owned()).into()),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock {}", path.display()))
            }
        }
    }
}
