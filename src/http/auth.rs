//! Who is let in: the bearer token.
//!
//! With a token configured, everything but the health pages asks for it. Without one the program listens on loopback
//! only (`settings` sees to that) and [`super::origin`] keeps browsers out.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::ApiError;

/// The digest of the configured token; comparing digests hides the length too.
#[derive(Clone)]
pub(super) struct Gate(Option<[u8; 32]>);

impl Gate {
    pub(super) fn new(token: Option<&SecretString>) -> Self {
        Self(token.map(|token| digest(token.expose_secret())))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.0 else { return true };
        presented(headers).is_some_and(|token| digest(token).ct_eq(expected).into())
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The token from `Authorization: Bearer …` or `X-API-Key: …`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| headers.get("x-api-key")?.to_str().ok())
}

/// Refuses requests without the token.
pub(super) async fn require_token(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if gate.admits(request.headers()) {
        return next.run(request).await;
    }
    let text = "this server asks for its token: send it as Authorization: Bearer …";
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text).into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"kubewright\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use secrecy::SecretString;

    use super::Gate;

    fn admits(token: Option<&str>, name: &'static str, value: &'static str) -> bool {
        let gate = Gate::new(token.map(SecretString::from).as_ref());
        let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
        gate.admits(&HeaderMap::from_iter([header]))
    }

    #[test]
    fn the_token_is_taken_from_either_header() {
        assert!(admits(Some("s3cret"), "authorization", "Bearer s3cret"));
        assert!(admits(Some("s3cret"), "authorization", "bearer s3cret"));
        assert!(admits(Some("s3cret"), "x-api-key", "s3cret"));
    }

    #[test]
    fn anything_else_is_kept_out() {
        assert!(!admits(Some("s3cret"), "authorization", "Bearer s3cre"));
        assert!(!admits(Some("s3cret"), "authorization", "Basic s3cret"));
        assert!(!admits(Some("s3cret"), "authorization", "s3cret"));
        assert!(!admits(Some("s3cret"), "x-api-key", ""));
        assert!(!admits(Some("s3cret"), "accept", "s3cret"));
    }

    #[test]
    fn without_a_configured_token_everybody_is_let_in() {
        assert!(admits(None, "accept", "*/*"));
    }
}
