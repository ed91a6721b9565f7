//! Setting requests and limits of one container, as `kubectl set resources` does it. Only the given amounts are written.

use serde_json::Value;

use super::{Change, Impossible, Request, pods, replicas, require_kind};
use crate::incident::Quantity;
use crate::incident::{ObjectRef, ResourceAmounts};
use crate::remediate::fields;
use crate::remediate::prior::{Prior, Watched};

pub(super) fn change(
    workload: &ObjectRef,
    container: &str,
    requests: &ResourceAmounts,
    limits: &ResourceAmounts,
    live: &Value,
) -> Result<Change, Impossible> {
    require_kind(&workload.kind, &["Deployment", "StatefulSet", "DaemonSet"], "given other resources")?;
    let path = resources_path(live, container)
        .ok_or_else(|| Impossible::because(format!("{workload} has no container {container}")))?;
    let mut desired = live.clone();
    write(&mut desired, &format!("{path}/requests"), requests)?;
    write(&mut desired, &format!("{path}/limits"), limits)?;
    if desired == *live {
        return Err(Impossible::because(format!(
            "container {container} of {workload} already has these resources"
        )));
    }
    requests_within_limits(&desired, &path)?;
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::capture(live, Watched::SpecWithoutReplicas, &[&path]),
        undo: format!("puts the former resources of container {container} back"),
        pods_affected: pods(replicas(live)),
    })
}

fn resources_path(live: &Value, container: &str) -> Option<String> {
    ["containers", "initContainers"].into_iter().find_map(|list| {
        let containers = fields::list(live, &format!("/spec/template/spec/{list}"));
        let index = containers.iter().position(|each| fields::text(each, "/name") == Some(container))?;
        Some(format!("/spec/template/spec/{list}/{index}/resources"))
    })
}

fn write(desired: &mut Value, path: &str, amounts: &ResourceAmounts) -> Result<(), Impossible> {
    for (name, amount) in [("cpu", &amounts.cpu), ("memory", &amounts.memory)] {
        let Some(amount) = amount else { continue };
        if Quantity::parse(amount).is_none_or(|quantity| quantity <= Quantity::whole(0)) {
            return Err(Impossible::because(format!("\"{amount}\" is not an amount of {name}")));
        }
        fields::set(desired, &format!("{path}/{name}"), Value::from(amount.as_str()));
    }
    Ok(())
}

fn requests_within_limits(desired: &Value, path: &str) -> Result<(), Impossible> {
    for name in ["cpu", "memory"] {
        let amount =
            |side: &str| fields::text(desired, &format!("{path}/{side}/{name}")).and_then(Quantity::parse);
        if let (Some(request), Some(limit)) = (amount("requests"), amount("limits"))
            && request > limit
        {
            return Err(Impossible::because(format!("the {name} request would be greater than its limit")));
        }
    }
    Ok(())
}
