//! `POST /v1/chat/completions`: chat for everything that speaks OpenAI's wire.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::content::{CompletionRequest, Stop, messages};
use super::failure::OpenAiError;
use super::openai::{Completion, agent};
use super::turn::{Turn, TurnBody};
use super::{models, stream};
use crate::agents::chat::{ChatTurn, Role};
use crate::agents::progress::Progress;
use crate::agents::tools::Access;
use crate::http::HttpState;
use crate::http::error::ApiError;
use crate::http::limits::ChatSeat;

/// Answers a conversation, whole or as a stream of chunks that ends with `data: [DONE]`. Fields that mean nothing here
/// are passed over. The incident that it is about is named by `X-Kubewright-Incident`, by `metadata.incident`, by the
/// model (`kubewright:inc-…`), or in a message (`incident:inc-…`).
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    operation_id = "complete_chat",
    tag = "chat",
    params(("x-kubewright-incident" = Option<String>, Header, description = "the incident, or its beginning")),
    request_body = CompletionRequest,
    responses(
        (status = 200, body = Completion, description = "or text/event-stream with chunks where stream is true"),
        (status = 400, body = OpenAiError),
        (status = 401, body = OpenAiError),
        (status = 404, body = OpenAiError, description = "no such model, no such incident"),
        (status = 413, body = OpenAiError),
        (status = 429, body = OpenAiError, description = "too many chats at a time; try again after Retry-After"),
        (status = 503, body = OpenAiError)
    )
)]
pub(super) async fn complete(
    State(state): State<HttpState>,
    Extension(seat): Extension<ChatSeat>,
    headers: HeaderMap,
    TurnBody(body): TurnBody<Value>,
) -> Result<Response, ApiError> {
    let request = CompletionRequest::read(body)?;
    let model = request.model.clone();
    let with_usage = request.stream_options.and_then(|options| options.include_usage).unwrap_or(false);
    let streamed = request.stream.unwrap_or(false);
    let turn = turn(&state, request, &headers).await?;
    state.chat.check(&turn)?;
    let base = state.base();
    let running = Turn::start(&state, seat, turn, None);
    if streamed {
        let chunks = stream::chunks(running, &model, with_usage, base);
        return Ok(Sse::new(chunks).keep_alive(KeepAlive::default()).into_response());
    }
    let answered = running.answered().await?;
    Ok(Json(stream::whole(&answered, &model, base.as_ref())).into_response())
}

/// What is asked, in our words.
async fn turn(
    state: &HttpState,
    request: CompletionRequest,
    headers: &HeaderMap,
) -> Result<ChatTurn, ApiError> {
    let (agent, suffix) = agent(&request.model).ok_or_else(|| models::unknown(&request.model))?;
    let [incident, cluster, namespaces] =
        ["incident", "cluster", "namespaces"].map(|name| request.metadata(name));
    if let Some(name) = &cluster {
        let known = state.chat.check_cluster(name);
        known.map_err(|error| ApiError::from(error).with_param("metadata.cluster"))?;
    }
    let messages = messages(request.messages)?;
    let named = [
        (super::incident::in_header(headers)?, "X-Kubewright-Incident"),
        (incident.as_deref(), "metadata.incident"),
        (suffix, "model"),
    ];
    let mut about = None;
    for (name, param) in named {
        about = match about {
            None => super::incident::named(&state.store, name, param).await?,
            known => known,
        };
    }
    if about.is_none() {
        let asked = messages.iter().filter(|message| message.role == Role::User);
        about = super::incident::in_texts(&state.store, asked.map(|message| message.text.as_str())).await?;
    }
    Ok(ChatTurn {
        agent: agent.to_owned(),
        messages,
        about,
        conversation: None,
        cluster,
        access: access(namespaces.iter().flat_map(|names| names.split(','))),
        stop: request.stop.map(Stop::texts).unwrap_or_default(),
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
        temperature: request.temperature,
        progress: Progress::none(),
        cancel: CancellationToken::new(),
    })
}

/// What may be read: the namespaces that are named, else everything.
pub(super) fn access<'a>(namespaces: impl Iterator<Item = &'a str>) -> Access {
    let named = namespaces.map(str::trim).filter(|name| !name.is_empty());
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    if named.is_empty() { Access::Everything } else { Access::Namespaces(named) }
}
