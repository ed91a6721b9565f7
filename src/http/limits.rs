//! What keeps one server from being drowned: how many requests at a time, and for how long.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::error::ApiError;

/// How long a request may take until its answer begins; event streams begin at once and then go on.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Requests worked on at a time; further ones are told to come back. Each may hold a body of
/// `intake.max_body_bytes`.
const MAX_REQUESTS: usize = 256;

/// Event streams open at a time.
const MAX_STREAMS: usize = 256;

/// Largest body of anything but a webhook, bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Largest document that is uploaded, bytes, with what surrounds it.
pub(super) const MAX_UPLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Seats for requests and for streams.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    requests: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
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

    use super::{Seats, admit};

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
}
