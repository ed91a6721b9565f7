//! A turn under way: its task, what is heard of it, and its end when the client goes away.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use super::record::Record;
use crate::agents::chat::{Chat, ChatAnswer, ChatError, ChatTurn};
use crate::agents::progress::{Cited, Progress, RunEvent};
use crate::http::HttpState;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::limits::{self, ChatSeat};
use crate::store::Suspicious;

/// Events that wait to be taken by the turn's task, and by the client.
const QUEUE: usize = 64;

/// How long a client may leave events untaken before its turn is cancelled.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most citations that are kept of one answer.
const MOST_CITED: usize = 100;

/// A JSON body that arrives within the deadline of other requests.
pub(super) struct TurnBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for TurnBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = JsonBody::<T>::from_request(request, state);
        match tokio::time::timeout(limits::DEADLINE, body).await {
            Ok(read) => Ok(Self(read?.0)),
            Err(_) => {
                let text = "the request body did not arrive in time";
                Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", text))
            }
        }
    }
}

/// What is heard of a turn.
pub(super) enum News {
    /// Something happened.
    Event(RunEvent),
    /// It is answered; the last news.
    Done(Box<Answered>),
    /// It failed; the last news.
    Failed(ApiError),
}

/// An answer with what it cites.
pub(super) struct Answered {
    pub(super) answer: ChatAnswer,
    pub(super) cited: Vec<Cited>,
}

/// A turn under way. Dropping it cancels the turn.
pub(super) struct Turn {
    news: mpsc::Receiver<News>,
    over: bool,
    _cancel: DropGuard,
}

impl Turn {
    /// Starts a turn that was checked. It keeps its seat until it is over, also when the client has gone.
    pub(super) fn start(state: &HttpState, seat: ChatSeat, turn: ChatTurn, record: Option<Record>) -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        let cancel = state.shutdown.child_token();
        let task = Task { chat: state.chat.clone(), news: sender, cancel: cancel.clone(), record };
        let running = async move {
            let _seat = seat;
            task.run(turn).await;
        };
        state.tasks.spawn(running.in_current_span());
        Self { news, over: false, _cancel: cancel.drop_guard() }
    }

    /// What comes next; `None` after the last news.
    pub(super) async fn next(&mut self) -> Option<News> {
        if self.over {
            return None;
        }
        let lost = || {
            News::Failed(ApiError::internal(anyhow::anyhow!("the task of a chat ended without an answer")))
        };
        let news = self.news.recv().await.unwrap_or_else(lost);
        self.over = !matches!(news, News::Event(_));
        Some(news)
    }

    /// Waits for the answer.
    pub(super) async fn answered(mut self) -> Result<Box<Answered>, ApiError> {
        loop {
            match self.next().await {
                Some(News::Done(answered)) => return Ok(answered),
                Some(News::Failed(error)) => return Err(error),
                Some(News::Event(_)) => {}
                None => return Err(ChatError::Cancelled.into()),
            }
        }
    }
}

/// What was heard so far.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) cited: Vec<Cited>,
    pub(super) suspicious: Vec<Suspicious>,
}

impl Heard {
    fn take(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Text { text } => self.text.push_str(text),
            RunEvent::Citation { cited } if self.cited.len() < MOST_CITED && !self.cited.contains(cited) => {
                self.cited.push(cited.clone());
            }
            RunEvent::Notice { suspicious: Some(one), .. } if !self.suspicious.contains(one) => {
                self.suspicious.push(one.clone());
            }
            _ => {}
        }
    }
}

/// The task of a turn.
struct Task {
    chat: Chat,
    news: mpsc::Sender<News>,
    cancel: CancellationToken,
    record: Option<Record>,
}

impl Task {
    async fn run(self, turn: ChatTurn) {
        let (progress, mut events) = mpsc::channel(QUEUE);
        let turn = ChatTurn { progress: Progress::to(progress), cancel: self.cancel.clone(), ..turn };
        let mut heard = Heard::default();
        let mut answer = Box::pin(self.chat.answer(turn));
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.pass_on(event, &mut heard).await,
                result = &mut answer => break result,
            }
        };
        drop(answer);
        while let Ok(event) = events.try_recv() {
            self.pass_on(event, &mut heard).await;
        }
        let result = match result {
            Ok(answer) => Ok(self.pass_rest_on(answer, &mut heard).await),
            Err(error) => Err(error),
        };
        if let Some(record) = &self.record {
            record.keep(&heard, &result).await;
        }
        let last = match result {
            Ok(answer) => News::Done(Box::new(Answered { answer, cited: heard.cited })),
            Err(error) => News::Failed(error.into()),
        };
        self.send(last).await;
    }

    /// Passes on what of the answer did not come in pieces; the answer is then what was passed on. Only secrets that show
    /// in the whole alone are taken out of what is kept.
    async fn pass_rest_on(&self, answer: ChatAnswer, heard: &mut Heard) -> ChatAnswer {
        let rest = rest(&heard.text, &answer.text)
            .or_else(|| rest(&self.chat.cleaned(&heard.text), &answer.text))
            .unwrap_or_else(|| format!("\n\n{}", answer.text.trim_start()));
        if !rest.is_empty() {
            self.pass_on(RunEvent::Text { text: rest }, heard).await;
        }
        ChatAnswer { text: self.chat.cleaned(&heard.text), ..answer }
    }

    async fn pass_on(&self, event: RunEvent, heard: &mut Heard) {
        heard.take(&event);
        self.send(News::Event(event)).await;
    }

    /// A client that takes nothing for long is as good as gone.
    async fn send(&self, news: News) {
        let sent = tokio::time::timeout(PATIENCE, self.news.send(news));
        if !matches!(sent.await, Ok(Ok(()))) {
            self.cancel.cancel();
        }
    }
}

/// What is still to be said of `whole` after `said`; `None` where the whole begins otherwise: what was said is not taken
/// back, so all of it follows.
fn rest(said: &str, whole: &str) -> Option<String> {
    match whole.strip_prefix(said) {
        Some(rest) => Some(rest.to_owned()),
        None => said.ends_with(whole).then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use super::rest;

    #[test]
    fn what_was_said_is_continued_and_never_taken_back() {
        assert_eq!(rest("It ", "It ends.").as_deref(), Some("ends."));
        assert_eq!(rest("", "It ends.").as_deref(), Some("It ends."));
        assert_eq!(rest("It ends.", "It ends.").as_deref(), Some(""));
        assert_eq!(rest("Let me look.\n\nIt ends.", "It ends.").as_deref(), Some(""));
        assert_eq!(rest("Let me look.", "I had to stop."), None);
    }
}
