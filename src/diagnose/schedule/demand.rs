//! What a pod asks of a node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::incident::Quantity;

/// Amounts by resource.
pub(in crate::diagnose) type Amounts = BTreeMap<String, Quantity>;

/// What a pod requests: the sum of its containers and sidecars, or more where an init container needs more, and its
/// overhead (<https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers>).
pub(in crate::diagnose) fn of_pod(spec: &PodSpec) -> Amounts {
    let mut running = Amounts::new();
    for container in &spec.containers {
        add(&mut running, &of_container(container));
    }
    let mut peak = Amounts::new();
    let mut sidecars = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &of_container(container));
            continue;
        }
        let mut now = sidecars.clone();
        add(&mut now, &of_container(container));
        raise(&mut peak, &now);
    }
    add(&mut running, &sidecars);
    raise(&mut running, &peak);
    add(&mut running, &parse(spec.overhead.iter().flatten().map(|(name, amount)| (name, amount.0.as_str()))));
    running
}

fn of_container(container: &Container) -> Amounts {
    let resources = container.resources.as_ref();
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    // A limit without a request is a request.
    let all = limits.into_iter().chain(requests).flatten();
    parse(all.map(|(name, amount)| (name, amount.0.as_str())))
}

/// Reads amounts; what cannot be read is left out.
pub(super) fn parse<'a>(amounts: impl IntoIterator<Item = (&'a String, &'a str)>) -> Amounts {
    let read = amounts.into_iter().filter_map(|(name, text)| Some((name.clone(), Quantity::parse(text)?)));
    read.collect()
}

/// Adds amounts.
pub(super) fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let known = sum.entry(name.clone()).or_insert(Quantity::whole(0));
        *known = known.plus(*amount);
    }
}

fn raise(amounts: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let known = amounts.entry(name.clone()).or_insert(*amount);
        *known = (*known).max(*amount);
    }
}

/// An amount for people: cores, or bytes in the largest unit that leaves no more than one digit behind the point.
pub(in crate::diagnose) fn shown(resource: &str, amount: Quantity) -> String {
    if resource == "cpu" {
        return amount.in_units(1, "");
    }
    let unit = [(1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    let fits = unit.into_iter().find(|(bytes, _)| amount >= Quantity::whole(*bytes));
    fits.map_or_else(|| amount.in_units(1, ""), |(bytes, name)| amount.in_units(bytes, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of_pod, shown};
    use crate::incident::Quantity;

    #[test]
    fn a_pod_asks_for_its_containers_its_sidecars_or_its_largest_init_container() {
        let requests = |cpu: &str| json!({"requests": {"cpu": cpu}});
        let spec = json!({
            "containers": [{"name": "a", "resources": requests("500m")}, {"name": "b", "resources": {"limits": {"cpu": "1"}}}],
            "initContainers": [{"name": "i", "resources": requests("3")},
                {"name": "s", "restartPolicy": "Always", "resources": requests("250m")}],
        });
        let asked = of_pod(&serde_json::from_value(spec).unwrap());
        assert_eq!(asked.get("cpu").copied(), Quantity::parse("3"));
    }

    #[test]
    fn amounts_are_shown_as_people_write_them() {
        let shown = |resource, text| shown(resource, Quantity::parse(text).unwrap());
        assert_eq!(shown("cpu", "7125m"), "7.1");
        assert_eq!(shown("cpu", "12"), "12");
        assert_eq!(shown("memory", "1536Mi"), "1.5Gi");
        assert_eq!(shown("nvidia.com/gpu", "2"), "2");
    }
}
