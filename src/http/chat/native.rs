//! `POST /api/v1/chat`: chat with everything that happens on the way, in conversations that are kept.

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::Stream;
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower_http::request_id::RequestId;

use super::completions::access;
use super::incident;
use super::record::{Record, link};
use super::shapes::{AnswerDone, AnswerFailed, ChatRequest, UsageShown};
use super::stream::absolute;
use super::turn::{Answered, News, Turn, TurnBody};
use crate::agents::ORCHESTRATOR;
use crate::agents::chat::{ChatMessage, ChatTurn, MOST_BYTES, MOST_MESSAGES, Role};
use crate::agents::progress::{Cited, Progress, RunEvent};
use crate::http::error::ApiError;
use crate::http::limits::ChatSeat;
use crate::http::{ErrorBody, HttpState};
use crate::store::{About, Conversation, ConversationId, Message, Saying, Speaker};

/// The header that names the conversation before its first event.
const CONVERSATION: HeaderName = HeaderName::from_static("x-kubewright-conversation");

/// Longest title of a conversation, characters.
const LONGEST_TITLE: usize = 80;

/// Most namespaces that a request may name.
const MOST_NAMESPACES: usize = 100;

/// Longest name of a namespace, bytes.
const LONGEST_NAMESPACE: usize = 63;

/// Answers a question as server-sent events: `event` is the type of RunEvent (`tool_started`, `tool_finished`,
/// `evidence`, `citation`, `plan_proposed`, `approval_needed`, `notice`, `text`, …), `data` the event as JSON. The last
/// one is `done` (AnswerDone) or `failed` (AnswerFailed). The conversation is kept.
#[utoipa::path(
    post,
    path = "/api/v1/chat",
    operation_id = "chat",
    tag = "chat",
    request_body = ChatRequest,
    responses(
        (status = 200, body = RunEvent, content_type = "text/event-stream"),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "no such conversation, incident or agent"),
        (status = 409, body = ErrorBody, description = "the conversation may read other namespaces"),
        (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody, description = "too many chats at a time; try again after Retry-After"),
        (status = 503, body = ErrorBody)
    )
)]
pub(super) async fn chat(
    State(state): State<HttpState>,
    Extension(seat): Extension<ChatSeat>,
    request_id: Option<Extension<RequestId>>,
    TurnBody(request): TurnBody<ChatRequest>,
) -> Result<([(HeaderName, String); 1], Sse<impl Stream<Item = Result<Sent, Infallible>>>), ApiError> {
    let asked = ask(&state, request).await?;
    state.chat.check(&asked.turn)?;
    keep_question(&state, &asked).await?;
    let request_id = request_id.and_then(|Extension(id)| id.header_value().to_str().map(str::to_owned).ok());
    let Asked { turn, conversation, left_out, .. } = asked;
    let record = Record { store: state.store.clone(), conversation: conversation.id.clone() };
    let tell = Tell {
        state: state.clone(),
        conversation: conversation.id,
        request_id: request_id.unwrap_or_default(),
    };
    let header = [(CONVERSATION, tell.conversation.to_string())];
    let running = Turn::start(&state, seat, turn, Some(record));
    Ok((header, Sse::new(tell.events(running, left_out)).keep_alive(KeepAlive::default())))
}

/// A question with its conversation.
struct Asked {
    turn: ChatTurn,
    conversation: Conversation,
    /// Whether the conversation begins with it.
    is_new: bool,
    /// Messages of the conversation that are too old to be read again.
    left_out: usize,
}

async fn ask(state: &HttpState, request: ChatRequest) -> Result<Asked, ApiError> {
    if request.namespaces.len() > MOST_NAMESPACES {
        let text =
            format!("\"namespaces\" has {}; at most {MOST_NAMESPACES} are taken", request.namespaces.len());
        return Err(ApiError::unprocessable("too_many_namespaces", text));
    }
    if let Some(long) = request.namespaces.iter().find(|name| name.len() > LONGEST_NAMESPACE) {
        let name: String = long.chars().take(20).collect();
        let text = format!("\"namespaces\" has {name}…, which is longer than a namespace's name can be");
        return Err(ApiError::unprocessable("bad_namespace", text));
    }
    let known = match &request.conversation {
        Some(id) => Some(known(state, id).await?),
        None => None,
    };
    let mut about = incident::named(&state.store, request.incident.as_deref(), "incident").await?;
    if about.is_none() {
        about = incident::in_texts(&state.store, std::iter::once(request.message.as_str())).await?;
    }
    let named = names(request.namespaces);
    if let Some(conversation) = &known {
        check_namespaces(&conversation.namespaces, &named)?;
    }
    let (messages, left_out) = match &known {
        Some(conversation) => history(state, conversation, &request.message).await?,
        None => (Vec::new(), 0),
    };
    let is_new = known.is_none();
    let begun = || begun(&state.chat.cleaned(&request.message));
    let mut conversation = known.unwrap_or_else(|| Conversation { namespaces: named, ..begun() });
    conversation.incident = about.or(conversation.incident);
    conversation.agent = request.agent.unwrap_or(conversation.agent);
    conversation.cluster = request.cluster.or(conversation.cluster);
    let question = ChatMessage::new(Role::User, request.message);
    let turn = ChatTurn {
        agent: conversation.agent.clone(),
        messages: messages.into_iter().chain([question]).collect(),
        about: conversation.incident.clone(),
        conversation: Some(conversation.id.clone()),
        cluster: conversation.cluster.clone(),
        access: access(conversation.namespaces.iter().map(String::as_str)),
        stop: Vec::new(),
        max_tokens: None,
        temperature: None,
        progress: Progress::none(),
        cancel: CancellationToken::new(),
    };
    Ok(Asked { turn, conversation, is_new, left_out })
}

/// The namespaces that a request names, each once.
fn names(sent: Vec<String>) -> Vec<String> {
    let named: BTreeSet<String> =
        sent.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    named.into_iter().collect()
}

/// A conversation keeps the namespaces that it began with. Who may read fewer must not go on with it: what was said in it
/// comes from all of them.
fn check_namespaces(kept: &[String], named: &[String]) -> Result<(), ApiError> {
    let missing: Vec<&str> = kept.iter().filter(|name| !named.contains(name)).map(String::as_str).collect();
    let text = match (named.is_empty(), kept.is_empty()) {
        (true, _) => return Ok(()),
        (false, true) => "this conversation may read every namespace".to_owned(),
        (false, false) if missing.is_empty() => return Ok(()),
        (false, false) => format!("this conversation may read further namespaces: {}", missing.join(", ")),
    };
    let text = format!("{text}; leave \"namespaces\" out to go on with it, or begin a new one");
    Err(ApiError::new(StatusCode::CONFLICT, "other_namespaces", text).with_param("namespaces"))
}

/// The conversation of that name.
pub(super) async fn known(state: &HttpState, id: &str) -> Result<Conversation, ApiError> {
    let found = state.store.conversation(&ConversationId::from_text(id)).await?;
    found.ok_or_else(|| {
        let id: String = id.chars().take(40).collect();
        ApiError::not_found(format!("there is no conversation {id}"))
    })
}

fn begun(question: &str) -> Conversation {
    let words = question.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let now = Timestamp::now();
    Conversation {
        id: ConversationId::random(),
        title: line.chars().take(LONGEST_TITLE).collect(),
        agent: ORCHESTRATOR.to_owned(),
        incident: None,
        cluster: None,
        namespaces: Vec::new(),
        messages: 0,
        started_at: now,
        updated_at: now,
    }
}

/// What was said before, as far as it fits, and how many older messages do not.
async fn history(
    state: &HttpState,
    conversation: &Conversation,
    question: &str,
) -> Result<(Vec<ChatMessage>, usize), ApiError> {
    let room = MOST_MESSAGES - 1;
    let older = conversation.messages.saturating_sub(i64::try_from(room).unwrap_or(i64::MAX)).max(0);
    let mut said = state.store.messages(&conversation.id, older, room).await?;
    let mut bytes = question.len() + said.iter().map(|message| message.text.len()).sum::<usize>();
    let mut left_out = usize::try_from(older).unwrap_or(usize::MAX);
    while bytes > MOST_BYTES && !said.is_empty() {
        bytes -= said.remove(0).text.len();
        left_out += 1;
    }
    Ok((said.into_iter().map(spoken).collect(), left_out))
}

fn spoken(message: Message) -> ChatMessage {
    let role = match message.speaker {
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    ChatMessage { role, text: message.text, suspicious: message.about.suspicious }
}

/// Keeps the question before it is answered, so that it is not lost with a broken connection; without its secrets, as
/// everything else is kept.
async fn keep_question(state: &HttpState, asked: &Asked) -> Result<(), ApiError> {
    let Asked { turn, conversation, is_new, .. } = asked;
    if *is_new {
        state.store.begin_conversation(conversation).await?;
    }
    let asked = turn.messages.last().map(|last| last.text.as_str()).unwrap_or_default();
    let text = state.chat.cleaned(asked);
    let said = Saying { speaker: Speaker::User, text, about: About::default() };
    if state.store.add_messages(&conversation.id, &[said]).await? {
        return Ok(());
    }
    let text = format!("conversation {} was removed meanwhile", conversation.id);
    Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", text))
}

/// Tells a client what happens in its turn.
struct Tell {
    state: HttpState,
    conversation: ConversationId,
    request_id: String,
}

impl Tell {
    fn events(self, mut turn: Turn, left_out: usize) -> impl Stream<Item = Result<Sent, Infallible>> {
        async_stream::stream! {
            if left_out > 0 {
                let text = format!("The conversation is long: its {left_out} oldest messages were not read again.");
                yield Ok(self.event(RunEvent::notice(text)));
            }
            while let Some(news) = turn.next().await {
                yield Ok(match news {
                    News::Event(event) => self.event(event),
                    News::Done(answered) => self.done(*answered),
                    News::Failed(error) => self.failed(error),
                });
            }
        }
    }

    fn event(&self, event: RunEvent) -> Sent {
        let event = match event {
            RunEvent::Citation { cited } => RunEvent::Citation { cited: self.seen_from_outside(cited) },
            event => event,
        };
        let value = serde_json::to_value(&event).unwrap_or_default();
        let kind = value.get("type").and_then(serde_json::Value::as_str).unwrap_or("event").to_owned();
        sent(&kind, &value)
    }

    fn done(&self, answered: Answered) -> Sent {
        let Answered { answer, cited } = answered;
        let citations = cited.into_iter().map(|cited| link(&self.seen_from_outside(cited))).collect();
        let done = AnswerDone {
            conversation: self.conversation.to_string(),
            finish: super::openai::finish_reason(answer.finish).to_owned(),
            text: answer.text,
            citations,
            model: answer.model,
            usage: UsageShown { input_tokens: answer.input_tokens, output_tokens: answer.output_tokens },
        };
        sent("done", &done)
    }

    fn failed(&self, error: ApiError) -> Sent {
        let error = error.into_detail(self.request_id.clone());
        sent("failed", &AnswerFailed { conversation: self.conversation.to_string(), error })
    }

    /// A citation with a link that can be followed, where there is one.
    fn seen_from_outside(&self, cited: Cited) -> Cited {
        match absolute(&cited.uri, self.state.base().as_ref()) {
            Some(url) => Cited { uri: url.to_string(), ..cited },
            None => cited,
        }
    }
}

fn sent(kind: &str, data: &impl Serialize) -> Sent {
    // serde_json writes no line breaks, so the data always fits one line.
    Sent::default().event(kind).data(serde_json::to_string(data).unwrap_or_default())
}
