//! The embeddings that evaluations share, one evaluation at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

/// How long an evaluation waits for another one's embeddings before it makes its own.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);

/// The file of embeddings, nobody else's while this is there.
#[derive(Debug)]
pub(super) struct SharedCache {
    file: PathBuf,
    #[expect(dead_code, reason = "unlocks when it is closed")]
    lock: File,
}

impl SharedCache {
    /// Takes the file of a folder, waiting for at most `patience`. `None`: another evaluation still has it.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub(super) async fn take(folder: &Path, patience: Duration) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let path = folder.join("embeddings.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("could not open {}", path.display()))?;
        let end = Instant::now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Self { file: folder.join("embeddings.redb"), lock })),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => return Ok(None),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK).await,
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("could not lock {}", path.display()));
                }
            }
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::SharedCache;

    #[tokio::test]
    async fn a_second_evaluation_waits_for_the_first_and_goes_its_own_way_when_that_is_long() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("made");
        let first = SharedCache::take(&inside, Duration::ZERO).await.unwrap().unwrap();
        assert_eq!(first.file(), inside.join("embeddings.redb"));
        assert!(SharedCache::take(&inside, Duration::from_millis(150)).await.unwrap().is_none());
        let waiting = tokio::spawn({
            let inside = inside.clone();
            async move { SharedCache::take(&inside, Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap().unwrap().is_some());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = SharedCache::take(&file.path().join("below"), Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("below"), "{error:#}");
    }
}
