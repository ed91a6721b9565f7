//! What keeps one server from being drowned: how many requests at a time, and for how long.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// How long a request may take until its answer begins; event streams begin at once and then go on.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Requests worked on at a time; further ones are told to come back. Each may hold a body of
/// `intake.max_body_bytes`.
const MAX_REQUESTS: usize = 256;

/// Event streams open at a time.
const MAX_STREAMS: usize = 256;

/// Chats under way at a time; each may hold a conversation of `agents::chat::MOST_BYTES`.
const MAX_CHATS: usize = 256;

/// Largest body of anything but a webhook, bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Largest document that is uploaded, bytes, with what surrounds it.
pub(super) const MAX_UPLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Seats for requests and for streams.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    requests: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    chats: Arc<Semaphore>,
}

/// A seat for a chat, kept until its turn is over.
#[derive(Debug, Clone)]
pub(super) struct ChatSeat {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            chats: Arc::new(Semaphore::new(MAX_CHATS)),
        }
    }
}

/// Turns requests away while all seats are taken.
pub(super) async fn admit(State(seats): State<Seats>, request: Request, next: Next) -> Response {
    match seats.requests.try_acquire() {
        Ok(_seat) => next.run(request).await,
        Err(_) => overloaded().into_response(),
    }
}

/// Gives each chat a seat before its body is read; turns it away while all are taken.
pub(super) async fn admit_chat(State(seats): State<Seats>, mut request: Request, next: Next) -> Response {
    let Ok(permit) = seats.chats.clone().try_acquire_owned() else {
        let text = format!("{MAX_CHATS} chats are under way already; try again in a moment");
        return ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", text).into_response();
    };
    request.extensions_mut().insert(ChatSeat { _permit: Arc::new(permit) });
    next.run(request).await
}

/// 503: no seat is free.
pub(super) fn overloaded() -> ApiError {
    ApiError::unavailable("overloaded", "too many requests at a time; try again in a moment")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::sync::Semaphore;
    use tower::ServiceExt;

    use super::{Seats, admit, admit_chat};

    #[tokio::test]
    async fn while_all_seats_are_taken_a_request_is_turned_away_at_once() {
        let seats = Seats { requests: Arc::new(Semaphore::new(1)), ..Seats::default() };
        let layer = from_fn_with_state(seats.clone(), admit);
        let router = Router::new().route("/", get(|| async {})).layer(layer);
        let ask = || router.clone().oneshot(Request::new(Body::empty()));
        assert_eq!(ask().await.unwrap().status(), 200);
        let _taken = seats.requests.try_acquire().unwrap();
        assert_eq!(ask().await.unwrap().status(), 503);
    }

    #[tokio::test]
    async fn a_chat_too_many_is_told_to_come_back_and_a_seat_is_free_again_after_the_answer() {
        let seats = Seats { chats: Arc::new(Semaphore::new(1)), ..Seats::default() };
        let layer = from_fn_with_state(seats.clone(), admit_chat);
        let router = Router::new().route("/", get(|| async {})).layer(layer);
        let ask = || router.clone().oneshot(Request::new(Body::empty()));
        assert_eq!(ask().await.unwrap().status(), 200);
        assert_eq!(ask().await.unwrap().status(), 200);
        let _taken = seats.chats.try_acquire().unwrap();
        assert_eq!(ask().await.unwrap().status(), 429);
    }
}
