//! Who plays the model of the demo's agents: a script, or what an `agents.toml` names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::script;
use crate::settings::{
    AgentsSettings, AssessSettings, Environment, ModelSettings, ProviderKind, ProviderSettings,
};
use crate::sim::model::ScriptedModel;

/// Between two pieces of an answer of the scripted model, so that people can watch.
const PACE: Duration = Duration::from_millis(120);

/// What the scripted model has for a name.
const MODEL: &str = "scripted";

/// How often an incident may use up the time of its agents: to find the cause and to plan, both again after a repair that
/// did not hold.
const INVESTIGATIONS: u32 = 4;

/// Where the demo's agents get their model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DemoAgents {
    /// A server on loopback that plays a model: no key, no cost, nothing leaves.
    Scripted,
    /// The models of this `agents.toml`.
    File(PathBuf),
}

impl DemoAgents {
    /// Reads the argument.
    ///
    /// # Errors
    /// What is neither the word nor the name of a TOML file, in words for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == MODEL {
            return Ok(Self::Scripted);
        }
        let is_file = Path::new(text).extension().is_some_and(|extension| extension == "toml");
        is_file
            .then(|| Self::File(PathBuf::from(text)))
            .ok_or_else(|| format!("`{MODEL}` or the path of an agents.toml is needed"))
    }
}

/// The agents' model, ready to be asked.
#[derive(Default)]
pub(super) struct Cast {
    /// What the server on the stage is told of agents.
    pub(super) settings: AgentsSettings,
    /// Whom they ask, for people; empty: nobody.
    pub(super) told: Vec<String>,
    /// How much longer than without agents an incident may take.
    pub(super) patience: Duration,
    /// Plays until it is dropped.
    _model: Option<ScriptedModel>,
}

impl Cast {
    /// Gets the model ready.
    ///
    /// # Errors
    /// Every problem of the file at once; a file that names no model; no port for the scripted model.
    pub(super) async fn gather(
        agents: Option<&DemoAgents>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        match agents {
            None => Ok(Self::default()),
            Some(DemoAgents::Scripted) => Self::scripted().await,
            Some(DemoAgents::File(file)) => Self::of(file, environment),
        }
    }

    async fn scripted() -> anyhow::Result<Self> {
        let model = ScriptedModel::paced(PACE, script::reply);
        let model = model.await.context("could not start the scripted model")?;
        let told = format!("scripted model      {} (what it says is played; all else is real)", model.url());
        Ok(Self { settings: asking(&model)?, told: vec![told], _model: Some(model), ..Self::default() })
    }

    fn of(file: &Path, environment: &Environment) -> anyhow::Result<Self> {
        let settings = AgentsSettings::load(file, environment)?;
        ensure!(
            settings.has_models(),
            "{} names no model, so there is nobody to ask: fill in [providers] and [models]",
            file.display()
        );
        let told = settings.models_in_order().map(|(name, model)| {
            format!("model               {name} ({} of {})", model.model, model.provider)
        });
        let told = told.collect();
        let patience = settings.limits.deadline * INVESTIGATIONS;
        Ok(Self { settings, told, patience, _model: None })
    }
}

/// Agents that ask the scripted model, however sure the rules are: they are to be seen at work.
fn asking(model: &ScriptedModel) -> anyhow::Result<AgentsSettings> {
    let provider = ProviderSettings {
        kind: ProviderKind::OpenAiCompatible,
        url: Some(model.url().parse()?),
        key: None,
        api_version: None,
        timeout: Duration::from_secs(30),
    };
    // Prices of a small hosted model, so that the cost is of a likely size.
    let price = ModelSettings {
        provider: MODEL.to_owned(),
        model: MODEL.to_owned(),
        context_tokens: 128_000,
        answer_tokens: 4_096,
        input_price: 0.25,
        output_price: 2.0,
    };
    Ok(AgentsSettings {
        providers: [(MODEL.to_owned(), provider)].into(),
        models: [(MODEL.to_owned(), price)].into(),
        assess: AssessSettings { confidence: 1.0, margin: 1.0 },
        ..AgentsSettings::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cast, DemoAgents};
    use crate::settings::Environment;

    fn written(text: &str) -> (tempfile::TempDir, DemoAgents) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agents.toml");
        std::fs::write(&file, text).unwrap();
        (folder, DemoAgents::File(file))
    }

    #[test]
    fn agents_are_scripted_or_of_a_file() {
        assert_eq!(DemoAgents::parse("scripted"), Ok(DemoAgents::Scripted));
        assert_eq!(DemoAgents::parse("a/b.toml"), Ok(DemoAgents::File("a/b.toml".into())));
        for text in ["", "script", "gpt-5", "agents.yaml"] {
            assert!(DemoAgents::parse(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_says_who_is_asked_and_how_long_it_may_take() {
        let (_folder, agents) = written(
            "[providers.here]\nkind = \"llamacpp\"\nurl = \"http://127.0.0.1:9/v1\"\n\
             [models.small]\nprovider = \"here\"\nmodel = \"tiny\"\n[limits]\ndeadline = \"10m\"\n",
        );
        let cast = Cast::gather(Some(&agents), &Environment::new()).await.unwrap();
        assert_eq!(cast.told, ["model               small (tiny of here)"]);
        assert_eq!(cast.patience, Duration::from_secs(2400));
    }

    #[tokio::test]
    async fn a_file_without_a_model_or_with_problems_is_refused() {
        for (text, expected) in
            [("", "names no model"), ("[models.a]\nprovider = \"b\"\nmodel = \"c\"", "[providers.b]")]
        {
            let (_folder, agents) = written(text);
            let refused = Cast::gather(Some(&agents), &Environment::new()).await.err().unwrap();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
    }
}
