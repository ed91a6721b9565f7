//! Event objects as controllers, the scheduler and kubelets write them, with counting of repeated ones.

use serde_json::{Value, json};

use super::{World, fields};
use crate::sim::kinds::EVENTS;
use crate::sim::objects::meta;

/// Events are kept for an hour, as by default in a real cluster.
const KEPT_SECONDS: i64 = 3_600;

/// Whether an event tells of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

/// Something to be told about an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) severity: Severity,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    /// The component that tells it, such as `kubelet`.
    pub(crate) component: &'a str,
    /// The node of a kubelet, else empty.
    pub(crate) host: &'a str,
    /// The container it is about, else empty.
    pub(crate) container: &'a str,
}

impl<'a> Report<'a> {
    /// A report of a controller.
    pub(crate) fn normal(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self { severity: Severity::Normal, reason, message, component, host: "", container: "" }
    }

    /// A report of trouble by a controller.
    pub(crate) fn warning(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self { severity: Severity::Warning, ..Self::normal(component, reason, message) }
    }
}

impl World {
    /// Records an event about an object, or counts it when the same was told before.
    pub(crate) fn report(&self, object: &Value, report: Report<'_>) {
        let namespace = match meta::namespace(object) {
            "" => "default",
            namespace => namespace,
        };
        let same = |event: &Value| {
            fields::text(event, "/involvedObject/uid") == meta::uid(object)
                && fields::text(event, "/reason") == report.reason
                && fields::text(event, "/message") == report.message
        };
        let earlier = self.within(&EVENTS, namespace).into_iter().find(|event| same(event));
        match earlier {
            Some(event) => self.count_again(&event),
            None => self.write_event(namespace, object, report),
        }
    }

    fn count_again(&self, event: &Value) {
        let now = self.now();
        self.modify(&EVENTS, event, |event| {
            let count = fields::int(event, "/count").or(fields::int(event, "/series/count")).unwrap_or(1) + 1;
            if event.get("eventTime").is_some_and(Value::is_string) {
                let seen = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
                fields::set(event, "/series", json!({"count": count, "lastObservedTime": seen}));
            } else {
                fields::set(event, "/count", count.into());
                fields::set(event, "/lastTimestamp", meta::seconds(now).into());
            }
        });
    }

    fn write_event(&self, namespace: &str, object: &Value, report: Report<'_>) {
        let now = self.now();
        let suffix = now.as_nanosecond().unsigned_abs() as u64 ^ u64::from(rand::random::<u16>());
        let mut event = json!({
            "metadata": {"name": format!("{}.{suffix:x}", meta::name(object)), "namespace": namespace},
            "involvedObject": reference(object, report.container),
            "reason": report.reason,
            "message": report.message,
            "type": if report.severity == Severity::Warning { "Warning" } else { "Normal" },
            "reportingComponent": report.component,
        });
        if report.component == "default-scheduler" {
            // The scheduler uses the newer API: a time in microseconds, no count and no source.
            fields::set(&mut event, "/eventTime", now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into());
            fields::set(
                &mut event,
                "/action",
                if report.reason == "Scheduled" { "Binding" } else { "Scheduling" }.into(),
            );
            fields::set(&mut event, "/reportingInstance", "default-scheduler-control-plane-1".into());
            fields::set(&mut event, "/source", json!({}));
            fields::set(&mut event, "/firstTimestamp", Value::Null);
            fields::set(&mut event, "/lastTimestamp", Value::Null);
        } else {
            fields::set(&mut event, "/eventTime", Value::Null);
            fields::set(&mut event, "/firstTimestamp", meta::seconds(now).into());
            fields::set(&mut event, "/lastTimestamp", meta::seconds(now).into());
            fields::set(&mut event, "/count", 1.into());
            fields::set(&mut event, "/reportingInstance", report.host.into());
            let mut source = json!({"component": report.component});
            if !report.host.is_empty() {
                fields::set(&mut source, "/host", report.host.into());
            }
            fields::set(&mut event, "/source", source);
        }
        if let Err(error) = self.store.create(&EVENTS, event) {
            tracing::debug!(%error, "an event found no place");
        }
    }

    /// Forgets events older than an hour.
    pub(crate) fn prune_events(&self) {
        let oldest = self.now().as_second() - KEPT_SECONDS;
        for event in self.all(&EVENTS) {
            let last =
                ["/lastTimestamp", "/series/lastObservedTime", "/eventTime", "/metadata/creationTimestamp"]
                    .into_iter()
                    .find_map(|field| fields::time(&event, field));
            if last.is_some_and(|at| at.as_second() < oldest) {
                self.store.remove(&EVENTS, meta::namespace(&event), meta::name(&event));
            }
        }
    }
}

fn reference(object: &Value, container: &str) -> Value {
    let mut reference = json!({
        "apiVersion": fields::text(object, "/apiVersion"),
        "kind": fields::text(object, "/kind"),
        "name": meta::name(object),
        "uid": meta::uid(object),
        "resourceVersion": meta::resource_version(object),
    });
    if !meta::namespace(object).is_empty() {
        fields::set(&mut reference, "/namespace", meta::namespace(object).into());
    }
    if !container.is_empty() {
        fields::set(&mut reference, "/fieldPath", format!("spec.containers{{{container}}}").into());
    }
    reference
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty_world, given, pass};
    use super::*;

    #[test]
    fn a_repeated_report_is_counted_and_forgotten_after_an_hour() {
        let world = empty_world();
        let object = given(
            &world,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}),
        );
        let report = Report::warning("kubelet", "BackOff", "Back-off restarting failed container");
        world.report(&object, report);
        pass(&world, 30);
        world.report(&object, report);
        let events = world.within(&EVENTS, "default");
        assert_eq!(events.iter().map(|e| fields::int(e, "/count")).collect::<Vec<_>>(), [Some(2)]);
        pass(&world, 3_700);
        world.prune_events();
        assert_eq!(world.within(&EVENTS, "default").len(), 0);
    }
}
