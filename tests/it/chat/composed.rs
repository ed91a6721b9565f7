//! Answers without a model: from a simulated cluster in trouble, incidents and documents.

use kubewright::http::AnswerDone;
use serde_json::{Value, json};

use super::reader::Reader;
use crate::http::stage::Stage;
use crate::support::http_client;
use crate::support::server::Server;
use crate::support::stage;

const UNCONFIGURED: &str = "No language model is configured";

async fn ask(stage: &Stage, message: &str) -> AnswerDone {
    let events = Reader::open(stage, "/api/v1/chat", &json!({ "message": message })).await.rest().await;
    let (kind, data) = events.last().unwrap();
    assert_eq!(kind, "done", "{data}");
    let done: AnswerDone = serde_json::from_str(data).unwrap();
    let told: String = events
        .iter()
        .filter(|(kind, _)| kind == "text")
        .map(|(_, data)| serde_json::from_str::<Value>(data).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, done.text);
    assert!(done.text.contains(UNCONFIGURED) && done.model.is_none(), "{}", done.text);
    done
}

#[tokio::test]
async fn what_is_going_on_is_answered_from_incidents_with_links() {
    let stage = Stage::new().await;
    assert!(ask(&stage, "what is going on?").await.text.contains("There is no open incident."));
    let id = stage.crash().await;
    let done = ask(&stage, "list incidents").await;
    assert!(
        done.text.contains("There is one open incident:") && done.text.contains(id.as_str()),
        "{}",
        done.text
    );
    assert!(done.citations[0].uri.ends_with(&format!("/api/v1/incidents/{id}")), "{:?}", done.citations);
    let status = ask(&stage, &format!("status of {id}")).await;
    assert!(status.text.contains(&format!("{id} triage")), "{}", status.text);
    let missing = ask(&stage, "status of inc-zzzzzzzz").await;
    assert!(missing.text.contains("no incident begins with"), "{}", missing.text);
}

#[tokio::test]
async fn a_repair_that_waits_is_told_with_how_to_answer() {
    let stage = Stage::new().await;
    let incident = stage.waiting(jiff::SignedDuration::from_mins(5)).await;
    let body = json!({ "message": "how do I fix it?", "incident": incident.id });
    let events = Reader::open(&stage, "/api/v1/chat", &body).await.rest().await;
    let (_, needed) = events.iter().find(|(kind, _)| kind == "approval_needed").unwrap();
    let needed: Value = serde_json::from_str(needed).unwrap();
    assert_eq!(needed["digest"], json!(incident.approval.unwrap().digest));
    assert_eq!(needed["command"], format!("kubewright approvals approve {}", incident.id));
    assert_eq!(needed["request"], format!("POST /api/v1/approvals/{}/approve", incident.id));
    let done: AnswerDone = serde_json::from_str(&events.last().unwrap().1).unwrap();
    assert!(done.text.contains("kubewright approvals approve"), "{}", done.text);
    assert!(done.text.contains("Revision 4 ran without restarts."), "{}", done.text);
}

#[tokio::test]
async fn a_caller_of_one_namespace_is_not_told_of_another() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    for (namespaces, seen) in [(json!(["shop"]), true), (json!(["payments"]), false)] {
        for message in
            ["list incidents".to_owned(), format!("status of {id}"), "how do I repair it?".to_owned()]
        {
            let body = json!({ "message": message, "namespaces": namespaces, "incident": id });
            let events = Reader::open(&stage, "/api/v1/chat", &body).await.rest().await;
            let done: AnswerDone = serde_json::from_str(&events.last().unwrap().1).unwrap();
            assert_eq!(done.text.contains(id.as_str()), seen, "{namespaces} {message}: {}", done.text);
        }
    }
}

#[tokio::test]
async fn documents_answer_how_something_is_fixed_and_what_an_alert_means() {
    let stage = Stage::with_knowledge().await;
    let done = ask(&stage, "how do I fix an ImagePullBackOff?").await;
    assert!(done.text.contains("The documents say about it:") && done.text.contains("[1]"), "{}", done.text);
    assert!(done.citations.iter().any(|link| link.uri.contains("image-pull-failed")), "{:?}", done.citations);
    let alert = ask(&stage, "what does KubePodCrashLooping mean?").await;
    assert!(
        alert.text.contains("Container keeps ending") && alert.text.contains("again and again"),
        "{}",
        alert.text
    );
    assert!(alert.citations[0].uri.ends_with("/api/v1/knowledge/documents/builtin/crash-loop.md"));
}

#[tokio::test]
async fn an_unreachable_cluster_and_no_knowledge_are_said_and_no_answer_is_made_up() {
    let stage = Stage::new().await;
    let done = ask(&stage, "why is checkout crashing?").await;
    assert!(done.text.contains("Nothing was found about that. Looked at:"), "{}", done.text);
    assert!(done.text.contains("Not everything could be seen:"), "{}", done.text);
    assert_eq!(done.citations, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_workload_crashes_is_answered_from_a_fresh_look_at_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = stage::Stage::broken("bad-deploy").await;
    let server = Server::start(folder.path(), &cluster.cluster(&cluster.kubernetes_url()), "").await;
    let body = json!({ "model": "kubewright", "messages": [{ "role": "user", "content": "why is checkout crashing?" }] });
    let answer = http_client().post(server.url("/v1/chat/completions")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        text.contains("The most likely cause of what is wrong with Deployment") && text.contains("checkout"),
        "{text}"
    );
    assert!(text.contains("What shows it:\n\n- E1") || text.contains("What shows it:\n\n- E"), "{text}");
    let missing = json!({ "model": "kubewright", "messages": [{ "role": "user", "content": "why does deployment/chekout crash?" }] });
    let (_, answer) = server.post("/v1/chat/completions", &missing).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("There is nothing called chekout"), "{text}");
}
