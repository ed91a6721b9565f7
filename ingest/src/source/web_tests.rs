//! What is read from the web, against a server in the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::reading::{Brought, read, read_knowing};
use super::{Known, Location, Place, SourceError, SourceSpec};
use crate::{Found, Limits, Validators};

/// Serves until the test's runtime ends.
pub(super) async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&url).unwrap()
}

/// Answers every connection with these bytes, whatever was asked, and closes it.
async fn serve_bytes(answer: &'static [u8]) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/page", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let robots = request[..length].starts_with(b"GET /robots.txt");
            let none: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(if robots { none } else { answer }).await;
        }
    });
    Url::parse(&url).unwrap()
}

fn page(url: &Url) -> SourceSpec {
    SourceSpec::new("page", Location::Url(url.clone()))
}

async fn read_page(base: &Url, path: &str, limits: &Limits) -> Brought {
    read(&page(&base.join(path).unwrap()), limits).await
}

/// The host and port as they stand in document paths.
pub(super) fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut gzip, bytes).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_page_comes_with_what_the_server_said_about_it() {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("etag", "\"1\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    let agent = |headers: HeaderMap| async move { headers["user-agent"].to_str().unwrap().to_owned() };
    let base = serve(
        Router::new()
            .route("/page", get(move || async move { (headers, "<p>text</p>") }))
            .route("/agent", get(agent)),
    )
    .await;
    let brought = read_page(&base, "/page?q=1", &Limits::default()).await;
    let document = brought.documents()[0];
    assert_eq!(document.path, format!("{}/page?q=1", host(&base)));
    assert_eq!(document.uri, format!("{base}page?q=1"));
    assert_eq!(document.bytes, b"<p>text</p>");
    assert_eq!(document.media_type.as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(document.modified.unwrap().to_string(), "1994-11-06T08:49:37Z");
    assert_eq!(document.validators.etag.as_deref(), Some("\"1\""));
    assert_eq!(read_page(&base, "/agent", &Limits::default()).await.documents()[0].bytes, b"kubewright");
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let conditional = |headers: HeaderMap| async move {
        match headers.get("if-none-match").map(|etag| etag.to_str().unwrap()) {
            Some("\"1\"") => StatusCode::NOT_MODIFIED.into_response(),
            _ => ([("etag", "\"1\"")], "text").into_response(),
        }
    };
    let always = || async { StatusCode::NOT_MODIFIED };
    let base = serve(Router::new().route("/page", get(conditional)).route("/always", get(always))).await;
    let url = base.join("/page").unwrap();
    let first = read(&page(&url), &Limits::default()).await;
    let document = first.documents()[0];
    let known = Known::from([(document.path.clone(), document.validators.clone())]);
    let second = read_knowing(&page(&url), &Limits::default(), &known).await;
    assert_eq!(second.found, [Found::Unchanged { path: document.path.clone() }]);
    let old = Validators { etag: Some("\"0\"".into()), last_modified: None };
    let known = Known::from([(document.path.clone(), old)]);
    assert_eq!(read_knowing(&page(&url), &Limits::default(), &known).await.paths().len(), 1);
    // An answer that was not asked for.
    assert_eq!(read_page(&base, "/always", &Limits::default()).await.refusals().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_to_an_end_or_refused() {
    let base = serve(
        Router::new()
            .route("/start", get(|| async { Redirect::temporary("/end") }))
            .route("/end", get(|| async { "text" }))
            .route("/loop", get(|| async { Redirect::permanent("/loop") }))
            .route("/file", get(|| async { (StatusCode::FOUND, [("location", "file:///etc/passwd")]) }))
            .route(
                "/secret",
                get(|| async { (StatusCode::FOUND, [("location", "http://me:hunter2@a.example/")]) }),
            )
            .route("/nowhere", get(|| async { StatusCode::FOUND })),
    )
    .await;
    let brought = read_page(&base, "/start", &Limits::default()).await;
    assert_eq!(brought.paths(), [format!("{}/start", host(&base))]);
    assert_eq!(brought.documents()[0].bytes, b"text");
    for (path, reason) in
        [("/loop", "more than 5 redirects"), ("/file", "redirects to file://"), ("/nowhere", "answers 302")]
    {
        let brought = read_page(&base, path, &Limits::default()).await;
        assert!(brought.refusals()[0].contains(reason), "{path}: {:?}", brought.refusals());
    }
    let secret = read_page(&base, "/secret", &Limits::default()).await.refusals().remove(0);
    assert!(secret.contains("redirects to http://a.example") && !secret.contains("hunter2"), "{secret}");
}

#[tokio::test]
async fn bodies_without_end_and_gzip_bombs_are_cut_off() {
    let endless = || async {
        let chunk = Bytes::from(vec![b'x'; 1 << 16]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())))
    };
    let bomb = gzipped(&vec![0; 16 << 20]);
    let packed = move || async move { ([("content-encoding", "gzip")], bomb) };
    let base = serve(Router::new().route("/endless", get(endless)).route("/bomb", get(packed))).await;
    let limits = Limits { document_bytes: 1 << 20, ..Limits::default() };
    for path in ["/endless", "/bomb"] {
        let brought = read_page(&base, path, &limits).await;
        assert!(brought.refusals()[0].contains("is larger than 1 MiB"), "{path}: {:?}", brought.refusals());
    }
    let archive = Location::Archive(Place::Remote(base.join("/endless").unwrap()));
    let limits = Limits { archive_bytes: 1 << 20, ..Limits::default() };
    assert!(read(&SourceSpec::new("a", archive), &limits).await.error().contains("is larger than 1 MiB"));
}

#[tokio::test]
async fn half_answers_and_garbage_are_errors_of_the_source() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 7\r\n\r\ngarbage",
        b"\x00\x01\x02 garbage",
        b"",
    ] {
        let url = serve_bytes(answer).await;
        let brought = read(&page(&url), &Limits::default()).await;
        assert!(matches!(brought.end, Err(SourceError::Web { .. })), "{answer:?}: {:?}", brought.found);
        assert!(brought.found.is_empty(), "{:?}", brought.found);
    }
}

#[tokio::test]
async fn a_server_that_is_silent_meets_the_deadline() {
    let silent = || async { std::future::pending::<()>().await };
    let base = serve(Router::new().route("/silent", get(silent))).await;
    let limits = Limits { request: Duration::from_millis(200), ..Limits::default() };
    let brought = read_page(&base, "/silent", &limits).await;
    assert!(brought.error().contains("within the deadline"), "{}", brought.error());
    let closed = Url::parse("http://127.0.0.1:1/").unwrap();
    assert!(matches!(read(&page(&closed), &Limits::default()).await.end, Err(SourceError::Web { .. })));
}

#[tokio::test]
async fn a_short_trouble_is_asked_again_and_a_missing_page_refused() {
    let asked = Arc::new(AtomicUsize::new(0));
    let flaky = |State(asked): State<Arc<AtomicUsize>>| async move {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => "text".into_response(),
        }
    };
    let broken = || async { StatusCode::INTERNAL_SERVER_ERROR };
    let router = Router::new().route("/flaky", get(flaky)).route("/broken", get(broken));
    let base = serve(router.with_state(Arc::clone(&asked))).await;
    assert_eq!(read_page(&base, "/flaky", &Limits::default()).await.paths().len(), 1);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert!(read_page(&base, "/broken", &Limits::default()).await.error().contains("answers 500"));
    let missing = read_page(&base, "/missing", &Limits::default()).await;
    assert!(missing.refusals()[0].contains("answers 404") && missing.end.is_ok());
}

#[tokio::test]
async fn robots_are_obeyed_on_every_hop() {
    let asked = Arc::new(AtomicUsize::new(0));
    let robots = "User-agent: *\nDisallow: /\n\nUser-agent: kubewright\nDisallow: /private\n";
    let private = |State(asked): State<Arc<AtomicUsize>>| async move {
        asked.fetch_add(1, Ordering::Relaxed);
        "private"
    };
    let router = Router::new()
        .route("/robots.txt", get(move || async move { robots }))
        .route("/public", get(|| async { "public" }))
        .route("/door", get(|| async { Redirect::temporary("/private/page") }))
        .route("/private/page", get(private));
    let base = serve(router.with_state(Arc::clone(&asked))).await;
    assert_eq!(read_page(&base, "/public", &Limits::default()).await.paths().len(), 1);
    for path in ["/private/page", "/door"] {
        let brought = read_page(&base, path, &Limits::default()).await;
        assert!(brought.refusals()[0].contains("asks not to read this page"), "{:?}", brought.refusals());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn robots_that_cannot_be_had_forbid_and_strange_ones_do_no_harm() {
    let failing = Router::new().fallback(|| async { StatusCode::INTERNAL_SERVER_ERROR });
    let brought = read_page(&serve(failing).await, "/page", &Limits::default()).await;
    assert!(brought.error().contains("robots.txt of 127.0.0.1 cannot be had"), "{}", brought.error());
    let endless = || async {
        let rules = Bytes::from(format!("Disallow: /*a*b*c$\n# {}\n", "x".repeat(5000)));
        Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(rules.clone())))
    };
    let garbage = || async { (0..=255_u8).cycle().take(100_000).collect::<Vec<u8>>() };
    for router in
        [Router::new().route("/robots.txt", get(endless)), Router::new().route("/robots.txt", get(garbage))]
    {
        let base = serve(router.route("/page", get(|| async { "text" }))).await;
        assert_eq!(read_page(&base, "/page", &Limits::default()).await.paths().len(), 1);
    }
}

#[tokio::test]
async fn addresses_inside_the_network_are_refused_where_that_is_forbidden() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = |State(asked): State<Arc<AtomicUsize>>| async move {
        asked.fetch_add(1, Ordering::Relaxed);
        "text"
    };
    let base = serve(Router::new().fallback(count).with_state(Arc::clone(&asked))).await;
    let limits = Limits { private_addresses: false, ..Limits::default() };
    let port = base.port().unwrap();
    for text in
        [base.to_string(), format!("http://localhost:{port}/"), "http://169.254.169.254/latest".into()]
    {
        let brought = read(&page(&Url::parse(&text).unwrap()), &limits).await;
        let refusals = brought.refusals();
        assert!(
            refusals.first().is_some_and(|one| one.contains("not a public address")),
            "{text}: {refusals:?}"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_resolves_inside_the_network_is_not_connected_to() {
    use std::str::FromStr;

    use reqwest::dns::{Name, Resolve};

    use super::address::{NoPublicAddress, PublicOnly};
    let Err(error) = PublicOnly.resolve(Name::from_str("localhost").unwrap()).await else {
        panic!("localhost resolved")
    };
    assert!(error.downcast_ref::<NoPublicAddress>().is_some());
}

#[tokio::test]
async fn an_archive_is_read_from_a_url() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    tar.append_data(&mut header, "a.md", &b"text"[..]).unwrap();
    let bytes = gzipped(&tar.into_inner().unwrap());
    let base = serve(Router::new().route("/docs.tgz", get(move || async move { bytes }))).await;
    let url = base.join("/docs.tgz").unwrap();
    let spec = SourceSpec::new("archive", Location::Archive(Place::Remote(url.clone())));
    let brought = read(&spec, &Limits::default()).await;
    assert_eq!(brought.documents()[0].uri, format!("{url}!a.md"), "{}", brought.error());
    assert!(brought.end.unwrap().version.is_some());
}
