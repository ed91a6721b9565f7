//! Tiny worlds for tests: a shop at noon, made of as few objects as a test needs.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Diagnosis, diagnose};
use crate::incident::{Evidence, Fingerprint, ObjectRef, Scope, Severity, Signal, SignalSource, SignalState};
use crate::observe::{
    Change, ChangeKind, FieldChange, KeyedObject, LogExcerpt, Objects, Reading, ReadingKind, Recorded,
    Snapshot,
};

/// The moment of every snapshot.
pub(super) const NOON: Timestamp = Timestamp::constant(1_767_614_400, 0);

/// A moment so many minutes before noon.
pub(super) fn ago(minutes: i64) -> Timestamp {
    NOON - SignedDuration::from_mins(minutes)
}

/// An object of the API from its JSON.
pub(super) fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A Snapshot under construction.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) snapshot: Snapshot,
}

impl World {
    pub(super) fn new() -> Self {
        let scope =
            Scope { cluster: "test".to_owned(), namespace: Some("shop".to_owned()), ..Scope::default() };
        Self {
            snapshot: Snapshot {
                cluster: "test".to_owned(),
                taken_at: NOON,
                scope,
                focus: None,
                signals: Vec::new(),
                objects: Objects::default(),
                changes: Vec::new(),
                logs: Vec::new(),
                log_patterns: Vec::new(),
                readings: Vec::new(),
                gaps: Vec::new(),
                recorded: Recorded::default(),
            },
        }
    }

    /// A Deployment with one container `app`, a Service of its name in front, and as many Ready pods as it wants.
    pub(super) fn deployment(mut self, name: &str, replicas: i32) -> Self {
        let spec = json!({"containers": [{"name": "app", "image": format!("registry.test/{name}:1")}]});
        let labels = json!({"app": name});
        let objects = &mut self.snapshot.objects;
        objects.deployments.push(object(json!({
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {},
        })));
        objects.services.push(object(json!({
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"selector": labels, "clusterIP": format!("10.96.0.{}", objects.services.len() + 1),
                     "ports": [{"port": 80}]},
        })));
        self = self.endpoints(name, replicas > 0).replica_set(name, 1, 600);
        (0..replicas).fold(self, |world, number| world.pod(name, 1, &format!("{name}-1-{number}"), json!({})))
    }

    /// The ReplicaSet of a revision, made so many minutes ago.
    pub(super) fn replica_set(mut self, deployment: &str, revision: i64, minutes: i64) -> Self {
        self.snapshot.objects.replica_sets.push(object(json!({
            "metadata": {"namespace": "shop", "name": format!("{deployment}-{revision}"),
                "creationTimestamp": ago(minutes).to_string(),
                "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                "ownerReferences": [owner("Deployment", deployment)]},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": deployment}}},
        })));
        self
    }

    /// A pod of a revision; `state` replaces parts of a Ready pod's status.
    #[expect(clippy::needless_pass_by_value, reason = "tests hand over the literal that they wrote")]
    pub(super) fn pod(mut self, deployment: &str, revision: i64, name: &str, status: Value) -> Self {
        let mut pod = json!({
            "metadata": {"namespace": "shop", "name": name, "labels": {"app": deployment},
                "creationTimestamp": ago(if revision > 1 { 9 } else { 600 }).to_string(),
                "ownerReferences": [owner("ReplicaSet", &format!("{deployment}-{revision}"))]},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": format!("registry.test/{deployment}:{revision}"),
                "resources": {"limits": {"memory": "128Mi"}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "image": format!("registry.test/{deployment}:{revision}"), "imageID": "",
                    "ready": true, "restartCount": 0, "state": {"running": {}}}]},
        });
        json_patch::merge(&mut pod["status"], &status);
        self.snapshot.objects.pods.push(object(pod));
        self
    }

    /// A pod of the newest revision whose container keeps ending with the code.
    pub(super) fn crashing(self, deployment: &str, revision: i64, exit_code: i32, reason: &str) -> Self {
        let name = format!("{deployment}-{revision}-x");
        self.pod(deployment, revision, &name, crash(exit_code, reason, 5))
    }

    /// A rollout of revision 2, eight minutes ago, with the differences.
    pub(super) fn rollout(self, deployment: &str, fields: &[(&str, &str, &str)]) -> Self {
        let field = |(path, before, after): &(&str, &str, &str)| FieldChange {
            path: (*path).to_owned(),
            before: Some((*before).to_owned()),
            after: Some((*after).to_owned()),
        };
        let fields = fields.iter().map(field).collect();
        let object = ObjectRef::new("Deployment", "shop", deployment);
        let (revision, previous_revision) = (Some(2), Some(1));
        let change =
            Change { kind: ChangeKind::Rollout, object, at: ago(8), revision, previous_revision, fields };
        self.change(change).replica_set(deployment, 2, 8)
    }

    pub(super) fn change(mut self, change: Change) -> Self {
        self.snapshot.changes.push(change);
        self
    }

    /// The alert that asks, five minutes old, about a Deployment.
    pub(super) fn alert(mut self, name: &str, deployment: &str) -> Self {
        let focus = ObjectRef::new("Deployment", "shop", deployment);
        let scope = Scope { workload: Some(focus.clone()), ..self.snapshot.scope.clone() };
        self.snapshot.focus = Some(focus);
        self.snapshot.signals.push(Signal {
            fingerprint: Fingerprint("f".to_owned()),
            source: SignalSource::Alertmanager,
            state: SignalState::Firing,
            name: name.to_owned(),
            severity: Severity::Critical,
            scope,
            summary: "Something is wrong.".to_owned(),
            labels: [].into(),
            annotations: [].into(),
            starts_at: ago(5),
            ends_at: None,
            expression: None,
            generator_url: None,
        });
        self
    }

    /// A Warning event about a pod, repeated from so many minutes ago until now.
    pub(super) fn event(mut self, pod: &str, reason: &str, message: &str, minutes: i64) -> Self {
        self.snapshot.objects.events.push(object(json!({
            "metadata": {"namespace": "shop", "name": format!("{pod}.{}", self.snapshot.objects.events.len())},
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": pod},
            "type": "Warning", "reason": reason, "message": message, "count": 7,
            "firstTimestamp": ago(minutes).to_string(), "lastTimestamp": ago(0).to_string(),
        })));
        self
    }

    pub(super) fn log(mut self, pod: &str, text: &str) -> Self {
        let (namespace, pod, container) = ("shop".to_owned(), pod.to_owned(), "app".to_owned());
        let excerpt = LogExcerpt {
            namespace,
            pod,
            container,
            previous: false,
            text: text.to_owned(),
            truncated: false,
        };
        self.snapshot.logs.push(excerpt);
        self
    }

    pub(super) fn reading(mut self, kind: ReadingKind, object: ObjectRef, value: f64, before: f64) -> Self {
        let query = "up".to_owned();
        self.snapshot.readings.push(Reading {
            kind,
            object,
            container: None,
            value,
            before: Some(before),
            query,
        });
        self
    }

    /// Whether the Service has a ready endpoint.
    pub(super) fn endpoints(mut self, service: &str, ready: bool) -> Self {
        self.snapshot.objects.endpoint_slices.retain(|slice| slice.metadata.name.as_deref() != Some(service));
        self.snapshot.objects.endpoint_slices.push(object(json!({
            "metadata": {"namespace": "shop", "name": service, "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": ready}}],
        })));
        self
    }

    /// Gives the container of a Deployment, and of its pods, an environment.
    pub(super) fn environment(mut self, deployment: &str, env: &Value) -> Self {
        for found in &mut self.snapshot.objects.deployments {
            if found.metadata.name.as_deref() == Some(deployment) {
                let spec = found.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
                spec.containers[0].env = Some(object(env.clone()));
            }
        }
        let own =
            |pod: &&mut Pod| pod.metadata.labels.as_ref().is_some_and(|labels| labels["app"] == deployment);
        for pod in self.snapshot.objects.pods.iter_mut().filter(own) {
            pod.spec.as_mut().unwrap().containers[0].env = Some(object(env.clone()));
        }
        self
    }

    pub(super) fn secret(mut self, name: &str, keys: &[&str]) -> Self {
        self.snapshot.objects.secrets.push(KeyedObject {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            created_at: None,
            changed_at: None,
            addresses: Vec::new(),
            changed_keys: Vec::new(),
            version: None,
        });
        self
    }

    pub(super) fn node(mut self, name: &str, ready: &str) -> Self {
        self.snapshot.objects.nodes.push(object(json!({
            "metadata": {"name": name},
            "status": {"conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": ago(6).to_string(), "message": "told by a test"},
                {"type": "DiskPressure", "status": "False"}]},
        })));
        self
    }

    pub(super) fn diagnose(&self) -> Diagnosis {
        diagnose(&self.snapshot, &[])
    }

    /// Code, object and confidence of each hypothesis.
    pub(super) fn causes(&self) -> Vec<(String, String, f64)> {
        let hypotheses = self.diagnose().hypotheses.into_iter();
        hypotheses.map(|found| (found.code, found.object.to_string(), found.confidence.value())).collect()
    }

    /// Codes of the Evidence, strongest first, without the alert.
    pub(super) fn codes(&self) -> Vec<String> {
        let evidence = self.diagnose().evidence.into_iter();
        evidence.map(|piece: Evidence| piece.code).filter(|code| code != "alert.firing").collect()
    }
}

/// The status of a pod whose container keeps ending.
pub(super) fn crash(exit_code: i32, reason: &str, restarts: i32) -> Value {
    json!({
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(7).to_string(),
            "message": "containers with unready status: [app]"}],
        "containerStatuses": [{"name": "app", "image": "registry.test/app:2", "imageID": "", "ready": false,
            "restartCount": restarts, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": ago(1).to_string()}}}],
    })
}

/// The status of a pod whose container waits.
pub(super) fn waiting(reason: &str, message: &str) -> Value {
    json!({
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(7).to_string()}],
        "containerStatuses": [{"name": "app", "image": "registry.test/app:2", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"running": null, "waiting": {"reason": reason, "message": message}}}],
    })
}

fn owner(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true})
}
