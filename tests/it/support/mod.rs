//! What integration tests share.

pub(crate) mod attacks;
pub(crate) mod gate;
pub(crate) mod postgres;
pub(crate) mod provider;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod stage;

use std::time::{Duration, Instant};

/// A client without proxies; TLS is not used on loopback.
pub(crate) fn http_client() -> reqwest::Client {
    // reqwest is built without a TLS provider of its own; the process needs one before the first client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks again and again until there is an answer; fails after `limit`.
pub(crate) async fn eventually<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
