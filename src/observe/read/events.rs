//! Events: what controllers and kubelets say about objects.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::Resource as _;

use super::super::ReadError;
use super::super::cluster::list;
use super::super::logs::printable;
use super::names;
use super::objects::Selection;
use super::reader::ClusterReader;
use crate::incident::ObjectRef;

/// One Event. `message` is untrusted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// When it was last seen.
    pub at: Option<Timestamp>,
    /// When it was first seen.
    pub first: Option<Timestamp>,
    /// `Normal` or `Warning`.
    pub severity: String,
    /// `BackOff`, `FailedScheduling`, …
    pub reason: String,
    /// The object that it is about.
    pub object: ObjectRef,
    /// What happened.
    pub message: String,
    /// How often.
    pub count: i64,
    /// Who says so: `kubelet`.
    pub source: String,
}

impl ClusterReader {
    /// The Events in one namespace, or in all where none is named, about one object where one is named, newest first; and
    /// why these are not all.
    ///
    /// # Errors
    /// [`ReadError`] when nothing could be read.
    pub async fn events(
        &self,
        namespace: Option<&str>,
        about: Option<&ObjectRef>,
    ) -> Result<(Vec<ObjectEvent>, Option<String>), ReadError> {
        names::check(namespace, about.map(|object| object.name.as_str()))?;
        let fields = about
            .map(|object| format!("involvedObject.kind={},involvedObject.name={}", object.kind, object.name));
        let selection = Selection { labels: String::new(), fields: fields.unwrap_or_default() };
        let path = Event::url_path(&(), namespace);
        let asked = Self::asked("list", "events", namespace);
        let client = self.observer.client();
        let read = list::<Event>(&client, &path, selection.params(), &asked, self.limits()).await;
        let missing = match read.error {
            Some(error) if read.items.is_empty() => return Err(error),
            error => error.map(|error| error.to_string()),
        };
        let mut events: Vec<ObjectEvent> = read.items.into_iter().map(of_event).collect();
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        Ok((events, missing))
    }
}

fn of_event(event: Event) -> ObjectEvent {
    let series = event.series.as_ref();
    let last = series
        .and_then(|series| series.last_observed_time.as_ref())
        .map(|time| time.0)
        .or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
        .or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let count = series.and_then(|series| series.count).or(event.count).unwrap_or(1);
    let component =
        event.source.and_then(|source| source.component).filter(|component| !component.is_empty());
    let plain = |text: Option<String>| printable(text.unwrap_or_default().as_bytes());
    let object = event.involved_object;
    ObjectEvent {
        at: last,
        first: event.first_timestamp.map(|time| time.0).or(last),
        severity: plain(event.type_),
        reason: plain(event.reason),
        object: ObjectRef::new(plain(object.kind), plain(object.namespace), plain(object.name)),
        message: plain(event.message),
        count: i64::from(count),
        source: plain(component.or(event.reporting_component)),
    }
}
