//! Pods.

use jiff::Timestamp;
use serde_json::Value;

use super::super::fields::{list, number, pairs, text};
use super::super::page::cell;
use super::container;
use super::other::conditions;
use super::sheet::Sheet;

pub(super) fn describe(sheet: &mut Sheet, pod: &Value, now: Timestamp) {
    for (name, path) in [
        ("Node", "/spec/nodeName"),
        ("Status", "/status/phase"),
        ("Reason", "/status/reason"),
        ("Message", "/status/message"),
        ("IP", "/status/podIP"),
        ("QoS class", "/status/qosClass"),
        ("Service account", "/spec/serviceAccountName"),
        ("Priority class", "/spec/priorityClassName"),
    ] {
        sheet.field(name, text(pod, path));
    }
    sheet.field("Node selector", &pairs(pod, "/spec/nodeSelector"));
    containers(sheet, pod, "Init containers", "/spec/initContainers", "/status/initContainerStatuses", now);
    containers(sheet, pod, "Containers", "/spec/containers", "/status/containerStatuses", now);
    conditions(sheet, pod);
    volumes(sheet, list(pod, "/spec/volumes"));
    tolerations(sheet, list(pod, "/spec/tolerations"));
}

fn containers(sheet: &mut Sheet, pod: &Value, name: &str, specs: &str, statuses: &str, now: Timestamp) {
    let specs = list(pod, specs);
    if !specs.is_empty() {
        sheet.section(name);
    }
    for spec in specs {
        let own = |status: &&Value| text(status, "/name") == text(spec, "/name");
        container::describe(sheet, spec, list(pod, statuses).iter().find(own), now);
    }
}

/// Volumes with their sources.
pub(super) fn volumes(sheet: &mut Sheet, volumes: &[Value]) {
    if volumes.is_empty() {
        return;
    }
    sheet.section("Volumes");
    for volume in volumes {
        let map = volume.as_object();
        let source = map.into_iter().flatten().find(|(key, _)| key.as_str() != "name");
        let (kind, detail) = source.map_or(("emptyDir", String::new()), |(kind, source)| {
            let name = ["/name", "/secretName", "/claimName", "/path"]
                .iter()
                .map(|path| text(source, path))
                .find(|name| !name.is_empty());
            (kind.as_str(), name.unwrap_or_default().to_owned())
        });
        sheet.line(1, &cell(&format!("{}: {kind} {detail}", text(volume, "/name"))));
    }
}

fn tolerations(sheet: &mut Sheet, tolerations: &[Value]) {
    let told = tolerations.iter().map(|one| {
        let seconds =
            number(one, "/tolerationSeconds").map(|seconds| format!(" for {seconds}s")).unwrap_or_default();
        let value = text(one, "/value");
        let value = if value.is_empty() { String::new() } else { format!("={value}") };
        format!("{}{value}:{}{seconds}", text(one, "/key"), text(one, "/effect"))
    });
    sheet.field("Tolerations", &told.collect::<Vec<_>>().join(", "));
}
