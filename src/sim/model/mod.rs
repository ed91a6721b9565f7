//! A scripted language model: a server on loopback that speaks OpenAI's chat completions, streaming and not, and answers
//! what a script says, or what a function makes of the request. For the demo, tests, and load drivers.

mod asked;
mod http;
mod script;
mod wire;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use asked::Asked;
pub use script::{Call, Expect, Fault, Reply, Script, Step};

/// Requests that are remembered; older ones are forgotten, as a load driver sends very many.
const REMEMBERED: usize = 1_000;

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct ScriptedModel {
    address: SocketAddr,
    stage: Arc<Stage>,
    server: JoinHandle<()>,
}

/// A request as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: Value,
}

/// Makes a reply of a request's body.
type Decide = Box<dyn Fn(&Value) -> Reply + Send + Sync>;

/// Where replies come from.
enum Source {
    Script(Script),
    Obedient(Decide, Duration),
}

/// What the handlers share.
pub(crate) struct Stage {
    source: Source,
    used: Mutex<Vec<bool>>,
    recorded: Mutex<VecDeque<Recorded>>,
    unmet: Mutex<Vec<String>>,
    broken_off: AtomicUsize,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl ScriptedModel {
    /// Starts a server on a free port that plays `script`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(script: Script) -> std::io::Result<Self> {
        Self::serve(Source::Script(script)).await
    }

    /// Starts a server on a free port whose every reply `decide` makes of the request's body.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn obedient(decide: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::paced(Duration::ZERO, decide).await
    }

    /// The same with a pause between two pieces of a streamed reply, so that people can watch.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn paced(
        pace: Duration,
        decide: impl Fn(&Value) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::serve(Source::Obedient(Box::new(decide), pace)).await
    }

    async fn serve(source: Source) -> std::io::Result<Self> {
        let steps = match &source {
            Source::Script(script) => script.steps.len(),
            Source::Obedient(..) => 0,
        };
        let stage = Arc::new(Stage {
            source,
            used: Mutex::new(vec![false; steps]),
            recorded: Mutex::default(),
            unmet: Mutex::default(),
            broken_off: AtomicUsize::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let app = http::router(stage.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(%error, "the scripted model has stopped");
            }
        });
        Ok(Self { address, stage, server })
    }

    /// The base URL, with `/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far, oldest first; at most the last thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.stage.recorded).iter().cloned().collect()
    }

    /// What did not go by the script: expectations that did not hold, requests without a step.
    #[must_use]
    pub fn unmet(&self) -> Vec<String> {
        locked(&self.stage.unmet).clone()
    }

    /// Streamed replies that nobody read to their end.
    #[must_use]
    pub fn broken_off(&self) -> usize {
        self.stage.broken_off.load(Ordering::Relaxed)
    }

    /// How many steps have not been played. Steps that repeat count until they are played once.
    #[must_use]
    pub fn left(&self) -> usize {
        locked(&self.stage.used).iter().filter(|used| !**used).count()
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stage {
    /// The reply to a request, which is remembered.
    fn reply(&self, recorded: Recorded) -> Reply {
        let reply = match &self.source {
            Source::Obedient(decide, _) => Ok(decide(&recorded.body)),
            Source::Script(script) => script.play(&recorded.body, &mut locked(&self.used)),
        };
        let mut requests = locked(&self.recorded);
        if requests.len() >= REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(recorded);
        reply.unwrap_or_else(|message| {
            locked(&self.unmet).push(message.clone());
            Reply::Fail(Fault::Status { status: 400, retry_after: None, message })
        })
    }

    /// Between two pieces of a streamed reply.
    fn pace(&self) -> Duration {
        match &self.source {
            Source::Script(script) => Duration::from_millis(script.pace_ms),
            Source::Obedient(_, pace) => *pace,
        }
    }

    fn counts_tokens(&self) -> bool {
        !matches!(&self.source, Source::Script(script) if script.no_usage)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
