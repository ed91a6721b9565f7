//! Which knowledge base a command works on: the configuration's, the user's own, or a folder that was named.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use kubewright_ingest::{KnowledgeBase, KnowledgeSettings as BaseSettings};

use crate::egress::Egress;
use crate::settings::{AgentsSettings, EgressSettings, Environment, KnowledgeSettings};

/// The configuration file that is read without being named.
const CONFIGURATION: &str = "kubewright.toml";

/// Which configuration.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConfigArgs {
    /// The configuration file [default: ./kubewright.toml if it is there]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which knowledge base.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct BaseArgs {
    /// The configuration.
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder of the knowledge base [default: knowledge.folder of the configuration]
    #[arg(long, global = true, value_name = "DIR")]
    knowledge: Option<PathBuf>,
}

/// One of the two collections of a knowledge base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collection {
    Documents,
    Incidents,
}

impl ConfigArgs {
    /// The settings of the file, or the defaults where there is none and none was named, with the guard of what leaves
    /// for a remote model.
    pub(super) fn settings(&self, environment: &Environment) -> anyhow::Result<(KnowledgeSettings, Egress)> {
        let there = || Some(PathBuf::from(CONFIGURATION)).filter(|path| path.is_file());
        let (settings, egress) = match self.config.clone().or_else(there) {
            Some(file) => KnowledgeSettings::load(&file, environment)?,
            None => (KnowledgeSettings::defaults(environment), EgressSettings::default()),
        };
        Ok((settings, Egress::new(&egress).context("could not set up the egress guard")?))
    }
}

impl BaseArgs {
    /// The models of the configuration, none where it names none.
    pub(super) fn agents(&self, environment: &Environment) -> anyhow::Result<AgentsSettings> {
        let file = self.config.config.as_deref().unwrap_or(Path::new(CONFIGURATION));
        Ok(AgentsSettings::of_configuration(file, environment)?)
    }

    pub(super) fn settings(&self, environment: &Environment) -> anyhow::Result<(KnowledgeSettings, Egress)> {
        let (mut settings, egress) = self.config.settings(environment)?;
        if let Some(folder) = &self.knowledge {
            settings.folder.clone_from(folder);
            settings.location = None;
        } else if !settings.enabled {
            anyhow::bail!(
                "the knowledge base is switched off (knowledge.enabled); name one with --knowledge DIR"
            );
        }
        Ok((settings, egress))
    }

    /// Opens what is there; where nothing is, nothing is made, and the text says what to do.
    pub(super) async fn open(
        &self,
        collection: Collection,
        environment: &Environment,
    ) -> anyhow::Result<Result<KnowledgeBase, String>> {
        let (settings, egress) = self.settings(environment)?;
        open_existing(&settings, &egress, collection).await
    }
}

impl Collection {
    /// `incidents` as it stands on the command line.
    pub(super) fn of(incidents: bool) -> Self {
        if incidents { Self::Incidents } else { Self::Documents }
    }

    fn settings(self, settings: &KnowledgeSettings, egress: &Egress) -> BaseSettings {
        match self {
            Self::Documents => settings.documents(egress.scrubber()),
            Self::Incidents => settings.episodes(egress.scrubber()),
        }
    }

    /// What to say where there is nothing of it.
    fn nothing_in(self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Documents => {
                format!("the knowledge base in {folder} is empty; fill it with `kubewright ingest`")
            }
            Self::Incidents => {
                format!("no past incidents are kept in {folder}; the server adds those that it closes")
            }
        }
    }
}

/// Opens the collection, or makes an empty one.
pub(super) async fn open(
    settings: &KnowledgeSettings,
    egress: &Egress,
    collection: Collection,
) -> anyhow::Result<KnowledgeBase> {
    // A large future; it does not belong on the stack of every command.
    Box::pin(KnowledgeBase::open(collection.settings(settings, egress))).await
}

/// Opens the collection, unless there is none: to read makes no folders. Then the text says what to do.
pub(super) async fn open_existing(
    settings: &KnowledgeSettings,
    egress: &Egress,
    collection: Collection,
) -> anyhow::Result<Result<KnowledgeBase, String>> {
    let place = collection.settings(settings, egress);
    if place.location.is_none() && !place.folder.is_dir() {
        return Ok(Err(collection.nothing_in(&place.folder)));
    }
    Ok(Ok(Box::pin(KnowledgeBase::open(place)).await?))
}

/// What to say of a knowledge base that holds nothing; `None` if it holds something.
pub(super) async fn emptiness(
    base: &KnowledgeBase,
    collection: Collection,
) -> anyhow::Result<Option<String>> {
    let is_empty = base.documents().await?.is_empty();
    Ok(is_empty.then(|| collection.nothing_in(base.folder())))
}
