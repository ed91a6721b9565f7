//! Where model files and the runtime library are looked for.

use std::path::{Path, PathBuf};

use fastembed::TokenizerFiles;

use super::EmbedError;

/// The folder that holds one folder a model, and beside them the ONNX Runtime library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder(PathBuf);

impl ModelFolder {
    /// The folder at this path; it need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether the files of a model are there.
    #[must_use]
    pub fn has(&self, model: &str) -> bool {
        self.onnx(model).is_file()
    }

    /// Where a model's graph with its weights is.
    pub(super) fn onnx(&self, model: &str) -> PathBuf {
        self.0.join(model).join("model.onnx")
    }

    /// What cuts a model's texts into tokens.
    pub(super) fn tokenizer(&self, model: &str) -> Result<TokenizerFiles, EmbedError> {
        let folder = self.0.join(model);
        let read = |name: &str| read(&folder.join(name));
        Ok(TokenizerFiles {
            tokenizer_file: read("tokenizer.json")?,
            config_file: read("config.json")?,
            special_tokens_map_file: read("special_tokens_map.json")?,
            tokenizer_config_file: read("tokenizer_config.json")?,
        })
    }

    /// Where the runtime library may be: the configured file, beside the models, then the system's library folders.
    pub(super) fn runtime_candidates(&self, configured: Option<&Path>) -> Vec<PathBuf> {
        if let Some(path) = configured {
            return vec![path.to_owned()];
        }
        let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let system = ["/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/homebrew/lib"];
        let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        [self.0.clone()]
            .into_iter()
            .chain(system.into_iter().map(PathBuf::from))
            .chain([PathBuf::from(multiarch)])
            .map(|folder| folder.join(&name))
            .collect()
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(path).map_err(|error| {
        EmbedError::Missing(format!("the model's file {} cannot be read: {error}", path.display()))
    })
}
