//! Checking that a body has the types its kind demands, by reading it into the generated types.

use k8s_openapi::api::admissionregistration::v1 as admission;
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
    rbac::v1 as rbac, storage::v1 as storage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::openapi::shape::{self, Structs};
use crate::sim::kinds::Kind;
use crate::sim::objects::ApiError;

/// Refuses an object with a field of a wrong type, and with `strict` one with a field that the kind does not have.
pub(super) fn check(kind: &Kind, object: &Value, strict: bool) -> Result<(), ApiError> {
    let refuse = |why: String| {
        ApiError::bad_request(format!(
            "{0} in version \"{1}\" cannot be handled as a {0}: {why}",
            kind.kind, kind.version
        ))
    };
    let mut given = object.clone();
    quantities_as_text(&mut given);
    let read = round_trip(kind, &given).map_err(|error| refuse(format!("json: {error}")))?;
    if !strict {
        return Ok(());
    }
    let mut unknown = Vec::new();
    collect_unknown(&given, &read, &mut String::new(), &mut unknown);
    if unknown.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    Err(refuse(format!("strict decoding error: {}", named.join(", "))))
}

/// Does the same for the generated type of whichever kind it is; the last expression is for kinds without one.
macro_rules! with_type_of {
    ($kind:expr, $function:ident, $argument:expr, $otherwise:expr) => {
        match $kind.kind {
            "ConfigMap" => $function::<core::ConfigMap>($argument),
            "Endpoints" => $function::<core::Endpoints>($argument),
            "LimitRange" => $function::<core::LimitRange>($argument),
            "Namespace" => $function::<core::Namespace>($argument),
            "Node" => $function::<core::Node>($argument),
            "PersistentVolumeClaim" => $function::<core::PersistentVolumeClaim>($argument),
            "PersistentVolume" => $function::<core::PersistentVolume>($argument),
            "Pod" => $function::<core::Pod>($argument),
            "ReplicationController" => $function::<core::ReplicationController>($argument),
            "ResourceQuota" => $function::<core::ResourceQuota>($argument),
            "Secret" => $function::<core::Secret>($argument),
            "ServiceAccount" => $function::<core::ServiceAccount>($argument),
            "Service" => $function::<core::Service>($argument),
            "MutatingWebhookConfiguration" => $function::<admission::MutatingWebhookConfiguration>($argument),
            "ValidatingWebhookConfiguration" => {
                $function::<admission::ValidatingWebhookConfiguration>($argument)
            }
            "ControllerRevision" => $function::<apps::ControllerRevision>($argument),
            "DaemonSet" => $function::<apps::DaemonSet>($argument),
            "Deployment" => $function::<apps::Deployment>($argument),
            "ReplicaSet" => $function::<apps::ReplicaSet>($argument),
            "StatefulSet" => $function::<apps::StatefulSet>($argument),
            "HorizontalPodAutoscaler" => $function::<autoscaling::HorizontalPodAutoscaler>($argument),
            "CronJob" => $function::<batch::CronJob>($argument),
            "Job" => $function::<batch::Job>($argument),
            "Lease" => $function::<coordination::Lease>($argument),
            "EndpointSlice" => $function::<discovery::EndpointSlice>($argument),
            "Ingress" => $function::<networking::Ingress>($argument),
            "NetworkPolicy" => $function::<networking::NetworkPolicy>($argument),
            "PodDisruptionBudget" => $function::<policy::PodDisruptionBudget>($argument),
            "ClusterRoleBinding" => $function::<rbac::ClusterRoleBinding>($argument),
            "ClusterRole" => $function::<rbac::ClusterRole>($argument),
            "RoleBinding" => $function::<rbac::RoleBinding>($argument),
            "Role" => $function::<rbac::Role>($argument),
            "StorageClass" => $function::<storage::StorageClass>($argument),
            // Events are written by machines that leave out fields the generated type demands.
            _ => $otherwise,
        }
    };
}

fn round_trip(kind: &Kind, object: &Value) -> Result<Value, serde_json::Error> {
    with_type_of!(kind, through, object, Ok(object.clone()))
}

/// Adds the shape of a kind and of everything in it.
pub(super) fn shape(kind: &Kind, structs: &mut Structs) {
    with_type_of!(kind, add_shape, structs, ());
}

fn add_shape<T: DeserializeOwned>(structs: &mut Structs) {
    shape::of::<T>(structs);
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(T::deserialize(object)?)
}

/// Quantities may be written as numbers; the generated types read text only.
fn quantities_as_text(value: &mut Value) {
    const HOLDERS: &[&str] = &["limits", "requests", "capacity", "allocatable", "hard", "used"];
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter_mut() {
                if let (true, Value::Object(quantities)) = (HOLDERS.contains(&key.as_str()), &mut *child) {
                    for quantity in quantities.values_mut().filter(|quantity| quantity.is_number()) {
                        *quantity = Value::String(quantity.to_string());
                    }
                } else {
                    quantities_as_text(child);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities_as_text),
        _ => {}
    }
}

/// Paths that went in and did not come out.
fn collect_unknown(given: &Value, read: &Value, path: &mut String, out: &mut Vec<String>) {
    let length = path.len();
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (key, child) in given.iter().filter(|(_, child)| !child.is_null()) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                match read.get(key) {
                    Some(read) => collect_unknown(child, read, path, out),
                    None if is_empty(child) => {}
                    None => out.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            for (at, (child, read)) in given.iter().zip(read).enumerate() {
                path.push_str(&format!("[{at}]"));
                collect_unknown(child, read, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kinds;
    use serde_json::json;

    #[test]
    fn wrong_types_and_unknown_fields_are_named() {
        let right = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "creationTimestamp": null},
            "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": [
                {"name": "web", "resources": {"limits": {"cpu": 1}}},
            ]}}}, "status": {}});
        assert_eq!(check(&kinds::DEPLOYMENTS, &right, true), Ok(()));
        let mut wrong = right.clone();
        wrong["spec"]["replicas"] = json!("two");
        let refused = check(&kinds::DEPLOYMENTS, &wrong, false).unwrap_err();
        assert_eq!(refused.code, 400);
        assert!(
            refused
                .message
                .starts_with("Deployment in version \"v1\" cannot be handled as a Deployment: json: ")
        );
        let mut unknown = right;
        unknown["spec"]["template"]["spec"]["containers"][0]["imagee"] = json!("x");
        assert_eq!(check(&kinds::DEPLOYMENTS, &unknown, false), Ok(()));
        assert_eq!(
            check(&kinds::DEPLOYMENTS, &unknown, true).unwrap_err().message,
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \
             \"spec.template.spec.containers[0].imagee\""
        );
    }
}
