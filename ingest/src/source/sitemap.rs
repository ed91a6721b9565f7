//! The pages that a sitemap lists (sitemaps.org), through sitemap indexes and gzip, on the sitemap's own host.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use futures::{StreamExt, stream};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use tokio::time::sleep;
use url::Url;

use super::files::read_limited;
use super::outlet::{Outlet, refused};
use super::web::{Web, WebError, path_of};
use super::{Known, SourceError, SourceRead, joined};
use crate::{Found, Limits, Validators};

/// Most sitemaps of one index, itself and indexes in it included.
const SITEMAPS: usize = 200;
/// Requests under way at once.
const CONCURRENCY: usize = 4;
/// Deepest element of a sitemap; the format needs four.
const DEPTH: usize = 16;

/// Reads the pages of a sitemap in the order of their URLs. A page that cannot be had at the moment keeps its last
/// version, and is reported.
pub(super) async fn read(
    url: &Url,
    limits: &Limits,
    known: &Known,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let failed = |error| SourceError::Web { url: url.to_string(), error };
    let web = Web::new(limits).map_err(failed)?;
    let pages = list(&web, url, limits, &mut outlet).await?;
    if pages.is_empty() {
        return Err(SourceError::Nothing { what: format!("{url} lists no page that is wanted") });
    }
    let delay = web.delay(url).await;
    let concurrency = if delay.is_some() { 1 } else { CONCURRENCY };
    let mut answers = stream::iter(pages).map(|page| ask(&web, page, known, delay)).buffered(concurrency);
    let mut readable = false;
    let mut last = None;
    while let Some((page, answer)) = answers.next().await {
        match answer {
            Ok(found) => {
                readable = true;
                outlet.send(found).await?;
            }
            Err(error) => {
                refuse(&page, &error, known, &mut outlet).await?;
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if !readable && error.is_transient() => Err(failed(error)),
        _ => Ok(SourceRead::default()),
    }
}

async fn ask(web: &Web, page: Url, known: &Known, delay: Option<Duration>) -> (Url, Result<Found, WebError>) {
    if let Some(delay) = delay {
        sleep(delay).await;
    }
    let answer = web.page(&page, known).await;
    (page, answer)
}

async fn refuse(page: &Url, error: &WebError, known: &Known, outlet: &mut Outlet) -> Result<(), SourceError> {
    let path = path_of(page);
    if !error.is_transient() || !known.contains_key(&path) {
        return outlet.send(refused(page.as_str(), error.to_string())).await;
    }
    outlet.send(refused(page.as_str(), format!("{error}; what was read before is kept"))).await?;
    outlet.send(Found::Unchanged { path }).await
}

/// The wanted pages of a sitemap and those that it names, sorted.
async fn list(
    web: &Web,
    first: &Url,
    limits: &Limits,
    outlet: &mut Outlet,
) -> Result<BTreeSet<Url>, SourceError> {
    let mut pages = BTreeSet::new();
    let mut seen = BTreeSet::from([first.clone()]);
    let mut waiting = VecDeque::from([first.clone()]);
    while let Some(map) = waiting.pop_front() {
        let listing = fetch(web, &map, limits).await?;
        for url in same_host(first, listing.maps, outlet).await? {
            if seen.len() >= SITEMAPS {
                let what = format!("names more than {SITEMAPS} sitemaps; the rest is left out");
                outlet.send(refused(map.as_str(), what)).await?;
                break;
            }
            if seen.insert(url.clone()) {
                waiting.push_back(url);
            }
        }
        let wanted = same_host(first, listing.pages, outlet).await?;
        for url in wanted.into_iter().filter(|url| outlet.wants(&path_of(url))) {
            if pages.len() >= limits.pages && !pages.contains(&url) {
                let what = format!("lists more than {} pages; the rest is left out", limits.pages);
                outlet.send(refused(map.as_str(), what)).await?;
                return Ok(pages);
            }
            pages.insert(url);
        }
    }
    Ok(pages)
}

/// Those of the URLs that are on the sitemap's host; the others are refused, all in one.
async fn same_host(first: &Url, texts: Vec<String>, outlet: &mut Outlet) -> Result<Vec<Url>, SourceError> {
    let (mut inside, mut outside) = (Vec::new(), 0_usize);
    for text in texts {
        match Url::parse(&text) {
            Ok(mut url) if is_same_host(first, &url) => {
                url.set_fragment(None);
                inside.push(url);
            }
            _ => outside += 1,
        }
    }
    if outside > 0 {
        let what = format!("names {outside} URLs that are not on its own host; they are left out");
        outlet.send(refused(first.as_str(), what)).await?;
    }
    Ok(inside)
}

fn is_same_host(first: &Url, url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str() == first.host_str()
        && url.port() == first.port()
        && url.username().is_empty()
        && url.password().is_none()
}

/// What one sitemap names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listing {
    pages: Vec<String>,
    maps: Vec<String>,
}

async fn fetch(web: &Web, url: &Url, limits: &Limits) -> Result<Listing, SourceError> {
    let failed = |error| SourceError::Web { url: url.to_string(), error };
    let limit = limits.document_bytes;
    let page = web.get(url, &Validators::default(), limit).await.map_err(failed)?;
    let bytes = page.map(|page| page.bytes).unwrap_or_default();
    let (text, most) = (url.to_string(), limits.pages.max(SITEMAPS) + 1);
    joined(
        tokio::task::spawn_blocking(move || {
            let unpacked = match bytes.starts_with(&[0x1f, 0x8b]) {
                true => read_limited(MultiGzDecoder::new(bytes.as_slice()), limit),
                false => Ok(Some(bytes)),
            };
            let no_sitemap =
                |reason: &str| SourceError::Nothing { what: format!("{text} is no sitemap: {reason}") };
            let unpacked = unpacked.map_err(|error| no_sitemap(&error.to_string()))?;
            let unpacked = unpacked.ok_or_else(|| failed_size(&text, limit))?;
            parse(&String::from_utf8_lossy(&unpacked), most).map_err(|reason| no_sitemap(&reason))
        })
        .await,
    )
}

fn failed_size(url: &str, limit: u64) -> SourceError {
    SourceError::Web { url: url.to_owned(), error: WebError::TooLarge(limit) }
}

/// The `<loc>` of each `<url>` and `<sitemap>`, at most `most` of each.
fn parse(xml: &str, most: usize) -> Result<Listing, String> {
    let mut reader = Reader::from_str(xml);
    let mut listing = Listing::default();
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.is_empty() && !matches!(start.local_name().as_ref(), "urlset" | "sitemapindex") {
                    return Err("it starts with something other than urlset or sitemapindex".into());
                }
                if open.len() >= DEPTH {
                    return Err("it is nested too deep".into());
                }
                open.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(reference) => text.push_str(&resolved(&reference)?),
            Event::End(_) => {
                take(&mut listing, &open, text.trim(), most);
                open.pop();
                text.clear();
            }
            Event::Eof if open.is_empty() => return Ok(listing),
            Event::Eof => return Err("it ends in the middle".into()),
            _ => {}
        }
    }
}

fn take(listing: &mut Listing, open: &[String], text: &str, most: usize) {
    let [.., parent, name] = open else { return };
    if name.rsplit(':').next() != Some("loc") || text.is_empty() {
        return;
    }
    let list = match parent.rsplit(':').next() {
        Some("url") => &mut listing.pages,
        Some("sitemap") => &mut listing.maps,
        _ => return,
    };
    if list.len() < most {
        list.push(text.to_owned());
    }
}

/// The text of `&amp;` or `&#38;`. Entities that a document defines itself are not followed: they can be bombs.
fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Ok(letter.to_string());
    }
    resolve_predefined_entity(reference)
        .map(Into::into)
        .ok_or_else(|| format!("unknown entity &{};", &**reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_places_of_pages_and_sitemaps_are_taken() {
        let xml = "<?xml version='1.0'?><urlset xmlns:i='x'><url><loc> http://a/?b&amp;c </loc><i:image>\
                   <i:loc>http://a/no.png</i:loc></i:image></url><url><loc><![CDATA[http://a/d]]></loc></url></urlset>";
        let pages = vec!["http://a/?b&c".to_owned(), "http://a/d".to_owned()];
        assert_eq!(parse(xml, 9), Ok(Listing { pages, maps: vec![] }));
        let index = "<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>";
        assert_eq!(parse(index, 9), Ok(Listing { pages: vec![], maps: vec!["http://a/1.xml".into()] }));
    }

    #[test]
    fn what_is_no_sitemap_is_an_error() {
        let bomb =
            "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><urlset><url><loc>&b;</loc></url></urlset>";
        let deep = format!("<urlset>{}", "<url>".repeat(100_000));
        for text in
            ["<html><body>404</body></html>", "<urlset><url><loc>http://a/", "<urlset></url>", bomb, &deep]
        {
            assert!(parse(text, 9).is_err(), "{text:.80}");
        }
    }
}
