//! What is dropped from objects before they are kept: what no analyzer reads.
//!
//! The one place that says so: lists, watches and dumps all pass here. A test diagnoses whole and pruned objects and finds
//! the same (`diagnose/tests/pruned.rs`).

use std::any::Any;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Event, Node, Pod, PodSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::applied;

/// Longest annotation value that is kept, bytes.
const MAX_ANNOTATION: usize = 1024;

/// Empties the named fields.
macro_rules! drop_fields {
    ($object:expr => $($field:ident),* $(,)?) => {
        $($object.$field = Default::default();)*
    };
}

/// Drops `managedFields`, annotations with very long values, and what names nothing for anybody.
fn prune(metadata: &mut ObjectMeta) {
    drop_fields!(metadata => managed_fields, self_link, generate_name, deletion_grace_period_seconds);
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|_, value| value.len() <= MAX_ANNOTATION);
    }
}

/// Drops from an object of any kind what no analyzer reads. Of the last applied manifest stays what is otherwise now.
pub(in super::super) fn prune_object<K>(object: &mut K)
where
    K: Resource + Any + Serialize + DeserializeOwned,
{
    applied::note(object);
    prune(object.meta_mut());
    let object: &mut dyn Any = object;
    if let Some(pod) = object.downcast_mut::<Pod>() {
        pod.spec.iter_mut().for_each(spec);
        of_pod(pod);
    } else if let Some(deployment) = object.downcast_mut::<Deployment>() {
        deployment.spec.iter_mut().filter_map(|own| own.template.spec.as_mut()).for_each(spec);
    } else if let Some(set) = object.downcast_mut::<ReplicaSet>() {
        let templates = set.spec.iter_mut().filter_map(|own| own.template.as_mut());
        templates.filter_map(|template| template.spec.as_mut()).for_each(spec);
    } else if let Some(set) = object.downcast_mut::<StatefulSet>() {
        set.spec.iter_mut().filter_map(|own| own.template.spec.as_mut()).for_each(spec);
    } else if let Some(set) = object.downcast_mut::<DaemonSet>() {
        set.spec.iter_mut().filter_map(|own| own.template.spec.as_mut()).for_each(spec);
    } else if let Some(job) = object.downcast_mut::<Job>() {
        job.spec.iter_mut().filter_map(|own| own.template.spec.as_mut()).for_each(spec);
    } else if let Some(event) = object.downcast_mut::<Event>() {
        of_event(event);
    } else if let Some(node) = object.downcast_mut::<Node>() {
        of_node(node);
    } else if let Some(slice) = object.downcast_mut::<EndpointSlice>() {
        of_slice(slice);
    }
}

fn spec(spec: &mut PodSpec) {
    drop_fields!(spec => enable_service_links, preemption_policy, service_account, set_hostname_as_fqdn);
    let init = spec.init_containers.iter_mut().flatten();
    init.chain(&mut spec.containers).for_each(of_container);
}

fn of_container(container: &mut Container) {
    drop_fields!(container => stdin, stdin_once, termination_message_path, termination_message_policy, tty);
}

fn of_pod(pod: &mut Pod) {
    let Some(status) = &mut pod.status else { return };
    drop_fields!(status => host_ips, pod_ips, qos_class);
    let statuses = status.container_statuses.iter_mut().chain(&mut status.init_container_statuses);
    statuses.flatten().for_each(of_container_status);
}

fn of_container_status(status: &mut ContainerStatus) {
    drop_fields!(status => container_id, user, volume_mounts);
    for state in status.state.iter_mut().chain(&mut status.last_state) {
        if let Some(end) = &mut state.terminated {
            drop_fields!(end => container_id);
        }
    }
}

fn of_event(event: &mut Event) {
    drop_fields!(event => reporting_instance, related);
    drop_fields!(event.metadata => uid, labels, annotations);
    drop_fields!(event.involved_object => resource_version, uid, api_version);
}

fn of_node(node: &mut Node) {
    let Some(status) = &mut node.status else { return };
    // Names of all images on the node are half its size.
    drop_fields!(status => images, volumes_attached, volumes_in_use, daemon_endpoints);
}

fn of_slice(slice: &mut EndpointSlice) {
    for endpoint in &mut slice.endpoints.iter_mut().flatten() {
        drop_fields!(endpoint => deprecated_topology, hints, zone);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::prune_object;

    #[test]
    fn what_analyzers_read_stays_and_the_rest_goes() {
        let pod = json!({
            "metadata": {"name": "a", "generateName": "a-", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept", "long": "x".repeat(2000)}},
            "spec": {"containers": [{"name": "app", "tty": true, "env": [{"name": "A", "value": "b"}]}]},
            "status": {"qosClass": "Burstable", "phase": "Running"},
        });
        let mut pod: Pod = serde_json::from_value(pod).unwrap();
        prune_object(&mut pod);
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "annotations": {"note": "kept"}},
            "spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "b"}]}]},
            "status": {"phase": "Running"},
        });
        assert_eq!(serde_json::to_value(pod).unwrap(), expected);
    }
}
