//! Models behind an OpenAI-compatible `/v1/embeddings` endpoint, through rig.

use std::time::Duration;

use rig_core::driver::Model;
use rig_core::providers::openai::OpenAIConfig;
use rig_core::providers::openai::wire::Embeddings;
use url::Url;

use super::{EmbedError, Vector, normalize};
use crate::Scrub;

/// Deadline of one request.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where a remote model is.
#[derive(Clone)]
pub struct RemoteSettings {
    /// The base URL, with `/v1`.
    pub url: Url,
    /// The model's name at the endpoint.
    pub model: String,
    /// The key, empty where none is asked for.
    pub key: String,
    /// The dimension to ask for; `None` takes what comes.
    pub dimension: Option<usize>,
    /// What every text goes through before it is sent.
    pub scrub: Option<Scrub>,
}

/// A model behind an HTTP endpoint.
pub struct RemoteModel {
    name: String,
    dimension: usize,
    model: Model<Embeddings>,
    scrub: Option<Scrub>,
}

impl RemoteModel {
    /// Connects, and embeds one word to learn the dimension.
    ///
    /// # Errors
    /// When the endpoint cannot be reached or does not answer with a vector.
    pub async fn connect(settings: RemoteSettings) -> Result<Self, EmbedError> {
        let mut config = OpenAIConfig::new(settings.key);
        config.base_url = settings.url.as_str().trim_end_matches('/').to_owned();
        let model = config.client().embedding(settings.model.clone(), settings.dimension);
        // The host is part of the name: two servers may serve different models under one name.
        let host = settings.url.host_str().unwrap_or_default();
        let mut remote =
            Self { name: format!("{}@{host}", settings.model), dimension: 0, model, scrub: settings.scrub };
        let vectors = remote.embed(vec!["ready?".to_owned()]).await?;
        remote.dimension = vectors.first().map_or(0, Vec::len);
        if remote.dimension == 0 {
            return Err(remote.failed(anyhow::anyhow!("the endpoint returned an empty vector")));
        }
        Ok(remote)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        let texts = match &self.scrub {
            Some(scrub) => texts.iter().map(|text| scrub(text)).collect(),
            None => texts,
        };
        let answer = tokio::time::timeout(DEADLINE, self.model.call(texts)).await;
        let answer =
            answer.map_err(|_| self.failed(anyhow::anyhow!("no answer within {} s", DEADLINE.as_secs())))?;
        let answer = answer.map_err(|error| self.failed(error.into()))?;
        #[expect(clippy::cast_possible_truncation, reason = "vectors are kept as f32")]
        let narrow = |vector: Vec<f64>| vector.into_iter().map(|x| x as f32).collect::<Vector>();
        Ok(answer.embeddings.into_iter().map(|embedding| normalize(narrow(embedding.vec))).collect())
    }

    fn failed(&self, source: anyhow::Error) -> EmbedError {
        EmbedError::Failed { model: self.name.clone(), source }
    }
}
