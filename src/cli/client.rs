//! The client of our own HTTP interface.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::ConnectionArgs;
use crate::http::ErrorBody;
use crate::settings::Environment;

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
const SERVER_VARIABLE: &str = "KUBEWRIGHT_SERVER";
const TOKEN_VARIABLE: &str = "KUBEWRIGHT_TOKEN";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(40);
/// The server sends something at least this often on an event stream.
const STREAM_SILENCE: Duration = Duration::from_secs(60);
/// Largest answer that is read, bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Largest token file that is read, bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Talks to a running kubewright.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<SecretString>,
}

/// The server could not be reached, or broke off: worth another try.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot reach kubewright at {server}; start it with `kubewright serve`, or name another server with --server or \
     {SERVER_VARIABLE}"
)]
pub(super) struct Unreachable {
    server: Url,
    #[source]
    source: reqwest::Error,
}

impl Client {
    /// Prepares to talk to the server that the arguments or the environment name. Sends nothing yet.
    ///
    /// # Errors
    /// When the server's URL or the token file cannot be used.
    pub fn connect(args: &ConnectionArgs, environment: &Environment) -> anyhow::Result<Self> {
        let server = server(args.server.as_ref(), environment)?;
        let token = token(args.token_file.as_deref(), environment)?;
        // Only the first installation in a process counts; a second one is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(STREAM_SILENCE);
        if is_loopback(&server) {
            builder = builder.no_proxy();
        }
        let http = builder.build().context("the HTTP client cannot be built")?;
        Ok(Self { http, server, token })
    }

    /// Where the server is.
    #[must_use]
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let request = self.request(Method::GET, path).query(query).timeout(TIMEOUT);
        decode(&self.body(request).await?)
    }

    /// Asks for text.
    pub(super) async fn text(&self, path: &[&str]) -> anyhow::Result<String> {
        let body = self.body(self.request(Method::GET, path).timeout(TIMEOUT)).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Sends something.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> anyhow::Result<T> {
        let request = self.request(Method::POST, path).json(body).timeout(TIMEOUT);
        decode(&self.body(request).await?)
    }

    /// Opens an event stream that goes on after `last_event_id`.
    pub(super) async fn stream(&self, path: &[&str], last_event_id: &str) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream");
        if !last_event_id.is_empty() {
            request = request.header("last-event-id", last_event_id);
        }
        self.send(request).await
    }

    /// Sends something and opens the event stream that answers it.
    pub(super) async fn post_stream(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> anyhow::Result<Response> {
        let request = self.request(Method::POST, path).json(body).header("accept", "text/event-stream");
        self.send(request).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    async fn body(&self, request: RequestBuilder) -> anyhow::Result<Vec<u8>> {
        let response = self.send(request).await?;
        read(response).await.map_err(|error| match error.downcast::<reqwest::Error>() {
            Ok(source) => self.unreachable(source),
            Err(error) => error,
        })
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read(response).await.unwrap_or_default();
        bail!("{}", self.refusal(status, &body))
    }

    fn unreachable(&self, source: reqwest::Error) -> anyhow::Error {
        Unreachable { server: self.server.clone(), source: source.without_url() }.into()
    }

    /// What the server's error means to somebody at a command line.
    fn refusal(&self, status: StatusCode, body: &[u8]) -> String {
        let server = &self.server;
        if status == StatusCode::UNAUTHORIZED {
            return match self.token {
                None => format!("{server} asks for a token: pass --token-file FILE or set {TOKEN_VARIABLE}"),
                Some(_) => {
                    format!("{server} does not know this token; check --token-file or {TOKEN_VARIABLE}")
                }
            };
        }
        let Ok(ErrorBody { error }) = serde_json::from_slice(body) else {
            return format!("{server} answered {status}; is it a kubewright server?");
        };
        let message = super::line(&error.message);
        if status.is_server_error() {
            format!("{message} ({}, request {})", super::line(&error.code), super::line(&error.request_id))
        } else {
            message
        }
    }
}

async fn read(mut response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER_BYTES {
            bail!("the server's answer has more than {MAX_ANSWER_BYTES} bytes");
        }
    }
    Ok(body)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(body)
        .context("the server's answer cannot be read; are server and command line of the same version?")
}

fn server(argument: Option<&Url>, environment: &Environment) -> anyhow::Result<Url> {
    let server = match (argument, environment.get(SERVER_VARIABLE)) {
        (Some(url), _) => url.clone(),
        (None, Some(text)) => {
            text.parse().with_context(|| format!("{SERVER_VARIABLE} is \"{text}\", which is not a URL"))?
        }
        (None, None) => DEFAULT_SERVER.parse()?,
    };
    if !matches!(server.scheme(), "http" | "https") {
        bail!("\"{server}\" is not an http(s) URL; write it like {DEFAULT_SERVER}");
    }
    Ok(server)
}

fn token(file: Option<&Path>, environment: &Environment) -> anyhow::Result<Option<SecretString>> {
    let text = match file {
        None => environment.get(TOKEN_VARIABLE).cloned(),
        Some(path) => {
            let unreadable = || format!("the token file {} cannot be read", path.display());
            if std::fs::metadata(path).with_context(unreadable)?.len() > MAX_TOKEN_BYTES {
                bail!("the token file {} is too large to hold a token", path.display());
            }
            Some(std::fs::read_to_string(path).with_context(unreadable)?)
        }
    };
    let token = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if file.is_some() && token.is_none() {
        bail!("the token file is empty");
    }
    Ok(token.map(SecretString::from))
}

fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Environment, SERVER_VARIABLE, TOKEN_VARIABLE, is_loopback, server, token};

    fn environment(name: &str, value: &str) -> Environment {
        Environment::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_argument_beats_the_environment_beats_the_default() {
        let set = environment(SERVER_VARIABLE, "http://from-environment:1/");
        let argument = "http://from-argument:1/".parse().unwrap();
        let chosen = [server(Some(&argument), &set), server(None, &set), server(None, &Environment::new())];
        let chosen = chosen.map(|url| url.unwrap().to_string());
        assert_eq!(
            chosen,
            ["http://from-argument:1/", "http://from-environment:1/", "http://127.0.0.1:8080/"]
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = server(None, &environment(SERVER_VARIABLE, "not a url")).unwrap_err().to_string();
        assert_eq!(refused, "KUBEWRIGHT_SERVER is \"not a url\", which is not a URL");
        assert!(server(None, &environment(SERVER_VARIABLE, "ftp://example")).is_err());
    }

    #[test]
    fn an_empty_token_file_is_an_error_and_an_empty_variable_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(
            token(Some(file.path()), &Environment::new()).unwrap_err().to_string(),
            "the token file is empty"
        );
        assert!(token(None, &environment(TOKEN_VARIABLE, " ")).unwrap().is_none());
    }

    #[test]
    fn no_proxy_stands_between_us_and_this_machine() {
        let loopback = ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"]
            .map(|url| url.parse().unwrap());
        assert!(loopback.iter().all(is_loopback));
        assert!(!is_loopback(&"http://kubewright.example".parse().unwrap()));
    }
}
