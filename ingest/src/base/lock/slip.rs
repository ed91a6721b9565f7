//! What stands in the lock object: who writes, and how often that was said.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, PutResult, UpdateVersion};
use serde::{Deserialize, Serialize};

/// More than a slip ever has, bytes; what is longer is none of ours.
const MOST: u64 = 16 << 10;

/// The lock object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slip {
    /// The holder's own word; empty where nobody holds the lock.
    #[serde(default)]
    pub(super) token: String,
    /// The holder, for people.
    #[serde(default)]
    pub(super) writer: String,
    /// How often the holder has renewed it. Each renewal makes another object, with another entity tag.
    #[serde(default)]
    pub(super) renewed: u64,
}

/// The lock object as it was found.
pub(super) struct Seen {
    pub(super) slip: Slip,
    pub(super) version: UpdateVersion,
}

impl Slip {
    pub(super) fn is_free(&self) -> bool {
        self.token.is_empty()
    }

    /// Reads the object; `None` where there is none. What cannot be read as a slip counts as held by somebody unknown.
    pub(super) async fn read(store: &dyn ObjectStore, path: &Path) -> object_store::Result<Option<Seen>> {
        let found = match store.get_opts(path, GetOptions::default()).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = if found.meta.size <= MOST { whole(found).await? } else { Vec::new() };
        let unknown = || Self { token: "?".to_owned(), writer: "an unknown writer".to_owned(), renewed: 0 };
        Ok(Some(Seen { slip: serde_json::from_slice(&bytes).unwrap_or_else(|_| unknown()), version }))
    }

    /// Writes the object if `mode` allows.
    pub(super) async fn put(
        &self,
        store: &dyn ObjectStore,
        path: &Path,
        mode: PutMode,
    ) -> object_store::Result<UpdateVersion> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let options = PutOptions { mode, ..PutOptions::default() };
        let PutResult { e_tag, version, .. } =
            store.put_opts(path, PutPayload::from(Bytes::from(bytes)), options).await?;
        Ok(UpdateVersion { e_tag, version })
    }
}

async fn whole(found: object_store::GetResult) -> object_store::Result<Vec<u8>> {
    let mut stream = found.into_stream();
    let mut bytes = Vec::new();
    while let Some(part) = stream.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Whether somebody else was first.
pub(super) fn is_refused(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotFound { .. }
    )
}
