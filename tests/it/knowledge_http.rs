//! The knowledge base over HTTP: search, documents, uploads, feedback, past incidents.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::http::stage::{Answer, Stage};
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::stage::Stage as Cluster;

const DOCUMENTS: &str = "/api/v1/knowledge/documents";

/// What became of an upload that was accepted.
async fn finished(stage: &Stage, accepted: &Answer) -> Value {
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.body);
    let href = accepted.json()["href"].as_str().unwrap().to_owned();
    assert_eq!(accepted.headers[header::LOCATION], href.as_str());
    eventually("the upload ends", Duration::from_secs(20), async || {
        let job = stage.get(&href).await.json();
        matches!(job["state"].as_str(), Some("done" | "failed")).then_some(job)
    })
    .await
}

async fn form(stage: &Stage, body: impl Into<Body>) -> Answer {
    let request = Request::post(DOCUMENTS).header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
    stage.send(request.body(body.into()).unwrap()).await
}

fn part(disposition: &str, content: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

#[tokio::test]
async fn a_search_finds_the_runbook_with_its_citation_and_a_link_that_works() {
    let stage = Stage::with_knowledge().await;
    let found =
        stage.get("/api/v1/knowledge/search?q=container+was+OOMKilled+exit+code+137&k=3&mode=lexical").await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.body);
    let found = found.json();
    let results = found["results"].as_array().unwrap();
    assert!((1..=3).contains(&results.len()), "{found}");
    let citation = &results[0]["citation"];
    assert_eq!(
        (citation["source"].as_str(), citation["path"].as_str()),
        (Some("builtin"), Some("container-out-of-memory.md"))
    );
    let (first, last) =
        (citation["lines"]["first"].as_u64().unwrap(), citation["lines"]["last"].as_u64().unwrap());
    let document = stage.get(citation["href"].as_str().unwrap()).await;
    assert_eq!(document.headers[header::CONTENT_TYPE], "text/markdown; charset=utf-8");
    assert!(first >= 1 && first <= last && last <= document.body.lines().count() as u64, "{citation}");
    assert!(document.body.contains("# Container killed for memory"));
}

#[tokio::test]
async fn filters_narrow_a_search_and_one_document_answers_once_if_asked() {
    let stage = Stage::with_knowledge().await;
    let path = "/api/v1/knowledge/search?q=pod&filter=path%3Dcrash-loop.md&k=10&per_document=1";
    let found = stage.get(path).await.json();
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
    let none = stage.get("/api/v1/knowledge/search?q=pod&filter=tag=no-such-tag").await.json();
    assert_eq!(none["results"], json!([]));
}

#[tokio::test]
async fn questions_of_no_use_are_refused_with_what_is_wrong() {
    let stage = Stage::with_knowledge().await;
    let long = format!("q={}", "x".repeat(17 << 10));
    for query in [
        "",
        "q=",
        "q=%20",
        "q=a&k=0",
        "q=a&mode=magic",
        "q=a&filter=colour=red",
        "q=a&filter=x",
        "q=a&filter=category=bogus",
        "q=a&filter=severity=bananas",
        "q=a&x=1",
        &long,
    ] {
        let answer = stage.get(&format!("/api/v1/knowledge/search?{query}")).await;
        assert_eq!(answer.error(), (400, "bad_query".to_owned()), "{query:.60}");
    }
    let strange = stage.get("/api/v1/knowledge/search?q=%00%ff%22%27%29%7B%5B*%3A&mode=lexical").await;
    assert_eq!(strange.status, StatusCode::OK, "{}", strange.body);
}

#[tokio::test]
async fn a_document_sent_as_json_is_found_listed_replaced_and_removed() {
    let stage = Stage::with_knowledge().await;
    let text = "# Zebra cache\n\nThe zebracache evicts everything when its quota is zero.\n";
    let body =
        json!({ "path": "team/zebra cache.md", "content": text, "category": "runbook", "tags": ["zebra"] });
    let job = finished(&stage, &stage.post(DOCUMENTS, &body).await).await;
    assert_eq!((job["state"].as_str(), job["report"]["added"].as_u64()), (Some("done"), Some(1)), "{job}");
    let found = stage.get("/api/v1/knowledge/search?q=zebracache&filter=tag=zebra").await.json();
    let href = found["results"][0]["citation"]["href"].as_str().unwrap().to_owned();
    assert_eq!(Some(href.as_str()), job["document"].as_str());
    assert_eq!(stage.get(&href).await.body, text);

    let again =
        json!({ "path": "team/zebra cache.md", "content": text.replace("zero", "one"), "tags": ["zebra"] });
    let job = finished(&stage, &stage.post(DOCUMENTS, &again).await).await;
    assert_eq!(job["report"]["changed"], 1, "{job}");
    let list = stage.get(&format!("{DOCUMENTS}?source=uploads")).await.json();
    assert_eq!(
        (list["total"].as_u64(), list["documents"][0]["title"].as_str()),
        (Some(1), Some("Zebra cache"))
    );

    assert_eq!(stage.send_text(Method::DELETE, &href, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(stage.get(&href).await.error(), (404, "not_found".to_owned()));
    assert_eq!(stage.send_text(Method::DELETE, &href, "").await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_document_sent_as_a_form_is_taken_in() {
    let stage = Stage::with_knowledge().await;
    let file = part("name=\"file\"; filename=\"quagga.md\"", "# Quagga\n\nThe quaggad restarts at noon.\n");
    let body = file + &part("name=\"tags\"", "net, quagga") + &part("name=\"trust\"", "0.7") + "--edge--\r\n";
    let job = finished(&stage, &form(&stage, body).await).await;
    assert_eq!((job["state"].as_str(), job["path"].as_str()), (Some("done"), Some("quagga.md")), "{job}");
    let found = stage.get("/api/v1/knowledge/search?q=quaggad&filter=tag=quagga").await.json();
    assert_eq!(found["results"][0]["parts"]["trust"].as_f64().map(|trust| (trust * 10.0).round()), Some(7.0));
}

#[tokio::test]
async fn broken_uploads_are_refused_and_leave_nothing() {
    let stage = Stage::with_knowledge().await;
    let whole = part("name=\"file\"; filename=\"a.md\"", "# A\n\ntext\n");
    let forms = [
        (String::new(), 400, "bad_form"),
        ("garbage".to_owned(), 400, "bad_form"),
        (whole.clone(), 400, "bad_form"),
        (part("name=\"tags\"", "a") + "--edge--\r\n", 422, "bad_value"),
        (whole.clone() + &whole + "--edge--\r\n", 422, "bad_value"),
        (whole.clone() + &part("name=\"url\"", "http://evil") + "--edge--\r\n", 422, "bad_value"),
        (whole.clone() + &part("name=\"trust\"", "much") + "--edge--\r\n", 422, "bad_value"),
        (part("name=\"file\"; filename=\"../../etc/cron.d/x\"", "x") + "--edge--\r\n", 422, "bad_path"),
    ];
    for (body, status, code) in forms {
        assert_eq!(form(&stage, body.clone()).await.error(), (status, code.to_owned()), "{body:.80}");
    }
    let bodies = [
        (json!({ "path": "../a.md", "content": "x" }), 422, "bad_path"),
        (json!({ "path": "/a.md", "content": "x" }), 422, "bad_path"),
        (json!({ "content": "x" }), 422, "bad_path"),
        (json!({ "path": "a.md" }), 422, "bad_value"),
        (json!({ "path": "a.md", "content": "x", "category": "poem" }), 422, "bad_value"),
        (json!({ "path": "a.md", "content": "x", "trust": 2 }), 422, "bad_value"),
        (json!({ "path": "a.md", "content": "x", "url": "http://evil" }), 422, "wrong_type"),
        (json!({ "path": "a.md", "content": 7 }), 422, "wrong_type"),
        (json!({ "path": "a.md", "content": "x".repeat(17 << 20) }), 413, "body_too_large"),
    ];
    for (body, status, code) in bodies {
        let answer = stage.post(DOCUMENTS, &body).await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{:.80}", body.to_string());
    }
    assert_eq!(
        stage.send_text(Method::POST, DOCUMENTS, "{").await.error(),
        (400, "malformed_json".to_owned())
    );
    let plain =
        Request::post(DOCUMENTS).header(header::CONTENT_TYPE, "text/markdown").body(Body::from("# A"));
    assert_eq!(stage.send(plain.unwrap()).await.error(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(stage.get(&format!("{DOCUMENTS}?source=uploads")).await.json()["total"], 0);
}

#[tokio::test]
async fn an_upload_with_a_wrong_field_says_which_there_are_and_one_with_two_names_that_it_has() {
    let stage = Stage::with_knowledge().await;
    let file = part("name=\"file\"; filename=\"a.md\"", "# A\n\ntext\n");
    let message = |answer: Answer| answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    let wrong = message(form(&stage, file.clone() + &part("name=\"source\"", "x") + "--edge--\r\n").await);
    assert!(wrong.contains("\"source\"") && wrong.contains("file, path (or name), media_type"), "{wrong}");
    let twice = part("name=\"path\"", "a.md") + &part("name=\"name\"", "b.md");
    let twice = message(form(&stage, file + &twice + "--edge--\r\n").await);
    let json = json!({ "path": "a.md", "name": "b.md", "content": "x" });
    for told in [twice, message(stage.post(DOCUMENTS, &json).await)] {
        assert!(told.contains("two names") && told.contains("`name` is another word for `path`"), "{told}");
    }
}

#[tokio::test]
async fn what_an_upload_says_about_itself_and_does_not_count_is_told() {
    let stage = Stage::with_knowledge().await;
    let content = "---\nseverity: purple\n---\n# Quagga\n\nThe quaggad restarts at noon.\n";
    let accepted = stage.post(DOCUMENTS, &json!({ "path": "quagga.md", "content": content })).await;
    let job = finished(&stage, &accepted).await;
    assert_eq!(job["state"], "done", "{job}");
    let told = "severity: \"purple\" does not count; expected info, warning, critical";
    assert_eq!(job["report"]["ignored"], json!([told]), "{job}");
}

#[tokio::test]
async fn a_binary_upload_fails_with_the_reason_and_the_next_one_is_taken_in() {
    let stage = Stage::with_knowledge().await;
    let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.md\"\r\n\r\n";
    let mut body = head.as_bytes().to_vec();
    body.extend((0..4_096_u32).map(|number| (number * 7 % 256) as u8));
    body.extend(b"\r\n--edge--\r\n");
    let job = finished(&stage, &form(&stage, body).await).await;
    assert_eq!(job["state"], "failed", "{job}");
    assert!(!job["error"].as_str().unwrap().is_empty());
    let good = json!({ "path": "x.md", "content": "# X\n\ngood text\n" });
    let job = finished(&stage, &stage.post(DOCUMENTS, &good).await).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(stage.get("/api/v1/knowledge/jobs/job-none").await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn feedback_moves_the_trust_of_a_passage() {
    let stage = Stage::with_knowledge().await;
    let search = "/api/v1/knowledge/search?q=crash+loop&k=1&mode=lexical";
    let before = stage.get(search).await.json()["results"][0].clone();
    let path = format!("/api/v1/knowledge/passages/{}/feedback", before["id"].as_str().unwrap());
    let trust = |answer: Answer| answer.json()["trust"].as_f64().unwrap_or_else(|| panic!("{}", answer.body));
    let worse = trust(stage.post(&path, &json!({ "helpful": false })).await);
    assert!(worse < before["parts"]["trust"].as_f64().unwrap());
    let better = trust(stage.post(&path, &json!({ "helpful": true })).await);
    assert!(better > worse);
    for id in ["nonsense", "00000000000000000000000000000000", "..%2F..%2Fetc"] {
        let answer = stage
            .post(&format!("/api/v1/knowledge/passages/{id}/feedback"), &json!({ "helpful": true }))
            .await;
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{id}");
    }
    assert_eq!(
        stage.post(&path, &json!({ "helpful": "very" })).await.error(),
        (422, "wrong_type".to_owned())
    );
}

#[tokio::test]
async fn names_that_lead_outside_find_no_document() {
    let stage = Stage::with_knowledge().await;
    for path in [
        "builtin/../../../etc/passwd",
        "builtin/..%2F..%2Fetc%2Fpasswd",
        "..%2F..%2Fetc/passwd",
        "builtin/%00",
        "uploads/a",
    ] {
        let answer = stage.get(&format!("{DOCUMENTS}/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
    let long = stage.get(&format!("{DOCUMENTS}/builtin/{}", "x".repeat(3_000))).await;
    assert_eq!(long.error(), (400, "bad_path".to_owned()));
}

#[tokio::test]
async fn without_a_knowledge_base_every_path_says_so_and_runbooks_are_still_shown() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    for path in ["search?q=oom", "documents", "stats", "documents/uploads/a.md"] {
        let answer = stage.get(&format!("/api/v1/knowledge/{path}")).await;
        assert_eq!(answer.error(), (503, "knowledge_unavailable".to_owned()), "{path}");
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
    let similar = stage.get(&format!("/api/v1/incidents/{id}/similar")).await;
    assert_eq!(similar.error(), (503, "knowledge_unavailable".to_owned()));
    let upload = stage.post(DOCUMENTS, &json!({ "path": "a.md", "content": "x" })).await;
    assert_eq!(upload.error(), (503, "knowledge_unavailable".to_owned()));
    assert_eq!(stage.get(&format!("{DOCUMENTS}/builtin/crash-loop.md")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_incident_links_the_runbook_of_its_alert_and_its_own_runbook_cites_it() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let shown = stage.get(&format!("/api/v1/incidents/{}", incident.id)).await.json();
    let href = shown["runbooks"][0]["href"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned();
    let text = stage.get(&href).await;
    assert!(text.body.contains(shown["runbooks"][0]["title"].as_str().unwrap()), "{}", text.body);
    let runbook = stage.get(&format!("/api/v1/incidents/{}/runbook", incident.id)).await;
    assert!(runbook.body.contains(&format!("<http://127.0.0.1:8080{href}>")), "{}", runbook.body);
}

#[tokio::test]
async fn stats_count_both_collections() {
    let stage = Stage::with_knowledge().await;
    let stats = stage.get("/api/v1/knowledge/stats").await.json();
    assert!(stats["documents"]["sources"]["builtin"].as_u64().unwrap() >= 60, "{stats}");
    assert_eq!(stats["episodes"]["documents"], 0);
    let ready = stage.get("/readyz").await.json();
    assert!(ready["knowledge"].as_str().unwrap().starts_with("searched by words only"), "{ready}");
    let similar = stage.get("/api/v1/incidents/inc-none/similar").await;
    assert_eq!(similar.error(), (404, "not_found".to_owned()));
    let id = stage.crash().await;
    for query in ["k=0", "k=51", "colour=red", "same_cluster=perhaps"] {
        let answer = stage.get(&format!("/api/v1/incidents/{id}/similar?{query}")).await;
        assert_eq!(answer.error(), (400, "bad_query".to_owned()), "{query}");
    }
}

/// The whole way: alert, diagnosis that cites a runbook, repair, episode; after a crash, a similar report finds it.
#[tokio::test]
async fn an_incident_cites_a_runbook_becomes_an_episode_and_is_found_by_one_like_it() {
    let cluster = Cluster::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let settings = "[knowledge]\nmodel = \"none\"\n[automation]\nlevel = 3\n[verify]\nstability_window = \"1s\"\n\
                    deadline = \"40s\"\npoll_interval = \"200ms\"";
    let mut server =
        Server::start(folder.path(), &cluster.cluster(&cluster.kubernetes_url()), settings).await;
    let limit = Duration::from_secs(60);
    eventually("the runbooks are read", limit, async || {
        let knowledge = server.get("/readyz").await["knowledge"].as_str()?.to_owned();
        knowledge.starts_with("searched by words only").then_some(())
    })
    .await;
    cluster.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    let id = server.only_incident().await;
    let shown = eventually("it is repaired", limit, async || {
        let shown = server.get(&format!("/api/v1/incidents/{id}")).await;
        (shown["incident"]["phase"] == "closed").then_some(shown)
    })
    .await;
    let evidence = shown["incident"]["evidence"].as_array().unwrap();
    let cited: Vec<&Value> = evidence.iter().filter(|one| one["source"] == "document").collect();
    assert!(!cited.is_empty() && cited.len() <= 3, "{shown}");
    assert_eq!(cited[0]["fields"]["document"], "builtin/bad-rollout.md", "{cited:?}");
    let hypotheses = shown["incident"]["hypotheses"].as_array().unwrap();
    let supported = hypotheses.iter().flat_map(|cause| cause["evidence_for"].as_array().unwrap());
    assert!(supported.clone().all(|id| cited.iter().all(|one| one["id"] != *id)), "context is no proof");

    server.kill();
    server.restart().await;
    eventually("it is remembered", limit, async || {
        let stats = server.get("/api/v1/knowledge/stats").await;
        (stats["episodes"]["documents"] == 1).then_some(())
    })
    .await;
    let report =
        json!({ "title": shown["incident"]["title"], "namespace": "elsewhere", "cluster": "northwind" });
    let (status, opened) = server.post("/api/v1/incidents", &report).await;
    assert_eq!(status, 202, "{opened}");
    let similar =
        server.get(&format!("/api/v1/incidents/{}/similar?k=3", opened["id"].as_str().unwrap())).await;
    assert_eq!(similar["incidents"][0]["incident"], json!(id), "{similar}");
    assert_eq!(similar["incidents"][0]["passage"]["attributes"]["labels"]["outcome"], "repaired");
}

#[tokio::test]
async fn while_the_queue_is_full_an_upload_is_turned_away_before_it_is_read() {
    let stage = Stage::with_knowledge().await;
    let mut slots = Vec::new();
    while let Some(slot) = stage.recall.reserve().unwrap() {
        slots.push(slot);
    }
    let body = json!({ "path": "a.md", "content": "# A\n\ntext\n" });
    let answer = stage.post(DOCUMENTS, &body).await;
    assert_eq!(answer.error(), (429, "queue_full".to_owned()));
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    slots.clear();
    assert_eq!(finished(&stage, &stage.post(DOCUMENTS, &body).await).await["state"], "done");
}
