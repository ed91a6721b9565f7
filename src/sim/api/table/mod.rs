//! Objects as rows and columns: what `kubectl get` prints.

mod cells;
mod cluster;
mod pods;
mod services;
mod workloads;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::list::metadata_only;
use crate::sim::kinds::Kind;

/// One column.
#[derive(Debug, Clone, Copy)]
struct Column {
    name: &'static str,
    /// `string`, `integer` or `boolean`.
    of: &'static str,
    /// Shown with `-o wide` only.
    wide: bool,
}

const fn column(name: &'static str) -> Column {
    Column { name, of: "string", wide: false }
}

const fn number(name: &'static str) -> Column {
    Column { name, of: "integer", wide: false }
}

const fn wide(name: &'static str) -> Column {
    Column { name, of: "string", wide: true }
}

/// How a kind is shown.
struct View {
    columns: &'static [Column],
    cells: fn(&Value, Timestamp) -> Vec<Value>,
}

/// A table of objects; `include` says what the rows carry: `None`, `Object`, else their metadata.
pub(super) fn table(
    kind: &Kind,
    objects: &[&Value],
    metadata: &Value,
    include: &str,
    now: Timestamp,
) -> Value {
    let view = view(kind);
    let rows: Vec<Value> = objects.iter().map(|object| row(&view, object, include, now)).collect();
    let columns: Vec<Value> = view.columns.iter().map(definition).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows,
    })
}

fn row(view: &View, object: &Value, include: &str, now: Timestamp) -> Value {
    let carried = match include {
        "None" => Value::Null,
        "Object" => object.clone(),
        _ => metadata_only(object),
    };
    let mut row = json!({"cells": (view.cells)(object, now), "object": carried});
    let ended =
        matches!(cells::text(object, "/status/phase"), "Succeeded" | "Failed") && cells::is_pod(object);
    if ended {
        let condition = json!({"type": "Completed", "status": "True", "reason": cells::text(object, "/status/phase"),
                               "message": "The pod has completed."});
        crate::sim::objects::meta::as_map(&mut row).insert("conditions".to_owned(), json!([condition]));
    }
    row
}

fn definition(column: &Column) -> Value {
    let is_name = column.name == "Name";
    json!({
        "name": column.name, "type": column.of, "format": if is_name { "name" } else { "" },
        "description": description(column.name), "priority": i32::from(column.wide),
    })
}

fn description(column: &str) -> String {
    match column {
        "Name" => "Name must be unique within a namespace.".to_owned(),
        "Age" => {
            "CreationTimestamp is a timestamp representing the server time when this object was created."
                .to_owned()
        }
        other => format!("{other} of the object."),
    }
}

fn view(kind: &Kind) -> View {
    match kind.kind {
        "Pod" => pods::PODS,
        "Deployment" => workloads::DEPLOYMENTS,
        "ReplicaSet" | "ReplicationController" => workloads::REPLICA_SETS,
        "StatefulSet" => workloads::STATEFUL_SETS,
        "DaemonSet" => workloads::DAEMON_SETS,
        "Job" => workloads::JOBS,
        "CronJob" => workloads::CRON_JOBS,
        "HorizontalPodAutoscaler" => workloads::AUTOSCALERS,
        "PodDisruptionBudget" => workloads::BUDGETS,
        "ControllerRevision" => workloads::REVISIONS,
        "Service" => services::SERVICES,
        "Endpoints" => services::ENDPOINTS,
        "EndpointSlice" => services::SLICES,
        "Ingress" => services::INGRESSES,
        "NetworkPolicy" => services::POLICIES,
        "Node" => cluster::NODES,
        "Namespace" => cluster::NAMESPACES,
        "Event" => cluster::EVENTS,
        "ConfigMap" => cluster::CONFIG_MAPS,
        "Secret" => cluster::SECRETS,
        "PersistentVolumeClaim" => cluster::CLAIMS,
        "PersistentVolume" => cluster::VOLUMES,
        "StorageClass" => cluster::STORAGE_CLASSES,
        "ResourceQuota" => cluster::QUOTAS,
        "LimitRange" => cluster::LIMIT_RANGES,
        "ServiceAccount" => cluster::SERVICE_ACCOUNTS,
        "Lease" => cluster::LEASES,
        "Role" | "ClusterRole" => cluster::ROLES,
        "RoleBinding" | "ClusterRoleBinding" => cluster::BINDINGS,
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => cluster::WEBHOOKS,
        _ => cluster::PLAIN,
    }
}

#[cfg(test)]
mod tests;
