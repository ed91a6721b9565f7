//! `kubectl top`: what the metrics API says now.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::fields::{list, text};
use super::super::page::columns;
use super::super::target::{self, Found};
use crate::agents::tools::{ToolContext, ToolError};
use crate::observe::Selection;

const GROUP: &str = "metrics.k8s.io";

/// What is measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) nodes: bool,
    pub(super) name: Option<String>,
    pub(super) containers: bool,
}

pub(super) async fn top(
    asked: &Asked,
    place: Option<&str>,
    labels: &str,
    context: &ToolContext,
) -> Result<String, ToolError> {
    let plural = if asked.nodes { "nodes" } else { "pods" };
    let catalog = context.observer.reader().catalog().await.map_err(target::unread)?;
    let Some(kind) = catalog.in_group(GROUP, plural) else { return Err(unserved(asked, place)) };
    if !asked.nodes
        && let (Some(name), Ok(pods)) = (&asked.name, target::kind(context, "pods").await)
    {
        target::object(context, &pods, place, name).await?;
    }
    let mut found: Vec<Found> = Vec::new();
    for place in target::places(context, kind, place)? {
        let listed =
            context.observer.reader().list(kind, place.as_deref(), &Selection::labelled(labels)).await;
        found.extend(
            listed.map_err(target::unread)?.items.into_iter().map(|value| target::found(kind, value)),
        );
    }
    found.retain(|one| asked.name.as_ref().is_none_or(|name| one.object.name == *name));
    if found.is_empty() {
        return Err(ToolError::NotFound(format!(
            "no metrics of {plural} there; those that just started have none yet"
        )));
    }
    Ok(drawn(&found, asked))
}

fn unserved(asked: &Asked, place: Option<&str>) -> ToolError {
    let query = match (asked.nodes, place) {
        (true, _) => "sum by (node) (container_memory_working_set_bytes{id=\"/\"})".to_owned(),
        (false, place) => {
            let place = place.map(|name| format!("namespace=\"{name}\",")).unwrap_or_default();
            format!("sum by (pod) (container_memory_working_set_bytes{{{place}container!=\"\"}})")
        }
    };
    ToolError::Unavailable(format!("this cluster serves no metrics API; ask metrics_query instead: {query}"))
}

fn drawn(found: &[Found], asked: &Asked) -> String {
    let mut rows = Vec::new();
    for one in found {
        let parts: Vec<(Option<&str>, &Value)> = if asked.nodes {
            vec![(None, &one.value)]
        } else {
            list(&one.value, "/containers")
                .iter()
                .map(|container| (Some(text(container, "/name")), container))
                .collect()
        };
        let mut sums = BTreeMap::<&str, (f64, f64)>::new();
        for (container, usage) in parts {
            let key = container.filter(|_| asked.containers).unwrap_or_default();
            let sum = sums.entry(key).or_default();
            sum.0 += amount(text(usage, "/usage/cpu"));
            sum.1 += amount(text(usage, "/usage/memory"));
        }
        for (container, (cpu, memory)) in sums {
            let mut row = vec![one.object.namespace.clone(), one.object.name.clone()];
            row.push(container.to_owned());
            row.push(format!("{:.0}m", cpu * 1_000.0));
            row.push(format!("{:.0}Mi", memory / f64::from(1 << 20)));
            rows.push(row);
        }
    }
    let header = ["NAMESPACE", "NAME", "CONTAINER", "CPU(cores)", "MEMORY(bytes)"];
    // Columns that say nothing here are left out.
    let keep: Vec<bool> = (0..header.len())
        .map(|at| rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty())))
        .collect();
    let kept = |cells: Vec<String>| {
        cells.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(cell, _)| cell).collect()
    };
    let names: Vec<&str> =
        header.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(name, _)| *name).collect();
    columns(&names, &rows.into_iter().map(kept).collect::<Vec<Vec<String>>>())
}

/// A quantity of usage (`12m`, `250000n`, `64Mi`) as a number; 0 where it cannot be read.
fn amount(quantity: &str) -> f64 {
    let end = quantity.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(quantity.len());
    let (digits, suffix) = quantity.split_at(end);
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => 1.0,
    };
    digits.parse::<f64>().unwrap_or_default() * factor
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::target::found;
    use super::{Asked, drawn};
    use crate::observe::ResourceKind;

    #[test]
    fn usage_is_summed_by_pod_or_shown_by_container() {
        let value = json!({"kind": "PodMetrics", "metadata": {"namespace": "shop", "name": "web-1"}, "containers": [
            {"name": "web", "usage": {"cpu": "12500000n", "memory": "65536Ki"}},
            {"name": "side", "usage": {"cpu": "2m", "memory": "1Mi"}}]});
        let pods = [found(&ResourceKind::default(), value)];
        let whole = drawn(&pods, &Asked::default());
        assert_eq!(
            whole
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>(),
            ["NAMESPACE NAME CPU(cores) MEMORY(bytes)", "shop web-1 14m 65Mi"]
        );
        let each = drawn(&pods, &Asked { containers: true, ..Asked::default() });
        assert!(each.contains("side") && each.contains("12m") && each.contains("64Mi"), "{each}");
    }
}
