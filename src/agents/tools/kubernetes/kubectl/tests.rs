//! What lines become, and what is refused with which reason.

use proptest::prelude::*;

use super::command::{Command, Output, Target, parse};
use crate::agents::tools::ToolError;

/// Lines that are understood, with what they become.
fn accepted(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).0
}

fn refusal(line: &str) -> String {
    match parse(line) {
        Ok((command, _)) => panic!("{line} became {command:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn lines_that_read_are_understood() {
    let cases = [
        ("kubectl get pods", "Get(pods) in * as Table { wide: false }"),
        ("kubectl get pods -n shop -o wide", "Get(pods) in shop as Table { wide: true }"),
        ("kubectl -n shop get po", "Get(po) in shop as Table { wide: false }"),
        ("kubectl get po -nshop", "Get(po) in shop as Table { wide: false }"),
        ("kubectl get po -n=shop", "Get(po) in shop as Table { wide: false }"),
        ("kubectl get po --namespace=shop", "Get(po) in shop as Table { wide: false }"),
        ("kubectl get po --namespace shop", "Get(po) in shop as Table { wide: false }"),
        ("kubectl get pods,svc -A", "Get(pods,svc) in * as Table { wide: false }"),
        ("kubectl get pods -n shop -A", "Get(pods) in * as Table { wide: false }"),
        ("kubectl get pods -Ao wide", "Get(pods) in * as Table { wide: true }"),
        ("kubectl get pod web-1 web-2 -n shop", "Get(pod/web-1,pod/web-2) in shop as Table { wide: false }"),
        ("kubectl get deploy/web svc/web", "Get(deploy/web,svc/web) in * as Table { wide: false }"),
        ("kubectl get pods -oyaml", "Get(pods) in * as Yaml"),
        ("kubectl get pod 'web-1' -o json", "Get(pod/web-1) in * as Json"),
        ("kubectl get pods -o name", "Get(pods) in * as Name"),
        (
            "kubectl get pods -o jsonpath='{.items[*].metadata.name}'",
            "Get(pods) in * as JsonPath(\"{.items[*].metadata.name}\")",
        ),
        ("kubectl get pods -o=jsonpath={.items}", "Get(pods) in * as JsonPath(\"{.items}\")"),
        ("kubectl get events --sort-by=.lastTimestamp", "Get(events) in * as Table { wide: false }"),
        (
            "kubectl get widgets.example.com --no-headers --show-labels",
            "Get(widgets.example.com) in * as Table { wide: false }",
        ),
        ("kubectl get pods -w=false", "refused"),
        ("kubectl get pods --watch=false", "Get(pods) in * as Table { wide: false }"),
    ];
    for (line, expected) in cases {
        let told = match parse(line) {
            Ok((Command::Get(get), _)) => {
                let name = |target: &Target| match &target.name {
                    Some(name) => format!("{}/{name}", target.kind),
                    None => target.kind.clone(),
                };
                let targets: Vec<String> = get.targets.iter().map(name).collect();
                let place = get.place.unwrap_or_else(|| "*".to_owned());
                format!("Get({}) in {place} as {:?}", targets.join(","), get.output)
            }
            Ok((other, _)) => format!("{other:?}"),
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(told, expected, "{line}");
    }
}

#[test]
fn selectors_keep_their_commas_and_quotes() {
    let Command::Get(get) =
        accepted("kubectl get pods -l 'app in (web,api),tier!=back' --field-selector=status.phase=Running")
    else {
        panic!()
    };
    assert_eq!(
        (get.labels.as_str(), get.fields.as_str()),
        ("app in (web,api),tier!=back", "status.phase=Running")
    );
}

#[test]
fn other_verbs_that_read_are_understood() {
    let text = |line: &str| format!("{:?}", accepted(line));
    for (line, parts) in [
        ("kubectl describe pod web-1 -n shop", vec!["Describe", "web-1", "shop"]),
        ("kubectl describe deploy/web", vec!["Describe", "deploy", "web"]),
        ("kubectl describe nodes", vec!["Describe", "nodes"]),
        ("kubectl logs web-1 -n shop -c web --previous", vec!["Logs", "web-1", "previous: true"]),
        (
            "kubectl logs web-1 -p --tail=50 --since=1h",
            vec!["previous: true", "tail: Some(50)", "since: Some(3600s)"],
        ),
        ("kubectl logs deployment/web --all-containers=true", vec!["deployment", "all_containers: true"]),
        ("kubectl logs web-1 side", vec!["container: Some(\"side\")"]),
        ("kubectl logs -l app=web -n shop --tail 5", vec!["labels: \"app=web\"", "tail: Some(5)"]),
        ("kubectl logs web-1 --tail=-1", vec!["tail: None"]),
        ("kubectl logs web-1 --since-time=2026-01-01T00:00:00Z", vec!["2026-01-01T00:00:00Z"]),
        ("kubectl events --for pod/web-1 --types=Warning -n shop", vec!["Events", "web-1", "Warning"]),
        ("kubectl top pods -n shop --containers", vec!["Top", "nodes: false", "containers: true"]),
        ("kubectl top node", vec!["Top", "nodes: true"]),
        ("kubectl rollout history deployment/web --revision=2", vec!["History", "revision: Some(2)"]),
        ("kubectl rollout status sts db -n shop", vec!["Status", "sts", "db"]),
        ("kubectl api-resources --namespaced=true", vec!["ApiResources", "Some(true)"]),
        ("kubectl version", vec!["Version"]),
        ("kubectl cluster-info", vec!["ClusterInfo"]),
        ("kubectl get pods \\\n  -n shop", vec!["Get", "shop"]),
    ] {
        let told = text(line);
        for part in parts {
            assert!(told.contains(part), "{line}: {part} is not in {told}");
        }
    }
    assert_eq!(parse("kubectl get pods -A | grep -v Running | head -5 | wc -l").unwrap().1.len(), 3);
}

#[test]
fn what_changes_the_cluster_is_refused_with_the_way_that_there_is() {
    for verb in [
        "delete pod web-1",
        "apply -f x.yaml",
        "edit deploy/web",
        "patch deploy web -p {}",
        "scale deploy web --replicas=0",
        "create ns x",
        "run x --image=y",
        "replace -f x",
        "set image deploy/web web=x",
        "label pod a b=c",
        "annotate pod a b=c",
        "taint node n a=b:NoSchedule",
        "cordon n",
        "uncordon n",
        "drain n",
        "expose deploy web",
        "autoscale deploy web",
        "rollout restart deploy/web",
        "rollout undo deploy/web",
        "rollout pause deploy/web",
        "certificate approve x",
    ] {
        let told = refusal(&format!("kubectl {verb}"));
        assert!(
            told.contains("changes the cluster, and this tool only reads") && !told.contains("propose_plan"),
            "{verb}: {told}"
        );
    }
    assert_eq!(
        refusal("kubectl delete pod web-1"),
        "refused: kubectl delete changes the cluster, and this tool only reads; say in words what should be done"
    );
}

/// Lines that reach elsewhere, are no kubectl, or cannot be understood, with a part of the reason.
const REFUSED: &[(&str, &str)] = &[
    ("kubectl exec -it web-1 -- sh", "reaches into containers"),
    ("kubectl exec web-1", "reaches into containers"),
    ("kubectl port-forward web-1 8080", "reaches into containers"),
    ("kubectl proxy", "reaches into containers"),
    ("kubectl cp web-1:/etc/passwd /tmp/x", "reaches into containers"),
    ("kubectl debug web-1", "reaches into containers"),
    ("kubectl config view", "files of a machine"),
    ("kubectl explain pods", "-o yaml"),
    ("kubectl diff", "rollout_diff"),
    ("kubectl auth can-i delete pods", "not served"),
    ("kubectl wait pod/x", "hold the run"),
    ("kubectl get --raw /api", "--raw"),
    ("kubectl get --raw=/api/v1/secrets", "--raw"),
    ("kubectl --kubeconfig /x get pods", "other credentials"),
    ("kubectl get pods --as=admin", "other credentials"),
    ("kubectl get pods --context prod", "other credentials"),
    ("kubectl get pods -s https://evil", "other credentials"),
    ("kubectl get pods --server=https://evil", "other credentials"),
    ("kubectl get pods --token=x", "other credentials"),
    ("kubectl get pods -v=9", "headers"),
    ("kubectl get pods -w", "never end"),
    ("kubectl logs -f web-1", "never end"),
    ("kubectl get -f x.yaml", "reads files"),
    ("kubectl get pods -o go-template='{{.}}'", "not served"),
    ("kubectl get pods -o custom-columns=A:.b", "not served"),
    ("kubectl get pods --sort-by=.metadata.name", "--sort-by"),
    ("kubectl get pods --replicas=0", "not understood"),
    ("kubectl get pods --tail=5", "not understood"),
    ("kubectl get", "a kind is missing"),
    ("kubectl get pod/a/b", "no object"),
    ("kubectl get pods -n", "needs a value"),
    ("kubectl logs", "name a pod"),
    ("kubectl logs web-1 --since=yesterday", "length of time"),
    ("kubectl top", "top pods"),
    ("kubectl", "a verb is missing"),
    ("kubectl frobnicate", "not known"),
    ("", "only kubectl"),
    ("ls -la", "only kubectl"),
    ("sudo kubectl get pods", "only kubectl"),
    ("KUBECONFIG=/x kubectl get pods", "only kubectl"),
    ("kubectl get pods;kubectl delete ns shop", "one command a call"),
    ("kubectl get pods && kubectl delete ns shop", "one command a call"),
    ("kubectl get pods & kubectl delete ns shop", "background"),
    ("kubectl get pods || kubectl delete ns shop", "only grep"),
    ("kubectl get pods\nkubectl delete ns shop", "one command a call"),
    ("kubectl get pods $(kubectl delete ns shop)", "command substitution"),
    ("kubectl get pods `kubectl delete ns shop`", "command substitution"),
    ("kubectl get pods \"$(kubectl delete ns shop)\"", "command substitution"),
    ("kubectl get pods $NS", "variables"),
    ("kubectl get pods > /tmp/x", "redirections"),
    ("kubectl get pods 2>/dev/null", "redirections"),
    ("kubectl get pods < /tmp/x", "redirections"),
    ("kubectl get pods | xargs kubectl delete", "only grep"),
    ("kubectl get pods | tee /tmp/x", "only grep"),
    ("kubectl get pods | grep a /etc/passwd", "not files"),
    ("(kubectl get pods)", "subshells"),
    ("kubectl get pods 'unfinished", "no end"),
    ("kubectl get pods \"unfinished", "no end"),
    ("kubectl get pods \u{2013}n shop", "U+2013"),
    ("kubectl get pods \u{2014}all-namespaces", "U+2014"),
    ("kubectl get pods -l \u{201c}a=b\u{201d}", "U+201C"),
    ("kubectl get\u{a0}pods", "U+00A0"),
    ("kubectl get pods\u{200b}", "U+200B"),
    ("kubectl get pods\u{ff1b}kubectl delete ns shop", "U+FF1B"),
    ("kubectl get pods\u{1b}[2J", "U+001B"),
    ("kubectl get pods -- sh", "nothing may follow --"),
    ("kubectl get pods -n --raw", "needs a value"),
];

#[test]
fn what_reaches_elsewhere_or_is_no_kubectl_is_refused() {
    for (line, reason) in REFUSED {
        let told = refusal(line);
        assert!(told.contains(reason), "{line}: {told}");
    }
    assert!(refusal(&format!("kubectl get {}", "x".repeat(5_000))).contains("longer"));
}

#[test]
fn quotes_do_not_hide_a_verb_and_do_not_make_one() {
    assert!(refusal("kubectl 'delete' pod web-1").contains("changes the cluster"));
    assert!(refusal("kubectl del\"ete\" pod web-1").contains("changes the cluster"));
    assert!(refusal("'kubectl' -n shop del\\ete pod web-1").contains("changes the cluster"));
    assert!(refusal("kubectl \"get pods; delete\"").contains("not known"));
    let Command::Get(get) = accepted("kubectl get pods 'a; kubectl delete ns shop'") else { panic!() };
    assert_eq!(get.targets, [Target { kind: "pods".into(), name: Some("a; kubectl delete ns shop".into()) }]);
    assert_eq!(get.output, Output::Table { wide: false });
}

/// Words that a hostile line could be made of.
const WORDS: &[&str] = &[
    "kubectl",
    "get",
    "delete",
    "pods",
    "secrets",
    "logs",
    "-n",
    "shop",
    "-o",
    "yaml",
    "--raw",
    "/api",
    "apply",
    "-f",
    "x",
    "|",
    "grep",
    ";",
    "&&",
    "$(",
    ")",
    "`",
    "'",
    "\"",
    "\\",
    "rollout",
    "undo",
    "history",
    "deploy/web",
    "exec",
    "--",
    "sh",
    "--as=admin",
    "scale",
    "patch",
    "edit",
    "describe",
    "top",
    "-A",
    "-l",
    "a=b",
    "jsonpath={.x}",
    "\n",
    "–n",
    "é",
    "cp",
];

/// Verbs that may be the first word that is no flag or value of one.
const READS: &[&str] = &[
    "get",
    "describe",
    "logs",
    "log",
    "events",
    "top",
    "rollout",
    "api-resources",
    "version",
    "cluster-info",
];

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_never_panics(line in any::<String>()) {
        let _ = parse(&line);
        let _ = parse(&format!("kubectl {line}"));
        let _ = parse(&format!("kubectl get pods {line}"));
        let _ = parse(&format!("kubectl get pods | {line}"));
        let _ = parse(&format!("kubectl get pods -o jsonpath={line}"));
    }

    #[test]
    fn no_line_becomes_anything_but_a_read(words in prop::collection::vec(prop::sample::select(WORDS), 0..12)) {
        let line = format!("kubectl {}", words.join(" "));
        match parse(&line) {
            Ok(_) => {
                // Without quotes the words are what they look like: one of the reading verbs must stand there.
                prop_assert!(words.iter().any(|word| READS.contains(word)) || line.contains(['\'', '"', '\\']), "{}", line);
                for forbidden in ["--raw", "--as=admin", "--", ";", "&&", "$("] {
                    let bare = words.contains(&forbidden) && !line.contains(['\'', '"', '\\']);
                    prop_assert!(!bare, "{} has {}", line, forbidden);
                }
            }
            Err(error) => {
                let told = matches!(error, ToolError::Arguments(_) | ToolError::Denied(_));
                prop_assert!(told, "{}", line);
            }
        }
    }
}
