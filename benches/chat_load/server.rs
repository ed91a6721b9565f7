//! The server under load: the real router over a real store, with a slow speaker in the model's place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use kubewright::agents::Sources;
use kubewright::agents::chat::Chat;
use kubewright::agents::mcp::Desk;
use kubewright::egress::Egress;
use kubewright::http::{HttpState, router};
use kubewright::recall::Recall;
use kubewright::settings::{Environment, Settings};
use kubewright::store::Store;
use kubewright::telemetry::metrics;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::slow::Slow;

/// A running server.
pub(crate) struct Server {
    /// Base URL.
    pub(crate) url: String,
    store: Store,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    _runner: watch::Sender<bool>,
}

impl Server {
    /// Starts it with its data in `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let file = folder.join("kubewright.db");
        let text = format!(
            "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"load\"\nurl = \"http://127.0.0.1:9\"\n",
            file.display()
        );
        let settings = Settings::parse(&text, "chat_load.toml", &Environment::new())?;
        let store = Store::open(&settings.store).await?;
        let recall = Recall::new(None).await;
        let talk = Some(Arc::new(Slow) as Arc<dyn kubewright::agents::chat::Talk>);
        let egress = Egress::new(&settings.egress)?;
        let clean = egress.for_people();
        let sources = Sources {
            observers: BTreeMap::new(),
            default_cluster: None,
            rules: Arc::default(),
            recall: recall.clone(),
            store: store.clone(),
        };
        let desk = Desk::new(egress, sources.clone());
        let chat = Chat::new(sources, &settings, talk, clean);
        let (runner, runner_alive) = watch::channel(true);
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let state = HttpState {
            store: store.clone(),
            recall,
            chat,
            desk,
            tasks: tasks.clone(),
            settings: Arc::new(settings),
            metrics: metrics::recorder()?.handle(),
            runner_alive,
            shutdown: shutdown.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let served =
            axum::serve(listener, router(state)).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        tasks.spawn(served.into_future());
        Ok(Self { url, store, shutdown, tasks, _runner: runner })
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }
}
