//! Embeddings that were made before, by model and content: unchanged text is never embedded twice, and a killed ingestion
//! goes on where it stopped.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use sha2::{Digest, Sha256};

use super::Vector;

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("embeddings");

/// Beyond this many vectors the cache starts anew: it is only a cache. About 1 GiB at 384 dimensions.
const MOST: u64 = 500_000;

/// Names a text for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of a text under a model's name.
    #[must_use]
    pub fn of(model: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(model.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        Self(hash.finalize().into())
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0
    }
}

/// A file of embeddings. One process opens it at a time: the one that holds the writer's lock.
pub struct EmbeddingCache(Database);

impl EmbeddingCache {
    /// Opens the file, or makes it. A damaged file is thrown away: everything in it can be computed again.
    ///
    /// # Errors
    /// When the file cannot be made, or another process has it open.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let open = || Database::builder().set_cache_size(32 << 20).create(path);
        let database = match open() {
            Ok(database) => database,
            Err(error @ redb::DatabaseError::DatabaseAlreadyOpen) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the embedding cache is damaged; starting a new one");
                std::fs::remove_file(path)?;
                open()?
            }
        };
        let cache = Self(database);
        let write = cache.0.begin_write()?;
        {
            let table = write.open_table(TABLE)?;
            if table.len()? > MOST {
                drop(table);
                write.delete_table(TABLE)?;
                write.open_table(TABLE)?;
            }
        }
        write.commit()?;
        Ok(cache)
    }

    /// The embeddings of these keys, where there are any.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, keys: &[CacheKey]) -> anyhow::Result<Vec<Option<Vector>>> {
        let read = self.0.begin_read()?;
        let table = read.open_table(TABLE)?;
        keys.iter().map(|key| Ok(table.get(key.0.as_slice())?.map(|bytes| decode(bytes.value())))).collect()
    }

    /// Which of these keys have no embedding yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn missing(&self, keys: &[CacheKey]) -> anyhow::Result<Vec<bool>> {
        let read = self.0.begin_read()?;
        let table = read.open_table(TABLE)?;
        keys.iter().map(|key| Ok(table.get(key.0.as_slice())?.is_none())).collect()
    }

    /// Keeps embeddings, on disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put<'a>(&self, entries: impl IntoIterator<Item = (CacheKey, &'a [f32])>) -> anyhow::Result<()> {
        let write = self.0.begin_write()?;
        {
            let mut table = write.open_table(TABLE)?;
            for (key, vector) in entries {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                table.insert(key.0.as_slice(), bytes.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }
}

fn decode(bytes: &[u8]) -> Vector {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[cfg(test)]
mod tests {
    use super::{CacheKey, EmbeddingCache};

    #[test]
    fn what_is_put_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.redb");
        let (known, unknown) = (CacheKey::of("m", "text"), CacheKey::of("other", "text"));
        let cache = EmbeddingCache::open(&path).unwrap();
        cache.put([(known, [0.5_f32, -1.0].as_slice())]).unwrap();
        drop(cache);
        let cache = EmbeddingCache::open(&path).unwrap();
        assert_eq!(cache.get(&[known, unknown]).unwrap(), [Some(vec![0.5, -1.0]), None]);
        assert_eq!(cache.missing(&[known, unknown]).unwrap(), [false, true]);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.redb");
        std::fs::write(&path, b"not a database at all, but long enough to be taken for one").unwrap();
        let cache = EmbeddingCache::open(&path).unwrap();
        assert_eq!(cache.missing(&[CacheKey::of("m", "t")]).unwrap(), [true]);
    }
}
