//! The stage: a simulated cluster and the real server beside it, which know each other only by URL.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::cast::Cast;
use crate::agents::Agents;
use crate::app::App;
use crate::settings::{
    AgentsSettings, AutomationSettings, ClusterApi, ClusterSettings, DiagnosisSettings, EgressSettings,
    EmbeddingModel, Endpoint, Environment, IntakeSettings, KnowledgeSettings, ObserveSettings,
    ServerSettings, Settings, StoreSettings, VerifySettings,
};
use crate::sim::{Scenario, Sim, SimOptions, Webhook};

/// How long the fault waits for the built-in runbooks.
const INGESTION: Duration = Duration::from_secs(10);

/// A simulated cluster, still healthy, whose alerts go to a kubewright server of its own.
pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) server: Url,
    pub(super) kubeconfig: PathBuf,
    pub(super) agents: Agents,
    /// What the agents ask.
    pub(super) cast: Cast,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Holds the database and the kubeconfig; removed with the stage.
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn set(
        scenario: Scenario,
        speed: f64,
        cast: Cast,
        metrics: PrometheusHandle,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let (tasks, shutdown) = (TaskTracker::new(), shutdown.child_token());
        let folder = TempDir::with_prefix("kubewright-demo-").context("could not make a temporary folder")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("could not listen on loopback")?;
        let server: Url = format!("http://{}", listener.local_addr()?).parse()?;
        let webhook = Webhook { url: server.join("/api/v1/webhooks/alertmanager")?.to_string(), token: None };
        let options =
            SimOptions { speed, webhook: Some(webhook), inject_fault: false, ..SimOptions::new(scenario) };
        let sim = Sim::start(options, &tasks, &shutdown).await?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, sim.kubeconfig()).context("could not write the kubeconfig")?;
        let settings = settings(&sim, &listener, &folder, cast.settings.clone())?;
        let app = App::build(settings, metrics).await?;
        let (recall, agents) = (app.recall().clone(), app.agents().clone());
        tasks.spawn(app.run(listener, shutdown.clone()));
        // Without the runbooks the incident is repaired as well, only nothing is cited.
        let _ = tokio::time::timeout(INGESTION, recall.settled()).await;
        Ok(Self { sim, server, kubeconfig, agents, cast, tasks, shutdown, _folder: folder })
    }

    /// Stops everything and waits for it.
    pub(super) async fn strike(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Settings like those of a staging cluster, with the waits that the simulated clock shortens too.
fn settings(
    sim: &Sim,
    listener: &TcpListener,
    folder: &TempDir,
    agents: AgentsSettings,
) -> anyhow::Result<Settings> {
    let database = folder.path().join("kubewright.db");
    let cluster = ClusterSettings {
        name: cluster_name(sim.scenario()),
        api: ClusterApi::Url(sim.kubernetes_url().parse()?),
        environment: "staging".to_owned(),
        prometheus: Some(endpoint(&sim.prometheus_url())?),
        loki: Some(endpoint(&sim.loki_url())?),
    };
    Ok(Settings {
        server: ServerSettings { listen: listener.local_addr()?, token: None, external_url: None },
        store: StoreSettings { url: SecretString::from(format!("sqlite://{}", database.display())) },
        intake: IntakeSettings { correlation_window: Duration::from_secs(600), max_body_bytes: 8 << 20 },
        observe: ObserveSettings {
            collector_deadline: Duration::from_secs(10),
            max_log_bytes: 64 << 10,
            max_log_containers: 12,
            max_objects_per_kind: 2000,
            change_window: Duration::from_secs(3600),
            ..ObserveSettings::default()
        },
        automation: AutomationSettings {
            level: 2,
            protected_namespaces: vec!["kube-*".to_owned()],
            freeze_windows: Vec::new(),
            approval_ttl: Duration::from_secs(600),
            policy: None,
        },
        diagnosis: DiagnosisSettings::default(),
        verify: VerifySettings {
            stability_window: Duration::from_secs(3),
            deadline: Duration::from_secs(40),
            poll_interval: Duration::from_millis(300),
        },
        egress: EgressSettings::default(),
        knowledge: KnowledgeSettings {
            folder: folder.path().join("knowledge"),
            // Runbooks are found by their words as well, and at once.
            model: EmbeddingModel::None,
            ..KnowledgeSettings::defaults(&Environment::new())
        },
        agents,
        clusters: vec![cluster],
    })
}

/// What the scenario's alerts call their cluster.
fn cluster_name(scenario: &Scenario) -> String {
    let named = scenario.alerts.iter().find_map(|alert| alert.labels.get("cluster"));
    named.map_or_else(|| "sim".to_owned(), Clone::clone)
}

fn endpoint(url: &str) -> anyhow::Result<Endpoint> {
    Ok(Endpoint { url: url.parse()?, bearer_token: None, headers: Vec::new() })
}
