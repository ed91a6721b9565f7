//! Containers: what they run, how they are doing, what limits them.

use jiff::Timestamp;
use serde_json::Value;

use super::super::fields::{list, number, pairs, shown, text, time};
use super::super::page::cell;
use super::sheet::Sheet;
use crate::observe::age;

/// Most environment variables and mounts that are shown of one container.
const MAX_SHOWN: usize = 40;

/// A container of a template or pod; `status` is its status where there is one.
pub(super) fn describe(sheet: &mut Sheet, container: &Value, status: Option<&Value>, now: Timestamp) {
    sheet.line(1, &format!("{}:", cell(text(container, "/name"))));
    sheet.indented(2, "Image", text(container, "/image"));
    if let Some(status) = status {
        run_state(sheet, status, now);
    }
    let words = |path: &str| list(container, path).iter().map(shown).collect::<Vec<_>>().join(" ");
    sheet.indented(2, "Command", &words("/command"));
    sheet.indented(2, "Args", &words("/args"));
    let ports = list(container, "/ports").iter().map(|port| {
        format!("{}/{}", number(port, "/containerPort").unwrap_or_default(), text(port, "/protocol"))
    });
    sheet.indented(2, "Ports", &ports.collect::<Vec<_>>().join(", "));
    sheet.indented(2, "Limits", &pairs(container, "/resources/limits"));
    sheet.indented(2, "Requests", &pairs(container, "/resources/requests"));
    for (name, path) in
        [("Liveness", "/livenessProbe"), ("Readiness", "/readinessProbe"), ("Startup", "/startupProbe")]
    {
        sheet.indented(2, name, &container.pointer(path).map(probe).unwrap_or_default());
    }
    let from: Vec<String> = list(container, "/envFrom").iter().map(environment_from).collect();
    sheet.indented(2, "Environment from", &from.join(", "));
    listed(sheet, "Environment", list(container, "/env"), environment);
    listed(sheet, "Mounts", list(container, "/volumeMounts"), mount);
}

fn run_state(sheet: &mut Sheet, status: &Value, now: Timestamp) {
    sheet.indented(2, "State", &run(status.pointer("/state"), now));
    sheet.indented(2, "Last state", &run(status.pointer("/lastState"), now));
    let ready = status.pointer("/ready").is_some_and(|ready| ready == true);
    let restarts = number(status, "/restartCount").unwrap_or_default();
    sheet.indented(2, "Ready", &format!("{ready}, restart count {restarts}"));
}

fn run(state: Option<&Value>, now: Timestamp) -> String {
    let Some((name, detail)) = state.and_then(Value::as_object).and_then(|state| state.iter().next()) else {
        return String::new();
    };
    let mut parts = vec![name.clone()];
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            parts.push(format!("{label}{value}"));
        }
    };
    add("", cell(text(detail, "/reason")));
    add("exit code ", number(detail, "/exitCode").map(|code| code.to_string()).unwrap_or_default());
    add("signal ", number(detail, "/signal").map(|signal| signal.to_string()).unwrap_or_default());
    let ago = |path: &str| time(detail, path).map(|at| format!("{} ago", age(at, now))).unwrap_or_default();
    add("started ", ago("/startedAt"));
    add("finished ", ago("/finishedAt"));
    add("", cell(text(detail, "/message")));
    parts.join(", ")
}

fn probe(probe: &Value) -> String {
    let number = |path: &str, otherwise: i64| number(probe, path).unwrap_or(otherwise);
    let what = if let Some(get) = probe.pointer("/httpGet") {
        let port = get.pointer("/port").map(shown).unwrap_or_default();
        format!("http-get :{port}{}", text(get, "/path"))
    } else if let Some(socket) = probe.pointer("/tcpSocket") {
        format!("tcp-socket :{}", socket.pointer("/port").map(shown).unwrap_or_default())
    } else if let Some(grpc) = probe.pointer("/grpc") {
        format!("grpc :{}", grpc.pointer("/port").map(shown).unwrap_or_default())
    } else {
        let words = list(probe, "/exec/command").iter().map(shown);
        format!("exec [{}]", words.collect::<Vec<_>>().join(" "))
    };
    format!(
        "{what} delay={}s timeout={}s period={}s #success={} #failure={}",
        number("/initialDelaySeconds", 0),
        number("/timeoutSeconds", 1),
        number("/periodSeconds", 10),
        number("/successThreshold", 1),
        number("/failureThreshold", 3),
    )
}

fn environment_from(source: &Value) -> String {
    let map = text(source, "/configMapRef/name");
    if map.is_empty() {
        format!("Secret {}", text(source, "/secretRef/name"))
    } else {
        format!("ConfigMap {map}")
    }
}

fn environment(variable: &Value) -> String {
    let name = text(variable, "/name");
    let key = |path: &str| variable.pointer(path).map(|key| (text(key, "/name"), text(key, "/key")));
    if let Some((map, key)) = key("/valueFrom/configMapKeyRef") {
        return format!("{name} from key {key} of ConfigMap {map}");
    }
    if let Some((secret, key)) = key("/valueFrom/secretKeyRef") {
        return format!("{name} from key {key} of Secret {secret}");
    }
    match variable.pointer("/valueFrom") {
        Some(source) => format!("{name} from {source}"),
        None => format!("{name}={}", text(variable, "/value")),
    }
}

fn mount(mount: &Value) -> String {
    let read_only = mount.pointer("/readOnly").is_some_and(|only| only == true);
    let read_only = if read_only { " (read only)" } else { "" };
    format!("{} from {}{read_only}", text(mount, "/mountPath"), text(mount, "/name"))
}

fn listed(sheet: &mut Sheet, name: &str, items: &[Value], drawn: impl Fn(&Value) -> String) {
    if items.is_empty() {
        return;
    }
    sheet.line(2, &format!("{name}:"));
    for item in items.iter().take(MAX_SHOWN) {
        sheet.line(3, &cell(&drawn(item)));
    }
    if items.len() > MAX_SHOWN {
        sheet.line(3, &format!("({} more: kubernetes_get shows them)", items.len() - MAX_SHOWN));
    }
}
