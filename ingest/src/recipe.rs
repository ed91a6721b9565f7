//! How the passages of an index were made: what must not be mixed.

#[cfg(feature = "vectors")]
use std::collections::HashMap;

#[cfg(feature = "vectors")]
use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The version of how documents are parsed, cut and described for the embedding. A change asks for a new ingestion.
/// 2: the values of Secrets are hidden in code and other text, too.
pub const PIPELINE_VERSION: u32 = 2;

#[cfg(feature = "vectors")]
const KEY: &str = "kubewright.recipe";

/// Everything that decides what a vector or a passage looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Parsers and chunker.
    pub pipeline: u32,
    /// The embedding model; `None`: search is by words only.
    pub model: Option<ModelOf>,
}

/// The embedding model of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOf {
    /// Its name.
    pub name: String,
    /// Length of its vectors.
    pub dimension: usize,
}

impl Recipe {
    /// The recipe of this program with this model.
    #[must_use]
    pub fn new(model: Option<ModelOf>) -> Self {
        Self { pipeline: PIPELINE_VERSION, model }
    }

    /// In what passages made like this differ from those that would be made now by the same model; `None` where they do not.
    #[must_use]
    pub fn outdated(&self) -> Option<String> {
        self.difference(&Self::new(self.model.clone()))
    }

    /// As the table's own metadata.
    #[cfg(feature = "vectors")]
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        let json = serde_json::to_string(self).unwrap_or_default();
        HashMap::from([(KEY.to_owned(), json)])
    }

    /// From the table's own metadata.
    #[cfg(feature = "vectors")]
    pub(crate) fn of_metadata(metadata: &HashMap<String, String>) -> anyhow::Result<Self> {
        let json = metadata.get(KEY).context("this is not a knowledge base of kubewright")?;
        serde_json::from_str(json).context("the knowledge base was made by a newer version of kubewright")
    }

    /// What differs, in words; `None` where nothing does.
    #[must_use]
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        let name = |recipe: &Self| {
            recipe.model.as_ref().map_or("no embedding model".to_owned(), |model| {
                format!("the embedding model {} ({} dimensions)", model.name, model.dimension)
            })
        };
        if self.model != wanted.model {
            return Some(format!("it was made with {}, now there is {}", name(self), name(wanted)));
        }
        (self.pipeline != wanted.pipeline).then(|| {
            format!(
                "it was cut by version {} of the chunker, now there is version {}",
                self.pipeline, wanted.pipeline
            )
        })
    }
}
