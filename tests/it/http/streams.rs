//! Event streams: live, resumed, ended.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::payload::{alert, delivery};
use super::stage::Stage;

const LIMIT: Duration = Duration::from_secs(20);

/// An open stream, read event by event.
struct Reader {
    body: axum::body::BodyDataStream,
    text: String,
}

/// One event: id, kind, data.
type Seen = (String, String, Value);

impl Reader {
    async fn open(stage: &Stage, path: &str, last_event_id: Option<&str>) -> Self {
        let request = Request::get(path);
        let request =
            last_event_id.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let response = stage.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Seen> {
        tokio::time::timeout(LIMIT, self.read()).await.expect("the stream stays silent")
    }

    async fn read(&mut self) -> Option<Seen> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines().find_map(|line| line.strip_prefix(name));
                    lines.map(|value| value.trim_start().to_owned()).unwrap_or_default()
                };
                let (id, kind, data) = (field("id:"), field("event:"), field("data:"));
                self.text = rest.to_owned();
                if !kind.is_empty() {
                    return Some((id, kind, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

async fn close(stage: &Stage, id: &kubewright::incident::IncidentId) {
    stage.post(&format!("/api/v1/incidents/{id}/close"), &json!({ "by": "ada" })).await;
}

#[tokio::test]
async fn a_stream_tells_the_past_then_what_happens_then_that_it_is_over() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let mut stream = Reader::open(&stage, &format!("/api/v1/incidents/{id}/events/stream"), None).await;
    let (place, kind, data) = stream.next().await.unwrap();
    assert_eq!(
        (place.as_str(), kind.as_str(), &data["seq"], &data["phase"]),
        ("1", "opened", &json!(1), &json!("triage"))
    );
    close(&stage, &id).await;
    let (place, kind, _) = stream.next().await.unwrap();
    assert_eq!((place.as_str(), kind.as_str()), ("2", "closed"));
    assert_eq!(stream.next().await, Some((String::new(), "end".to_owned(), json!({}))));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_resumed_stream_goes_on_after_the_last_event_received() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    close(&stage, &id).await;
    let path = format!("/api/v1/incidents/{id}/events/stream");
    let mut stream = Reader::open(&stage, &path, Some("1")).await;
    assert_eq!(stream.next().await.unwrap().1, "closed");
    let mut finished = Reader::open(&stage, &path, Some("2")).await;
    assert_eq!(finished.next().await.unwrap().1, "end");
    let request = Request::get(&path).header("last-event-id", "garbage").body(Body::empty()).unwrap();
    assert_eq!(stage.send(request).await.error(), (400, "bad_last_event_id".to_owned()));
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let mut stream = Reader::open(&stage, &format!("/api/v1/incidents/{id}/events/stream"), None).await;
    stream.next().await.unwrap();
    stage.shutdown.cancel();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_stream_of_everything_begins_now_and_resumes_without_loss() {
    let stage = Stage::new().await;
    stage.crash().await;
    let mut stream = Reader::open(&stage, "/api/v1/events/stream", None).await;
    let later = delivery(&[alert("KubePodNotReady", "cart-6c9f-1", "firing")]);
    let answer = stage.post("/api/v1/webhooks/alertmanager", &later).await.json();
    let (place, kind, data) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &data["incident"]), ("opened", &answer["incidents"][0]));
    drop(stream);
    let id = kubewright::incident::IncidentId::from_text(answer["incidents"][0].as_str().unwrap());
    close(&stage, &id).await;
    let mut resumed = Reader::open(&stage, "/api/v1/events/stream", Some(&place)).await;
    let (_, kind, data) = resumed.next().await.unwrap();
    assert_eq!((kind.as_str(), &data["incident"], &data["seq"]), ("closed", &json!(id), &json!(2)));
}

#[tokio::test]
async fn a_place_that_no_stream_gave_is_refused() {
    let stage = Stage::new().await;
    let request =
        Request::get("/api/v1/events/stream").header("last-event-id", "7").body(Body::empty()).unwrap();
    assert_eq!(stage.send(request).await.error(), (400, "bad_last_event_id".to_owned()));
}
