//! What is read through sitemaps, against a server in the test.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::reading::{Brought, read_knowing};
use super::web_tests::{gzipped, host, serve};
use super::{Location, SourceError, SourceSpec};
use crate::{Found, Limits, Validators};

/// A sitemap index that names itself, a packed sitemap, and things that it should not.
fn sitemaps(uri: &Uri, base: &str) -> Response {
    let map = |locs: &[&str]| {
        let urls: String = locs.iter().map(|loc| format!("<url><loc>{loc}</loc></url>")).collect();
        format!("<?xml version='1.0'?><urlset>{urls}</urlset>")
    };
    let page = |path: &str| format!("{base}{path}");
    match uri.path() {
        "/sitemap.xml" => format!(
            "<sitemapindex><sitemap><loc>{}</loc></sitemap><sitemap><loc>{}</loc></sitemap>\
             <sitemap><loc>http://other.example/sitemap.xml</loc></sitemap></sitemapindex>",
            page("sitemap.xml"),
            page("packed.xml.gz")
        )
        .into_response(),
        "/packed.xml.gz" => {
            let text = map(&[&page("b"), &page("a"), &page("a#x"), &page("gone"), "http://other.example/x"]);
            gzipped(text.as_bytes()).into_response()
        }
        "/many.xml" => {
            let pages: Vec<String> = (0..100).map(|number| page(&format!("p{number}"))).collect();
            map(&pages.iter().map(String::as_str).collect::<Vec<_>>()).into_response()
        }
        "/bomb.xml" => gzipped(&vec![b' '; 16 << 20]).into_response(),
        "/flaky.xml" => map(&[&page("a"), &page("flaky")]).into_response(),
        "/down.xml" => map(&[&page("flaky")]).into_response(),
        "/html.xml" => "<html><body>Hello</body></html>".into_response(),
        "/empty.xml" => "<urlset></urlset>".into_response(),
        "/flaky" => StatusCode::BAD_GATEWAY.into_response(),
        "/gone" | "/robots.txt" => StatusCode::NOT_FOUND.into_response(),
        path => format!("page {path}").into_response(),
    }
}

async fn read_sitemap(path: &str, limits: &Limits, known: &[&str]) -> (Brought, String) {
    let answer = |headers: HeaderMap, uri: Uri| async move {
        sitemaps(&uri, &format!("http://{}/", headers["host"].to_str().unwrap()))
    };
    let base = serve(Router::new().fallback(answer)).await;
    let known = known.iter().map(|path| (format!("{}/{path}", host(&base)), Validators::default())).collect();
    let spec = SourceSpec::new("sitemap", Location::Sitemap(base.join(path).unwrap()));
    (read_knowing(&spec, limits, &known).await, host(&base))
}

#[tokio::test]
async fn a_sitemap_is_read_through_its_index_once_and_on_its_own_host() {
    let (brought, host) = read_sitemap("/sitemap.xml", &Limits::default(), &[]).await;
    assert_eq!(brought.paths(), [format!("{host}/a"), format!("{host}/b")], "{}", brought.error());
    let refusals = brought.refusals();
    assert_eq!(refusals.len(), 3, "{refusals:#?}");
    assert!(
        refusals.iter().any(|refusal| refusal.contains("/gone: the server answers 404")),
        "{refusals:#?}"
    );
    assert!(refusals.iter().any(|refusal| refusal.contains("not on its own host")), "{refusals:#?}");
}

#[tokio::test]
async fn a_sitemap_has_limits() {
    let limits = Limits { pages: 7, ..Limits::default() };
    let (brought, _) = read_sitemap("/many.xml", &limits, &[]).await;
    assert_eq!(brought.paths().len(), 7);
    assert!(brought.refusals()[0].contains("more than 7 pages"), "{:?}", brought.refusals());
    let limits = Limits { document_bytes: 1 << 20, ..limits };
    let (brought, _) = read_sitemap("/bomb.xml", &limits, &[]).await;
    assert!(brought.error().contains("is larger than 1 MiB"), "{}", brought.error());
    for path in ["/html.xml", "/empty.xml"] {
        let (brought, _) = read_sitemap(path, &limits, &[]).await;
        assert!(matches!(brought.end, Err(SourceError::Nothing { .. })), "{path}: {:?}", brought.end);
    }
}

#[tokio::test]
async fn a_page_in_trouble_keeps_what_was_read_before() {
    let (brought, host) = read_sitemap("/flaky.xml", &Limits::default(), &["flaky"]).await;
    assert_eq!(brought.paths(), [format!("{host}/a")]);
    assert!(brought.refusals()[0].contains("what was read before is kept"), "{:?}", brought.refusals());
    assert!(brought.found.contains(&Found::Unchanged { path: format!("{host}/flaky") }));
    let (brought, _) = read_sitemap("/down.xml", &Limits::default(), &[]).await;
    assert!(matches!(brought.end, Err(SourceError::Web { .. })), "{:?}", brought.end);
}
