//! Ingresses: backends that are not there, certificates that are missing, classes that nobody serves, and two that claim the
//! same path.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};

use super::backend::{BackendPort, Backends};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{ConfigKind, Index, object_ref};
use crate::incident::ObjectRef;

/// The older way to name a class.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Marks a class as the one for Ingresses that name none.
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let ingresses: Vec<&Ingress> = index
        .snapshot
        .objects
        .ingresses
        .iter()
        .filter(|found| found.metadata.deletion_timestamp.is_none())
        .collect();
    if ingresses.is_empty() {
        return Vec::new();
    }
    let known = Backends::new(index);
    let mut found: Vec<_> = ingresses.iter().flat_map(|ingress| backends(&known, ingress)).collect();
    found.extend(ingresses.iter().flat_map(|ingress| certificates(index, ingress)));
    found.extend(ingresses.iter().filter_map(|ingress| class(index, ingress)));
    found.extend(claimed_twice(&ingresses));
    found
}

/// Every path with where it is in the spec, its host, its path and its backend.
fn paths(ingress: &Ingress) -> Vec<(String, &str, &str, &IngressBackend)> {
    let Some(spec) = &ingress.spec else { return Vec::new() };
    let default =
        spec.default_backend.iter().map(|backend| ("spec.defaultBackend".to_owned(), "", "", backend));
    let rules = spec.rules.iter().flatten().enumerate().flat_map(|(number, rule)| {
        let paths = rule.http.iter().flat_map(|http| http.paths.iter().enumerate());
        paths.map(move |(place, path)| {
            let field = format!("spec.rules[{number}].http.paths[{place}].backend");
            (
                field,
                rule.host.as_deref().unwrap_or_default(),
                path.path.as_deref().unwrap_or("/"),
                &path.backend,
            )
        })
    });
    default.chain(rules).collect()
}

fn backends(known: &Backends<'_>, ingress: &Ingress) -> Vec<Finding> {
    let name = object_ref(ingress);
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (field, host, path, backend) in paths(ingress) {
        let Some(backend) = &backend.service else { continue };
        let service = ObjectRef::new("Service", name.namespace.as_str(), backend.name.as_str());
        let port = backend.port.as_ref().and_then(|port| match (port.number, &port.name) {
            (Some(number), _) => Some(BackendPort::Number(number)),
            (None, Some(name)) => Some(BackendPort::Name(name)),
            (None, None) => None,
        });
        let Some(wrong) = known.check(&service, port).filter(|wrong| told.insert(wrong.why.clone())) else {
            continue;
        };
        let code = if wrong.missing { codes::INGRESS_BACKEND_MISSING } else { codes::INGRESS_PORT_UNSERVED };
        let object = if wrong.blames_service { service.clone() } else { name.clone() };
        let statement = format!("{name} sends {host}{path} to a backend that is not there: {}", wrong.why);
        let finding = Finding::new(code, object, statement);
        found
            .push(finding.field("field", field).field("backend", &service.name).field("ingress", &name.name));
    }
    found
}

/// Controllers serve a certificate of their own in place of one that is missing.
fn certificates(index: &Index<'_>, ingress: &Ingress) -> Vec<Finding> {
    let name = object_ref(ingress);
    let tls = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    let secrets: BTreeSet<&str> =
        tls.filter_map(|tls| tls.secret_name.as_deref()).filter(|name| !name.is_empty()).collect();
    let check = |secret: &str| {
        let secret = ObjectRef::new("Secret", name.namespace.as_str(), secret);
        let why = match index.keys(&secret) {
            None if index.listed(ConfigKind::Secret, &name.namespace) => "does not exist",
            Some(keys) if !["tls.crt", "tls.key"].iter().all(|key| keys.iter().any(|has| has == key)) => {
                "holds no tls.crt and tls.key"
            }
            _ => return None,
        };
        let statement = format!("{name} takes its certificate from {secret}, which {why}");
        Some(Finding::new(codes::INGRESS_CERTIFICATE_MISSING, secret, statement).field("ingress", &name.name))
    };
    secrets.into_iter().filter_map(check).collect()
}

fn class(index: &Index<'_>, ingress: &Ingress) -> Option<Finding> {
    let name = object_ref(ingress);
    let classes = &index.snapshot.objects.ingress_classes;
    let known: BTreeSet<_> = classes.iter().filter_map(|class| class.metadata.name.as_deref()).collect();
    let annotations = ingress.metadata.annotations.as_ref();
    let wanted = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    let listed = !classes.is_empty() || index.snapshot.recorded.knows("ingressclasses");
    let (statement, strength) = match wanted {
        Some(wanted) if listed && !known.contains(wanted) => {
            let has = known.iter().copied().collect::<Vec<_>>().join(", ");
            let has = if has.is_empty() { "there is none".to_owned() } else { format!("there is {has}") };
            (format!("{name} names the class {wanted}, which does not exist; {has}"), 0.9)
        }
        None if !classes.is_empty() && annotations.is_none_or(|known| !known.contains_key(CLASS)) => {
            let is_default = |found: &k8s_openapi::api::networking::v1::IngressClass| {
                let marks = found.metadata.annotations.as_ref();
                marks.is_some_and(|marks| marks.get(DEFAULT_CLASS).map(String::as_str) == Some("true"))
            };
            if classes.iter().any(is_default) || has_address(ingress) {
                return None;
            }
            (format!("{name} names no class, and no class is the default, so nobody serves it"), 0.75)
        }
        _ => return None,
    };
    let finding = Finding::new(codes::INGRESS_CLASS_UNKNOWN, name, statement).strength(strength);
    Some(finding.field("spec.ingressClassName", wanted.unwrap_or_default()))
}

fn has_address(ingress: &Ingress) -> bool {
    let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    status.is_some_and(|balancer| balancer.ingress.as_ref().is_some_and(|places| !places.is_empty()))
}

/// Two Ingresses of one class with one host and path and different backends: one of them gets no requests. Canaries do that
/// on purpose.
fn claimed_twice(ingresses: &[&Ingress]) -> Vec<Finding> {
    type Claim<'a> = (&'a str, &'a str, &'a str);
    let mut claims: BTreeMap<Claim<'_>, Vec<(&Ingress, ObjectRef)>> = BTreeMap::new();
    for ingress in ingresses.iter().filter(|ingress| !is_canary(ingress)) {
        let class =
            ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref()).unwrap_or_default();
        for (_, host, path, backend) in paths(ingress) {
            let Some(service) = backend.service.as_ref().filter(|_| !host.is_empty()) else { continue };
            let namespace = ingress.metadata.namespace.as_deref().unwrap_or_default();
            let service = ObjectRef::new("Service", namespace, service.name.as_str());
            claims.entry((class, host, path)).or_default().push((ingress, service));
        }
    }
    let mut found = Vec::new();
    for ((_, host, path), mut claimants) in claims {
        claimants.sort_by_key(|(ingress, _)| {
            (ingress.metadata.creation_timestamp.as_ref().map(|time| time.0), object_ref(*ingress))
        });
        let Some(((first, served), others)) = claimants.split_first() else { continue };
        let other = others
            .iter()
            .find(|(ingress, service)| object_ref(*ingress) != object_ref(*first) && service != served);
        if let Some((ingress, service)) = other {
            let (name, first) = (object_ref(*ingress), object_ref(*first));
            let statement = format!(
                "{name} claims {host}{path} for {service}, which {first} had before for {served}: only one of them gets the requests"
            );
            let finding = Finding::new(codes::INGRESS_CLAIMED_TWICE, name, statement);
            found.push(finding.field("host", host).field("path", path).field("other", first));
        }
    }
    found
}

fn is_canary(ingress: &Ingress) -> bool {
    let annotations = ingress.metadata.annotations.iter().flatten();
    annotations.into_iter().any(|(key, value)| key.ends_with("/canary") && value == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn ingress(mut world: World, name: &str, minutes: i64, backend: &Value, more: &Value) -> World {
        let mut whole = json!({
            "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(minutes).to_string()},
            "spec": {"ingressClassName": "edge", "rules": [{"host": "shop.example.com", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": backend}}]}}]}});
        json_patch::merge(&mut whole, more);
        world.snapshot.objects.ingresses.push(object(whole));
        world
    }

    fn class(mut world: World, name: &str) -> World {
        world
            .snapshot
            .objects
            .ingress_classes
            .push(object(json!({"metadata": {"name": name}, "spec": {"controller": "x/y"}})));
        world
    }

    fn web() -> Value {
        json!({"name": "web", "port": {"number": 80}})
    }

    /// Cause and object for one Ingress in front of a Deployment `web` with a Service on port 80.
    fn told(backend: &Value, more: &Value) -> Vec<(String, String)> {
        let world = ingress(class(World::new().deployment("web", 1), "edge"), "front", 100, backend, more);
        world.causes().into_iter().map(|(code, object, _)| (code, object)).collect()
    }

    fn cause(object: &str) -> Vec<(String, String)> {
        vec![("ingress.misrouted".to_owned(), object.to_owned())]
    }

    #[test]
    fn a_backend_or_port_that_is_not_there_blames_the_ingress() {
        for backend in [
            json!({"name": "wbe", "port": {"number": 80}}),
            json!({"name": "other", "port": {"number": 80}}),
            json!({"name": "web", "port": {"number": 8080}}),
            json!({"name": "web", "port": {"name": "http"}}),
        ] {
            assert_eq!(told(&backend, &json!({})), cause("Ingress shop/front"), "{backend}");
        }
    }

    #[test]
    fn a_service_that_was_deleted_is_blamed_itself() {
        let mut world = ingress(
            World::new().deployment("web", 1).deployment("cart", 1),
            "front",
            100,
            &web(),
            &json!({}),
        );
        world.snapshot.objects.services.retain(|service| service.metadata.name.as_deref() != Some("web"));
        assert_eq!(world.causes()[0].1, "Service shop/web");
    }

    #[test]
    fn a_class_that_does_not_exist_is_found_and_one_that_was_not_listed_is_not() {
        assert_eq!(told(&web(), &json!({"spec": {"ingressClassName": "egde"}})), cause("Ingress shop/front"));
        assert_eq!(told(&web(), &json!({"spec": {"ingressClassName": null}})), cause("Ingress shop/front"));
        let served = json!({"spec": {"ingressClassName": null}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
        assert_eq!(told(&web(), &served), []);
        let annotated = json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "edge"}}, "spec": {"ingressClassName": null}});
        assert_eq!(told(&web(), &annotated), []);
        assert_eq!(ingress(World::new().deployment("web", 1), "front", 100, &web(), &json!({})).causes(), []);
    }

    #[test]
    fn a_certificate_that_is_missing_or_no_certificate_is_named() {
        let tls = json!({"spec": {"tls": [{"secretName": "cert"}]}});
        let at = |keys: &[&str]| {
            ingress(
                World::new().deployment("web", 1).secret("other", &[]).secret("cert", keys),
                "front",
                100,
                &web(),
                &tls,
            )
        };
        assert_eq!(at(&["data"]).causes()[0].1, "Secret shop/cert");
        assert_eq!(at(&["tls.crt", "tls.key"]).causes(), []);
        let missing =
            ingress(World::new().deployment("web", 1).secret("other", &[]), "front", 100, &web(), &tls);
        assert_eq!(missing.causes()[0].1, "Secret shop/cert");
    }

    #[test]
    fn of_two_that_claim_one_path_the_younger_is_blamed_unless_they_agree_or_one_is_a_canary() {
        let world = || {
            ingress(World::new().deployment("web", 1).deployment("cart", 1), "front", 100, &web(), &json!({}))
        };
        let cart = json!({"name": "cart", "port": {"number": 80}});
        assert_eq!(ingress(world(), "second", 10, &cart, &json!({})).causes()[0].1, "Ingress shop/second");
        let canary = json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": "true"}}});
        assert_eq!(ingress(world(), "second", 10, &cart, &canary).causes(), []);
        assert_eq!(ingress(world(), "second", 10, &web(), &json!({})).causes(), []);
        let elsewhere = json!({"spec": {"ingressClassName": "inner"}});
        assert_eq!(ingress(world(), "second", 10, &cart, &elsewhere).causes(), []);
    }

    #[test]
    fn an_ingress_that_is_right_gives_nothing() {
        assert_eq!(told(&web(), &json!({})), []);
        assert_eq!(told(&json!({"name": "web", "port": {"name": "use-annotation"}}), &json!({})), []);
        let bucket = json!({"spec": {"rules": [{"http": {"paths": [{"pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}]}}]}});
        assert_eq!(told(&web(), &bucket), []);
    }
}
