//! ONNX Runtime's shared library: found and loaded once a process.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

use super::{EmbedError, ModelFolder};

/// The library is loaded once; who comes later shares it, whatever path they name.
static LOADED: OnceLock<Environment> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Loads the library from the first place where it is.
///
/// # Errors
/// When it is nowhere, or cannot be loaded.
pub(super) fn load(folder: &ModelFolder, configured: Option<&Path>) -> Result<Environment, EmbedError> {
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = LOADED.get() {
        return Ok(environment.clone());
    }
    let candidates = folder.runtime_candidates(configured);
    let Some(path) = candidates.iter().find(|path| path.is_file()) else {
        let places: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        return Err(EmbedError::Missing(format!(
            "ONNX Runtime's library is missing (looked at {}): run `make demo` once, install the onnxruntime package, or set \
             knowledge.onnx_runtime",
            places.join(", ")
        )));
    };
    let broken = |source: anyhow::Error| EmbedError::Broken { model: path.display().to_string(), source };
    let environment = ort::init_from(path)
        .map_err(|error| broken(error.into()))?
        .with_name("kubewright")
        .build()
        .map_err(|error| broken(anyhow::Error::msg(error.to_string())))?;
    Ok(LOADED.get_or_init(|| environment).clone())
}
