//! Which app an object belongs to: the workload that it is, that it leads to, or that needs it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;

use crate::diagnose::{Index, index::config_references};
use crate::incident::ObjectRef;
use crate::observe::Snapshot;

/// Finds the app of an object.
pub struct App<'a> {
    index: Index<'a>,
}

impl<'a> App<'a> {
    /// Prepares look-ups.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { index: Index::new(snapshot) }
    }

    /// The name of the object's app: the `app` label of its workload's pods, else its workload's name; the object's own name
    /// where no workload has to do with it. Nodes and namespaces belong to no app.
    #[must_use]
    pub fn of(&self, object: &ObjectRef) -> Option<String> {
        let workload = match object.kind.as_str() {
            "Node" | "Namespace" => return None,
            "Service" => match self.index.behind(object).into_iter().next() {
                Some(workload) => workload,
                None => return Some(self.of_service(object)),
            },
            "HorizontalPodAutoscaler" => self.target(object).unwrap_or_else(|| object.clone()),
            "PersistentVolume" => {
                self.claim(object).map_or_else(|| object.clone(), |claim| self.user(&claim))
            }
            "PersistentVolumeClaim" | "ConfigMap" | "Secret" | "ServiceAccount" => self.user(object),
            _ => self.index.workload_of(object),
        };
        let template = self.index.template(&workload).and_then(|template| template.metadata);
        let labelled = template.and_then(|metadata| app(metadata.labels.as_ref()));
        Some(labelled.unwrap_or(workload.name))
    }

    /// A Service that selects nothing is known by its own label, or its name.
    fn of_service(&self, service: &ObjectRef) -> String {
        let labels = self.index.service(service).and_then(|service| service.metadata.labels.as_ref());
        app(labels).unwrap_or_else(|| service.name.clone())
    }

    fn target(&self, autoscaler: &ObjectRef) -> Option<ObjectRef> {
        let found = self.index.snapshot.objects.autoscalers.iter().find(|found| {
            found.metadata.name.as_ref() == Some(&autoscaler.name)
                && found.metadata.namespace.as_ref() == Some(&autoscaler.namespace)
        })?;
        let target = &found.spec.scale_target_ref;
        Some(ObjectRef::new(target.kind.clone(), autoscaler.namespace.clone(), target.name.clone()))
    }

    fn claim(&self, volume: &ObjectRef) -> Option<ObjectRef> {
        let volumes = &self.index.snapshot.objects.volumes;
        let found = volumes.iter().find(|found| found.metadata.name.as_ref() == Some(&volume.name))?;
        let claim = found.spec.as_ref()?.claim_ref.as_ref()?;
        Some(ObjectRef::new("PersistentVolumeClaim", claim.namespace.clone()?, claim.name.clone()?))
    }

    /// The first workload whose pods need the object; the object itself where none does.
    fn user(&self, object: &ObjectRef) -> ObjectRef {
        let by_template = self.index.templates().find(|(workload, template)| {
            workload.namespace == object.namespace && template.spec.is_some_and(|spec| needs(spec, object))
        });
        let by_pod = || {
            self.index.workloads_with_pods().find(|(workload, pods)| {
                let mut specs = pods.iter().filter_map(|pod| pod.spec.as_ref());
                workload.namespace == object.namespace && specs.any(|spec| needs(spec, object))
            })
        };
        let found =
            by_template.map(|(workload, _)| workload).or_else(|| by_pod().map(|(workload, _)| workload));
        found.unwrap_or(object).clone()
    }
}

fn app(labels: Option<&BTreeMap<String, String>>) -> Option<String> {
    labels?.get("app").filter(|name| !name.is_empty()).cloned()
}

/// Whether pods of this spec need the claim, ConfigMap, Secret or ServiceAccount.
fn needs(spec: &PodSpec, object: &ObjectRef) -> bool {
    match object.kind.as_str() {
        "ServiceAccount" => spec.service_account_name.as_ref() == Some(&object.name),
        "PersistentVolumeClaim" => spec.volumes.iter().flatten().any(|volume| {
            volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.claim_name == object.name)
        }),
        kind => {
            let pull_secrets = spec.image_pull_secrets.iter().flatten();
            (kind == "Secret" && pull_secrets.into_iter().any(|secret| secret.name == object.name))
                || config_references(spec)
                    .iter()
                    .any(|found| found.kind.as_str() == kind && found.name == object.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::App;
    use crate::cases::tests::snapshot;
    use crate::incident::ObjectRef;

    #[test]
    fn everything_about_a_workload_bears_its_apps_name() {
        let world = snapshot(json!({
            "deployments": [{"metadata": {"namespace": "shop", "name": "cart-v2"}, "spec": {"selector": {}, "template": {
                "metadata": {"labels": {"app": "cart", "tier": "back"}},
                "spec": {"serviceAccountName": "runner", "imagePullSecrets": [{"name": "pull"}],
                    "containers": [{"name": "x", "envFrom": [{"configMapRef": {"name": "settings"}}]}],
                    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}}}}],
            "stateful_sets": [{"metadata": {"namespace": "shop", "name": "db"}, "spec": {"selector": {}, "serviceName": "db",
                "template": {"spec": {"containers": []}}}}],
            "services": [
                {"metadata": {"namespace": "shop", "name": "front"}, "spec": {"selector": {"tier": "back"}}},
                {"metadata": {"namespace": "shop", "name": "lost", "labels": {"app": "cart"}}, "spec": {"selector": {"a": "b"}}},
                {"metadata": {"namespace": "shop", "name": "bare"}, "spec": {}}],
            "volumes": [{"metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "shop", "name": "data"}}}],
            "autoscalers": [{"metadata": {"namespace": "shop", "name": "hpa"}, "spec": {"maxReplicas": 2,
                "scaleTargetRef": {"kind": "Deployment", "name": "cart-v2"}}}],
        }));
        let app = App::new(&world);
        let cases = [
            ("Deployment", "cart-v2", Some("cart")),
            ("StatefulSet", "db", Some("db")),
            ("Service", "front", Some("cart")),
            ("Service", "lost", Some("cart")),
            ("Service", "bare", Some("bare")),
            ("ConfigMap", "settings", Some("cart")),
            ("Secret", "pull", Some("cart")),
            ("Secret", "unused", Some("unused")),
            ("ServiceAccount", "runner", Some("cart")),
            ("PersistentVolumeClaim", "data", Some("cart")),
            ("HorizontalPodAutoscaler", "hpa", Some("cart")),
        ];
        for (kind, name, expected) in cases {
            assert_eq!(app.of(&ObjectRef::new(kind, "shop", name)).as_deref(), expected, "{kind} {name}");
        }
        assert_eq!(app.of(&ObjectRef::cluster_wide("PersistentVolume", "pv")).as_deref(), Some("cart"));
        assert_eq!(app.of(&ObjectRef::cluster_wide("Node", "node-1")), None);
    }
}
