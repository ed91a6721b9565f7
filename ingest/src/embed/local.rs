//! Models that run on this machine, through fastembed and ONNX Runtime.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context;
use fastembed::{
    EmbeddingModel, InitOptionsUserDefined, Pooling, TextEmbedding, TextInitOptions,
    UserDefinedEmbeddingModel,
};
use ort::environment::Environment;

use super::{EmbedError, ModelFolder, ModelTokens, Vector, files, normalize, runtime};
use crate::DEFAULT_MODEL;

/// Tokens beyond this are not seen by the model; chunks are cut well below.
const MAX_TOKENS: usize = 256;

/// Threads that embed a question: two take four fifths of the time of one, more wait for each other on so short a text.
const QUESTION_THREADS: usize = 2;

/// One model with two sessions: questions never wait behind a batch of passages.
pub struct LocalModel {
    name: String,
    dimension: usize,
    tokens: ModelTokens,
    questions: Mutex<TextEmbedding>,
    batches: OnceLock<Mutex<TextEmbedding>>,
    folder: ModelFolder,
    environment: Environment,
}

impl LocalModel {
    /// Loads a model: from its folder, else by fastembed's own download if `download` allows it and the name is one that
    /// fastembed knows (`BGESmallENV15Q`, …).
    ///
    /// # Errors
    /// When the files or the runtime library are missing or broken.
    pub fn load(
        name: &str,
        folder: &ModelFolder,
        onnx_runtime: Option<&Path>,
        download: bool,
    ) -> Result<Self, EmbedError> {
        let can_be_had = folder.has(name) || (download && known(name).is_some());
        if !can_be_had {
            return Err(EmbedError::Missing(format!(
                "the embedding model {name} is not in {}: run `make demo` once, put its files there, or allow the download \
                 with knowledge.download_models",
                folder.path().display()
            )));
        }
        let environment = runtime::load(folder, onnx_runtime)?;
        let mut questions = session(name, folder, &environment, QUESTION_THREADS.min(cores()))?;
        let failed =
            |error: fastembed::Error| EmbedError::Failed { model: name.to_owned(), source: error.into() };
        let probe = questions.embed(["ready?"], None).map_err(failed)?;
        let dimension = probe.first().map_or(0, Vec::len);
        let tokens = ModelTokens::new(questions.tokenizer.clone());
        Ok(Self {
            name: name.to_owned(),
            dimension,
            tokens,
            questions: Mutex::new(questions),
            batches: OnceLock::new(),
            folder: folder.clone(),
            environment,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn tokens(&self) -> ModelTokens {
        self.tokens.clone()
    }

    /// Embeds a question.
    ///
    /// # Errors
    /// When the model fails.
    pub fn query(&self, text: &str) -> Result<Vector, EmbedError> {
        let mut model = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut vectors = model.embed([text], None).map_err(|error| self.failed(error))?;
        vectors
            .pop()
            .map(normalize)
            .ok_or_else(|| self.failed(anyhow::anyhow!("the model returned no vector")))
    }

    /// Embeds a batch of passages with all cores, in their order. Texts of like length make little padding.
    ///
    /// # Errors
    /// When the model cannot be loaded a second time or fails.
    pub fn passages(&self, texts: &[String]) -> Result<Vec<Vector>, EmbedError> {
        let mut model = self.batch_session()?.lock().unwrap_or_else(PoisonError::into_inner);
        let vectors = model.embed(texts, Some(texts.len().max(1))).map_err(|error| self.failed(error))?;
        Ok(vectors.into_iter().map(normalize).collect())
    }

    fn batch_session(&self) -> Result<&Mutex<TextEmbedding>, EmbedError> {
        if let Some(session) = self.batches.get() {
            return Ok(session);
        }
        let made = Mutex::new(session(&self.name, &self.folder, &self.environment, cores())?);
        Ok(self.batches.get_or_init(|| made))
    }

    fn failed(&self, error: impl Into<anyhow::Error>) -> EmbedError {
        EmbedError::Failed { model: self.name.clone(), source: error.into() }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The model that fastembed knows by this name.
fn known(name: &str) -> Option<EmbeddingModel> {
    match name {
        DEFAULT_MODEL => Some(EmbeddingModel::AllMiniLML6V2Q),
        name => name.parse().ok(),
    }
}

fn session(
    name: &str,
    folder: &ModelFolder,
    environment: &Environment,
    threads: usize,
) -> Result<TextEmbedding, EmbedError> {
    let loaded = if folder.has(name) {
        from_folder(name, folder, environment, threads)
    } else {
        download(name, folder, environment, threads)
    };
    loaded.map_err(|source| EmbedError::Broken { model: name.to_owned(), source })
}

fn from_folder(
    name: &str,
    folder: &ModelFolder,
    environment: &Environment,
    threads: usize,
) -> anyhow::Result<TextEmbedding> {
    let (onnx, tokenizer) = (files::read(&folder.onnx(name))?, folder.tokenizer(name)?);
    let pooling = known(name).and_then(|model| TextEmbedding::get_default_pooling_method(&model));
    let model =
        UserDefinedEmbeddingModel::new(onnx, tokenizer).with_pooling(pooling.unwrap_or(Pooling::Mean));
    let options = InitOptionsUserDefined::new()
        .with_environment(environment.clone())
        .with_max_length(MAX_TOKENS)
        .with_intra_threads(threads);
    Ok(TextEmbedding::try_new_from_user_defined(model, options)?)
}

fn download(
    name: &str,
    folder: &ModelFolder,
    environment: &Environment,
    threads: usize,
) -> anyhow::Result<TextEmbedding> {
    let model = known(name).with_context(|| format!("{name} is no model that can be downloaded"))?;
    let options = TextInitOptions::new(model)
        .with_cache_dir(folder.path().join("downloaded"))
        .with_environment(environment.clone())
        .with_max_length(MAX_TOKENS)
        .with_intra_threads(threads)
        .with_show_download_progress(false);
    Ok(TextEmbedding::try_new(options)?)
}
