//! Where model files and the runtime library are looked for.

use std::path::{Path, PathBuf};

use super::EmbedError;

/// The folder that holds one folder a model, and beside them the ONNX Runtime library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder(PathBuf);

/// The files of one model.
pub(super) struct ModelFiles {
    pub(super) onnx: Vec<u8>,
    pub(super) tokenizer: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) special_tokens: Vec<u8>,
    pub(super) tokenizer_config: Vec<u8>,
}

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
        self.0.join(model).join("model.onnx").is_file()
    }

    pub(super) fn read(&self, model: &str) -> Result<ModelFiles, EmbedError> {
        let folder = self.0.join(model);
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                EmbedError::Missing(format!(
                    "the embedding model's file {} cannot be read: {error}",
                    path.display()
                ))
            })
        };
        Ok(ModelFiles {
            onnx: read("model.onnx")?,
            tokenizer: read("tokenizer.json")?,
            config: read("config.json")?,
            special_tokens: read("special_tokens_map.json")?,
            tokenizer_config: read("tokenizer_config.json")?,
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
