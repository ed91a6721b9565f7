//! A model behind HTTP, against a server in the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::{EmbedError, Embedder, RemoteModel, RemoteSettings};

const KEY: &str = "sk-test-4711";

/// What the server answers once somebody has connected.
type Answer = fn(&[String]) -> Response;

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    key: String,
    body: Value,
}

#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    later: Answer,
}

/// The first request gets a good answer, so that the model is known; then `later` answers.
async fn serve(later: Answer) -> (Server, Url) {
    let server = Server { asked: Arc::default(), later };
    let router = Router::new().route("/v1/embeddings", post(answer)).with_state(server.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (server, Url::parse(&url).unwrap())
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
    let key = headers["authorization"].to_str().unwrap().to_owned();
    let first = {
        let mut asked = server.asked.lock().unwrap();
        asked.push(Asked { key, body });
        asked.len() == 1
    };
    if first { good(&texts) } else { (server.later)(&texts) }
}

/// A vector that tells the text's length.
fn datum(index: usize, text: &str) -> Value {
    json!({ "object": "embedding", "index": index, "embedding": [text.len(), 1.0, 0.0] })
}

fn good(texts: &[String]) -> Response {
    let data: Vec<Value> = texts.iter().enumerate().map(|(index, text)| datum(index, text)).collect();
    axum::Json(json!({ "object": "list", "data": data, "model": "m", "usage": { "prompt_tokens": 1, "total_tokens": 1 } }))
        .into_response()
}

async fn connected(url: &Url, deadline: Duration) -> Result<Embedder, EmbedError> {
    let settings = RemoteSettings {
        scrub: None,
        url: url.clone(),
        model: "text-small".to_owned(),
        key: KEY.to_owned(),
        dimension: Some(3),
        deadline,
    };
    Ok(Embedder::Remote(Arc::new(RemoteModel::connect(settings).await?)))
}

fn texts() -> Vec<String> {
    ["a", "bb", "ccc"].map(str::to_owned).to_vec()
}

/// Why these texts get no vectors, with all causes.
async fn refused(later: Answer) -> String {
    let (_, url) = serve(later).await;
    let model = connected(&url, Duration::from_secs(30)).await.unwrap();
    let error = model.passages(texts()).await.unwrap_err();
    let error = anyhow::Error::from(error);
    let shown = format!("{error:#} {error:?}");
    assert!(!shown.contains(KEY), "{shown}");
    shown
}

#[tokio::test]
async fn the_endpoint_is_asked_for_model_texts_and_dimension_with_the_key() {
    let (server, url) = serve(good).await;
    let model = connected(&url, Duration::from_secs(30)).await.unwrap();
    assert_eq!((model.name(), model.dimension()), ("text-small@127.0.0.1", 3));
    model.query("why").await.unwrap();
    let asked = server.asked.lock().unwrap().clone();
    let request = |text: &str| Asked {
        key: format!("Bearer {KEY}"),
        body: json!({ "model": "text-small", "input": [text], "dimensions": 3 }),
    };
    assert_eq!(asked, [request("ready?"), request("why")]);
}

#[tokio::test]
async fn vectors_in_any_order_belong_to_their_texts() {
    let shuffled: Answer = |texts| {
        let mut data: Vec<Value> = texts.iter().enumerate().map(|(at, text)| datum(at, text)).collect();
        data.rotate_left(1);
        axum::Json(json!({ "data": data })).into_response()
    };
    let (_, url) = serve(shuffled).await;
    let model = connected(&url, Duration::from_secs(30)).await.unwrap();
    let vectors = model.passages(texts()).await.unwrap();
    // Scaled to length 1, the first number by the second is the text's length again.
    let lengths: Vec<f32> = vectors.iter().map(|vector| (vector[0] / vector[1]).round()).collect();
    assert_eq!(lengths, [1.0, 2.0, 3.0]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_in_words() {
    let few: Answer = |_| axum::Json(json!({ "data": [datum(0, "a")] })).into_response();
    let why = refused(few).await;
    assert!(why.contains("1 embeddings for 3 documents"), "{why}");
    let short: Answer = |texts| {
        let data: Vec<Value> = texts.iter().map(|_| json!({ "index": 0, "embedding": [1.0] })).collect();
        axum::Json(json!({ "data": data })).into_response()
    };
    assert!(refused(short).await.contains("failed"));
    for garbage in [
        (|_: &[String]| "not JSON at all".into_response()) as Answer,
        |_| axum::Json(json!({ "data": "none" })).into_response(),
        |_| axum::Json(json!({ "data": [{ "embedding": ["x"] }] })).into_response(),
        |_| [0xff_u8, 0x00, 0x7b].into_response(),
    ] {
        assert!(refused(garbage).await.contains("text-small@127.0.0.1 failed"));
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let why = refused(|_| vec![b' '; 13 << 20].into_response()).await;
    assert!(why.contains("more than 12582912 bytes"), "{why}");
}

#[tokio::test]
async fn a_refusal_never_shows_the_key() {
    let unauthorized: Answer = |_| {
        let body = json!({ "error": { "message": format!("Incorrect API key provided: {KEY}") } });
        (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
    };
    let why = refused(unauthorized).await;
    assert!(why.contains("401") && why.contains("(hidden)"), "{why}");
    let elsewhere: Answer =
        |_| (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/")]).into_response();
    assert!(refused(elsewhere).await.contains("307"));
}

#[tokio::test]
async fn an_endpoint_that_stalls_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/v1", listener.local_addr().unwrap())).unwrap();
    // Taken and never answered.
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let Err(error) = connected(&url, Duration::from_millis(200)).await else {
        panic!("it cannot be connected")
    };
    assert!(format!("{:#}", anyhow::Error::from(error)).contains("no answer within 200ms"));
    held.abort();
}
