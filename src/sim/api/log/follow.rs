//! Following a running container's output until it ends.

use axum::body::Body;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::LogOptions;
use super::select::Selection;
use crate::sim::api::resource::Call;
use crate::sim::kinds::PODS;
use crate::sim::logbook::Appended;
use crate::sim::objects::{Change, Event, meta};

struct Follower {
    call: Call,
    selection: Selection,
    options: LogOptions,
    appended: broadcast::Receiver<Appended>,
    changes: broadcast::Receiver<Change>,
}

/// What is there, then every line as it is written.
pub(super) fn stream(call: &Call, selection: Selection, options: LogOptions) -> Body {
    let (logs, target) = (&call.api.logs, &call.target);
    let changes = call.api.store.subscribe();
    let (lines, appended) = logs.read_and_follow(
        target.store_namespace(),
        target.object_name(),
        &selection.container,
        selection.restart,
    );
    let first = options.shown(&lines);
    let mut follower = Follower { call: call.clone(), selection, options, appended, changes };
    Body::from_stream(async_stream::stream! {
        yield Ok::<_, std::convert::Infallible>(Bytes::from(first));
        while let Some(line) = follower.next().await {
            yield Ok(line);
        }
    })
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        let shutdown = self.call.api.shutdown.clone();
        loop {
            tokio::select! {
                // Lines before the news that the container ended.
                biased;
                () = shutdown.cancelled() => return None,
                appended = self.appended.recv() => match appended {
                    Ok(appended) if self.is_mine(&appended) => {
                        return Some(Bytes::from(self.options.line(&appended.line)));
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                change = self.changes.recv() => match change {
                    Ok(change) if self.ends(&change) => return None,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn is_mine(&self, appended: &Appended) -> bool {
        let (target, source) = (&self.call.target, &appended.source);
        source.namespace == target.store_namespace()
            && source.pod == target.object_name()
            && source.container == self.selection.container
            && appended.restart == self.selection.restart
    }

    fn ends(&self, change: &Change) -> bool {
        let target = &self.call.target;
        if change.kind != &PODS
            || meta::name(&change.object) != target.object_name()
            || meta::namespace(&change.object) != target.store_namespace()
        {
            return false;
        }
        change.event == Event::Deleted || !self.still_runs(&change.object)
    }

    fn still_runs(&self, pod: &Value) -> bool {
        let options = LogOptions { container: self.selection.container.clone(), ..LogOptions::default() };
        Selection::of(pod, &options).is_ok_and(|now| now == self.selection)
    }
}
