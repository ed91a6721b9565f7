//! HorizontalPodAutoscalers: held back by their maximum, without a target, without metrics, or two for the same pods.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition};

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let autoscalers = &index.snapshot.objects.autoscalers;
    let contested: BTreeMap<_, _> = autoscalers.iter().filter_map(|own| contested(index, own)).collect();
    autoscalers.iter().flat_map(|own| check(index, own)).chain(contested.into_values()).collect()
}

/// Two autoscalers that find the same pods: neither scales them. The newer one came in between.
fn contested(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<(ObjectRef, Finding)> {
    let inactive = condition(autoscaler, "ScalingActive").filter(|active| active.status == "False")?;
    let message = inactive.message.as_deref().unwrap_or_default();
    let (_, named) =
        message.split_once('[').filter(|_| inactive.reason.as_deref() == Some("AmbiguousSelector"))?;
    let mut named = named.trim_end().trim_end_matches(']').split_whitespace();
    let is_named = |own: &&HorizontalPodAutoscaler| {
        let object = object_ref(*own);
        named.clone().any(|name| name.split_once('/') == Some((&object.namespace, &object.name)))
    };
    let made = |own: &&HorizontalPodAutoscaler| own.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let newest = index.snapshot.objects.autoscalers.iter().filter(is_named).max_by_key(made);
    let newest = newest.unwrap_or(autoscaler);
    let target = index.scale_target(newest);
    let others = index.snapshot.objects.autoscalers.iter().filter(is_named);
    let same = others.into_iter().all(|own| index.scale_target(own) == target);
    // Where each has its own target, the selectors of these overlap.
    let object = target.clone().filter(|_| !same).unwrap_or_else(|| object_ref(newest));
    let all = named.by_ref().collect::<Vec<_>>().join(" and ");
    let why = if same { "" } else { ", as the selectors of their targets overlap" };
    let statement = format!("{all} find the same pods{why}, so none of them scales any: {message}");
    let since = inactive.last_transition_time.as_ref().map(|time| time.0);
    let finding = Finding::new(codes::HPA_CONTESTED, object.clone(), statement).at(since);
    let finding = target
        .iter()
        .fold(finding.field("reason", "AmbiguousSelector"), |finding, target| finding.hinders(target));
    Some((object, finding))
}

fn check(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Vec<Finding> {
    if index
        .scale_target(autoscaler)
        .and_then(|target| index.template(&target))
        .is_some_and(|t| t.replicas == 0)
    {
        // Somebody switched the target off; autoscaling stands still by design.
        return Vec::new();
    }
    [at_maximum(index, autoscaler), target_missing(index, autoscaler), metrics_unavailable(index, autoscaler)]
        .into_iter()
        .flatten()
        .collect()
}

fn condition<'a>(
    autoscaler: &'a HorizontalPodAutoscaler,
    kind: &str,
) -> Option<&'a HorizontalPodAutoscalerCondition> {
    let conditions = autoscaler.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// Running at the maximum is normal under load; strong only where the metric is also above its target.
fn at_maximum(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Finding> {
    let maximum = autoscaler.spec.max_replicas;
    let desired = autoscaler.status.as_ref()?.desired_replicas;
    let limited = condition(autoscaler, "ScalingLimited")
        .filter(|limited| limited.status == "True" && limited.reason.as_deref() == Some("TooManyReplicas"));
    let load = load(autoscaler);
    let over = load.is_some_and(|(now, target)| now > target);
    if desired < maximum || maximum <= 0 || !(limited.is_some() || over) {
        return None;
    }
    let strength = if over { 0.75 } else { 0.4 };
    let name = object_ref(autoscaler);
    let load_text =
        load.map(|(now, target)| format!("; load is {now}% of the request, the target {target}%"));
    let statement =
        format!("{name} runs at its maximum of {maximum} replicas{}", load_text.unwrap_or_default());
    let target = index.scale_target(autoscaler);
    let since = limited.and_then(|limited| limited.last_transition_time.as_ref()).map(|time| time.0);
    let finding = Finding::new(codes::HPA_AT_MAXIMUM, name, statement).strength(strength).at(since);
    Some(
        finding
            .field("max_replicas", maximum)
            .field("desired_replicas", desired)
            .field_if("reason", limited.and_then(|limited| limited.reason.as_ref()))
            .field_if("utilisation", load.map(|(now, _)| now))
            .field_if("target_utilisation", load.map(|(_, target)| target))
            .field_if("target", target.map(|target| target.to_string())),
    )
}

/// The utilisation now and its target, percent of the request, of the first resource metric that has both.
fn load(autoscaler: &HorizontalPodAutoscaler) -> Option<(i32, i32)> {
    let wanted = autoscaler.spec.metrics.iter().flatten();
    let current = autoscaler.status.as_ref()?.current_metrics.as_ref()?;
    let mut loads = wanted.filter_map(|metric| {
        let resource = metric.resource.as_ref()?;
        let target = resource.target.average_utilization?;
        let now =
            current.iter().filter_map(|now| now.resource.as_ref()).find(|now| now.name == resource.name)?;
        Some((now.current.average_utilization?, target))
    });
    let first = loads.next()?;
    Some(loads.fold(first, |worst, load| if load.0 - load.1 > worst.0 - worst.1 { load } else { worst }))
}

fn target_missing(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Finding> {
    let target = index.scale_target(autoscaler)?;
    let unable = condition(autoscaler, "AbleToScale")
        .filter(|able| able.status == "False" && able.reason.as_deref() == Some("FailedGetScale"))?;
    let message = unable.message.as_deref().unwrap_or_default();
    if !message.contains("not found") || index.template(&target).is_some() {
        return None;
    }
    let name = object_ref(autoscaler);
    let statement = format!("{name} is to scale {target}, which does not exist");
    let since = unable.last_transition_time.as_ref().map(|time| time.0);
    let finding = Finding::new(codes::HPA_TARGET_MISSING, name, statement).at(since);
    Some(finding.field("spec.scaleTargetRef", target).field("message", message))
}

/// The kinds of answers that the metrics APIs give, by what the autoscaler repeats of them.
const WHY: [(Code, &[&str]); 2] = [
    (codes::HPA_NO_REQUESTS, &["missing request for"]),
    (
        codes::HPA_NO_METRICS_SERVER,
        &[
            "could not find the requested resource",
            "the server is currently unable to handle the request",
            "no metrics returned from resource metrics API",
        ],
    ),
];

/// Programs that have just started have no metrics for a while.
const SETTLED: SignedDuration = SignedDuration::from_mins(5);

fn metrics_unavailable(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Finding> {
    let inactive = condition(autoscaler, "ScalingActive").filter(|active| active.status == "False")?;
    let reason = inactive.reason.as_deref().unwrap_or_default();
    if !(reason.starts_with("FailedGet") && reason.ends_with("Metric")) {
        return None;
    }
    let name = object_ref(autoscaler);
    let message = inactive.message.as_deref().unwrap_or_default();
    let statement = format!("{name} cannot read its metrics: {message}");
    let since = inactive.last_transition_time.as_ref().map(|time| time.0);
    let young = since.is_some_and(|since| index.snapshot.taken_at.duration_since(since) < SETTLED);
    let fits = |(_, words): &&(Code, &[&str])| words.iter().any(|word| message.contains(word));
    let code = WHY.iter().find(fits).map_or(codes::HPA_METRICS_UNAVAILABLE, |(code, _)| *code);
    let finding = Finding::new(code, name, statement).at(since);
    let finding = if young { finding.strength(0.4) } else { finding };
    let target = index.scale_target(autoscaler);
    Some(finding.field("reason", reason).field_if("target", target.map(|target| target.to_string())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    fn world(message: &str, minutes: i64) -> World {
        let mut world = World::new().deployment("web", 1);
        world.snapshot.objects.autoscalers.push(object(json!({
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": {"desiredReplicas": 0, "conditions": [{"type": "ScalingActive", "status": "False",
                "reason": "FailedGetResourceMetric", "message": message, "lastTransitionTime": ago(minutes).to_string()}]}})));
        world
    }

    #[test]
    fn what_an_autoscaler_cannot_read_is_blamed_on_who_must_mend_it() {
        let cause = |message: &str| {
            let found = world(message, 30).causes();
            found.first().map(|(code, object, _)| format!("{code} {object}"))
        };
        let requests =
            "failed to get cpu utilization: missing request for cpu in container app of Pod web-1-0";
        assert_eq!(cause(requests).as_deref(), Some("scaling.metrics_unavailable Deployment shop/web"));
        let server = "unable to fetch metrics from resource metrics API: the server could not find the requested resource";
        assert_eq!(
            cause(server).as_deref(),
            Some("scaling.metrics_unavailable HorizontalPodAutoscaler shop/web")
        );
        let unknown = "unable to get metric queue_length: no metrics returned from custom metrics API";
        assert_eq!(
            cause(unknown).as_deref(),
            Some("scaling.metrics_unavailable HorizontalPodAutoscaler shop/web")
        );
    }

    #[test]
    fn of_two_autoscalers_for_the_same_pods_the_newer_one_is_at_fault() {
        let message = "pods by selector app=web are controlled by multiple HPAs: [shop/web shop/web-by-rps]";
        let mut world = World::new().deployment("web", 1);
        for (name, minutes) in [("web", 9_000), ("web-by-rps", 12), ("other", 5)] {
            world.snapshot.objects.autoscalers.push(object(json!({
                "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(minutes)},
                "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
                "status": {"desiredReplicas": 0, "conditions": [{"type": "ScalingActive", "status": "False",
                    "reason": "AmbiguousSelector", "message": message, "lastTransitionTime": ago(11)}]}})));
        }
        let causes = world.causes();
        let [(code, object, _)] = causes.as_slice() else { panic!("{causes:?}") };
        assert_eq!(
            (code.as_str(), object.as_str()),
            ("scaling.contested", "HorizontalPodAutoscaler shop/web-by-rps")
        );
    }

    #[test]
    fn metrics_that_are_late_after_a_start_are_no_cause() {
        assert_eq!(world("missing request for cpu", 1).causes(), []);
    }
}
