//! What takes a model's place: it says what the test wants said.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kubewright::agents::chat::{ChatAnswer, ChatError, ChatTurn, Finish, Talk};
use kubewright::agents::progress::{Cited, RunEvent};
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(10);

/// How a turn goes on after its first words.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// It ends.
    Ends,
    /// It ends with other words than those that were said.
    EndsOtherwise,
    /// It fails.
    Fails,
    /// It never ends by itself.
    Hangs,
}

/// Answers every question with the same words.
pub(crate) struct Script {
    then: Then,
    pub(crate) asked: Mutex<Vec<ChatTurn>>,
    /// Turns that were told to end.
    pub(crate) cancelled: Arc<AtomicUsize>,
    /// Notified when the first words were said.
    pub(crate) began: Notify,
}

impl Script {
    pub(crate) fn new(then: Then) -> Arc<Self> {
        Arc::new(Self { then, asked: Mutex::default(), cancelled: Arc::default(), began: Notify::new() })
    }

    async fn play(&self, turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        self.asked.lock().unwrap().push(turn.clone());
        let started = RunEvent::ToolStarted {
            call: "1".to_owned(),
            agent: turn.agent.clone(),
            tool: "kubernetes_get".to_owned(),
            arguments: "{}".to_owned(),
        };
        let cited = Cited {
            mark: "[1]".to_owned(),
            title: "A runbook".to_owned(),
            uri: "/api/v1/knowledge/documents/builtin/crash-loop.md".to_owned(),
        };
        for event in [started, RunEvent::Citation { cited }, text("It "), text("crashes [1].")] {
            turn.progress.say(event, PATIENCE).await;
        }
        self.began.notify_one();
        match self.then {
            Then::Ends | Then::EndsOtherwise => Ok(ChatAnswer {
                text: match self.then {
                    Then::EndsOtherwise => "I had to stop.".to_owned(),
                    _ => "It crashes [1]. Roll it back.".to_owned(),
                },
                finish: Finish::Stop,
                input_tokens: 12,
                output_tokens: 5,
                model: Some("scripted".to_owned()),
            }),
            Then::Fails => Err(ChatError::Unavailable("all providers are away".to_owned())),
            Then::Hangs => {
                turn.cancel.cancelled().await;
                self.cancelled.fetch_add(1, Ordering::SeqCst);
                Err(ChatError::Cancelled)
            }
        }
    }
}

fn text(text: &str) -> RunEvent {
    RunEvent::Text { text: text.to_owned() }
}

impl Talk for Script {
    fn talk(&self, turn: ChatTurn) -> BoxFuture<'_, Result<ChatAnswer, ChatError>> {
        self.play(turn).boxed()
    }
}
