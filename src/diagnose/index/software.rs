//! Which workloads are databases, gateways or parts of the cluster's DNS, by what they run.

use k8s_openapi::api::core::v1::{Container, PodSpec, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Index, object_ref};
use crate::incident::ObjectRef;

/// Words in the names of images of database servers.
const DATABASES: [&str; 22] = [
    "mysql",
    "mariadb",
    "percona",
    "postgres",
    "mongo",
    "redis",
    "valkey",
    "keydb",
    "cassandra",
    "scylla",
    "cockroach",
    "couchdb",
    "mssql",
    "oracle",
    "elasticsearch",
    "opensearch",
    "clickhouse",
    "etcd",
    "timescale",
    "dragonfly",
    "influxdb",
    "neo4j",
];

/// Words in the names of images of message brokers.
const BROKERS: [&str; 9] =
    ["rabbitmq", "kafka", "redpanda", "nats", "activemq", "artemis", "pulsar", "rocketmq", "mosquitto"];

/// Words in the names of images of tools that only talk to databases.
const TOOLS: [&str; 8] =
    ["exporter", "client", "admin", "backup", "migrat", "commander", "operator", "proxy"];

/// Words in the names of images or workloads that pass requests on.
const GATEWAYS: [&str; 18] = [
    "gateway",
    "nginx",
    "envoy",
    "haproxy",
    "traefik",
    "kong",
    "apisix",
    "httpd",
    "caddy",
    "krakend",
    "tyk",
    "zuul",
    "openresty",
    "ambassador",
    "emissary",
    "ingress",
    "reverse-proxy",
    "api-proxy",
];

/// The Services that are the cluster's DNS by convention.
pub const DNS_SERVICES: [&str; 3] = ["kube-dns", "coredns", "rke2-coredns-rke2-coredns"];

/// The namespace of the cluster's own parts.
pub const SYSTEM: &str = "kube-system";

impl<'a> Index<'a> {
    /// Whether the workload runs a database server.
    #[must_use]
    pub fn is_database(&self, workload: &ObjectRef) -> bool {
        self.runs(workload, &DATABASES)
    }

    /// Whether the workload runs a message broker.
    #[must_use]
    pub fn is_broker(&self, workload: &ObjectRef) -> bool {
        self.runs(workload, &BROKERS)
    }

    fn runs(&self, workload: &ObjectRef, software: &[&str]) -> bool {
        let Some(spec) = self.spec_of(workload) else { return false };
        spec.containers.iter().any(|container| {
            let image = image_name(container);
            software.iter().any(|word| image.contains(word)) && !TOOLS.iter().any(|word| image.contains(word))
        })
    }

    /// Whether the workload passes requests of others on, by its image or its name.
    #[must_use]
    pub fn is_gateway(&self, workload: &ObjectRef) -> bool {
        let spec = self.spec_of(workload);
        let images = spec.iter().flat_map(|spec| main(spec)).map(image_name);
        let named = |name: &str| GATEWAYS.iter().any(|word| name.contains(word));
        named(&workload.name.to_ascii_lowercase()) || images.into_iter().any(|image| named(&image))
    }

    /// Whether any Service of the namespace is in the Snapshot.
    #[must_use]
    pub fn has_services(&self, namespace: &str) -> bool {
        let mut services = self.snapshot.objects.services.iter();
        services.any(|service| service.metadata.namespace.as_deref() == Some(namespace))
    }

    /// Whether all Services of the namespace are known, so that one that is not there does not exist.
    #[must_use]
    pub fn knows_services(&self, namespace: &str) -> bool {
        let known = self.snapshot.recorded.knows_in("services", namespace);
        !self.blind_to("service") && (known || self.has_services(namespace))
    }

    /// Whether any Service is the one.
    pub fn any_service(&self, is_it: impl Fn(&ObjectRef) -> bool) -> bool {
        self.snapshot.objects.services.iter().any(|service| is_it(&object_ref(service)))
    }

    /// The Services of a namespace.
    #[must_use]
    pub fn services_of(&self, namespace: &str) -> Vec<ObjectRef> {
        let services = self.snapshot.objects.services.iter();
        services
            .filter(|service| service.metadata.namespace.as_deref() == Some(namespace))
            .map(object_ref)
            .collect()
    }

    /// The Services of a namespace, or of all, that have one of the ports.
    #[must_use]
    pub fn services_with(&self, namespace: Option<&str>, ports: &[u16]) -> Vec<ObjectRef> {
        let has = |service: &&Service| {
            let own = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
            let mut own = own.flat_map(|port| {
                let target = match port.target_port {
                    Some(IntOrString::Int(number)) => Some(number),
                    _ => None,
                };
                [Some(port.port), target]
            });
            let wanted = |port: i32| u16::try_from(port).is_ok_and(|port| ports.contains(&port));
            (namespace.is_none() || service.metadata.namespace.as_deref() == namespace)
                && own.any(|port| port.is_some_and(wanted))
        };
        self.snapshot.objects.services.iter().filter(has).map(object_ref).collect()
    }
}

/// The containers that are the program itself: a mesh's sidecar is a proxy in every pod.
fn main(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let sidecars = ["istio-proxy", "linkerd-proxy", "envoy-sidecar", "kuma-sidecar"];
    spec.containers.iter().filter(move |container| !sidecars.contains(&container.name.as_str()))
}

/// The last part of the image's path without tag and digest, in lower case.
fn image_name(container: &Container) -> String {
    let image = container.image.as_deref().unwrap_or_default();
    let path = image.split('@').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use crate::diagnose::index::Index;
    use crate::diagnose::world::World;
    use crate::incident::ObjectRef;

    fn world(image: &str) -> World {
        let mut world = World::new().deployment("store", 1);
        let spec =
            world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].image = Some(image.to_owned());
        world
    }

    #[test]
    fn databases_and_gateways_are_known_by_their_images() {
        let store = ObjectRef::new("Deployment", "shop", "store");
        let kinds = [
            ("registry.test/library/mysql:8.4", (true, false)),
            ("docker.io/bitnami/postgresql@sha256:0", (true, false)),
            ("registry.test/mysqld-exporter:1", (false, false)),
            ("registry.test/mysql/web:1", (false, false)),
            ("nginx", (false, true)),
        ];
        for (image, expected) in kinds {
            let world = world(image);
            let index = Index::new(&world.snapshot);
            assert_eq!((index.is_database(&store), index.is_gateway(&store)), expected, "{image}");
        }
    }

    #[test]
    fn services_are_found_by_their_ports() {
        let world = world("mysql");
        let index = Index::new(&world.snapshot);
        assert_eq!(index.services_with(Some("shop"), &[80]), [ObjectRef::new("Service", "shop", "store")]);
        assert_eq!(index.services_with(None, &[3306]), []);
        assert!(index.knows_services("shop") && !index.knows_services("elsewhere"));
    }
}
