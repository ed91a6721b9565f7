//! Services, endpoints, ingresses and network policies.

use serde_json::{Value, json};

use super::cells::{self, NONE, age, items, name, selector, text};
use super::{View, column, wide};

pub(super) const SERVICES: View = View {
    columns: &[
        column("Name"),
        column("Type"),
        column("Cluster-IP"),
        column("External-IP"),
        column("Port(s)"),
        column("Age"),
        wide("Selector"),
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(text(object, "/spec/type")),
            cells::text_or_none(object, "/spec/clusterIP"),
            json!(external(object)),
            json!(ports(object)),
            age(object, now),
            cells::pairs(object.pointer("/spec/selector")),
        ]
    },
};

fn external(service: &Value) -> String {
    let mut addresses: Vec<&str> =
        items(service, "/spec/externalIPs").iter().filter_map(Value::as_str).collect();
    match text(service, "/spec/type") {
        "ExternalName" => return text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            for ingress in items(service, "/status/loadBalancer/ingress") {
                let address = [text(ingress, "/ip"), text(ingress, "/hostname")];
                addresses.extend(address.into_iter().find(|address| !address.is_empty()));
            }
            if addresses.is_empty() {
                return "<pending>".to_owned();
            }
        }
        _ => {}
    }
    if addresses.is_empty() { NONE.to_owned() } else { addresses.join(",") }
}

fn ports(service: &Value) -> String {
    let shown: Vec<String> = items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let number = cells::count(port, "/port");
            let protocol = text(port, "/protocol");
            match cells::count(port, "/nodePort") {
                0 => format!("{number}/{protocol}"),
                node_port => format!("{number}:{node_port}/{protocol}"),
            }
        })
        .collect();
    if shown.is_empty() { NONE.to_owned() } else { shown.join(",") }
}

pub(super) const ENDPOINTS: View = View {
    columns: &[column("Name"), column("Endpoints"), column("Age")],
    cells: |object, now| {
        let mut all = Vec::new();
        for subset in items(object, "/subsets") {
            for address in items(subset, "/addresses") {
                for port in items(subset, "/ports") {
                    all.push(format!("{}:{}", text(address, "/ip"), cells::count(port, "/port")));
                }
            }
        }
        vec![name(object), json!(shortened(&all, 3)), age(object, now)]
    },
};

/// The first few, and how many more there are.
fn shortened(all: &[String], most: usize) -> String {
    let shown: Vec<&str> = all.iter().take(most).map(String::as_str).collect();
    match all.len().saturating_sub(most) {
        _ if all.is_empty() => NONE.to_owned(),
        0 => shown.join(","),
        more => format!("{} + {more} more...", shown.join(",")),
    }
}

pub(super) const SLICES: View = View {
    columns: &[column("Name"), column("AddressType"), column("Ports"), column("Endpoints"), column("Age")],
    cells: |object, now| {
        let ports: Vec<String> =
            items(object, "/ports").iter().map(|port| cells::count(port, "/port").to_string()).collect();
        let addresses: Vec<String> = items(object, "/endpoints")
            .iter()
            .flat_map(|endpoint| items(endpoint, "/addresses"))
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect();
        let or_unset =
            |all: &[String]| if all.is_empty() { cells::UNSET.to_owned() } else { shortened(all, 3) };
        vec![
            name(object),
            json!(text(object, "/addressType")),
            json!(or_unset(&ports)),
            json!(or_unset(&addresses)),
            age(object, now),
        ]
    },
};

pub(super) const INGRESSES: View = View {
    columns: &[
        column("Name"),
        column("Class"),
        column("Hosts"),
        column("Address"),
        column("Ports"),
        column("Age"),
    ],
    cells: |object, now| {
        let hosts: Vec<String> = items(object, "/spec/rules")
            .iter()
            .map(|rule| text(rule, "/host").to_owned())
            .filter(|host| !host.is_empty())
            .collect();
        let addresses: Vec<&str> = items(object, "/status/loadBalancer/ingress")
            .iter()
            .map(|ingress| {
                if text(ingress, "/ip").is_empty() {
                    text(ingress, "/hostname")
                } else {
                    text(ingress, "/ip")
                }
            })
            .collect();
        let secure = !items(object, "/spec/tls").is_empty();
        vec![
            name(object),
            cells::text_or_none(object, "/spec/ingressClassName"),
            json!(if hosts.is_empty() { "*".to_owned() } else { shortened(&hosts, 3) }),
            json!(addresses.join(",")),
            json!(if secure { "80, 443" } else { "80" }),
            age(object, now),
        ]
    },
};

pub(super) const POLICIES: View = View {
    columns: &[column("Name"), column("Pod-Selector"), column("Age")],
    cells: |object, now| vec![name(object), selector(object, "/spec/podSelector"), age(object, now)],
};
