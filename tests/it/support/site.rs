//! The whole server in this process, with agents whose model is scripted, beside a cluster in trouble.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubewright::agents::progress::RunEvent;
use kubewright::app::App;
use kubewright::incident::{Incident, IncidentId, InvestigationEnd, Phase};
use kubewright::settings::{AgentsSettings, Environment, Settings};
use kubewright::sim::model::ScriptedModel;
use kubewright::sim::{Scenario, Sim, SimOptions, Webhook};
use kubewright::store::{IncidentFilter, Store};
use kubewright::telemetry::metrics;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{eventually, stage};

/// How much faster than life the cluster lives.
const SPEED: f64 = 30.0;

/// How long an incident may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the scripted model costs: 1 US dollar for a million tokens.
const AGENTS: &str = "
[providers.scripted]
kind = \"openai_compatible\"
url = \"URL\"
[models.main]
provider = \"scripted\"
model = \"scripted\"
context_tokens = 128000
answer_tokens = 2048
input_price = 1.0
output_price = 1.0
";

/// Asks the model whatever the rules say.
pub(crate) const ALWAYS: &str = "[assess]\nconfidence = 1.0\nmargin = 1.0\n";

/// A server at work.
pub(crate) struct Site {
    pub(crate) store: Store,
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<(IncidentId, RunEvent)>>>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    _folder: TempDir,
}

/// What `agents.toml` says of a model at `url`; `more` follows.
pub(crate) fn agents(model: &ScriptedModel, more: &str) -> AgentsSettings {
    let text = AGENTS.replace("URL", &model.url()) + more;
    AgentsSettings::parse(&text, Path::new("agents.toml"), &Environment::new()).unwrap()
}

/// A listener for a server that is to be.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

impl Site {
    /// Starts a server for `clusters` (sections of the configuration) that acts at `level`.
    pub(crate) async fn start(
        listener: TcpListener,
        clusters: &str,
        level: u8,
        agents: AgentsSettings,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let address = listener.local_addr().unwrap();
        let text = format!(
            "[server]\nlisten = \"{address}\"\n[store]\nurl = \"sqlite://{}\"\n[knowledge]\nenabled = false\n\
             [automation]\nlevel = {level}\n[verify]\nstability_window = \"2s\"\ndeadline = \"15s\"\npoll_interval = \"200ms\"\n{clusters}",
            folder.path().join("kubewright.db").display()
        );
        let mut settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
        settings.agents = agents;
        let app = App::build(settings, metrics::recorder().unwrap().handle()).await.unwrap();
        let (store, agents) = (app.store().clone(), app.agents().clone());
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let (mut runs, kept) = (agents.watch(), seen.clone());
        tasks.spawn(async move {
            while let Ok(event) = runs.recv().await {
                kept.lock().unwrap().push(event);
            }
        });
        let stop = shutdown.clone();
        tasks.spawn(async move { app.run(listener, stop).await.unwrap() });
        Self { store, url: format!("http://{address}"), seen, shutdown, tasks, _folder: folder }
    }

    /// The incident `id` once it has ended or waits for a person.
    pub(crate) async fn settled(&self, id: &IncidentId) -> Incident {
        eventually("the incident ends or waits", PATIENCE, async || {
            let incident = self.store.incident(id).await.unwrap().unwrap();
            let over = matches!(incident.phase, Phase::Closed | Phase::Escalated | Phase::AwaitApproval);
            over.then_some(incident)
        })
        .await
    }

    /// The first incident, once it has ended or waits for a person.
    pub(crate) async fn first_settled(&self) -> Incident {
        let id = eventually("an incident opens", PATIENCE, async || {
            let page = self.store.incidents(&IncidentFilter::default(), None, 10).await.unwrap();
            page.incidents.last().map(|incident| incident.id.clone())
        })
        .await;
        self.settled(&id).await
    }

    /// What was said about runs so far.
    pub(crate) fn run_events(&self) -> Vec<RunEvent> {
        self.seen.lock().unwrap().iter().map(|(_, event)| event.clone()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.tasks.close();
    }
}

/// A server and the simulated cluster whose alerts it gets.
pub(crate) struct Town {
    pub(crate) sim: Sim,
    pub(crate) site: Site,
    shutdown: CancellationToken,
}

impl Town {
    /// A scenario in trouble from the start.
    pub(crate) async fn in_trouble(scenario: Scenario, level: u8, agents: AgentsSettings) -> Self {
        let (listener, url) = listener().await;
        let webhook = Webhook { url: format!("{url}/api/v1/webhooks/alertmanager"), token: None };
        let options = SimOptions { speed: SPEED, webhook: Some(webhook), ..SimOptions::new(scenario) };
        let shutdown = CancellationToken::new();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = Sim::start(options, &TaskTracker::new(), &shutdown).await.unwrap();
        let cluster = format!(
            "[[clusters]]\nname = \"northwind\"\nurl = \"{}\"\nenvironment = \"staging\"\nprometheus = {{ url = \"{}\" }}\nloki = {{ url = \"{}\" }}\n",
            sim.kubernetes_url(),
            sim.prometheus_url(),
            sim.loki_url()
        );
        let site = Site::start(listener, &cluster, level, agents).await;
        Self { sim, site, shutdown }
    }

    pub(crate) async fn changes(&self) -> Vec<Value> {
        stage::changes_by_kubewright(&self.sim.kubernetes_url()).await
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// How the agents' part of an incident ended.
pub(crate) fn end(incident: &Incident) -> InvestigationEnd {
    incident.investigation.as_ref().unwrap().end
}
