//! All configured models.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;

use super::circuit::Circuit;
use super::clean::{Clean, Scrub};
use super::entry::Entry;
use super::transport::Bounded;
use super::{Chain, Patience, provider};
use crate::settings::{AgentsSettings, ProviderSettings};

/// All configured models. Cheap to clone; what is learnt about a model and its provider is shared by the clones.
#[derive(Clone)]
pub struct Models {
    entries: Arc<Vec<Arc<Entry>>>,
    patience: Patience,
}

/// What the models of one provider share.
struct Provider<'a> {
    settings: &'a ProviderSettings,
    transport: Bounded,
    clean: Clean,
    circuit: Arc<Circuit>,
}

impl Models {
    /// Prepares the models; nothing is sent yet. `scrub` is applied to every string of every request, and to whatever a
    /// provider says in a refusal.
    ///
    /// # Errors
    /// When a model names no provider, or a provider must not be reached in the way that its URL says.
    pub fn new(settings: &AgentsSettings, scrub: Scrub) -> anyhow::Result<Self> {
        Self::with_patience(settings, scrub, Patience::default())
    }

    /// As [`Models::new`], with other times than the usual ones.
    ///
    /// # Errors
    /// As [`Models::new`].
    pub fn with_patience(
        settings: &AgentsSettings,
        scrub: Scrub,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let mut providers = BTreeMap::new();
        for (name, settings) in &settings.providers {
            let clean = Clean::new(scrub.clone(), settings.key.clone());
            let transport = provider::transport(settings, &patience, clean.clone())
                .with_context(|| format!("providers.{name}"))?;
            providers.insert(name, Provider { settings, transport, clean, circuit: Arc::default() });
        }
        let entries = settings.models_in_order().map(|(name, model)| {
            let provider = providers
                .get(&model.provider)
                .with_context(|| format!("models.{name}: there is no [providers.{}]", model.provider))?;
            let wire = provider::model(provider.settings, &model.model, provider.transport.clone());
            Ok(Arc::new(Entry {
                name: name.to_owned(),
                settings: model.clone(),
                kind: provider.settings.kind,
                timeout: provider.settings.timeout,
                model: wire,
                clean: provider.clean.clone(),
                learned: super::learned::Learned::default(),
                circuit: Circuit::default(),
                provider_circuit: provider.circuit.clone(),
            }))
        });
        let entries = entries.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { entries: Arc::new(entries), patience })
    }

    /// Whether there is no model at all: a normal state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The named models in this order, or all in the order of the file; `None` if there is none. Names that are not
    /// configured are left out: the settings refuse them.
    #[must_use]
    pub fn chain(&self, names: &[String]) -> Option<Chain> {
        let entries: Vec<Arc<Entry>> = if names.is_empty() {
            self.entries.to_vec()
        } else {
            names
                .iter()
                .filter_map(|name| self.entries.iter().find(|entry| entry.name == *name))
                .cloned()
                .collect()
        };
        (!entries.is_empty()).then_some(Chain { entries, patience: self.patience })
    }
}
