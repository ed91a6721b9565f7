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
    let calm = ask(&stage, "what is going on?").await.text;
    assert!(calm.contains("There is no open incident."), "{calm}");
    assert!(calm.contains("The cluster itself could not be looked at."), "{calm}");
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
}

/// A server without a model beside a cluster in which a deployment has gone wrong.
struct Broken {
    server: Server,
    _cluster: stage::Stage,
    _folder: tempfile::TempDir,
}

impl Broken {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = stage::Stage::broken("bad-deploy").await;
        let server = Server::start(folder.path(), &cluster.cluster(&cluster.kubernetes_url()), "").await;
        Self { server, _cluster: cluster, _folder: folder }
    }

    /// The answer to the last of these questions.
    async fn asked(&self, questions: &[&str], namespaces: Option<&str>) -> String {
        let messages: Vec<Value> =
            questions.iter().map(|text| json!({ "role": "user", "content": text })).collect();
        let mut body = json!({ "model": "kubewright", "messages": messages });
        if let Some(namespaces) = namespaces {
            body["metadata"] = json!({ "namespaces": namespaces });
        }
        let answer =
            http_client().post(self.server.url("/v1/chat/completions")).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

const CAUSE: &str = "The most likely cause of what is wrong with";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_neighbour_is_not_blamed_and_what_is_near_it_is_told_apart() {
    let broken = Broken::new().await;
    for (question, object) in [
        ("is cart-redis healthy?", "StatefulSet shop/cart-redis"),
        ("is cart healthy?", "Deployment shop/cart"),
        ("is catalog healthy?", "Deployment shop/catalog"),
    ] {
        let text = broken.asked(&[question], None).await;
        assert!(!text.contains(CAUSE), "{question}: {text}");
        let well = format!("{object} looks healthy");
        let nothing = format!("Nothing abnormal was found about {object}");
        assert!(text.contains(&well) || text.contains(&nothing), "{question}: {text}");
    }
    let text = broken.asked(&["is cart healthy?"], None).await;
    let (own, near) = text
        .split_once("Near it, and not found to be connected with it:")
        .unwrap_or_else(|| panic!("{text}"));
    assert!(!own.contains("checkout") && near.contains("Deployment shop/checkout"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_everything_is_well_is_answered_from_the_cluster_and_not_from_incidents_alone() {
    let broken = Broken::new().await;
    for question in ["Is everything ok in shop?", "is anything wrong?"] {
        let text = broken.asked(&[question], None).await;
        assert!(text.contains("There is no open incident."), "{text}");
        assert!(text.contains(CAUSE) && text.contains("Deployment shop/checkout"), "{question}: {text}");
    }
    let listed = broken.asked(&["list incidents"], None).await;
    assert!(listed.contains("was not looked at"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_do_not_exist_are_said_so_with_what_may_be_meant() {
    let broken = Broken::new().await;
    for question in ["why does deployment/chekout crash?", "why is chekout crashing?"] {
        let text = broken.asked(&[question], None).await;
        assert!(text.contains("There is nothing called chekout"), "{text}");
        assert!(text.contains("Did you mean Deployment shop/checkout"), "{text}");
        assert!(!text.contains("documents say about it"), "{text}");
    }
    let text = broken.asked(&["is nonexistentservice ok?"], None).await;
    assert!(text.contains("There is nothing called nonexistentservice"), "{text}");
    assert!(!text.contains("The documents say about it"), "{text}");
    let text = broken.asked(&["why is checkout crashing?"], Some("payments")).await;
    assert!(text.contains("There is nothing called checkout") && !text.contains(CAUSE), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_question_that_goes_on_inherits_what_was_spoken_of() {
    let broken = Broken::new().await;
    let first = "why is checkout crashing?";
    let other = broken.asked(&[first, "how do I reset the zeppelin gateway?"], None).await;
    assert!(!other.contains(CAUSE), "{other}");
    for goes_on in ["how do I fix it?", "and why?"] {
        let text = broken.asked(&[first, goes_on], None).await;
        assert!(text.contains(CAUSE) && text.contains("Deployment shop/checkout"), "{goes_on}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_to_change_something_is_told_what_would_do_it_and_changes_nothing() {
    let broken = Broken::new().await;
    for (wish, command) in [
        ("restart deployment checkout please", "`kubectl rollout restart deployment/checkout -n shop`"),
        ("scale cart to 5 replicas", "`kubectl scale deployment/cart -n shop --replicas=5`"),
    ] {
        let text = broken.asked(&[wish], None).await;
        assert!(text.contains("Chat changes nothing") && text.contains(command), "{text}");
        assert!(!text.contains(CAUSE), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ready_is_listed_and_logs_are_shown() {
    let broken = Broken::new().await;
    let unready = broken.asked(&["which pods are not ready?"], None).await;
    assert!(unready.contains("Not ready are ") && unready.contains("\n- shop/checkout-"), "{unready}");
    assert!(!unready.contains("shop/cart-"), "{unready}");
    let nodes = broken.asked(&["which nodes are not ready?"], None).await;
    assert!(nodes.contains("nodes that were read, all are ready"), "{nodes}");
    let elsewhere = broken.asked(&["which pods are not ready?"], Some("payments")).await;
    assert!(!elsewhere.contains("checkout"), "{elsewhere}");
    let logs = broken.asked(&["show me the logs of catalog"], None).await;
    assert!(
        logs.contains("The last lines of Deployment shop/catalog:") && logs.contains("```text"),
        "{logs}"
    );
    let which = broken.asked(&["show the logs"], None).await;
    assert!(which.contains("Say of which workload"), "{which}");
}
