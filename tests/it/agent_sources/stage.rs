//! A simulated cluster with its metrics and logs, and the tools pointed at it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kubewright::agents::tools::{
    Access, MOST_BYTES, Proposals, ToolContext, ToolError, ToolOutput, Tools, sources,
};
use kubewright::observe::Observer;
use kubewright::recall::{KnowledgeSettings, Places, Recall};
use kubewright::settings::{ClusterApi, ClusterSettings, Endpoint, ObserveSettings, StoreSettings};
use kubewright::sim::{Scenario, Sim, SimOptions};
use kubewright::store::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The cluster and what asks it.
pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) tools: Tools,
    pub(super) context: ToolContext,
    _folder: TempDir,
    _stop: tokio_util::sync::DropGuard,
}

pub(super) async fn stage(scenario: &str) -> Stage {
    let options = SimOptions::new(Scenario::builtin(scenario).unwrap());
    let sim = Sim::start(options, &TaskTracker::new(), &CancellationToken::new()).await.unwrap();
    let endpoint =
        |url: String| Some(Endpoint { url: url.parse().unwrap(), bearer_token: None, headers: Vec::new() });
    let cluster = ClusterSettings {
        name: "northwind".to_owned(),
        api: ClusterApi::Url(sim.kubernetes_url().parse().unwrap()),
        environment: "production".to_owned(),
        prometheus: endpoint(sim.prometheus_url()),
        loki: endpoint(sim.loki_url()),
    };
    on(sim, &cluster).await
}

pub(super) async fn on(sim: Sim, cluster: &ClusterSettings) -> Stage {
    let folder = TempDir::new().unwrap();
    let stop = CancellationToken::new();
    let url = format!("sqlite://{}", folder.path().join("kubewright.db").display());
    let settings = ObserveSettings {
        collector_deadline: Duration::from_secs(20),
        max_log_bytes: 64 << 10,
        max_log_containers: 12,
        max_objects_per_kind: 2000,
        change_window: Duration::from_secs(3600),
        ..ObserveSettings::default()
    };
    let context = ToolContext {
        observer: Observer::connect(cluster, &settings).await.unwrap(),
        access: Access::Everything,
        rules: Arc::default(),
        recall: recall(&folder, &stop).await,
        store: Store::open(&StoreSettings { url: url.into() }).await.unwrap(),
        incident: None,
        now: Timestamp::now(),
        cancel: CancellationToken::new(),
        proposals: Proposals::default(),
        keeps: None,
    };
    Stage { sim, tools: Tools::new(sources()), context, _folder: folder, _stop: stop.drop_guard() }
}

/// A knowledge base that is searched by words, with the built-in runbooks.
async fn recall(folder: &TempDir, stop: &CancellationToken) -> Recall {
    let settings = |name: &str| {
        let mut settings = KnowledgeSettings::new(folder.path().join(name), folder.path().join("models"));
        settings.model = kubewright_ingest::ModelChoice::None;
        settings
    };
    let places = Places { documents: settings("documents"), episodes: settings("episodes"), manifest: None };
    let recall = Recall::new(Some(places)).await;
    let (running, stop) = (recall.clone(), stop.clone());
    tokio::spawn(async move { running.run(stop).await });
    recall.settled().await;
    recall
}

impl Stage {
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        // The simulated clock goes on while a test runs.
        let context = ToolContext { now: Timestamp::now(), ..self.context.clone() };
        let answer = self.tools.call(tool, arguments, &context).await;
        if let Ok(output) = &answer {
            assert!(output.text.len() <= MOST_BYTES, "{tool}: {}", output.text.len());
        }
        answer
    }

    pub(super) async fn ok(&self, tool: &str, arguments: Value) -> ToolOutput {
        let told = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|error| panic!("{tool} {told}: {error}"))
    }

    pub(super) async fn refused(&self, tool: &str, arguments: Value) -> String {
        let told = arguments.to_string();
        match self.call(tool, arguments).await {
            Err(error) => error.to_string(),
            Ok(output) => panic!("{tool} {told}: {}", output.text),
        }
    }

    /// Only the namespace shop may be read.
    pub(super) fn confine(&mut self) {
        self.context.access = Access::Namespaces(BTreeSet::from(["shop".to_owned()]));
    }
}

pub(super) fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
