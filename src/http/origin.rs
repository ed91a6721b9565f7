//! Keeps web pages of other sites from using a person's browser against this server.
//!
//! A page may send requests to loopback addresses from within a browser (cross-site request forgery), and may read the
//! answers once its own name resolves to 127.0.0.1 (DNS rebinding). Browsers name the page in `Origin` and the name that
//! they resolved in `Host`; requests that betray another site are refused.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::error::ApiError;

/// What is checked.
#[derive(Debug, Clone)]
pub(super) struct Sites {
    /// The origin under which people reach the server, if it has another name than the one it listens on.
    pub(super) external: Option<url::Origin>,
    /// Whether `Host` must be a loopback name: when no token guards the server.
    pub(super) loopback_only: bool,
}

impl Sites {
    pub(super) fn new(external_url: Option<&Url>, loopback_only: bool) -> Self {
        Self { external: external_url.map(Url::origin), loopback_only }
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = host(uri, headers);
        if self.loopback_only && host.as_ref().is_some_and(|host| !is_loopback(host.host())) {
            return Err(forbidden(
                "the Host header names another machine; without a token only loopback is served",
            ));
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
        if origin.is_some_and(|origin| self.is_own(&origin, host.as_ref())) {
            return Ok(());
        }
        Err(forbidden("the Origin header names another site; only pages of this server may call it"))
    }

    fn is_own(&self, origin: &Url, host: Option<&Authority>) -> bool {
        let same_host = host
            .is_some_and(|host| origin.host_str() == Some(host.host()) && origin.port() == host.port_u16());
        same_host || self.external.as_ref() == Some(&origin.origin())
    }
}

/// The name that the client asked for. A request without any (HTTP/1.0) comes from no browser.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let header = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(header)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
}

/// Refuses requests that a web page of another site made.
pub(super) async fn refuse_other_sites(State(sites): State<Sites>, request: Request, next: Next) -> Response {
    match sites.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};
    use url::Url;

    use super::Sites;

    fn allowed(loopback_only: bool, host: &'static str, origin: Option<&'static str>) -> bool {
        let external = Url::parse("https://kubewright.example/").unwrap();
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        Sites::new(Some(&external), loopback_only).check(&Uri::from_static("/api"), &headers).is_ok()
    }

    #[test]
    fn command_line_clients_and_own_pages_are_served() {
        assert!(allowed(true, "127.0.0.1:8080", None));
        assert!(allowed(true, "localhost:8080", Some("http://localhost:8080")));
        assert!(allowed(true, "[::1]:8080", Some("http://[::1]:8080")));
        assert!(allowed(false, "10.0.0.7", Some("https://kubewright.example")));
        assert!(allowed(false, "kubewright.internal", None));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(!allowed(true, "127.0.0.1:8080", Some("https://evil.example")));
        assert!(!allowed(true, "127.0.0.1:8080", Some("http://127.0.0.1:9999")));
        assert!(!allowed(false, "kubewright.internal", Some("null")));
    }

    #[test]
    fn a_name_that_was_rebound_to_loopback_is_refused_while_no_token_guards() {
        assert!(!allowed(true, "evil.example:8080", None));
        assert!(!allowed(true, "127.0.0.1.evil.example", None));
    }
}
