//! Listing one kind page by page, within limits.

use std::time::Duration;

use kube::Client;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::super::ReadError;
use super::fetch::{Asked, fetch};

/// Objects asked for at once.
const PAGE: u32 = 250;

/// Largest page that is read. One with more is asked for again in smaller pieces: ConfigMaps and Secrets can have
/// 1 MiB each.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// How much may be read, and until when.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Limits {
    /// Most objects of one kind.
    pub(in super::super) objects: usize,
    /// Time for one collector.
    pub(in super::super) deadline: Duration,
}

/// What a list gave, and why it is not whole.
#[derive(Debug)]
pub(in super::super) struct Listing<T> {
    pub(in super::super) items: Vec<T>,
    pub(in super::super) error: Option<ReadError>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    /// Go servers write an empty list as `null`.
    #[serde(default)]
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Lists what is below `path` until the end, the deadline or the cap; what was read before a failure is kept.
pub(in super::super) async fn list<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    mut params: ListParams,
    asked: &Asked,
    limits: Limits,
) -> Listing<T> {
    let until = Instant::now() + limits.deadline;
    let request = Request::new(path);
    let mut items = Vec::new();
    let mut size = PAGE;
    loop {
        let room = u32::try_from(limits.objects.saturating_sub(items.len())).unwrap_or(u32::MAX);
        params.limit = Some(size.min(room).max(1));
        let page = timeout_at(until, page::<T>(client, &request, &params, asked)).await;
        let page = match page.unwrap_or(Err(ReadError::TimedOut { after: limits.deadline })) {
            Ok(page) => page,
            Err(ReadError::TooLarge { .. }) if size > 1 => {
                size = (size / 4).max(1);
                continue;
            }
            Err(error) => return Listing { items, error: Some(error) },
        };
        items.extend(page.items.into_iter().flatten());
        let next = page.metadata.next.filter(|next| !next.is_empty());
        // A server may ignore `limit`.
        if items.len() > limits.objects || (items.len() == limits.objects && next.is_some()) {
            items.truncate(limits.objects);
            return Listing { items, error: Some(ReadError::Capped { limit: limits.objects }) };
        }
        if next.is_none() {
            return Listing { items, error: None };
        }
        params.continue_token = next;
    }
}

async fn page<T: DeserializeOwned>(
    client: &Client,
    request: &Request,
    params: &ListParams,
    asked: &Asked,
) -> Result<Page<T>, ReadError> {
    let request = request.list(params).map_err(|error| ReadError::Request(error.to_string()))?;
    let body = fetch(client, &request, asked, MAX_PAGE_BYTES).await?;
    ReadError::read_json(&body)
}
