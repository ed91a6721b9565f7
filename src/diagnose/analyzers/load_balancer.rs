//! Services whose load balancer nobody makes, though its controller tries.
//!
//! That a Service of this type has no address says nothing by itself: many clusters have no provider of load balancers, and
//! nobody tries. What counts is that somebody does and fails, and has not succeeded since.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Service};

use super::repeated::Repeated;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, last_seen, object_ref};

/// Controllers that allot addresses of their own say so only once, until something changes.
const ONCE: [&str; 4] =
    ["AllocationFailed", "IPAllocationFailed", "NoAvailableIPs", "UnAvailableLoadBalancer"];

/// What was said longer ago has lost its meaning: events are kept for an hour.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// A controller may need so long for the first try.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);

/// Factor where the Service has an address and only keeps it from being brought up to date.
const ONLY_STALE: f64 = 0.8;

/// Shortest value of an annotation that is looked for in what the controller says.
const TELLING: usize = 5;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.services.iter().filter_map(|service| check(index, service)).collect()
}

fn check(index: &Index<'_>, service: &Service) -> Option<Finding> {
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() == Some("LoadBalancer"))?;
    if service.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = object_ref(service);
    let waits = !has_address(service) && spec.external_ips.iter().flatten().next().is_none();
    let warnings = Repeated::by_reason(index.events(&name).filter(|event| is_warning(event)));
    let failing = warnings.into_iter().filter(|(reason, whole)| goes_on(index, reason, whole, waits));
    let (reason, failed) = failing.max_by_key(|(reason, whole)| (whole.last, *reason))?;
    if made_since(index, service, failed.last) {
        return None;
    }
    let what = if waits { "made" } else { "kept up to date" };
    let statement = format!(
        "The load balancer of {name} cannot be {what} ({reason}, {} times): {}",
        failed.times, failed.message
    );
    let strength = codes::LOAD_BALANCER_FAILED.strength * if waits { 1.0 } else { ONLY_STALE };
    let finding = Finding::new(codes::LOAD_BALANCER_FAILED, name, statement).at(Some(failed.first));
    Some(
        finding
            .strength(strength)
            .field("reason", reason)
            .field_if("told_by", told_by(service, failed.message)),
    )
}

/// Whoever makes endpoints speaks of other things than whoever makes load balancers.
fn is_warning(event: &Event) -> bool {
    let reason = event.reason.as_deref().unwrap_or_default();
    event.type_.as_deref() == Some("Warning")
        && (reason.contains("LoadBalancer") || ONCE.contains(&reason) || reason.contains("Model"))
}

fn goes_on(index: &Index<'_>, reason: &str, whole: &Repeated<'_>, waits: bool) -> bool {
    let taken_at = index.snapshot.taken_at;
    let once = waits
        && ONCE.contains(&reason)
        && taken_at.duration_since(whole.last) <= RECENT
        && taken_at.duration_since(whole.first) >= PATIENCE;
    once || whole.goes_on(index)
}

fn has_address(service: &Service) -> bool {
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    balancer.is_some_and(|balancer| balancer.ingress.iter().flatten().next().is_some())
}

/// Whether somebody said after the failure that it is done. That the next try begins is no success.
fn made_since(index: &Index<'_>, service: &Service, failed: Timestamp) -> bool {
    let name = object_ref(service);
    let mut done = index.events(&name).filter(|event| {
        let reason = event.reason.as_deref().unwrap_or_default();
        event.type_.as_deref() == Some("Normal") && !reason.contains("ing") && reason != "Sync"
    });
    done.any(|event| last_seen(event).is_some_and(|at| at > failed))
}

/// The annotation or field of the Service whose value the controller repeats.
fn told_by(service: &Service, message: &str) -> Option<String> {
    let annotations = service.metadata.annotations.iter().flatten();
    let mut annotations = annotations.filter(|(key, _)| !key.contains("last-applied-configuration"));
    let repeated = |value: &str| value.len() >= TELLING && message.contains(value);
    let annotation =
        annotations.find(|(_, value)| repeated(value)).map(|(key, _)| format!("metadata.annotations[{key}]"));
    let spec = service.spec.as_ref()?;
    let field = |name: &str, value: &Option<String>| {
        value.as_deref().filter(|value| repeated(value)).map(|_| format!("spec.{name}"))
    };
    annotation
        .or_else(|| field("loadBalancerIP", &spec.load_balancer_ip))
        .or_else(|| field("loadBalancerClass", &spec.load_balancer_class))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn event(kind: &str, reason: &str, times: i32, minutes: (i64, i64)) -> Value {
        json!({"metadata": {}, "type": kind, "reason": reason, "message": "no such subnet: net-7", "count": times,
            "involvedObject": {"kind": "Service", "namespace": "shop", "name": "web"},
            "firstTimestamp": ago(minutes.0).to_string(), "lastTimestamp": ago(minutes.1).to_string()})
    }

    /// A Service of type LoadBalancer with that status, and what was said of it.
    fn world(status: &Value, events: &[Value]) -> World {
        let mut world = World::new().deployment("web", 1);
        let service = &mut world.snapshot.objects.services[0];
        service.spec.as_mut().unwrap().type_ = Some("LoadBalancer".to_owned());
        service.status = Some(object(json!({"loadBalancer": status})));
        service.metadata.annotations = Some([("cloud.test/net".to_owned(), "net-7".to_owned())].into());
        world.snapshot.objects.events.extend(events.iter().cloned().map(object));
        world
    }

    fn found(status: &Value, events: &[Value]) -> Vec<String> {
        world(status, events)
            .causes()
            .into_iter()
            .map(|(code, object, _)| format!("{code} {object}"))
            .collect()
    }

    const FAILED: [&str; 1] = ["service.load_balancer_failed Service shop/web"];
    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_load_balancer_that_cannot_be_made_is_the_services_fault_and_its_annotation_is_named() {
        let failing = [
            event("Warning", "SyncLoadBalancerFailed", 9, (40, 2)),
            event("Normal", "EnsuringLoadBalancer", 9, (40, 1)),
        ];
        assert_eq!(found(&json!({}), &failing), FAILED);
        let evidence = world(&json!({}), &failing).diagnose().evidence;
        assert_eq!(evidence[0].fields["told_by"], "metadata.annotations[cloud.test/net]");
        assert_eq!(found(&json!({}), &[event("Warning", "AllocationFailed", 1, (30, 30))]), FAILED);
        let stale = found(
            &json!({"ingress": [{"ip": "192.0.2.1"}]}),
            &[event("Warning", "UpdateLoadBalancerFailed", 5, (30, 2))],
        );
        assert_eq!(stale, FAILED);
    }

    #[test]
    fn a_load_balancer_that_nobody_makes_or_that_was_made_in_the_end_is_left_alone() {
        assert_eq!(found(&json!({}), &[]), NOTHING);
        assert_eq!(found(&json!({}), &[event("Warning", "SyncLoadBalancerFailed", 2, (4, 1))]), NOTHING);
        assert_eq!(
            found(&json!({}), &[event("Warning", "AllocationFailed", 1, (1, 1))]),
            NOTHING,
            "it may yet be made"
        );
        let stale = json!({"ingress": [{"ip": "192.0.2.1"}]});
        assert_eq!(
            found(&stale, &[event("Warning", "AllocationFailed", 1, (30, 30))]),
            NOTHING,
            "it has an address"
        );
        let made = [
            event("Warning", "SyncLoadBalancerFailed", 4, (9, 4)),
            event("Normal", "EnsuredLoadBalancer", 1, (2, 2)),
        ];
        assert_eq!(found(&json!({"ingress": [{"ip": "192.0.2.1"}]}), &made), NOTHING);
    }
}
