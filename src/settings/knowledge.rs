//! `[knowledge]`: where documents and past incidents are indexed, and by which models they are searched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kubewright_ingest::search::Platform;
use kubewright_ingest::{
    DEFAULT_MODEL, DEFAULT_RERANKER, KnowledgeSettings as BaseSettings, ModelChoice, PdfWorker,
    RerankerChoice, Scrub,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::validate::Validator;
use super::{Environment, PROGRAM_VARIABLE, raw};

/// How long old versions are kept, unless the file says otherwise: 30 days.
const KEEP_VERSIONS: Duration = Duration::from_secs(30 * 24 * 3600);

/// The subcommand that reads one PDF.
pub const PDF_WORKER: &str = "ingest-pdf-worker";

/// The name that stands for no model at all.
const NO_MODEL: &str = "none";

/// What people and the workflow search: documents and past incidents.
#[derive(Debug, Clone)]
pub struct KnowledgeSettings {
    /// Whether the server searches it.
    pub enabled: bool,
    /// The folder of both collections.
    pub folder: PathBuf,
    /// Where the passages are kept instead of in that folder: `s3://bucket/prefix`, `gs://…`, `az://…`.
    pub location: Option<String>,
    /// The folder of the models.
    pub models: PathBuf,
    /// What makes the vectors.
    pub model: EmbeddingModel,
    /// What has the last word on the order of what is found.
    pub reranker: RerankerChoice,
    /// ONNX Runtime's library, where it is not found by itself.
    pub onnx_runtime: Option<PathBuf>,
    /// Whether a model that its folder lacks may be downloaded.
    pub download_models: bool,
    /// How long old versions are kept.
    pub keep_versions: Duration,
    /// A glossary in addition to the built-in one.
    pub glossary: Option<PathBuf>,
    /// What the clusters are; runbooks of this platform come before general ones of the same title.
    pub platform: Option<Platform>,
    /// The list of sources that `kubewright ingest` reads.
    pub manifest: Option<PathBuf>,
    /// What reads PDFs in a process of its own.
    pub pdf_worker: Option<PdfWorker>,
}

/// What makes the vectors.
#[derive(Debug, Clone)]
pub enum EmbeddingModel {
    /// Nothing: search by words only.
    None,
    /// A model on this machine: the folder's name among the models, or one that fastembed knows.
    Local(String),
    /// An OpenAI-compatible endpoint.
    Endpoint {
        /// Base URL, with `/v1`.
        url: Url,
        /// The model's name there.
        model: String,
        /// The dimension to ask for; `None`: the model's own.
        dimension: Option<usize>,
        /// Sent as a bearer token.
        key: Option<SecretString>,
    },
}

impl KnowledgeSettings {
    /// Everything as it is without a configuration file.
    #[must_use]
    pub fn defaults(environment: &Environment) -> Self {
        Self {
            enabled: true,
            folder: data_home(environment).join("knowledge"),
            location: None,
            models: models(environment),
            model: EmbeddingModel::Local(DEFAULT_MODEL.to_owned()),
            reranker: RerankerChoice::WhenPresent(DEFAULT_RERANKER.to_owned()),
            onnx_runtime: None,
            download_models: true,
            keep_versions: KEEP_VERSIONS,
            glossary: None,
            platform: None,
            manifest: None,
            pdf_worker: pdf_worker(environment),
        }
    }

    /// How the collection of documents is opened. Every text for a remote embedding model goes through `scrub`.
    #[must_use]
    pub fn documents(&self, scrub: Scrub) -> BaseSettings {
        self.collection("documents", scrub)
    }

    /// How the collection of past incidents is opened, as [`Self::documents`].
    #[must_use]
    pub fn episodes(&self, scrub: Scrub) -> BaseSettings {
        self.collection("episodes", scrub)
    }

    fn collection(&self, name: &str, scrub: Scrub) -> BaseSettings {
        let mut settings = BaseSettings::new(self.folder.join(name), self.models.clone());
        settings.location =
            self.location.as_ref().map(|location| format!("{}/{name}", location.trim_end_matches('/')));
        settings.model = match &self.model {
            EmbeddingModel::None => ModelChoice::None,
            EmbeddingModel::Local(name) => ModelChoice::Local(name.clone()),
            EmbeddingModel::Endpoint { url, model, dimension, key } => ModelChoice::Remote {
                url: url.clone(),
                model: model.clone(),
                key: key.as_ref().map(|key| key.expose_secret().to_owned()).unwrap_or_default(),
                dimension: *dimension,
            },
        };
        settings.reranker.clone_from(&self.reranker);
        settings.scrub = Some(scrub);
        settings.onnx_runtime.clone_from(&self.onnx_runtime);
        settings.download = self.download_models;
        settings.keep_versions = self.keep_versions;
        settings.glossary.clone_from(&self.glossary);
        settings.platform = self.platform;
        settings.limits.pdf_worker.clone_from(&self.pdf_worker);
        settings
    }
}

/// The folder of what can be computed again: `$XDG_CACHE_HOME/kubewright`, else `~/.cache/kubewright`.
#[must_use]
pub fn cache_home(environment: &Environment) -> PathBuf {
    home(environment, "XDG_CACHE_HOME", ".cache")
}

/// The folder of the user's data: `$XDG_DATA_HOME/kubewright`, else `~/.local/share/kubewright`.
fn data_home(environment: &Environment) -> PathBuf {
    home(environment, "XDG_DATA_HOME", ".local/share")
}

/// As the XDG base directory specification has it: a relative path in the variable is ignored. Without a home folder
/// it is the folder we are in.
fn home(environment: &Environment, variable: &str, within: &str) -> PathBuf {
    let absolute = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(within)));
    base.unwrap_or_default().join("kubewright")
}

/// This program itself, where it says where it is.
fn pdf_worker(environment: &Environment) -> Option<PdfWorker> {
    let program = environment.get(PROGRAM_VARIABLE).filter(|path| !path.is_empty())?;
    Some(PdfWorker { program: program.into(), arguments: vec![PDF_WORKER.to_owned()] })
}

/// Where the set-up script puts the models, too.
fn models(environment: &Environment) -> PathBuf {
    let named = environment.get("KUBEWRIGHT_MODELS").filter(|path| !path.is_empty());
    named.map_or_else(|| data_home(environment).join("models"), PathBuf::from)
}

/// The folder beside a SQLite store, named after it; `None` for another kind of store.
fn beside(store: &str) -> Option<PathBuf> {
    let path = store.strip_prefix("sqlite://").or_else(|| store.strip_prefix("sqlite:"))?;
    let path = Path::new(path.split('?').next().unwrap_or_default());
    let stem = path.file_stem()?.to_string_lossy();
    Some(path.with_file_name(format!("{stem}-knowledge")))
}

/// A model's name becomes the name of a folder.
fn is_folder_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.starts_with('.') && !name.contains(['/', '\\'])
}

impl Validator<'_> {
    /// `store` is the store's URL, where the file holds it and not only where to find it.
    pub(super) fn knowledge(&mut self, raw: raw::Knowledge, store: Option<&str>) -> KnowledgeSettings {
        let defaults = KnowledgeSettings::defaults(self.environment);
        for (key, file) in [
            ("knowledge.onnx_runtime", &raw.onnx_runtime),
            ("knowledge.glossary", &raw.glossary),
            ("knowledge.manifest", &raw.manifest),
        ] {
            if let Some(path) = file.as_ref().filter(|path| !path.is_file()) {
                self.add(key, format!("{} is not a file", path.display()));
            }
        }
        if let Some(location) = &raw.location {
            self.location(location);
        }
        let keep_versions = raw.keep_versions.as_ref();
        let default = u64::try_from(KEEP_VERSIONS.as_millis()).unwrap_or(u64::MAX);
        KnowledgeSettings {
            enabled: raw.enabled.unwrap_or(defaults.enabled),
            folder: raw.folder.or_else(|| beside(store?)).unwrap_or(defaults.folder),
            location: raw.location,
            models: raw.models.unwrap_or(defaults.models),
            model: self.embedding_model(raw.model, raw.endpoint).unwrap_or(defaults.model),
            reranker: raw.reranker.map_or(defaults.reranker, |name| self.reranker(name)),
            onnx_runtime: raw.onnx_runtime,
            download_models: raw.download_models.unwrap_or(defaults.download_models),
            keep_versions: self.duration("knowledge.keep_versions", keep_versions, default),
            glossary: raw.glossary,
            platform: raw.platform.and_then(|name| self.platform(&name)),
            manifest: raw.manifest,
            pdf_worker: defaults.pdf_worker,
        }
    }

    fn platform(&mut self, name: &str) -> Option<Platform> {
        let platform = Platform::named(name);
        if platform.is_none() {
            let names = Platform::ALL.map(Platform::name).join(", ");
            self.add("knowledge.platform", format!("\"{name}\" is not known; platforms are {names}"));
        }
        platform
    }

    fn location(&mut self, location: &str) {
        let scheme = location.split_once("://").map_or("", |(scheme, _)| scheme);
        let (built, feature) = match scheme {
            "s3" => (cfg!(feature = "s3"), "s3"),
            "gs" => (cfg!(feature = "gcs"), "gcs"),
            "az" => (cfg!(feature = "azure"), "azure"),
            _ => {
                let text =
                    format!("\"{location}\" is no object store; write s3://, gs:// or az://, or set folder");
                return self.add("knowledge.location", text);
            }
        };
        if !built {
            let text = format!(
                "this build cannot use {scheme}://; build it with --features {feature}, or set folder"
            );
            self.add("knowledge.location", text);
        }
    }

    fn embedding_model(
        &mut self,
        name: Option<String>,
        endpoint: Option<raw::KnowledgeEndpoint>,
    ) -> Option<EmbeddingModel> {
        match (name, endpoint) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.add("knowledge", "set either model or endpoint");
                None
            }
            (Some(name), None) if name == NO_MODEL => Some(EmbeddingModel::None),
            (Some(name), None) => {
                if !is_folder_name(&name) {
                    let text = format!("\"{name}\" is no model; write \"{DEFAULT_MODEL}\" or \"{NO_MODEL}\"");
                    self.add("knowledge.model", text);
                }
                Some(EmbeddingModel::Local(name))
            }
            (None, Some(endpoint)) => self.embedding_endpoint(endpoint),
        }
    }

    fn reranker(&mut self, name: String) -> RerankerChoice {
        if name == NO_MODEL {
            return RerankerChoice::None;
        }
        if !is_folder_name(&name) {
            let text = format!("\"{name}\" is no model; write \"{DEFAULT_RERANKER}\" or \"{NO_MODEL}\"");
            self.add("knowledge.reranker", text);
        }
        RerankerChoice::Named(name)
    }

    fn embedding_endpoint(&mut self, raw: raw::KnowledgeEndpoint) -> Option<EmbeddingModel> {
        if raw.model.trim().is_empty() {
            self.add("knowledge.endpoint.model", "name the model as the endpoint knows it");
        }
        if raw.dimension == Some(0) {
            self.add("knowledge.endpoint.dimension", "must be more than 0");
        }
        let key = raw.key.as_ref().and_then(|key| self.secret("knowledge.endpoint.key", key));
        let url = self.url("knowledge.endpoint.url", &raw.url)?;
        Some(EmbeddingModel::Endpoint { url, model: raw.model, dimension: raw.dimension, key })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Environment, KnowledgeSettings, beside, cache_home};

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_folders_are_those_of_the_user() {
        let home = environment(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "relative")]);
        let settings = KnowledgeSettings::defaults(&home);
        assert_eq!(settings.folder, Path::new("/home/ada/.local/share/kubewright/knowledge"));
        assert_eq!(settings.models, Path::new("/home/ada/.local/share/kubewright/models"));
        assert_eq!(cache_home(&home), Path::new("/home/ada/.cache/kubewright"));
        let named = environment(&[("XDG_DATA_HOME", "/data"), ("KUBEWRIGHT_MODELS", "/models")]);
        let settings = KnowledgeSettings::defaults(&named);
        assert_eq!(settings.folder, Path::new("/data/kubewright/knowledge"));
        assert_eq!(settings.models, Path::new("/models"));
    }

    #[test]
    fn the_knowledge_lies_beside_a_sqlite_store() {
        let folder = beside("sqlite:///var/lib/kubewright.db?mode=rwc");
        assert_eq!(folder.as_deref(), Some(Path::new("/var/lib/kubewright-knowledge")));
        assert_eq!(beside("sqlite://kube.db").as_deref(), Some(Path::new("kube-knowledge")));
        assert_eq!(beside("postgres://host/kubewright"), None);
    }

    #[test]
    fn both_collections_have_a_place_of_their_own() {
        let mut settings = KnowledgeSettings::defaults(&environment(&[("HOME", "/h")]));
        settings.location = Some("s3://bucket/prefix/".to_owned());
        let scrub = || -> kubewright_ingest::Scrub { std::sync::Arc::new(str::to_owned) };
        assert!(settings.documents(scrub()).folder.ends_with("knowledge/documents"));
        assert!(settings.documents(scrub()).scrub.is_some() && settings.episodes(scrub()).scrub.is_some());
        assert_eq!(settings.documents(scrub()).location.as_deref(), Some("s3://bucket/prefix/documents"));
        assert_eq!(settings.episodes(scrub()).location.as_deref(), Some("s3://bucket/prefix/episodes"));
    }
}
