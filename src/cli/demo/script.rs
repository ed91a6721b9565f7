//! What the scripted model of the demo says: a reply made of each request, so that it names what is really there and cites
//! what was really seen, in whatever scenario.

use serde_json::{Value, json};

use super::spoken;
use crate::sim::model::{Asked, Call, Reply};

/// Numbers that a conclusion cites at most.
const CITED: usize = 5;

/// The best Hypothesis as the request states it.
pub(super) struct Suspect {
    pub(super) code: String,
    kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) confidence: f64,
    pub(super) statement: String,
    pub(super) cited: Vec<String>,
}

/// The reply to a request.
pub(super) fn reply(body: &Value) -> Reply {
    let asked = Asked::new(body);
    let prompt = asked.prompt();
    let suspect = suspect(&prompt);
    let is = |words: &str| prompt.starts_with(words);
    if is("You are kubewright") {
        spoken::reply(suspect.as_ref(), &asked)
    } else if is("You lead the investigation") {
        plan(suspect.as_ref())
    } else if is("You weigh") {
        judge(suspect.as_ref(), &asked)
    } else if is("You propose the repair") {
        recommend(suspect.as_ref(), &asked)
    } else if prompt.contains("performance engineer") {
        measure(suspect.as_ref(), &asked)
    } else {
        diagnose(suspect.as_ref(), &asked)
    }
}

/// Reads `1. code Kind namespace/name (confidence 0.90): statement [for: E1, E2]`.
fn suspect(prompt: &str) -> Option<Suspect> {
    let line = prompt.lines().find(|line| line.starts_with("1. ") && line.contains(" (confidence "))?;
    let (head, rest) = line.strip_prefix("1. ")?.split_once(" (confidence ")?;
    let (confidence, rest) = rest.split_once("): ")?;
    let (statement, cited) = rest.rsplit_once(" [for: ").unwrap_or((rest, ""));
    let mut words = head.splitn(3, ' ');
    let (code, kind, object) = (words.next()?, words.next()?, words.next()?);
    let (namespace, name) = object.split_once('/').unwrap_or(("", object));
    Some(Suspect {
        code: code.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        confidence: confidence.parse().ok()?,
        statement: statement.to_owned(),
        cited: cited
            .trim_end_matches(']')
            .split(", ")
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

impl Suspect {
    fn named(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    fn object(&self) -> Value {
        json!({"kind": self.kind, "namespace": self.namespace, "name": self.name})
    }

    /// The same as a Hypothesis that also cites `seen`.
    fn with(&self, seen: Vec<String>) -> Value {
        let mut cited = self.cited.clone();
        cited.extend(seen.into_iter().filter(|number| !self.cited.contains(number)).take(CITED));
        json!({"code": self.code, "object": self.object(), "statement": self.statement,
            "confidence": self.confidence, "evidence_for": cited, "evidence_against": []})
    }

    fn is_workload(&self) -> bool {
        matches!(self.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
    }
}

fn submit(answer: Value) -> Reply {
    Reply::call("submit", answer)
}

fn call(tool: &str, arguments: Value) -> Call {
    Call { tool: tool.to_owned(), arguments }
}

fn plan(suspect: Option<&Suspect>) -> Reply {
    let (reason, cause, load) = match suspect {
        Some(suspect) => {
            let (named, code) = (suspect.named(), &suspect.code);
            (
                format!(
                    "The rules suspect {named} of {code}: one looks for what speaks against it, one at the figures."
                ),
                format!("Does {code} hold for {named}? What failed first, and what changed just before?"),
                format!("Is {named} short of anything, or does it fail under any load?"),
            )
        }
        None => (
            "The rules have no cause.".to_owned(),
            "What failed first?".to_owned(),
            "Is anything short of anything?".to_owned(),
        ),
    };
    submit(json!({"reason": reason, "assignments": [
        {"specialist": "diagnostic", "question": cause},
        {"specialist": "performance", "question": load},
    ]}))
}

/// Looks from the pods to their last words, then answers with what it saw.
fn diagnose(suspect: Option<&Suspect>, asked: &Asked<'_>) -> Reply {
    let Some(suspect) = suspect else {
        return submit(json!({"summary": "Nothing that was read points at a cause.", "hypotheses": []}));
    };
    let Suspect { kind, namespace, name, .. } = suspect;
    match asked.results().len() {
        0 if suspect.is_workload() => Reply::Call(vec![
            call("kubernetes_list", json!({"kind": "pods", "namespace": namespace, "contains": name})),
            call("rollout_history", json!({"kind": kind, "name": name, "namespace": namespace})),
        ]),
        0 if namespace.is_empty() => Reply::call("kubernetes_describe", json!({"kind": kind, "name": name})),
        0 => Reply::Call(vec![
            call("kubernetes_describe", json!({"kind": kind, "name": name, "namespace": namespace})),
            call("kubernetes_events", json!({"namespace": namespace})),
        ]),
        1 | 2 if suspect.is_workload() => {
            let pods = format!("{}/{name}", kind.to_lowercase());
            let last_words = json!({"pod": pods, "namespace": namespace, "previous": true, "tail": 20});
            Reply::call("kubernetes_logs", last_words)
        }
        _ => {
            let seen = asked.results().concat();
            let seen = asked.evidence("").into_iter().filter(|number| seen.contains(&format!("[{number}]")));
            let hypothesis = suspect.with(seen.collect());
            submit(json!({"summary": format!("{} What was read confirms it.", suspect.statement),
                "hypotheses": [hypothesis], "unseen": []}))
        }
    }
}

fn measure(suspect: Option<&Suspect>, asked: &Asked<'_>) -> Reply {
    let Some(Suspect { namespace, code, .. }) = suspect else {
        return submit(json!({"summary": "No figure stands out.", "hypotheses": []}));
    };
    if asked.results().is_empty() {
        let place =
            if namespace.is_empty() { String::new() } else { format!("{{namespace=\"{namespace}\"}}") };
        let query = format!("max by (pod) (kube_pod_container_status_restarts_total{place}) > 0");
        return Reply::call("metrics_query", json!({"query": query}));
    }
    submit(json!({"summary": format!("The figures fit {code}; they show no other cause."), "hypotheses": []}))
}

/// Stays with the best Hypothesis, and cites what the specialists cite for it.
fn judge(suspect: Option<&Suspect>, asked: &Asked<'_>) -> Reply {
    let Some(suspect) = suspect else {
        return submit(json!({"hypotheses": [], "decision": "escalate", "reason": "Nobody found a cause."}));
    };
    let text = asked.text();
    let cited = text.lines().filter_map(|line| {
        let number = line.trim_start().strip_prefix("for [")?.split_once(']')?.0;
        Some(number.to_owned())
    });
    submit(json!({"hypotheses": [suspect.with(cited.collect())], "decision": "done",
        "reason": format!("The reports agree on {}.", suspect.code), "next": []}))
}

fn recommend(suspect: Option<&Suspect>, asked: &Asked<'_>) -> Reply {
    if asked.results().is_empty() {
        return Reply::call("list_actions", json!({}));
    }
    let what = suspect.map(|suspect| {
        format!(
            "correct the cause at {}, watch its pods become ready, and put the old value back if they do not",
            suspect.named()
        )
    });
    let what = what.unwrap_or_else(|| "look at the evidence".to_owned());
    let cited = suspect.map(|suspect| suspect.cited.clone()).unwrap_or_default();
    submit(json!({"proposed": false, "evidence": cited,
        "recommendation": format!("No Action of the catalog removes this cause: {what}.")}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{reply, suspect};
    use crate::sim::model::Reply;

    const LINE: &str = "1. deploy.bad_rollout Deployment shop/checkout (confidence 0.90): It crashes (exit code 1): no. [for: E1, E3]";

    #[test]
    fn the_best_hypothesis_is_read() {
        let suspect = suspect(&format!("x\n{LINE}\n2. more")).unwrap();
        assert_eq!((suspect.code.as_str(), suspect.name.as_str()), ("deploy.bad_rollout", "checkout"));
        assert_eq!((suspect.confidence, suspect.cited.len()), (0.9, 2));
        assert_eq!(suspect.statement, "It crashes (exit code 1): no.");
    }

    #[test]
    fn the_judge_cites_what_the_specialists_cite() {
        let prompt = format!("You weigh it.\n{LINE}\n## diagnostic\n    for [E12] Pod shop/a: says no");
        let body = json!({"messages": [{"role": "user", "content": prompt}]});
        let Reply::Call(calls) = reply(&body) else { panic!("it submits") };
        assert_eq!(calls[0].arguments["hypotheses"][0]["evidence_for"], json!(["E1", "E3", "E12"]));
    }
}
