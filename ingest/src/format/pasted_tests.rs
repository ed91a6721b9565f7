//! Secrets in code, in shell commands, in text.

use super::format_tests::{raw, read};
use super::{keepable, pasted::hide};
use crate::Limits;

/// What stands for a value that nobody may see.
const VALUE: &str = "aHVudGVyMg==";

/// Every block's text.
fn shown(path: &str, text: &str) -> String {
    let blocks = read(path, text).unwrap().blocks;
    blocks
        .iter()
        .map(|block| format!("{}-{}\n{}\n", block.lines.first, block.lines.last, block.text))
        .collect()
}

#[test]
fn a_secret_in_a_fence_keeps_its_names_and_its_lines() {
    let code = "kind: ConfigMap\ndata:\n  open: sesame\n---\napiVersion: v1\ndata:\n  token: aHVudGVyMg==\n  key: |\n    \
                aHVudGVyMg==\n\n    aHVudGVyMg==\nkind: Secret\nmetadata:\n  annotations:\n    \
                kubectl.kubernetes.io/last-applied-configuration: |\n      {\"data\":{\"token\":\"aHVudGVyMg==\"}}\n  name: token";
    let hidden = "kind: ConfigMap\ndata:\n  open: sesame\n---\napiVersion: v1\ndata:\n  token: (hidden)\n  key: (hidden)\n\n\n\n\
                  kind: Secret\nmetadata:\n  annotations:\n    \
                  kubectl.kubernetes.io/last-applied-configuration: (hidden)\n\n  name: token";
    let text = format!("# Token\n\nMake a Secret:\n\n```yaml\n{code}\n```\n\nThen go on.\n");
    let expected = format!("3-3\nMake a Secret:\n6-22\n{hidden}\n25-25\nThen go on.\n");
    assert_eq!(shown("a.md", &text), expected);
}

#[test]
fn secrets_are_hidden_in_every_shape_and_format() {
    let yaml = format!("apiVersion: v1\nkind: Secret\nstringData:\n  token: {VALUE}\n");
    let listed = format!(
        "items:\n- data:\n    token: {VALUE}\n  kind: Secret\n- kind: Secret\n  data: {{token: {VALUE}}}\n"
    );
    let quoted = format!("\"kind\": \"Secret\"\n\"data\":\n  \"token\": \"{VALUE}\"\n");
    let anchored = format!("x: &v {VALUE}\nkind: !!str Secret\ndata:\n  token: *v\n");
    let shell = format!(
        "$ cat <<EOF | kubectl apply -f -\n> kind: Secret\n> metadata: {{{{ .x }}}}\n> data:\n>   token: {VALUE}\nEOF\n"
    );
    let template =
        format!("kind: \"Secret\"\n{{{{- if .x }}}}\ndata:\n  {{{{ .name }}}}: {VALUE}\n{{{{- end }}}}\n");
    let json = format!("{{\"kind\":\"Secret\",\"data\":{{\"a}}b\":\"{VALUE}\",\"c\":\"x}}{VALUE}\"}}}}\n");
    let pretty =
        format!("{{\n  \"kind\": \"Secret\",\n  \"stringData\": {{\n    \"token\": \"{VALUE}\"\n  }}\n}}\n");
    let escaped = format!(
        "curl -d \"{{\\\"kind\\\":\\\"Secret\\\",\\\"data\\\":{{\\\"a\\\":\\\"{VALUE}\\\"}}}}\" https://api\n"
    );
    for code in [&yaml, &listed, &quoted, &shell, &template, &json, &pretty, &escaped] {
        let indented = code.lines().map(|line| format!("      {line}\n")).collect::<String>();
        let in_list = code.lines().map(|line| format!("   {line}\n")).collect::<String>();
        let html = code.replace('<', "&lt;");
        for (path, text) in [
            ("a.md", format!("# A\n\n```\n{code}```\n")),
            ("list.md", format!("# A\n\n1. Do:\n\n   ```yaml\n{in_list}   ```\n")),
            ("a.adoc", format!("= A\n\n[source,yaml]\n----\n{code}----\n")),
            ("a.rst", format!("A\n=\n\n.. code-block:: yaml\n\n{indented}\n")),
            (
                "a.html",
                format!("<html><body><h1>A</h1><p>Text.</p><pre><code>{html}</code></pre></body></html>"),
            ),
            ("a.txt", format!("Text.\n\n{code}")),
        ] {
            let shown = shown(path, &text);
            assert!(!shown.contains(VALUE) && shown.contains("Secret"), "{path}:\n{shown}");
        }
    }
    // What has no usual shape is found by reading it.
    assert!(!hide(&anchored).lines().any(|line| line.starts_with("  token: *v")), "{}", hide(&anchored));
}

#[test]
fn what_holds_no_secret_is_as_it_was() {
    for text in [
        "kind: ConfigMap\ndata:\n  token: open\n",
        "A Secret has data: it is encoded.\n\ndata:\n  more\n",
        "kind: SecretStore\ndata:\n  token: open\n",
        "kind: Pod\nspec:\n  volumes:\n  - secret:\n      secretName: Secret\n",
    ] {
        assert_eq!(hide(text), text);
    }
}

#[test]
fn what_is_kept_of_a_document_shows_no_more_than_its_passages() {
    let limits = Limits::default();
    let yaml = format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  token: {VALUE}\n");
    let markdown = format!("# A\n\n```yaml\n{yaml}```\n\nMore.\n");
    for (path, text) in [("a.yaml", &yaml), ("a.md", &markdown)] {
        let kept = keepable(&raw(path, text.as_bytes()), &limits).unwrap();
        assert_eq!(kept, text.replace(VALUE, "(hidden)"), "{path}");
    }
    let last = format!(
        "# A\n\n```yaml\nkind: Secret\ndata:\n  key: |\n    {VALUE}\n```\n\n| Secret | |\n|---|---|\n| a | |\n"
    );
    let kept = keepable(&raw("a.md", last.as_bytes()), &limits).unwrap();
    assert!(kept.contains("  key: (hidden)\n\n```") && kept.ends_with("| a | |\n"), "{kept}");
    let plain = "# A\n\nNo values, whatever a token is.\n";
    assert_eq!(keepable(&raw("a.md", plain.as_bytes()), &limits).as_deref(), Some(plain));
    // In a quotation the fence is seen by the parser only.
    let quoted = markdown.lines().map(|line| format!("> {line}\n")).collect::<String>();
    let kept = keepable(&raw("a.md", quoted.as_bytes()), &limits);
    assert!(kept.is_none_or(|kept| !kept.contains(VALUE)));
    let cell = format!(
        "{{\"cells\":[{{\"cell_type\":\"code\",\"source\":[\"kind: Secret\\n\",\"data:\\n\",\"  token: {VALUE}\"],\"outputs\":[]}}],\"metadata\":{{}},\"nbformat\":4,\"nbformat_minor\":5}}"
    );
    assert_eq!(keepable(&raw("a.ipynb", cell.as_bytes()), &limits), None);
}
