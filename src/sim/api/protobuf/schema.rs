//! Field numbers of the messages that kubectl sends, as in the `generated.proto` files of the Kubernetes API.

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) form: Form,
}

/// How a field is encoded and when it counts as absent. Go's encoder writes zero values of plain fields, which JSON
/// omits, and writes pointers only when set.
#[derive(Debug)]
pub(super) enum Form {
    Text,
    Texts,
    Number,
    NumberPointer,
    Flag,
    FlagPointer,
    Message(&'static [Field]),
    /// A message whose fields JSON shows among those of the message around it.
    Inline(&'static [Field]),
    Messages(&'static [Field]),
    Map(MapValue),
    Time,
    IntOrString,
}

/// What the values of a map are.
#[derive(Debug)]
pub(super) enum MapValue {
    Text,
    Base64,
    Quantity,
}

use Form::{
    Flag, FlagPointer, Inline, IntOrString, Map, Message, Messages, Number, NumberPointer, Text, Texts, Time,
};

const fn f(number: u32, name: &'static str, form: Form) -> Field {
    Field { number, name, form }
}

pub(super) static TYPE_META: &[Field] = &[f(1, "apiVersion", Text), f(2, "kind", Text)];
pub(super) static QUANTITY: &[Field] = &[f(1, "string", Text)];
pub(super) static TIME: &[Field] = &[f(1, "seconds", Number), f(2, "nanos", Number)];
pub(super) static INT_OR_STRING: &[Field] =
    &[f(1, "type", Number), f(2, "intVal", NumberPointer), f(3, "strVal", Text)];

static OWNER: &[Field] = &[
    f(1, "kind", Text),
    f(3, "name", Text),
    f(4, "uid", Text),
    f(5, "apiVersion", Text),
    f(6, "controller", FlagPointer),
    f(7, "blockOwnerDeletion", FlagPointer),
];
static META: &[Field] = &[
    f(1, "name", Text),
    f(2, "generateName", Text),
    f(3, "namespace", Text),
    f(5, "uid", Text),
    f(6, "resourceVersion", Text),
    f(7, "generation", Number),
    f(8, "creationTimestamp", Time),
    f(9, "deletionTimestamp", Time),
    f(10, "deletionGracePeriodSeconds", NumberPointer),
    f(11, "labels", Map(MapValue::Text)),
    f(12, "annotations", Map(MapValue::Text)),
    f(13, "ownerReferences", Messages(OWNER)),
    f(14, "finalizers", Texts),
];
static REQUIREMENT: &[Field] = &[f(1, "key", Text), f(2, "operator", Text), f(3, "values", Texts)];
static SELECTOR: &[Field] =
    &[f(1, "matchLabels", Map(MapValue::Text)), f(2, "matchExpressions", Messages(REQUIREMENT))];

static CONTAINER_PORT: &[Field] = &[
    f(1, "name", Text),
    f(2, "hostPort", Number),
    f(3, "containerPort", Number),
    f(4, "protocol", Text),
    f(5, "hostIP", Text),
];
static ENV: &[Field] = &[f(1, "name", Text), f(2, "value", Text)];
static RESOURCES: &[Field] =
    &[f(1, "limits", Map(MapValue::Quantity)), f(2, "requests", Map(MapValue::Quantity))];
static CONTAINER: &[Field] = &[
    f(1, "name", Text),
    f(2, "image", Text),
    f(3, "command", Texts),
    f(4, "args", Texts),
    f(5, "workingDir", Text),
    f(6, "ports", Messages(CONTAINER_PORT)),
    f(7, "env", Messages(ENV)),
    f(8, "resources", Message(RESOURCES)),
    f(13, "terminationMessagePath", Text),
    f(14, "imagePullPolicy", Text),
    f(20, "terminationMessagePolicy", Text),
];
static POD_SPEC: &[Field] = &[
    f(2, "containers", Messages(CONTAINER)),
    f(3, "restartPolicy", Text),
    f(4, "terminationGracePeriodSeconds", NumberPointer),
    f(5, "activeDeadlineSeconds", NumberPointer),
    f(6, "dnsPolicy", Text),
    f(7, "nodeSelector", Map(MapValue::Text)),
    f(8, "serviceAccountName", Text),
    f(10, "nodeName", Text),
    f(19, "schedulerName", Text),
    f(20, "initContainers", Messages(CONTAINER)),
];
static TEMPLATE: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(POD_SPEC))];
static STRATEGY: &[Field] = &[f(1, "type", Text)];
static DEPLOYMENT_SPEC: &[Field] = &[
    f(1, "replicas", NumberPointer),
    f(2, "selector", Message(SELECTOR)),
    f(3, "template", Message(TEMPLATE)),
    f(4, "strategy", Message(STRATEGY)),
    f(5, "minReadySeconds", Number),
    f(6, "revisionHistoryLimit", NumberPointer),
    f(7, "paused", Flag),
    f(9, "progressDeadlineSeconds", NumberPointer),
];
static DEPLOYMENT: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(DEPLOYMENT_SPEC))];
static JOB_SPEC: &[Field] = &[
    f(1, "parallelism", NumberPointer),
    f(2, "completions", NumberPointer),
    f(3, "activeDeadlineSeconds", NumberPointer),
    f(4, "selector", Message(SELECTOR)),
    f(5, "manualSelector", FlagPointer),
    f(6, "template", Message(TEMPLATE)),
    f(7, "backoffLimit", NumberPointer),
    f(8, "ttlSecondsAfterFinished", NumberPointer),
    f(9, "completionMode", Text),
    f(10, "suspend", FlagPointer),
];
static JOB: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(JOB_SPEC))];
static CRON_JOB_SPEC: &[Field] = &[
    f(1, "schedule", Text),
    f(2, "startingDeadlineSeconds", NumberPointer),
    f(3, "concurrencyPolicy", Text),
    f(4, "suspend", FlagPointer),
    f(5, "jobTemplate", Message(JOB)),
    f(6, "successfulJobsHistoryLimit", NumberPointer),
    f(7, "failedJobsHistoryLimit", NumberPointer),
    f(8, "timeZone", Text),
];
static CRON_JOB: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(CRON_JOB_SPEC))];

static TARGET_REF: &[Field] = &[f(1, "kind", Text), f(2, "name", Text), f(3, "apiVersion", Text)];
static AUTOSCALER_SPEC: &[Field] = &[
    f(1, "scaleTargetRef", Message(TARGET_REF)),
    f(2, "minReplicas", NumberPointer),
    f(3, "maxReplicas", Number),
    f(4, "targetCPUUtilizationPercentage", NumberPointer),
];
static AUTOSCALER: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(AUTOSCALER_SPEC))];
static SCALE_SPEC: &[Field] = &[f(1, "replicas", NumberPointer)];
static SCALE: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(SCALE_SPEC))];

static CONFIG_MAP: &[Field] = &[
    f(1, "metadata", Message(META)),
    f(2, "data", Map(MapValue::Text)),
    f(3, "binaryData", Map(MapValue::Base64)),
    f(4, "immutable", FlagPointer),
];
static SECRET: &[Field] = &[
    f(1, "metadata", Message(META)),
    f(2, "data", Map(MapValue::Base64)),
    f(3, "type", Text),
    f(4, "stringData", Map(MapValue::Text)),
    f(5, "immutable", FlagPointer),
];
static METADATA_ONLY: &[Field] = &[f(1, "metadata", Message(META))];
static SERVICE_PORT: &[Field] = &[
    f(1, "name", Text),
    f(2, "protocol", Text),
    f(3, "port", Number),
    f(4, "targetPort", IntOrString),
    f(5, "nodePort", Number),
];
static SERVICE_SPEC: &[Field] = &[
    f(1, "ports", Messages(SERVICE_PORT)),
    f(2, "selector", Map(MapValue::Text)),
    f(3, "clusterIP", Text),
    f(4, "type", Text),
    f(5, "externalIPs", Texts),
    f(7, "sessionAffinity", Text),
    f(10, "externalName", Text),
];
static SERVICE: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(SERVICE_SPEC))];
static BACKEND_PORT: &[Field] = &[f(1, "name", Text), f(2, "number", Number)];
static BACKEND_SERVICE: &[Field] = &[f(1, "name", Text), f(2, "port", Message(BACKEND_PORT))];
static BACKEND: &[Field] = &[f(4, "service", Message(BACKEND_SERVICE))];
static HTTP_PATH: &[Field] = &[f(1, "path", Text), f(2, "backend", Message(BACKEND)), f(3, "pathType", Text)];
static HTTP_RULE: &[Field] = &[f(1, "paths", Messages(HTTP_PATH))];
static INGRESS_VALUE: &[Field] = &[f(1, "http", Message(HTTP_RULE))];
static INGRESS_RULE: &[Field] = &[f(1, "host", Text), f(2, "ingressRuleValue", Inline(INGRESS_VALUE))];
static INGRESS_TLS: &[Field] = &[f(1, "hosts", Texts), f(2, "secretName", Text)];
static INGRESS_SPEC: &[Field] = &[
    f(1, "defaultBackend", Message(BACKEND)),
    f(2, "tls", Messages(INGRESS_TLS)),
    f(3, "rules", Messages(INGRESS_RULE)),
    f(4, "ingressClassName", Text),
];
static INGRESS: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(INGRESS_SPEC))];
static BUDGET_SPEC: &[Field] = &[
    f(1, "minAvailable", IntOrString),
    f(2, "selector", Message(SELECTOR)),
    f(3, "maxUnavailable", IntOrString),
];
static BUDGET: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(BUDGET_SPEC))];
static QUOTA_SPEC: &[Field] = &[f(1, "hard", Map(MapValue::Quantity)), f(2, "scopes", Texts)];
static QUOTA: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(QUOTA_SPEC))];

static RULE: &[Field] = &[
    f(1, "verbs", Texts),
    f(2, "apiGroups", Texts),
    f(3, "resources", Texts),
    f(4, "resourceNames", Texts),
    f(5, "nonResourceURLs", Texts),
];
static ROLE: &[Field] = &[f(1, "metadata", Message(META)), f(2, "rules", Messages(RULE))];
static SUBJECT: &[Field] =
    &[f(1, "kind", Text), f(2, "apiGroup", Text), f(3, "name", Text), f(4, "namespace", Text)];
static ROLE_REF: &[Field] = &[f(1, "apiGroup", Text), f(2, "kind", Text), f(3, "name", Text)];
static ROLE_BINDING: &[Field] = &[
    f(1, "metadata", Message(META)),
    f(2, "subjects", Messages(SUBJECT)),
    f(3, "roleRef", Message(ROLE_REF)),
];

static PRECONDITIONS: &[Field] = &[f(1, "uid", Text), f(2, "resourceVersion", Text)];
static DELETE_OPTIONS: &[Field] = &[
    f(1, "gracePeriodSeconds", NumberPointer),
    f(2, "preconditions", Message(PRECONDITIONS)),
    f(3, "orphanDependents", FlagPointer),
    f(4, "propagationPolicy", Text),
    f(5, "dryRun", Texts),
];
static EVICTION: &[Field] =
    &[f(1, "metadata", Message(META)), f(2, "deleteOptions", Message(DELETE_OPTIONS))];

static RESOURCE_ATTRIBUTES: &[Field] = &[
    f(1, "namespace", Text),
    f(2, "verb", Text),
    f(3, "group", Text),
    f(4, "version", Text),
    f(5, "resource", Text),
    f(6, "subresource", Text),
    f(7, "name", Text),
];
static OTHER_ATTRIBUTES: &[Field] = &[f(1, "path", Text), f(2, "verb", Text)];
static ACCESS_SPEC: &[Field] = &[
    f(1, "resourceAttributes", Message(RESOURCE_ATTRIBUTES)),
    f(2, "nonResourceAttributes", Message(OTHER_ATTRIBUTES)),
];
static ACCESS_REVIEW: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(ACCESS_SPEC))];
static RULES_SPEC: &[Field] = &[f(1, "namespace", Text)];
static RULES_REVIEW: &[Field] = &[f(1, "metadata", Message(META)), f(2, "spec", Message(RULES_SPEC))];

/// The fields of a kind, none when it is read as JSON only.
pub(super) fn of(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "ClusterRole" | "Role" => ROLE,
        "ClusterRoleBinding" | "RoleBinding" => ROLE_BINDING,
        "ConfigMap" => CONFIG_MAP,
        "CronJob" => CRON_JOB,
        "DeleteOptions" => DELETE_OPTIONS,
        "Deployment" => DEPLOYMENT,
        "Eviction" => EVICTION,
        "HorizontalPodAutoscaler" => AUTOSCALER,
        "Ingress" => INGRESS,
        "Job" => JOB,
        "Namespace" | "SelfSubjectReview" | "ServiceAccount" => METADATA_ONLY,
        "PodDisruptionBudget" => BUDGET,
        "ResourceQuota" => QUOTA,
        "Scale" => SCALE,
        "Secret" => SECRET,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "Service" => SERVICE,
        _ => return None,
    })
}
