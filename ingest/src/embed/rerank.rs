//! Cross-encoders: models that read a question and a passage together and say how well one answers the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use fastembed::{
    OnnxSource, RerankInitOptions, RerankInitOptionsUserDefined, RerankerModel, TextRerank,
    UserDefinedRerankingModel,
};
use ort::environment::Environment;

use super::{EmbedError, ModelFolder, runtime};

/// Tokens of question and passage together; what is longer is cut.
const MAX_TOKENS: usize = 384;

/// What is read of a question and of a passage, bytes. Before the tokens are counted, so that counting is bounded, too.
const QUESTION: usize = 500;
const PASSAGE: usize = 1_600;

/// Passages between two looks at the clock.
const BATCH: usize = 5;

/// How long one question may take. An incident waits for two seconds for all that the knowledge base has to say.
const LONGEST: Duration = Duration::from_secs(1);

/// One cross-encoder. Questions take turns: each uses all cores.
pub struct Reranker {
    name: String,
    session: Mutex<TextRerank>,
}

impl Reranker {
    /// Loads a model: from its folder, else by fastembed's own download if `download` allows it and the name is one that
    /// fastembed knows (`bge-reranker-base`, …).
    ///
    /// # Errors
    /// When the files or the runtime library are missing or broken, or the model is no cross-encoder.
    pub fn load(
        name: &str,
        folder: &ModelFolder,
        onnx_runtime: Option<&Path>,
        download: bool,
    ) -> Result<Self, EmbedError> {
        let can_be_had = folder.has(name) || (download && known(name).is_some());
        if !can_be_had {
            return Err(EmbedError::Missing(format!(
                "the reranker {name} is not in {}: put its files there, or name one that fastembed knows and allow the \
                 download with knowledge.download_models",
                folder.path().display()
            )));
        }
        let environment = runtime::load(folder, onnx_runtime)?;
        let loaded = if folder.has(name) {
            from_folder(name, folder, &environment)
        } else {
            downloaded(name, folder, &environment)
        };
        let broken = |source| EmbedError::Broken { model: name.to_owned(), source };
        let mut session = loaded.map_err(broken)?;
        logits(&mut session, "ready?", &["ready"]).map_err(broken)?;
        Ok(Self { name: name.to_owned(), session: Mutex::new(session) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How well each passage answers the question, in their order: logits, finite, comparable within one question only.
    /// Blocks for a second at most, a turn that others have and the last few passages apart.
    ///
    /// # Errors
    /// When the model fails or is too slow for so many passages.
    pub fn score(&self, question: &str, passages: &[String]) -> Result<Vec<f32>, EmbedError> {
        let failed = |source| EmbedError::Failed { model: self.name.clone(), source };
        let started = Instant::now();
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scores = Vec::with_capacity(passages.len());
        for batch in passages.chunks(BATCH) {
            if started.elapsed() >= LONGEST {
                let (done, all) = (scores.len(), passages.len());
                let slow = anyhow!("after {} s only {done} of {all} passages are read", LONGEST.as_secs());
                return Err(failed(slow.context("a smaller one or a faster machine is needed")));
            }
            let batch: Vec<&str> = batch.iter().map(|passage| beginning(passage, PASSAGE)).collect();
            scores.extend(logits(&mut session, beginning(question, QUESTION), &batch).map_err(failed)?);
        }
        Ok(scores)
    }
}

/// One batch. fastembed panics where a model's output is not one row for each passage.
fn logits(session: &mut TextRerank, question: &str, passages: &[&str]) -> anyhow::Result<Vec<f32>> {
    let run = || session.rerank(question, passages, false, Some(passages.len()));
    let scored = catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| anyhow!("its output has not the shape of a cross-encoder's"))??;
    ensure!(scored.len() == passages.len(), "it scored {} of {} passages", scored.len(), passages.len());
    let mut logits = vec![f32::NAN; passages.len()];
    for scored in scored {
        if let Some(logit) = logits.get_mut(scored.index) {
            *logit = scored.score;
        }
    }
    ensure!(logits.iter().all(|logit| logit.is_finite()), "a score is no number");
    Ok(logits)
}

fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// The model that fastembed knows by this name: the last part of `jinaai/jina-reranker-v1-turbo-en`.
fn known(name: &str) -> Option<RerankerModel> {
    let mut models = TextRerank::list_supported_models().into_iter();
    let code_ends_so = |code: &str| code.rsplit('/').next().is_some_and(|end| end.eq_ignore_ascii_case(name));
    models.find(|model| code_ends_so(&model.model_code)).map(|model| model.model)
}

/// The graph is read by ONNX Runtime itself: large ones keep their weights in further files beside it.
fn from_folder(name: &str, folder: &ModelFolder, environment: &Environment) -> anyhow::Result<TextRerank> {
    let model = UserDefinedRerankingModel::new(OnnxSource::File(folder.onnx(name)), folder.tokenizer(name)?);
    let options =
        RerankInitOptionsUserDefined::new().with_environment(environment.clone()).with_max_length(MAX_TOKENS);
    Ok(TextRerank::try_new_from_user_defined(model, options)?)
}

fn downloaded(name: &str, folder: &ModelFolder, environment: &Environment) -> anyhow::Result<TextRerank> {
    let model = known(name).with_context(|| format!("{name} is no reranker that can be downloaded"))?;
    let options = RerankInitOptions::new(model)
        .with_cache_dir(folder.path().join("downloaded"))
        .with_environment(environment.clone())
        .with_max_length(MAX_TOKENS)
        .with_show_download_progress(false);
    Ok(TextRerank::try_new(options)?)
}

#[cfg(test)]
mod tests {
    use fastembed::RerankerModel;

    use super::{beginning, known};
    use crate::DEFAULT_RERANKER;

    #[test]
    fn a_reranker_is_known_by_the_name_of_its_folder() {
        assert_eq!(known(DEFAULT_RERANKER), Some(RerankerModel::JINARerankerV1TurboEn));
        assert_eq!(known("BGE-reranker-base"), Some(RerankerModel::BGERerankerBase));
        assert_eq!(known("reranker-base"), None);
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(beginning("näher", 2), "n");
        assert_eq!(beginning("näher", 20), "näher");
    }
}
