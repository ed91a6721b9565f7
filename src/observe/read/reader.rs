//! The [`ClusterReader`]: an [`Observer`] asked for single things.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http::header::ACCEPT;
use serde::Deserialize;
use tokio::time::timeout;

use super::super::cluster::{Asked, Limits, fetch};
use super::super::{Observer, ReadError};
use super::catalog::{Catalog, ResourceKind};
use super::discovery::discover;

/// How long it is believed which kinds there are.
const KNOWN: Duration = Duration::from_secs(300);

/// A kind that is not known may be new: after this the cluster is asked again.
const MAY_BE_NEW: Duration = Duration::from_secs(10);

/// Which kinds the cluster served when it was last asked.
#[derive(Default)]
pub(in super::super) struct CatalogCache(Mutex<Option<(Instant, Arc<Catalog>)>>);

impl CatalogCache {
    fn younger_than(&self, limit: Duration) -> Option<Arc<Catalog>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < limit).map(|(_, catalog)| catalog.clone())
    }

    fn keep(&self, catalog: &Arc<Catalog>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), catalog.clone()));
    }
}

/// Reads single things of one cluster: each request within `collector_deadline`, each answer within a size. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct ClusterReader {
    pub(super) observer: Observer,
}

impl Observer {
    /// A reader of single things, for people and models that ask.
    #[must_use]
    pub fn reader(&self) -> ClusterReader {
        ClusterReader { observer: self.clone() }
    }
}

impl ClusterReader {
    /// The kinds that the cluster serves; up to five minutes old.
    ///
    /// # Errors
    /// [`ReadError`] when the cluster does not answer.
    pub async fn catalog(&self) -> Result<Arc<Catalog>, ReadError> {
        self.catalog_within(KNOWN).await
    }

    /// The kind of that name; a name that is not known is looked up afresh, as custom kinds come and go.
    ///
    /// # Errors
    /// [`ReadError`] when the cluster does not answer.
    pub async fn kind(&self, name: &str) -> Result<Option<ResourceKind>, ReadError> {
        if let Some(kind) = self.catalog().await?.find(name) {
            return Ok(Some(kind.clone()));
        }
        Ok(self.catalog_within(MAY_BE_NEW).await?.find(name).cloned())
    }

    async fn catalog_within(&self, limit: Duration) -> Result<Arc<Catalog>, ReadError> {
        let cache = self.observer.catalog();
        if let Some(known) = cache.younger_than(limit) {
            return Ok(known);
        }
        let catalog = Arc::new(discover(self).await?);
        cache.keep(&catalog);
        Ok(catalog)
    }

    /// The API server's version, `v1.36.2`.
    ///
    /// # Errors
    /// [`ReadError`] when the cluster does not answer.
    pub async fn version(&self) -> Result<String, ReadError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let body = self.fetch("/version", None, &Self::asked("get", "/version", None), 64 * 1024).await?;
        Ok(ReadError::read_json::<Version>(&body)?.git_version)
    }

    /// GETs a path within the deadline.
    pub(super) async fn fetch(
        &self,
        path: &str,
        accept: Option<&str>,
        asked: &Asked,
        limit: usize,
    ) -> Result<Bytes, ReadError> {
        let mut request = Request::get(path);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        let request = request.body(Vec::new()).map_err(|error| ReadError::Request(error.to_string()))?;
        self.send(&request, asked, limit).await
    }

    /// Sends a request that only reads, within the deadline.
    pub(super) async fn send(
        &self,
        request: &Request<Vec<u8>>,
        asked: &Asked,
        limit: usize,
    ) -> Result<Bytes, ReadError> {
        let after = self.limits().deadline;
        let client = self.observer.client();
        let answer = timeout(after, fetch(&client, request, asked, limit)).await;
        answer.unwrap_or(Err(ReadError::TimedOut { after }))
    }

    /// What is asked, in the words of RBAC.
    pub(super) fn asked(verb: &'static str, resource: &str, namespace: Option<&str>) -> Asked {
        Asked { verb, resource: resource.to_owned(), namespace: namespace.map(str::to_owned) }
    }

    pub(super) fn limits(&self) -> Limits {
        let settings = self.observer.settings();
        Limits { objects: settings.max_objects_per_kind, deadline: settings.collector_deadline }
    }
}
