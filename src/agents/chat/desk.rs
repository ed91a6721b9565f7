//! [`Chat`]: where a turn is taken, checked, and answered with a model or composed without one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::composed::{Composer, Without, compose};
use super::{ChatAnswer, ChatError, ChatTurn, Talk, check};
use crate::agents::progress::Clean;
use crate::observe::Observer;
use crate::recall::Recall;
use crate::settings::Settings;
use crate::store::Store;

/// How long a cancelled turn has to end by itself: to note where it stands. Then it is dropped.
const GRACE: Duration = Duration::from_secs(2);

/// How much longer than its own deadline a turn may take before it is dropped.
const SLACK: Duration = Duration::from_secs(10);

/// Answers turns of conversations. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    recall: Recall,
    observers: BTreeMap<String, Observer>,
    /// The cluster that is meant where none is named.
    default_cluster: Option<String>,
    /// Where models are configured, for people.
    models_file: String,
    /// Deadline of one turn.
    deadline: Duration,
    talk: Option<Arc<dyn Talk>>,
    /// What everything that people are told goes through.
    clean: Clean,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat").field("with_model", &self.inner.talk.is_some()).finish_non_exhaustive()
    }
}

impl Chat {
    /// Chat over what is known. `observers` are the clusters by name; without `talk` answers are composed from
    /// analyzers, incidents and documents. `clean` takes secrets out of all that people are told.
    #[must_use]
    pub fn new(
        store: Store,
        recall: Recall,
        observers: BTreeMap<String, Observer>,
        settings: &Settings,
        talk: Option<Arc<dyn Talk>>,
        clean: Clean,
    ) -> Self {
        let file = settings.agents.file.as_ref();
        let inner = Inner {
            store,
            recall,
            observers,
            default_cluster: settings.clusters.first().map(|cluster| cluster.name.clone()),
            models_file: file.map_or_else(|| "agents.toml".to_owned(), |path| path.display().to_string()),
            deadline: settings.agents.limits.deadline,
            talk,
            clean,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A text without secrets, as people may be told it.
    #[must_use]
    pub fn cleaned(&self, text: &str) -> String {
        (self.inner.clean)(text)
    }

    /// Checks a turn without answering it.
    ///
    /// # Errors
    /// [`ChatError::Invalid`] and [`ChatError::UnknownAgent`].
    pub fn check(&self, turn: &ChatTurn) -> Result<(), ChatError> {
        check::check(turn)?;
        turn.cluster.as_deref().map_or(Ok(()), |name| self.check_cluster(name))
    }

    /// Checks that there is a cluster of that name.
    ///
    /// # Errors
    /// [`ChatError::Invalid`] names those that there are.
    pub fn check_cluster(&self, name: &str) -> Result<(), ChatError> {
        if self.inner.observers.contains_key(name) {
            return Ok(());
        }
        let known = self.inner.observers.keys().cloned().collect::<Vec<_>>().join(", ");
        let name: String = name.chars().take(80).collect();
        Err(ChatError::Invalid(format!("there is no cluster {name}; configured: {known}")))
    }

    /// Answers a turn; says what happens, pieces of the answer among it, through its progress.
    ///
    /// # Errors
    /// [`ChatError`]. A cancelled turn is [`ChatError::Cancelled`]; what it was doing is dropped.
    pub async fn answer(&self, turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        self.check(&turn)?;
        let clean = self.inner.clean.clone();
        let turn = ChatTurn { progress: turn.progress.clone().cleaned(clean.clone()), ..turn };
        let answer = self.answer_in_time(turn).await?;
        Ok(ChatAnswer { text: clean(&answer.text), ..answer })
    }

    async fn answer_in_time(&self, turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        let (cancel, deadline) = (turn.cancel.clone(), self.inner.deadline);
        tokio::select! {
            biased;
            answer = self.answer_checked(turn) => answer,
            () = after(&cancel) => Err(ChatError::Cancelled),
            () = tokio::time::sleep(deadline.saturating_add(SLACK)) => {
                Err(ChatError::Unavailable(format!("there was no answer within {} s", deadline.as_secs())))
            }
        }
    }

    async fn answer_checked(&self, turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        if turn.cancel.is_cancelled() {
            return Err(ChatError::Cancelled);
        }
        match &self.inner.talk {
            Some(talk) => match talk.talk(turn.clone()).await {
                Err(ChatError::NotAsked(why)) => self.composed(&turn, Without::Answer(&why)).await,
                // What people have seen the beginning of is not answered otherwise: that it broke off is said.
                Err(ChatError::Unavailable(why)) if !turn.progress.has_spoken() => {
                    tracing::warn!(why, "no model has answered in chat; composing an answer");
                    self.composed(&turn, Without::Failed(&why)).await
                }
                answered => answered,
            },
            None => self.composed(&turn, Without::Models(&self.inner.models_file)).await,
        }
    }

    /// An answer without a model. Nothing in it is worth waiting for once it is cancelled.
    async fn composed(&self, turn: &ChatTurn, without: Without<'_>) -> Result<ChatAnswer, ChatError> {
        let inner = &self.inner;
        let about = match &turn.about {
            Some(id) => inner.store.incident(id).await.map_err(anyhow::Error::from)?,
            None => None,
        };
        let named = turn.cluster.clone().or_else(|| about.as_ref().map(|incident| incident.cluster.clone()));
        let cluster = named.or_else(|| inner.default_cluster.clone());
        let observer = cluster.as_ref().and_then(|name| inner.observers.get(name));
        let composer = Composer::new(&inner.store, &inner.recall, observer, turn, about);
        // Boxed: it holds a whole look at a cluster.
        let composed = Box::pin(compose(composer, without));
        turn.cancel.run_until_cancelled(composed).await.unwrap_or(Err(ChatError::Cancelled))
    }
}

/// A while after it was cancelled.
async fn after(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
