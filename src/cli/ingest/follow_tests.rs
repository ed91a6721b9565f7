use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kubewright_ingest::{KnowledgeBase, KnowledgeSettings, ModelChoice};
use tokio::time::{sleep, timeout};

use super::super::Format;
use super::*;

#[test]
fn what_can_change_is_watched() {
    assert!(lasts(&Location::Folder("docs".into())));
    assert!(!lasts(&Location::Stdin { name: None }) && !lasts(&Location::BuiltIn));
}

/// A page as the server has it now.
#[derive(Default)]
struct Site {
    /// Without one the server fails.
    text: Option<&'static str>,
    /// How often it has failed.
    failed: usize,
}

type Page = Arc<Mutex<Site>>;

async fn answer(State(page): State<Page>) -> Response {
    let mut page = page.lock().unwrap();
    let Some(text) = page.text else {
        page.failed += 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    ([("content-type", "text/markdown")], text).into_response()
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let there = async {
        while !so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), there).await.unwrap_or_else(|_| panic!("{what} never came"));
}

async fn holds(base: &KnowledgeBase, title: &str) {
    let titles = async || base.documents().await.unwrap().into_iter().map(|document| document.title);
    until(title, async || titles().await.any(|known| known == title)).await;
}

async fn serve(page: &Page) -> SourceSpec {
    let router = Router::new().route("/page.md", get(answer)).with_state(page.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/page.md", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    SourceSpec::new("page", Location::Url(url.parse().unwrap()))
}

#[tokio::test]
async fn a_page_that_changes_is_read_again_with_the_next_poll() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = KnowledgeSettings::new(folder.path(), folder.path().join("models"));
    settings.model = ModelChoice::None;
    let base = KnowledgeBase::open(settings).await.unwrap();
    let page = Page::default();
    page.lock().unwrap().text = Some("# First\n\nText about evictions.");
    let specs = [serve(&page).await];
    let run = Run { base: base.clone(), format: Format::Json, options: IngestOptions::default() };
    run.once(&specs).await.unwrap();
    holds(&base, "First").await;

    let stop = CancellationToken::new();
    let (watching, stopped) = (watch(&specs, stop.clone()).unwrap(), stop.clone());
    let following = tokio::spawn(async move {
        stopped.run_until_cancelled(go_on(&run, &specs, watching, Duration::from_millis(50))).await
    });
    page.lock().unwrap().text = Some("# Second\n\nText about quotas.");
    holds(&base, "Second").await;
    assert_eq!(base.documents().await.unwrap().len(), 1);
    // A server that fails for a while takes nothing away and ends nothing.
    page.lock().unwrap().text = None;
    until("a failure", async || page.lock().unwrap().failed > 1).await;
    assert_eq!(base.documents().await.unwrap().len(), 1);
    page.lock().unwrap().text = Some("# Third\n\nText about probes.");
    holds(&base, "Third").await;
    stop.cancel();
    assert!(following.await.unwrap().is_none());
}
