//! What surrounds every request: its id, its span in the log, its metrics, and what happens when a handler panics.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;
use tracing::Span;

use super::error::ApiError;
use crate::telemetry::metrics;

/// The header that names a request, in and out.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// Drops a client's request id that would spoil the log, so that a fresh one is made.
pub(super) fn drop_unfit_id(mut request: Request) -> Request {
    let unfit = request.headers().get(REQUEST_ID).is_some_and(|id| {
        id.is_empty()
            || id.len() > MAX_REQUEST_ID
            || id.as_bytes().iter().any(|byte| !byte.is_ascii_graphic())
    });
    if unfit {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// The span of a request: no query string and no headers, which may hold secrets.
pub(super) fn span(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let request_id = id.unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), request_id)
}

/// Counts and times the request under the route's pattern, never under the path.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let started = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    metrics::http_answered(method, route, response.status().as_u16(), started.elapsed());
    response
}

/// A method may be any token of the client's invention; only known ones become labels.
const fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Turns a panic into a 500.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer calls")]
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    ApiError::internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::{ServiceBuilder, ServiceExt};
    use tower_http::catch_panic::CatchPanicLayer;

    use super::panicked;
    use crate::http::error::{ErrorBody, shape};

    async fn careless() {
        panic!("the password is hunter2");
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_tells_nothing() {
        let layers = ServiceBuilder::new().layer(from_fn(shape)).layer(CatchPanicLayer::custom(panicked));
        let router = Router::new().route("/", get(careless)).layer(layers);
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let ErrorBody { error } = serde_json::from_slice(&body).unwrap();
        assert_eq!(error.code, "internal");
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}
