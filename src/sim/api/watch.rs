//! Watches: a stream of changes, one JSON object a line.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::accept::Shape;
use super::list::{check_not_in_future, is_wanted, metadata_only};
use super::options::ReadOptions;
use super::resource::Call;
use super::{convert, table};
use crate::sim::objects::{ApiError, Change, Event, FieldCause, meta};

/// How long a watch lasts when the client does not say: the API server picks 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How often a client that wants bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(30);

/// Answers a watch.
pub(super) fn watch(call: &Call) -> Result<Response, ApiError> {
    let options = call.query.read()?;
    options.fields.check(call.target.kind)?;
    check_initial_events(&options)?;
    let feed = match open(call, &options) {
        Ok(feed) => feed,
        // A watch that cannot start from there says so inside the stream.
        Err(error) if error.code == 410 => return Ok(stream_of(Body::from(line("ERROR", &error.status())))),
        Err(error) => return Err(error),
    };
    let lines = async_stream::stream! {
        let mut feed = feed;
        while let Some(bytes) = feed.next().await {
            yield Ok::<_, std::convert::Infallible>(bytes);
        }
    };
    Ok(stream_of(Body::from_stream(lines)))
}

fn check_initial_events(options: &ReadOptions) -> Result<(), ApiError> {
    let cause = |field: &str, message: &str| FieldCause {
        reason: "FieldValueForbidden",
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let wrong = match (options.initial_events, options.version_match.as_str()) {
        (None, "") | (Some(_), "NotOlderThan") => return Ok(()),
        (None, _) => cause(
            "resourceVersionMatch",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (Some(_), _) => cause(
            "resourceVersionMatch",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
    };
    let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {}: {}", wrong.field, wrong.message);
    let causes = json!([{"reason": wrong.reason, "message": wrong.message, "field": wrong.field}]);
    let details = json!({"group": "meta.k8s.io", "kind": "ListOptions", "causes": causes});
    Err(ApiError { details, ..ApiError::new(422, "Invalid", message) })
}

fn stream_of(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn line(kind: &str, object: &Value) -> Bytes {
    let mut text = json!({"type": kind, "object": object}).to_string();
    text.push('\n');
    Bytes::from(text)
}

/// What one watch still has to send, and where more comes from.
struct Feed {
    call: Call,
    options: ReadOptions,
    pending: VecDeque<Bytes>,
    changes: broadcast::Receiver<Change>,
    /// Changes up to here have been sent or do not concern this watch.
    revision: u64,
    deadline: Instant,
    next_bookmark: Instant,
    headers_sent: bool,
    ended: bool,
}

fn open(call: &Call, options: &ReadOptions) -> Result<Feed, ApiError> {
    let (store, target) = (&call.api.store, &call.target);
    let from = options.resource_version.filter(|revision| *revision > 0);
    let from_now = from.is_none() && options.initial_events == Some(false);
    let from_here = from.filter(|_| options.initial_events != Some(true));
    if let Some(asked) = from {
        check_not_in_future(asked, store.revision())?;
    }
    let now = Instant::now();
    let mut feed = Feed {
        call: call.clone(),
        options: options.clone(),
        pending: VecDeque::new(),
        changes: store.subscribe(),
        revision: 0,
        deadline: now + options.timeout.unwrap_or(DEFAULT_TIMEOUT),
        next_bookmark: now + BOOKMARK_EVERY,
        headers_sent: false,
        ended: false,
    };
    if let Some(from) = from_here {
        let (history, changes) = store.watch_from(target.kind, from)?;
        feed.changes = changes;
        feed.revision = from;
        history.iter().for_each(|change| feed.take(change));
        return Ok(feed);
    }
    let (objects, revision, changes) = store.list_and_watch(target.kind, target.namespace.as_deref());
    (feed.changes, feed.revision) = (changes, revision);
    if !from_now {
        feed.send_existing(&objects);
    }
    Ok(feed)
}

impl Feed {
    /// The next line, or none when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let shutdown = self.call.api.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => self.ended = true,
            () = tokio::time::sleep_until(self.deadline) => {
                self.bookmark(false);
                self.ended = true;
            }
            () = tokio::time::sleep_until(self.next_bookmark), if self.options.bookmarks => {
                self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                self.bookmark(false);
            }
            received = self.changes.recv() => self.receive(received),
        }
    }

    fn receive(&mut self, received: Result<Change, RecvError>) {
        match received {
            Ok(change) if change.revision > self.revision => {
                if change.kind == self.call.target.kind {
                    self.take(&change);
                }
                self.revision = change.revision;
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                let store = &self.call.api.store;
                let error = ApiError::too_old(self.revision, store.oldest_revision());
                self.pending.push_back(line("ERROR", &error.status()));
                self.ended = true;
            }
            Err(RecvError::Closed) => self.ended = true,
        }
    }

    fn send_existing(&mut self, objects: &[Arc<Value>]) {
        for object in objects {
            if is_wanted(&self.options, &self.call.target, object) {
                self.send("ADDED", object);
            }
        }
        if self.options.initial_events == Some(true) && self.options.bookmarks {
            self.bookmark(true);
        }
    }

    /// Sends a change as this watch's selectors see it: an object may come into view and go out of it.
    fn take(&mut self, change: &Change) {
        let wanted = |object: &Value| is_wanted(&self.options, &self.call.target, object);
        let before = change.prior.as_ref().is_some_and(|object| wanted(object));
        let after = change.event != Event::Deleted && wanted(&change.object);
        match (before, after) {
            (false, true) => self.send("ADDED", &change.object),
            (true, true) => self.send("MODIFIED", &change.object),
            (true, false) => self.send("DELETED", &change.object),
            (false, false) => {}
        }
        self.revision = self.revision.max(change.revision);
    }

    fn send(&mut self, kind: &str, object: &Value) {
        let object = convert::outgoing(&self.call.target, object);
        let shown = match self.call.shape {
            Shape::Objects => object,
            Shape::Metadata => metadata_only(&object),
            Shape::Table => self.row(&object),
        };
        self.pending.push_back(line(kind, &shown));
    }

    /// A table of one row; only the first names the columns.
    fn row(&mut self, object: &Value) -> Value {
        let metadata = json!({"resourceVersion": meta::resource_version(object)});
        let include = &self.options.include_object;
        let now = self.call.api.store.now();
        let mut shown = table::table(self.call.target.kind, &[object], &metadata, include, now);
        if self.headers_sent {
            meta::as_map(&mut shown).insert("columnDefinitions".to_owned(), Value::Null);
        }
        self.headers_sent = true;
        shown
    }

    fn bookmark(&mut self, ends_initial_events: bool) {
        if !self.options.bookmarks {
            return;
        }
        let target = &self.call.target;
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if ends_initial_events {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            meta::as_map(&mut metadata).insert("annotations".to_owned(), annotations);
        }
        let object =
            json!({"kind": target.kind.kind, "apiVersion": target.api_version(), "metadata": metadata});
        let shown = match self.call.shape {
            Shape::Objects => object,
            Shape::Metadata | Shape::Table => metadata_only(&object),
        };
        self.pending.push_back(line("BOOKMARK", &shown));
    }
}
