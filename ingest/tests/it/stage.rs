//! A knowledge base in a temporary folder, and documents to fill it with.

use std::path::{Path, PathBuf};

use kubewright_ingest::search::{Filter, Mode, SearchRequest, SearchResponse};
use kubewright_ingest::source::SourceSpec;
use kubewright_ingest::{IngestOptions, IngestReport, KnowledgeBase, KnowledgeSettings, ModelChoice};
use tempfile::TempDir;

/// A folder of documents beside a folder of indexes.
pub(crate) struct Stage {
    folder: TempDir,
    model: ModelChoice,
}

impl Stage {
    /// Search by words only.
    pub(crate) fn words() -> Self {
        Self::with(ModelChoice::None)
    }

    /// With a model.
    pub(crate) fn with(model: ModelChoice) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("docs")).unwrap();
        Self { folder, model }
    }

    pub(crate) fn indexes(&self) -> PathBuf {
        self.folder.path().join("knowledge")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("docs").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join("docs").join(name)).unwrap();
    }

    pub(crate) fn settings(&self) -> KnowledgeSettings {
        let mut settings = KnowledgeSettings::new(self.indexes(), models());
        settings.model = self.model.clone();
        settings
    }

    pub(crate) async fn open(&self) -> KnowledgeBase {
        KnowledgeBase::open(self.settings()).await.unwrap()
    }

    pub(crate) fn source(&self) -> SourceSpec {
        let mut source =
            SourceSpec::from_argument(self.folder.path().join("docs").to_str().unwrap()).unwrap();
        "docs".clone_into(&mut source.name);
        source
    }

    pub(crate) async fn ingest(&self, base: &KnowledgeBase) -> IngestReport {
        base.ingest(&[self.source()], IngestOptions::default(), |_| {}).await.unwrap()
    }
}

/// Where `make test` has put the model.
pub(crate) fn models() -> PathBuf {
    if let Some(folder) = std::env::var_os("KUBEWRIGHT_MODELS") {
        return folder.into();
    }
    let home = std::env::var_os("HOME").unwrap_or_default();
    let data = std::env::var_os("XDG_DATA_HOME");
    data.map_or_else(|| Path::new(&home).join(".local/share"), PathBuf::from).join("kubewright/models")
}

/// Paths of the results, the best first.
pub(crate) fn paths(response: &SearchResponse) -> Vec<&str> {
    response.results.iter().map(|result| result.citation.path.as_str()).collect()
}

pub(crate) async fn search(base: &KnowledgeBase, query: &str, mode: Mode, filter: &[&str]) -> SearchResponse {
    let mut request = SearchRequest::new(query);
    request.mode = mode;
    request.filter = Filter::parse(filter).unwrap();
    base.search(&request).await.unwrap()
}
