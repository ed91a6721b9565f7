//! Search by words: a tantivy index of passages and of whole documents.
//!
//! Owns the index folder, what is indexed and how a weighted question is matched. A passage is found by its own words, its
//! document by its title, its opening and its whole text; both scores add up. The index can always be rebuilt from the
//! truth; the version of the truth that it mirrors stands in its commit payload.

mod places;
mod read;
mod roster;
mod schema;
mod score;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::{Directory, Index, IndexReader, IndexSettings, ReloadPolicy};

pub(crate) use places::Places;
pub(crate) use read::{DocumentHit, LexicalView, Weighted};
pub(crate) use roster::{DocumentNumber, Roster};
use schema::Fields;
pub(crate) use write::DocumentState;

use crate::analysis;
use crate::recipe::Recipe;

/// The version of the index's own shape. A change rebuilds it from the truth.
const SHAPE: u32 = 1;

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// The version of the index's shape.
    pub(crate) shape: u32,
    /// The version of the truth that it mirrors; 0 where the index is the truth itself.
    pub(crate) truth: u64,
    /// How the passages were made.
    pub(crate) recipe: Recipe,
    /// How many passages there are.
    pub(crate) passages: u64,
    /// How many documents there are.
    pub(crate) documents: u64,
    /// When it was made. Without a truth beside the index, only this tells two commits of the same size apart.
    #[serde(default)]
    pub(crate) at: Timestamp,
}

/// The index's list of segments as it was read last, with what it says.
type ReadList = (Arc<[u8]>, Option<Stamp>);

/// The index folder.
pub(crate) struct Lexical {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    folder: PathBuf,
    read: Mutex<Option<ReadList>>,
}

/// The file that tantivy keeps its list of segments in, replaced by every commit.
const META: &str = "meta.json";

/// Bytes of passages that are compressed together: to read one, all of them are taken apart.
const PASSAGES_TOGETHER: usize = 4 << 10;

/// What of that list is ours.
#[derive(Deserialize)]
struct Meta {
    payload: Option<String>,
}

impl Lexical {
    /// Opens the index, or makes an empty one. `None`: what is there is damaged or of another shape.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let (schema, fields) = schema::schema();
        let directory = MmapDirectory::open(folder)?;
        // An index that is there keeps the settings that it was made with.
        let settings = IndexSettings { docstore_blocksize: PASSAGES_TOGETHER, ..IndexSettings::default() };
        let index = match Index::builder().schema(schema).settings(settings).open_or_create(directory) {
            Ok(index) => index,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the index of words cannot be opened");
                return Ok(None);
            }
        };
        index.tokenizers().register(analysis::ANALYZER, analysis::analyzer());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        let reader: IndexReader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the index of words cannot be read");
                return Ok(None);
            }
        };
        Ok(Some(Self { index, reader, fields, folder: folder.to_owned(), read: Mutex::default() }))
    }

    /// Opens the index anew after throwing away whatever is there.
    pub(crate) fn recreate(folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove {}", folder.display()))?;
        }
        Self::open(folder)?.with_context(|| format!("could not make an index in {}", folder.display()))
    }

    /// What the newest commit says about itself; `None` before the first one.
    pub(crate) fn stamp(&self) -> anyhow::Result<Option<Stamp>> {
        // Every question asks for it, and most find what the one before has found.
        let found: Arc<[u8]> = self.index.directory().atomic_read(Path::new(META))?.into();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, stamp)) = read.as_ref()
            && *known == found
        {
            return Ok(stamp.clone());
        }
        let meta: Meta =
            serde_json::from_slice(&found).context("the index's list of segments cannot be read")?;
        let stamp = meta.payload.and_then(|payload| serde_json::from_str::<Stamp>(&payload).ok());
        let stamp = stamp.filter(|stamp| stamp.shape == SHAPE);
        *read = Some((found, stamp.clone()));
        Ok(stamp)
    }

    /// The newest commit, to search in. The stamp and what is searched belong together.
    pub(crate) fn view(&self) -> anyhow::Result<Option<LexicalView>> {
        // A commit between the two reads would tear stamp and segments apart; then look again.
        for _ in 0..8 {
            let Some(stamp) = self.stamp()? else { return Ok(None) };
            self.reader.reload()?;
            if self.stamp()?.as_ref() == Some(&stamp) {
                let searcher = self.reader.searcher();
                return Ok(Some(LexicalView::new(searcher, self.fields, stamp)));
            }
        }
        anyhow::bail!("the index in {} changes faster than it can be read", self.folder.display())
    }
}
