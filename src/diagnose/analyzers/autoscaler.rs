//! HorizontalPodAutoscalers: held back by their maximum, without a target, without metrics.

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.autoscalers.iter().flat_map(|autoscaler| check(index, autoscaler)).collect()
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
    let metrics = metrics_unavailable(index, autoscaler);
    [at_maximum(index, autoscaler), target_missing(index, autoscaler), metrics]
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

/// About the workload whose containers do not state the request that a share is taken of; about the autoscaler that asks for a
/// metric nobody knows; else only that its metrics cannot be read, which may be anybody's fault.
fn metrics_unavailable(index: &Index<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Finding> {
    let inactive = condition(autoscaler, "ScalingActive").filter(|active| active.status == "False")?;
    let reason = inactive.reason.as_deref().unwrap_or_default();
    if !(reason.starts_with("FailedGet") && reason.ends_with("Metric")) {
        return None;
    }
    let name = object_ref(autoscaler);
    let message = inactive.message.as_deref().unwrap_or_default();
    let target = index.scale_target(autoscaler).filter(|target| index.template(target).is_some());
    let (code, object, why) = match target {
        Some(target) if message.contains("missing request for") => {
            let why = format!("{target} does not state the request that {name} takes a share of");
            (codes::HPA_REQUEST_MISSING, target, why)
        }
        _ if is_unknown(reason, message) => {
            (codes::HPA_METRIC_UNKNOWN, name.clone(), format!("{name} asks for a metric that nobody knows"))
        }
        _ => (codes::HPA_METRICS_UNAVAILABLE, name.clone(), format!("{name} cannot read its metrics")),
    };
    let since = inactive.last_transition_time.as_ref().map(|time| time.0);
    let finding = Finding::new(code, object, format!("{why}: {message}")).at(since);
    Some(finding.field("reason", reason).field("autoscaler", &name.name))
}

/// A metric of its own that the adapter does not have, while it answers.
fn is_unknown(reason: &str, message: &str) -> bool {
    let own = ["FailedGetPodsMetric", "FailedGetObjectMetric", "FailedGetExternalMetric"].contains(&reason);
    let unknown = [
        "could not find the metric",
        "no metrics returned from",
        "not registered",
        "no matching metrics",
        "find the requested resource",
    ];
    own && unknown.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, object};

    fn blamed(reason: &str, message: &str) -> Vec<String> {
        let mut world = World::new().deployment("web", 1);
        world.snapshot.objects.autoscalers.push(object(json!({
            "metadata": {"namespace": "shop", "name": "scaler"},
            "spec": {"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": {"desiredReplicas": 1, "conditions": [{"type": "ScalingActive", "status": "False", "reason": reason, "message": message}]}})));
        world.causes().into_iter().map(|(_, object, _)| object).collect()
    }

    #[test]
    fn a_request_that_is_not_stated_blames_the_workload_and_an_unknown_metric_the_autoscaler() {
        let request =
            "failed to get cpu utilization: missing request for cpu in container app of Pod web-1-0";
        assert_eq!(blamed("FailedGetResourceMetric", request), ["Deployment shop/web"]);
        let unknown =
            "unable to get metric queue_lenght: the server could not find the metric queue_lenght for pods";
        assert_eq!(blamed("FailedGetPodsMetric", unknown), ["HorizontalPodAutoscaler shop/scaler"]);
    }

    #[test]
    fn metrics_that_are_late_and_autoscalers_that_rest_blame_nobody() {
        assert_eq!(
            blamed("FailedGetResourceMetric", "did not receive metrics for any ready pods"),
            Vec::<String>::new()
        );
        assert_eq!(
            blamed("ScalingDisabled", "scaling is disabled since the replica count of the target is zero"),
            Vec::<String>::new()
        );
    }
}
