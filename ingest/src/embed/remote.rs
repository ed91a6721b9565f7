//! Models behind an OpenAI-compatible `/v1/embeddings` endpoint, through rig.

use std::time::Duration;

use rig_core::driver::Model;
use rig_core::providers::openai::OpenAIConfig;
use rig_core::providers::openai::wire::Embeddings;
use url::Url;

use super::bounded::BoundedClient;
use super::{EmbedError, Vector, normalize};
use crate::Scrub;

/// Most bytes of one answer: a batch of 32 vectors of 8,192 numbers, each written with 20 characters, fits twice.
const LARGEST: usize = 12 << 20;

/// Where a remote model is, and how long it may think.
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
    /// Deadline of one request.
    pub deadline: Duration,
    /// What every text goes through before it is sent.
    pub scrub: Option<Scrub>,
}

impl RemoteSettings {
    /// The deadline of one request, unless another is set.
    pub const DEADLINE: Duration = Duration::from_secs(60);
}

/// A model behind an HTTP endpoint.
pub struct RemoteModel {
    name: String,
    dimension: usize,
    deadline: Duration,
    model: Model<Embeddings>,
    scrub: Option<Scrub>,
}

impl RemoteModel {
    /// Connects, and embeds one word to learn the dimension.
    ///
    /// # Errors
    /// When the endpoint cannot be reached or does not answer with a vector.
    pub async fn connect(settings: RemoteSettings) -> Result<Self, EmbedError> {
        // The host is part of the name: two servers may serve different models under one name.
        let host = settings.url.host_str().unwrap_or_default();
        let name = format!("{}@{host}", settings.model);
        let http = BoundedClient::new(settings.key.clone(), LARGEST)
            .map_err(|error| EmbedError::Failed { model: name.clone(), source: error.into() })?;
        let mut config = OpenAIConfig::new(settings.key);
        config.base_url = settings.url.as_str().trim_end_matches('/').to_owned();
        let model = config.client().with_http(http).embedding(settings.model, settings.dimension);
        let (deadline, scrub) = (settings.deadline, settings.scrub);
        let mut remote = Self { name, dimension: 0, deadline, model, scrub };
        let vectors = remote.asked(vec!["ready?".to_owned()]).await?;
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

    /// The vectors of texts, in their order.
    pub(super) async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        let vectors = self.asked(texts).await?;
        match vectors.iter().find(|vector| vector.len() != self.dimension) {
            None => Ok(vectors),
            Some(other) => Err(self.failed(anyhow::anyhow!(
                "the endpoint returned a vector of {} numbers after one of {}",
                other.len(),
                self.dimension
            ))),
        }
    }

    async fn asked(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        let wanted = texts.len();
        let texts = match &self.scrub {
            Some(scrub) => texts.iter().map(|text| scrub(text)).collect(),
            None => texts,
        };
        let answer = tokio::time::timeout(self.deadline, self.model.call(texts)).await;
        let late = |_| self.failed(anyhow::anyhow!("no answer within {:?}", self.deadline));
        let answer = answer.map_err(late)?.map_err(|error| self.failed(error.into()))?;
        let found = answer.embeddings.len();
        if found != wanted {
            return Err(
                self.failed(anyhow::anyhow!("the endpoint returned {found} vectors for {wanted} texts"))
            );
        }
        #[expect(clippy::cast_possible_truncation, reason = "vectors are kept as f32")]
        let narrow = |vector: Vec<f64>| vector.into_iter().map(|x| x as f32).collect::<Vector>();
        Ok(answer.embeddings.into_iter().map(|embedding| normalize(narrow(embedding.vec))).collect())
    }

    fn failed(&self, source: anyhow::Error) -> EmbedError {
        EmbedError::Failed { model: self.name.clone(), source }
    }
}
