//! What the containers of a pod share and may fight over: ports; and the names that its DNS settings know.
//!
//! Declared ports are documentation, and pods with settings of their own for DNS are often right: by themselves these are
//! context for what a program says.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{DNS_SERVICES, Index, SYSTEM};
use crate::incident::ObjectRef;

/// Ports on which the sidecars of meshes listen in every pod (Istio: 15000, 15001, 15006, 15008, 15020, 15021, 15053, 15090,
/// 15004; Linkerd: 4140, 4143, 4190, 4191).
const MESHES: [(&str, &[i32]); 2] = [
    ("istio-proxy", &[15_000, 15_001, 15_004, 15_006, 15_008, 15_020, 15_021, 15_053, 15_090]),
    ("linkerd-proxy", &[4_140, 4_143, 4_190, 4_191]),
];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let specs = index.specs();
    let ports = specs.iter().flat_map(|(workload, _)| {
        // Sidecars are added to pods, not to templates.
        let pod = index.pods_of(workload).first().and_then(|pod| pod.spec.as_ref());
        pod.or_else(|| index.spec_of(workload)).map(|spec| ports(workload, spec)).unwrap_or_default()
    });
    let names = specs.iter().filter_map(|(workload, spec)| misplaced(index, workload, spec));
    ports.chain(names).chain(service_down(index)).collect()
}

/// The containers that run side by side.
fn beside(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(sidecars)
}

fn ports(workload: &ObjectRef, spec: &PodSpec) -> Vec<Finding> {
    let mut declared: BTreeMap<(i32, &str), Vec<&str>> = BTreeMap::new();
    for container in beside(spec) {
        for port in container.ports.iter().flatten() {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            declared.entry((port.container_port, protocol)).or_default().push(&container.name);
        }
    }
    let mesh = beside(spec).find_map(|own| MESHES.iter().find(|(name, _)| *name == own.name));
    let found = declared.into_iter().filter_map(|((port, protocol), mut containers)| {
        containers.dedup();
        let taken = mesh.filter(|(name, ports)| ports.contains(&port) && !containers.contains(name));
        let (code, what) = match (taken, containers.as_slice()) {
            (Some((name, _)), _) => (codes::PORT_OF_MESH, format!("on which its sidecar {name} listens")),
            (None, [_, _, ..]) => {
                (codes::PORT_DECLARED_TWICE, format!("in containers {}", containers.join(" and ")))
            }
            _ => return None,
        };
        let statement = format!("Pods of {workload} declare port {port}/{protocol} {what}");
        Some(
            Finding::new(code, workload.clone(), statement)
                .field("port", port)
                .field("containers", containers.join(", ")),
        )
    });
    found.collect()
}

/// DNS settings that do not lead to the cluster's DNS, of a program that is told names of the cluster.
fn misplaced(index: &Index<'_>, workload: &ObjectRef, spec: &PodSpec) -> Option<Finding> {
    if index.called_by(workload).is_empty() {
        return None;
    }
    let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let own = spec.dns_config.iter().flat_map(|config| config.nameservers.iter().flatten());
    let own: Vec<&str> = own.map(String::as_str).collect();
    let servers = DNS_SERVICES.iter().filter_map(|name| {
        let service = index.service(&ObjectRef::new("Service", SYSTEM, *name))?;
        service.spec.as_ref()?.cluster_ip.as_deref()
    });
    let asks_the_cluster = servers.into_iter().any(|address| own.contains(&address));
    let why = match policy {
        "Default" => "dnsPolicy Default asks the name servers of the node".to_owned(),
        "ClusterFirst" if spec.host_network == Some(true) => {
            "on the host's network, dnsPolicy ClusterFirst asks the name servers of the node".to_owned()
        }
        "None" if own.is_empty() => "dnsPolicy None names no name server".to_owned(),
        "None" => format!("dnsPolicy None asks {}", own.join(", ")),
        _ => return None,
    };
    let statement = format!("{workload} is told names of the cluster, and its {why}");
    let finding = Finding::new(codes::DNS_MISPLACED, workload.clone(), statement);
    (!asks_the_cluster).then(|| finding.field("spec.dnsPolicy", policy).field("nameservers", own.join(", ")))
}

/// The cluster's DNS without a ready endpoint: about the workload behind its Service, where there is one.
fn service_down(index: &Index<'_>) -> Option<Finding> {
    let services = DNS_SERVICES.iter().map(|name| ObjectRef::new("Service", SYSTEM, *name));
    let service = services.into_iter().find(|service| index.service(service).is_some())?;
    if index.ready_endpoints(&service)? > 0 {
        return None;
    }
    let object = index.behind(&service).into_iter().next().unwrap_or_else(|| service.clone());
    let replicas = index.template(&object).map(|template| template.replicas);
    let why = if replicas == Some(0) { format!(": {object} wants 0 replicas") } else { String::new() };
    let statement = format!("{service}, the cluster's DNS, has no ready endpoint{why}");
    Some(Finding::new(codes::DNS_SERVICE_DOWN, object, statement).field_if("spec.replicas", replicas))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};

    fn codes(spec: &Value) -> Vec<String> {
        let mut world = World::new().deployment("cart", 1).deployment("web", 1);
        let env = json!([{"name": "CART_ADDR", "value": "cart:80"}]);
        let mut pod = json!({"containers": [{"name": "app", "image": "i", "env": env}]});
        json_patch::merge(&mut pod, spec);
        let objects = &mut world.snapshot.objects;
        objects.deployments[1].spec.as_mut().unwrap().template.spec = Some(object(pod.clone()));
        let own =
            objects.pods.iter_mut().find(|pod| pod.metadata.name.as_deref() == Some("web-1-0")).unwrap();
        own.spec = Some(object(pod));
        world.codes().into_iter().filter(|code| code.starts_with("pod.")).collect()
    }

    fn containers(mesh: &str, ports: [i32; 2]) -> Value {
        let port = |number: i32| json!([{"containerPort": number}]);
        json!({"containers": [{"name": "app", "ports": port(ports[0])}, {"name": mesh, "ports": port(ports[1])}]})
    }

    #[test]
    fn ports_that_two_containers_declare_or_a_mesh_takes_are_context() {
        assert_eq!(codes(&containers("side", [8080, 8080])), ["pod.port.declared_twice"]);
        assert_eq!(codes(&containers("istio-proxy", [15_090, 15_021])), ["pod.port.taken_by_mesh"]);
        assert_eq!(codes(&containers("istio-proxy", [8080, 15_090])), Vec::<String>::new());
        assert_eq!(codes(&containers("side", [8080, 9090])), Vec::<String>::new());
    }

    #[test]
    fn dns_settings_that_do_not_lead_to_the_cluster_are_context() {
        for spec in [
            json!({"dnsPolicy": "Default"}),
            json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["203.0.113.9"]}}),
            json!({"hostNetwork": true}),
        ] {
            assert_eq!(codes(&spec), ["pod.dns.not_of_cluster"], "{spec}");
        }
        for spec in [
            json!({}),
            json!({"dnsPolicy": "ClusterFirst"}),
            json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"}),
        ] {
            assert_eq!(codes(&spec), Vec::<String>::new(), "{spec}");
        }
    }

    #[test]
    fn a_cluster_without_dns_is_told_by_its_endpoints() {
        let dns = |ready: bool| {
            let mut world = World::new();
            world
                .snapshot
                .objects
                .services
                .push(object(json!({"metadata": {"namespace": "kube-system", "name": "kube-dns"},
                "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": 53}]}})));
            let addresses = if ready { json!([{"ip": "10.1.0.9"}]) } else { json!([]) };
            world
                .snapshot
                .objects
                .endpoints
                .push(object(json!({"metadata": {"namespace": "kube-system", "name": "kube-dns"},
                "subsets": [{"addresses": addresses}]})));
            world.codes()
        };
        assert_eq!(dns(false), ["dns.service_down"]);
        assert_eq!(dns(true), Vec::<String>::new());
    }
}
