//! Services of type LoadBalancer for which nobody makes one: the cloud's controller says why, again and again.
//!
//! Without any event there may be no controller, and people know that. What failed and went well later is over.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Service};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

/// How controllers say that they failed, and that they are done.
const FAILED: [&str; 5] = [
    "SyncLoadBalancerFailed",
    "CreatingLoadBalancerFailed",
    "FailedDeployModel",
    "FailedBuildModel",
    "AllocationFailed",
];
const DONE: [&str; 3] = ["EnsuredLoadBalancer", "SuccessfullyReconciled", "IPAllocated"];

/// Controllers try again for a while before they give up or succeed.
const AGAIN: i32 = 3;

/// What failed last before this is over.
const OVER: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.services.iter().filter_map(|service| check(index, service)).collect()
}

fn check(index: &Index<'_>, service: &Service) -> Option<Finding> {
    let balanced = service.spec.as_ref()?.type_.as_deref() == Some("LoadBalancer");
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let made = status.and_then(|status| status.ingress.as_ref()).is_some_and(|ingress| !ingress.is_empty());
    if !balanced || made {
        return None;
    }
    let name = object_ref(service);
    let told = |reasons: &'static [&'static str]| {
        index
            .events(&name)
            .filter(|event| event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason)))
    };
    let times: i32 = told(&FAILED).map(|event| event.count.unwrap_or(1)).sum();
    let newest = told(&FAILED).max_by_key(|event| (last(event), &event.message))?;
    let failed = last(newest)?;
    let over = told(&DONE).filter_map(last).any(|done| done > failed);
    let recent = index.snapshot.taken_at.duration_since(failed) <= OVER;
    if times < AGAIN || over || !recent {
        return None;
    }
    let message = newest.message.as_deref().unwrap_or_default();
    let since = told(&FAILED).filter_map(|event| event.first_timestamp.as_ref()).map(|time| time.0).min();
    let statement = format!("{name} gets no load balancer ({times} attempts): {message}");
    Some(Finding::new(codes::LOAD_BALANCER_FAILED, name, statement).at(since).field("times", times))
}

fn last(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or(event.event_time.as_ref().map(|time| time.0))
        .or(event.first_timestamp.as_ref().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn codes(kind: &str, status: &Value, events: &[(&str, i32, i64)]) -> Vec<String> {
        let mut world = World::new();
        world
            .snapshot
            .objects
            .services
            .push(object(json!({"metadata": {"namespace": "shop", "name": "public"},
            "spec": {"type": kind, "ports": [{"port": 80}]}, "status": status})));
        for (number, (reason, times, minutes)) in events.iter().enumerate() {
            world.snapshot.objects.events.push(object(json!({"metadata": {"name": format!("e{number}")}, "type": "Warning", "reason": reason,
                "message": "told by a test", "involvedObject": {"kind": "Service", "namespace": "shop", "name": "public"},
                "count": times, "lastTimestamp": ago(*minutes).to_string()})));
        }
        world.causes().into_iter().map(|(code, ..)| code).collect()
    }

    #[test]
    fn a_load_balancer_that_cannot_be_made_is_the_cause() {
        let none = json!({});
        assert_eq!(
            codes("LoadBalancer", &none, &[("SyncLoadBalancerFailed", 6, 3)]),
            ["service.load_balancer_failed"]
        );
    }

    #[test]
    fn one_that_is_made_or_tried_once_or_made_since_is_left_alone() {
        let none = json!({});
        let made = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}});
        let failed = ("SyncLoadBalancerFailed", 6, 3);
        assert_eq!(codes("LoadBalancer", &made, &[failed]), Vec::<String>::new());
        assert_eq!(codes("ClusterIP", &none, &[failed]), Vec::<String>::new());
        assert_eq!(codes("LoadBalancer", &none, &[]), Vec::<String>::new());
        assert_eq!(codes("LoadBalancer", &none, &[("SyncLoadBalancerFailed", 1, 3)]), Vec::<String>::new());
        assert_eq!(
            codes("LoadBalancer", &none, &[failed, ("EnsuredLoadBalancer", 1, 1)]),
            Vec::<String>::new()
        );
    }
}
