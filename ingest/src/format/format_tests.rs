//! What becomes of a sample of each format.

use insta::assert_snapshot;

use crate::{Document, Limits, RawDocument, Validators, document::BlockKind};

use super::parse;

pub(super) fn raw(path: &str, bytes: &[u8]) -> RawDocument {
    RawDocument {
        path: path.to_owned(),
        uri: path.to_owned(),
        bytes: bytes.to_vec(),
        media_type: None,
        modified: None,
        validators: Validators::default(),
    }
}

pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    parse(&raw(path, text.as_bytes()), &Limits::default())
}

/// Title, attributes, and each block with its lines, kind and headings.
pub(super) fn shown(path: &str, text: &str) -> String {
    let document = match read(path, text) {
        Ok(document) => document,
        Err(reason) => return format!("refused: {reason}"),
    };
    let attributes = serde_json::to_string(&document.attributes).unwrap();
    let mut shown = format!("{} {attributes}\n", document.title);
    for block in document.blocks {
        let kind = match block.kind {
            BlockKind::Prose => "prose".to_owned(),
            BlockKind::Code(language) => format!("code {language}"),
            BlockKind::Table => "table".to_owned(),
        };
        let (first, last, above) = (block.lines.first, block.lines.last, block.headings.join(" > "));
        shown += &format!("{first}-{last} {kind} [{above}]\n{}\n", block.text);
    }
    shown
}

const RUNBOOK: &str = r#"---
title: Pod crash looping
category: runbook
codes: [CrashLoop, OomKilled]
alerts: KubePodCrashLooping
k8s_version: 1.30
severity: critical
tags: [pods]
date: 2024-05-01
trust: 0.9
weight: 20
---

# KubePodCrashLooping

## {{% heading "prerequisites" %}}

A {{< glossary_tooltip text="Pod" term_id="pod" >}} restarts, see the
[runbook]({{< ref "./Other.md" >}}) and `kubectl logs`.

{{< note >}}
Not *every* restart<br/>is a crash.<!-- secret plan -->
{{< /note >}}

1. Look at the logs:

   ```bash {hl_lines=[1]}
   kubectl logs $POD --previous
   ```

2. Compare:
   - limits
   - usage

| Code | Meaning |
|------|---------|
| 137  | killed, `OOM` |
| 1    | error   |

{{< table caption="Flags" >}}
Flag | Use
:----|:---
`-f` | follow
{{< /table >}}

## Mitigation {#mitigation}

![Memory graph](graph.png) <div>
Raise the limit &amp; wait.
</div>
"#;

#[test]
fn markdown_keeps_structure_and_drops_markup() {
    assert_snapshot!(shown("pods/KubePodCrashLooping.md", RUNBOOK));
}

#[test]
fn the_only_first_heading_is_the_title_and_stands_above_nothing() {
    assert_eq!(
        shown("a.md", "# Disk full\n\nText.\n\n## Why\n\nMore."),
        "Disk full {}\n3-3 prose []\nText.\n7-7 prose [Why]\nMore.\n"
    );
    assert_eq!(shown("a.md", "# One\n\nx\n\n# Two\n\ny"), "One {}\n3-3 prose [One]\nx\n7-7 prose [Two]\ny\n");
    assert_eq!(shown("DiskFull.md", "Text."), "Disk Full {}\n1-1 prose []\nText.\n");
}

#[test]
fn toml_front_matter_is_understood_and_broken_front_matter_is_no_reason_to_refuse() {
    let toml =
        "+++\ntitle = \"T\"\nlastmod = 2024-05-01T10:00:00Z\nseverity = \"WARNING\"\ntags = [\"a\"]\n+++\nx";
    assert_eq!(
        shown("a.md", toml),
        "T {\"severity\":\"warning\",\"tags\":[\"a\"],\"last_updated\":\"2024-05-01T10:00:00Z\"}\n7-7 prose []\nx\n"
    );
    assert_eq!(shown("a.md", "---\ntitle: [\n: :\n---\nx"), "A {}\n5-5 prose []\nx\n".replace('A', "a"));
    assert_eq!(shown("a.md", "---\nA rule above, no keys.\n\n---\nx").lines().count(), 5);
}

#[test]
fn shortcodes_over_lines_keep_the_lines_below_in_place() {
    let text = "{{< figure\n  src=\"a.png\"\n  alt=\"Graph\"\n>}}\n\nAfter.\n\n{{< comment >}}\nhidden\n{{< /comment >}}\n\nEnd {{ .Values.kept }}.";
    assert_eq!(
        shown("a.md", text),
        "a {}\n1-1 prose []\nGraph\n6-6 prose []\nAfter.\n12-12 prose []\nEnd {{ .Values.kept }}.\n"
    );
}

#[test]
fn html_yields_its_main_content_with_lines() {
    let page = "<!doctype html><html><head><title>Evicted pods | Site</title><style>p{}</style></head><body>\n<nav><a href=/>Home</a> <a>Docs</a></nav>\n<main>\n<h1>Evicted pods<a class=headerlink>¶</a></h1>\n<p>The kubelet evicts pods when a node runs out\nof <code>memory</code>.</p>\n<h2>Look</h2>\n<ol><li>First<ul><li>inner</li></ul></li><li>Second</li></ol>\n<div class=\"highlight-bash\"><pre><span>kubectl</span> get events\nkubectl top node\n</pre></div>\n<table><tr><th>Signal</th><th>Limit</th></tr>\n<tr><td>memory.available</td><td>100Mi</td></tr></table>\n</main><footer>© nobody</footer><script>var x;</script></body></html>";
    assert_snapshot!(shown("evicted.html", page));
}

#[test]
fn html_without_a_main_element_loses_its_navigation_too() {
    let paragraph = "<p>When the API server cannot reach etcd, every write fails and controllers stop, so look at etcd first, at its disk and its peers.</p>\n".repeat(8);
    let page = format!(
        "<html><head><title>Etcd down</title></head><body><div class=\"nav\"><ul><li><a href=a>Home</a></li><li><a href=b>Shop</a></li></ul></div>\n<div id=content>{paragraph}</div></body></html>"
    );
    let shown = shown("etcd.html", &page);
    assert!(shown.starts_with("Etcd down") && shown.contains("look at etcd first"), "{shown}");
    assert!(!shown.contains("Shop"), "{shown}");
}

const MANIFESTS: &str = "# ours
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Secret
metadata:
  name: db
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"password\":\"aHVudGVyMg==\"}}'
data:
  password: aHVudGVyMg==
stringData: {user: hunter2}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: one
- kind: Secret
  apiVersion: v1
  metadata: {name: two}
  data: {key: aHVudGVyMg==}
metadata: {}
---
replicas: 3
";

#[test]
fn manifests_are_parted_by_object_and_secrets_hidden() {
    let shown = shown("all.yaml", MANIFESTS);
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn secrets_in_json_and_in_broken_yaml_are_not_let_through() {
    let list = "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"s\"}, \"data\": {\"k\": \"aHVudGVyMg==\"}},\n{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"p\"},\n \"spec\": {}}]}";
    let shown = shown("list.json", list);
    assert!(shown.contains("2-2 code json [Secret s]") && shown.contains("3-4 code json [Pod p]"), "{shown}");
    assert!(shown.contains("(hidden)") && !shown.contains("aHVudGVyMg"), "{shown}");
    let template = "apiVersion: v1\nkind: Secret\ndata:\n{{- if .Values.x }}\n  a: aHVudGVyMg==\n{{ end }}";
    assert!(read("secret.yaml", template).unwrap_err().contains("names a Secret"));
    assert_eq!(shown_kind("deployment.yaml", "kind: Deployment\n{{- if .Values.x }}\na: 1\n"), "code yaml");
}

fn shown_kind(path: &str, text: &str) -> String {
    shown(path, text).lines().nth(1).unwrap().split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn prometheus_rules_are_parted_by_alert() {
    let rules = "groups:\n  - name: node\n    rules:\n      - alert: NodeDown\n        expr: up == 0\n        annotations:\n          summary: |\n            Node is\n            down\n\n      - record: job:up:sum\n        expr: sum(up)\n";
    assert_eq!(
        shown("rules.yaml", rules),
        "rules {}\n4-9 code yaml [node > alert NodeDown]\nalert: NodeDown\nexpr: up == 0\nannotations:\n  summary: |\n    Node is\n    down\n11-12 code yaml [node > record job:up:sum]\nrecord: job:up:sum\nexpr: sum(up)\n"
    );
}

#[test]
fn notebooks_keep_text_code_and_short_outputs() {
    let notebook = r##"{"nbformat": 4, "metadata": {"language_info": {"name": "Python"}}, "cells": [
{"cell_type": "markdown", "source": ["# Latency\n", "\n", "Look at `p99`."]},
{"cell_type": "code", "source": "print(1)", "outputs": [
 {"output_type": "stream", "text": ["1\n"]}, {"output_type": "display_data", "data": {"image/png": "iVBOR"}}]}
]}"##;
    assert_eq!(
        shown("n.ipynb", notebook),
        "Latency {}\n2-2 prose []\nLook at p99.\n3-4 code python []\nprint(1)\n3-4 code output []\n1\n"
    );
}

#[test]
fn asciidoc_is_read_as_text_with_structure() {
    let text = "= Etcd quorum lost\n:toc:\n\nSee link:http://x[the guide] and <<fix,the fix>>.\n\n== Fix\n\n.Run this\n[source,bash]\n----\netcdctl endpoint health\n----\n\n|===\n|Flag |Use\n\n|-w\n|format\n|===\n\n// no comment\nNOTE: Mind {product}.\n";
    assert_snapshot!(shown("quorum.adoc", text));
}

#[test]
fn restructured_text_is_read_as_text_with_structure() {
    let text = "============\nNode NotReady\n============\n\nThe :ref:`kubelet <kubelet-doc>` stopped; see `docs <http://x>`_.\nRun::\n\n   systemctl status kubelet\n\n.. _anchor:\n\nRepair\n------\n\n.. note:: Drain first.\n\n.. code-block:: bash\n   :linenos:\n\n   kubectl drain node\n\nDone.\n";
    assert_snapshot!(shown("node.rst", text));
}

#[test]
fn logs_keep_their_lines_and_text_its_paragraphs() {
    let log = "2024-05-01T10:00:00Z ERROR \u{1b}[31moom\u{1b}[0m\r\n2024-05-01T10:00:01Z INFO up\r\n";
    assert_eq!(
        shown("app.log", log),
        "app {}\n1-2 code log []\n2024-05-01T10:00:00Z ERROR oom\n2024-05-01T10:00:01Z INFO up\n"
    );
    assert_eq!(shown("notes.txt", "\n\nOne.\n\nTwo.\n\n"), "notes {}\n3-5 prose []\nOne.\n\nTwo.\n");
}
