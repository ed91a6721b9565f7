//! From settings to a Kubernetes client.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use reqwest::header::{HeaderValue, USER_AGENT as USER_AGENT_HEADER};

use super::super::ObserveError;
use super::super::http::{USER_AGENT, install_crypto_provider};
use crate::settings::ClusterApi;

/// kube waits 30 s for a connection; a person who asks `check` should not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// kube sets no read timeout at all, so a server that accepts and never answers would hold a request for ever.
/// Long enough for a large list and for watches with bookmarks (one a minute).
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Builds a client; nothing is sent yet.
pub(in super::super) async fn connect(api: &ClusterApi) -> Result<Client, ObserveError> {
    install_crypto_provider();
    let mut config = config(api).await?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // kube repeats a request up to 15 times with pauses that add up to minutes; reads have a retry budget of their own
    // (see `http::retries`), and what writes must know about each attempt.
    config.default_retry = false;
    config.headers.push((USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT)));
    Client::try_from(config).map_err(ObserveError::Client)
}

async fn config(api: &ClusterApi) -> Result<Config, ObserveError> {
    match api {
        ClusterApi::Url(url) => {
            let uri = url.as_str().parse().map_err(|_| ObserveError::Url { url: url.to_string() })?;
            Ok(Config::new(uri))
        }
        ClusterApi::InCluster => Config::incluster().map_err(ObserveError::InCluster),
        ClusterApi::Kubeconfig { path, context } => {
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            match path {
                None => Config::from_kubeconfig(&options).await,
                Some(path) => match Kubeconfig::read_from(path) {
                    Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
                    Err(error) => Err(error),
                },
            }
            .map_err(ObserveError::Kubeconfig)
        }
    }
}
