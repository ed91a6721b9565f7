//! A cluster of any size: what a platform team's clusters are made of, one kind of fault in fifty Deployments.

#![expect(clippy::indexing_slicing, reason = "a benchmark builds JSON whose form it knows")]

use jiff::{SignedDuration, Timestamp};
use kubewright::incident::{ObjectRef, Scope};
use kubewright::observe::{
    Change, ChangeKind, FieldChange, KeyedObject, LogExcerpt, Objects, Recorded, Snapshot,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// When every snapshot is taken.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_767_614_400, 0);

/// Pods of each Deployment.
const REPLICAS: usize = 10;

/// Deployments of each namespace.
const WORKLOADS: usize = 20;

/// Pods of each node.
const SEATS: usize = 40;

/// One Deployment in so many has a fault.
const FAULTY: usize = 50;

/// What the cluster is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One Deployment in [`FAULTY`] has one of the faults.
    MostlyHealthy,
    /// Every container ends again and again.
    AllCrashing,
    /// No pod has a node.
    AllWaiting,
}

/// What is wrong with a Deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Crash,
    Image,
    Waiting,
    Config,
    Selector,
    Memory,
}

const FAULTS: [Fault; 6] =
    [Fault::Crash, Fault::Image, Fault::Waiting, Fault::Config, Fault::Selector, Fault::Memory];

/// One Deployment with its place in the cluster.
struct App {
    number: usize,
    namespace: String,
    name: String,
    fault: Fault,
}

impl App {
    fn new(number: usize, shape: Shape) -> Self {
        let fault = match shape {
            Shape::AllCrashing => Fault::Crash,
            Shape::AllWaiting => Fault::Waiting,
            Shape::MostlyHealthy if number % FAULTY == FAULTY - 1 => FAULTS[number / FAULTY % FAULTS.len()],
            Shape::MostlyHealthy => Fault::None,
        };
        Self {
            number,
            namespace: format!("team-{}", number / WORKLOADS),
            name: format!("app-{number}"),
            fault,
        }
    }

    fn labels(&self) -> Value {
        json!({"app.kubernetes.io/component": "server", "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": "platform"})
    }

    fn selector(&self) -> Value {
        json!({"app.kubernetes.io/component": "server", "app.kubernetes.io/name": self.name})
    }

    /// The neighbour that it calls: the first of the namespace.
    fn upstream(&self) -> String {
        format!("app-{}", self.number / WORKLOADS * WORKLOADS)
    }

    fn spec(&self) -> Value {
        let reads =
            if self.fault == Fault::Config { "gone".to_owned() } else { format!("{}-settings", self.name) };
        let probe = json!({"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10,
            "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
        json!({
            "containers": [{"name": "server", "image": format!("registry.test/platform/{}:1.4.2", self.name),
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "LOG_LEVEL", "value": "info"},
                    {"name": "UPSTREAM_URL", "value": format!("http://{}.{}.svc.cluster.local:80/v1", self.upstream(), self.namespace)},
                    {"name": "CACHE_ADDR", "value": format!("cache-{}:6379", self.number)},
                    {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": format!("{}-login", self.name), "key": "url"}}}],
                "envFrom": [{"configMapRef": {"name": reads}}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "livenessProbe": probe, "readinessProbe": probe,
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "volumeMounts": [{"name": "kube-api-access-x7c2q", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {"runAsNonRoot": true}, "serviceAccountName": "default",
            "serviceAccount": "default", "terminationGracePeriodSeconds": 30,
        })
    }

    fn pod(&self, place: usize) -> Value {
        let number = self.number * REPLICAS + place;
        let mut spec = self.spec();
        if self.fault != Fault::Waiting {
            spec["nodeName"] = json!(node_name(number / SEATS));
        }
        spec["enableServiceLinks"] = json!(true);
        spec["preemptionPolicy"] = json!("PreemptLowerPriority");
        spec["priority"] = json!(0);
        spec["tolerations"] = json!([
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]);
        spec["volumes"] = json!([{"name": "kube-api-access-x7c2q", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}]);
        let mut metadata = meta(&self.namespace, &self.pod_name(place), self.labels());
        metadata["labels"]["pod-template-hash"] = json!("6d8f7c9b5");
        metadata["generateName"] = json!(format!("{}-6d8f7c9b5-", self.name));
        metadata["annotations"] = json!({"prometheus.io/scrape": "true", "prometheus.io/port": "8080"});
        metadata["ownerReferences"] = owner("ReplicaSet", &format!("{}-6d8f7c9b5", self.name));
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": self.status(number)})
    }

    fn pod_name(&self, place: usize) -> String {
        format!("{}-6d8f7c9b5-{place:05}", self.name)
    }

    fn status(&self, number: usize) -> Value {
        let ready = matches!(self.fault, Fault::None | Fault::Selector);
        if self.fault == Fault::Waiting {
            return json!({"phase": "Pending", "qosClass": "Burstable", "conditions": [{"type": "PodScheduled",
                "status": "False", "reason": "Unschedulable", "lastTransitionTime": ago(9),
                "message": "0/250 nodes are available: 250 Insufficient cpu."}]});
        }
        let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": ago(9)});
        let address = format!("10.{}.{}.{}", 64 + number / 65_536, number / 256 % 256, number % 256);
        let phase = if matches!(self.fault, Fault::Image | Fault::Config) { "Pending" } else { "Running" };
        json!({"phase": phase, "qosClass": "Burstable", "hostIP": "192.0.2.10", "hostIPs": [{"ip": "192.0.2.10"}],
            "podIP": address, "podIPs": [{"ip": address}], "startTime": ago(500),
            "conditions": [condition("PodReadyToStartContainers", true), condition("Initialized", true),
                condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", true)],
            "containerStatuses": [self.container_status(ready, number)]})
    }

    fn container_status(&self, ready: bool, number: usize) -> Value {
        let ended = |code: i32, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": ago(2), "finishedAt": ago(1)}});
        let waiting =
            |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
        let back_off = || waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container");
        let (state, last, restarts) = match self.fault {
            Fault::Crash => (back_off(), ended(1, "Error"), 9),
            Fault::Memory => (back_off(), ended(137, "OOMKilled"), 6),
            Fault::Image => {
                (waiting("ImagePullBackOff", "Back-off pulling image: manifest unknown"), json!({}), 0)
            }
            Fault::Config => {
                (waiting("CreateContainerConfigError", "configmap \"gone\" not found"), json!({}), 0)
            }
            _ => (json!({"running": {"startedAt": ago(499)}}), json!({}), 0),
        };
        let image = format!("registry.test/platform/{}:1.4.2", self.name);
        json!({"name": "server", "image": image, "imageID": format!("{image}@sha256:{number:064x}"),
            "containerID": format!("containerd://{number:064x}"), "ready": ready, "started": ready,
            "restartCount": restarts, "state": state, "lastState": last})
    }

    fn deployment(&self) -> Value {
        let mut metadata = meta(&self.namespace, &self.name, self.labels());
        metadata["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": REPLICAS, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "selector": {"matchLabels": self.selector()},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "template": {"metadata": {"labels": self.labels()}, "spec": self.spec()}},
            "status": {"replicas": REPLICAS, "readyReplicas": REPLICAS, "availableReplicas": REPLICAS}})
    }

    /// One of three revisions that are kept.
    fn replica_set(&self, revision: usize) -> Value {
        let current = revision == 3;
        let name =
            if current { format!("{}-6d8f7c9b5", self.name) } else { format!("{}-5b{revision}", self.name) };
        let mut metadata = meta(&self.namespace, &name, self.labels());
        metadata["annotations"] = json!({"deployment.kubernetes.io/revision": revision.to_string()});
        metadata["ownerReferences"] = owner("Deployment", &self.name);
        let wanted = if current { REPLICAS } else { 0 };
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
            "spec": {"replicas": wanted, "selector": {"matchLabels": self.selector()},
                "template": {"metadata": {"labels": self.labels()}, "spec": self.spec()}},
            "status": {"replicas": wanted, "readyReplicas": wanted}})
    }

    fn service(&self) -> Value {
        let mut selector = self.selector();
        if self.fault == Fault::Selector {
            selector["app.kubernetes.io/name"] = json!("renamed");
        }
        let address = format!("10.96.{}.{}", self.number / 250, self.number % 250 + 1);
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&self.namespace, &self.name, self.labels()),
            "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "selector": selector,
                "sessionAffinity": "None", "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}})
    }

    fn endpoint_slice(&self) -> Value {
        let mut metadata = meta(
            &self.namespace,
            &format!("{}-k7x2q", self.name),
            json!({"kubernetes.io/service-name": self.name}),
        );
        metadata["ownerReferences"] = owner("Service", &self.name);
        let endpoint = |place: usize| {
            let number = self.number * REPLICAS + place;
            json!({"addresses": [format!("10.{}.{}.{}", 64 + number / 65_536, number / 256 % 256, number % 256)],
                "conditions": {"ready": self.fault == Fault::None, "serving": true, "terminating": false},
                "nodeName": node_name(number / SEATS), "targetRef": {"kind": "Pod", "namespace": self.namespace, "name": self.pod_name(place)}})
        };
        let endpoints: Vec<Value> =
            if self.fault == Fault::Selector { Vec::new() } else { (0..REPLICAS).map(endpoint).collect() };
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": endpoints})
    }

    fn autoscaler(&self) -> Value {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": meta(&self.namespace, &self.name, self.labels()),
            "spec": {"minReplicas": 2, "maxReplicas": 20, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]},
            "status": {"currentReplicas": REPLICAS, "desiredReplicas": REPLICAS, "conditions": [
                {"type": "AbleToScale", "status": "True"}, {"type": "ScalingActive", "status": "True"}]}})
    }

    fn configuration(&self, kind: &str, name: &str, data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": meta(&self.namespace, name, self.labels()), "data": data})
    }

    /// Two events about a pod: how it came to be where all is well, what keeps it where not.
    fn events(&self, place: usize) -> [Value; 2] {
        let pod = self.pod_name(place);
        let event = |number: usize, kind: &str, reason: &str, message: &str, count: i32| {
            let mut metadata = meta(&self.namespace, &format!("{pod}.18{number}f"), json!({}));
            metadata["creationTimestamp"] = ago(9);
            json!({"apiVersion": "v1", "kind": "Event", "metadata": metadata, "type": kind, "reason": reason,
                "message": message, "count": count, "firstTimestamp": ago(9), "lastTimestamp": ago(1),
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": self.namespace, "name": pod,
                    "uid": uid(&pod), "fieldPath": "spec.containers{server}"},
                "source": {"component": "kubelet", "host": node_name(0)}, "reportingComponent": "kubelet", "reportingInstance": "node-0"})
        };
        let image = format!("registry.test/platform/{}:1.4.2", self.name);
        let pulled = || {
            event(
                1,
                "Normal",
                "Pulled",
                &format!("Container image \"{image}\" already present on machine"),
                1,
            )
        };
        match self.fault {
            Fault::None | Fault::Selector => {
                [pulled(), event(2, "Normal", "Started", "Started container server", 1)]
            }
            Fault::Crash | Fault::Memory => [
                pulled(),
                event(
                    2,
                    "Warning",
                    "BackOff",
                    &format!("Back-off restarting failed container server in pod {pod}_{}", self.namespace),
                    40,
                ),
            ],
            Fault::Image => [
                event(
                    1,
                    "Warning",
                    "Failed",
                    &format!("Failed to pull image \"{image}\": manifest unknown"),
                    9,
                ),
                event(2, "Warning", "Failed", "Error: ImagePullBackOff", 9),
            ],
            Fault::Waiting => [
                event(
                    1,
                    "Warning",
                    "FailedScheduling",
                    "0/250 nodes are available: 250 Insufficient cpu.",
                    9,
                ),
                event(2, "Normal", "NotTriggerScaleUp", "pod didn't trigger scale-up", 3),
            ],
            Fault::Config => {
                [pulled(), event(2, "Warning", "Failed", "Error: configmap \"gone\" not found", 9)]
            }
        }
    }

    /// Each app has a cache of its own, which nothing but its address variable names.
    fn cache(&self) -> Value {
        let name = format!("cache-{}", self.number);
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&self.namespace, &name, json!({})),
            "spec": {"type": "ClusterIP", "clusterIP": format!("10.97.{}.{}", self.number / 250, self.number % 250 + 1),
                "ports": [{"port": 6379, "protocol": "TCP"}]}})
    }
}

/// Hands over every object with the plural of its kind.
pub(crate) fn each_object(pods: usize, shape: Shape, each: &mut dyn FnMut(&'static str, Value)) {
    for number in 0..pods.div_ceil(SEATS) {
        each("nodes", node(number, shape));
    }
    for number in 0..pods.div_ceil(REPLICAS) {
        let app = App::new(number, shape);
        if number % WORKLOADS == 0 {
            each(
                "namespaces",
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app.namespace}}),
            );
            each(
                "serviceaccounts",
                json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": meta(&app.namespace, "default", json!({}))}),
            );
            each("configmaps", app.configuration("ConfigMap", "kube-root-ca.crt", &json!({"ca.crt": ""})));
        }
        each("deployments", app.deployment());
        (1..=3).for_each(|revision| each("replicasets", app.replica_set(revision)));
        each("services", app.service());
        each("services", app.cache());
        each("endpointslices", app.endpoint_slice());
        let settings = json!({"LOG_FORMAT": "json", "TIMEOUT": "5s"});
        each("configmaps", app.configuration("ConfigMap", &format!("{}-settings", app.name), &settings));
        each("secrets", app.configuration("Secret", &format!("{}-login", app.name), &json!({"url": ""})));
        if number % 4 == 0 {
            each("horizontalpodautoscalers", app.autoscaler());
        }
        for place in 0..REPLICAS {
            each("pods", app.pod(place));
            app.events(place).into_iter().for_each(|event| each("events", event));
        }
    }
}

fn node(number: usize, shape: Shape) -> Value {
    let condition =
        |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": ago(9000)});
    // Where nobody gets a node, nodes are small.
    let cpu = if shape == Shape::AllWaiting { "50m" } else { "16" };
    let labels = json!({"kubernetes.io/hostname": node_name(number), "topology.kubernetes.io/zone": format!("zone-{}", number % 3)});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node_name(number), "labels": labels},
        "spec": {"podCIDR": "10.64.0.0/24"},
        "status": {"allocatable": {"cpu": cpu, "memory": "64Gi", "pods": "110"}, "capacity": {"cpu": cpu, "memory": "64Gi", "pods": "110"},
            "conditions": [condition("Ready", "True"), condition("MemoryPressure", "False"),
                condition("DiskPressure", "False"), condition("PIDPressure", "False")]}})
}

fn node_name(number: usize) -> String {
    format!("node-{number}")
}

fn ago(minutes: i64) -> Value {
    json!(NOW - SignedDuration::from_mins(minutes))
}

fn uid(name: &str) -> String {
    format!("{:0>8}-0000-4000-8000-000000000000", name.len())
}

#[expect(clippy::needless_pass_by_value, reason = "the literal is handed over")]
fn meta(namespace: &str, name: &str, labels: Value) -> Value {
    json!({"namespace": namespace, "name": name, "uid": uid(name), "resourceVersion": "48151623", "labels": labels,
        "creationTimestamp": ago(500)})
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid(name), "controller": true, "blockOwnerDeletion": true}])
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the benchmark's own objects are well formed")
}

fn keyed(value: &Value) -> KeyedObject {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = value.get("data").and_then(Value::as_object);
    KeyedObject {
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
        keys: data.into_iter().flatten().map(|(key, _)| key.clone()).collect(),
        created_at: None,
        changed_at: None,
        addresses: Vec::new(),
        changed_keys: Vec::new(),
        version: None,
    }
}

/// What crashes was rolled out shortly before.
fn rolled_out(app: App) -> Option<Change> {
    let field = FieldChange {
        path: "containers[server].image".to_owned(),
        before: Some("registry.test/platform/app:1.4.1".to_owned()),
        after: Some("registry.test/platform/app:1.4.2".to_owned()),
    };
    (app.fault == Fault::Crash).then(|| Change {
        kind: ChangeKind::Rollout,
        object: ObjectRef::new("Deployment", app.namespace, app.name),
        at: NOW - SignedDuration::from_mins(10),
        revision: Some(3),
        previous_revision: Some(2),
        fields: vec![field],
    })
}

fn place(objects: &mut Objects, plural: &str, value: Value) {
    match plural {
        "nodes" => objects.nodes.push(object(value)),
        "namespaces" => objects.namespaces.push(object(value)),
        "serviceaccounts" => objects.service_accounts.push(object(value)),
        "configmaps" => objects.config_maps.push(keyed(&value)),
        "secrets" => objects.secrets.push(keyed(&value)),
        "deployments" => objects.deployments.push(object(value)),
        "replicasets" => objects.replica_sets.push(object(value)),
        "services" => objects.services.push(object(value)),
        "endpointslices" => objects.endpoint_slices.push(object(value)),
        "horizontalpodautoscalers" => objects.autoscalers.push(object(value)),
        "pods" => objects.pods.push(object(value)),
        "events" => objects.events.push(object(value)),
        other => unreachable!("{other} has no place"),
    }
}

/// The whole cluster as a Snapshot, with the logs of the first pods of those that crash, as a collector would bring them.
pub(crate) fn snapshot(pods: usize, shape: Shape) -> Snapshot {
    let mut objects = Objects::default();
    each_object(pods, shape, &mut |plural, value| place(&mut objects, plural, value));
    let logs = (0..pods.div_ceil(REPLICAS)).map(|number| App::new(number, shape));
    let logs = logs.filter(|app| app.fault == Fault::Crash).take(40).map(|app| LogExcerpt {
        namespace: app.namespace.clone(),
        pod: app.pod_name(0),
        container: "server".to_owned(),
        previous: false,
        text: "level=info msg=\"request handled\" status=200\npanic: assignment to entry in nil map\n"
            .repeat(50),
        truncated: false,
    });
    Snapshot {
        cluster: "bench".to_owned(),
        taken_at: NOW,
        scope: Scope::default(),
        focus: None,
        signals: Vec::new(),
        changes: (0..pods.div_ceil(REPLICAS))
            .map(|number| App::new(number, shape))
            .filter_map(rolled_out)
            .collect(),
        logs: logs.collect(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
        objects,
    }
}
